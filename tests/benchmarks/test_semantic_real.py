"""Semantic pairs of real rows, English and Chinese: how many, what the cells miss, how long and how much memory.

`pytest tests/benchmarks/test_semantic_real.py -s` prints the tables. Needs INSTRUCTFLOW_DATA (the folder with the real
data); skipped without it. INSTRUCTFLOW_ROWS takes that many rows of each language.
"""

import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from tasks.core.text import TURN
from tasks.duplicates import semantic

PROJECT = Path(__file__).parents[2]
DATA = Path(os.environ.get("INSTRUCTFLOW_DATA", "")).resolve() / "alpaca_zh_en" / "open_chinese_v3"
MAX_ROWS = int(os.environ.get("INSTRUCTFLOW_ROWS", "0")) or None
THRESHOLDS = (0.85, 0.9, 0.95)
RECALL_ROWS, LEAST_RECALL = 20_000, 0.99
MOST_CPU_SECONDS, MOST_MIB = 60, 1536
PAIRS_OF = """
import json, resource, sys, time
import polars as pl
from tasks.core.params import DedupParams
from tasks.duplicates.semantic import semantic_pairs

rows = pl.read_parquet(sys.argv[1])
begin = time.perf_counter()
pairs = semantic_pairs(rows, 0.85, DedupParams())
seconds = time.perf_counter() - begin
usage = resource.getrusage(resource.RUSAGE_SELF)
pairs = pairs.join(rows.select(a="key", language="language"), on="a")
print(json.dumps({
    "seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "mib": usage.ru_maxrss / 1024,
    "pairs": pairs.sort("a", "b").rows(),
}))
"""
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="INSTRUCTFLOW_DATA names no folder with the real data")


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    found = []
    for path in sorted(DATA.glob("*.json.gz")):
        for record in json.loads(gzip.decompress(path.read_bytes())):
            for language in ("en", "zh"):
                instruction, context, answer = (record[f"{language}_{n}"] for n in ("instruction", "input", "output"))
                if instruction and answer:
                    prompt = f"{instruction}\n{context}" if context else instruction
                    found.append((prompt + TURN + answer, language))
    table = pl.DataFrame(found, schema=["text", "language"], orient="row")
    if MAX_ROWS:
        table = table.filter(pl.int_range(pl.len()).over("language") < MAX_ROWS)
    return table.with_row_index("key")


def run(path: Path, threads: int) -> dict:
    names = ("OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS")
    env = os.environ | dict.fromkeys(names, str(threads)) | {"PYTHONPATH": str(PROJECT)}
    done = subprocess.run([sys.executable, "-c", PAIRS_OF, path], env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_speed_memory_and_the_same_pairs_with_one_thread_and_two(rows, tmp_path):
    path = tmp_path / "rows.parquet"
    rows.write_parquet(path)
    runs = {threads: run(path, threads) for threads in (1, 2)}
    print("\n| threads | rows | s | CPU s | MiB |\n|---|---|---|---|---|")
    for threads, cost in runs.items():
        print(f"| {threads} | {len(rows):,} | {cost['seconds']:.1f} | {cost['cpu']:.1f} | {cost['mib']:.0f} |")
    print("\n| language | " + " | ".join(f"pairs at {t}" for t in THRESHOLDS) + " |\n|---|---|---|---|")
    for name in ("en", "zh"):
        counts = [sum(pair[2] >= t and pair[3] == name for pair in runs[2]["pairs"]) for t in THRESHOLDS]
        print(f"| {name} | " + " | ".join(str(count) for count in counts) + " |")
    assert runs[1]["pairs"] == runs[2]["pairs"] != []
    assert all(cost["cpu"] < MOST_CPU_SECONDS and cost["mib"] < MOST_MIB for cost in runs.values())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_cells_miss_hardly_a_pair(rows, language, monkeypatch):
    texts = rows.filter(language=language)["text"].head(RECALL_ROWS).str.replace_all(TURN, " ", literal=True)
    begin = time.process_time()
    vectors = semantic.embedded(texts, semantic.load_model())
    print(f"\n{language}: {len(texts) / (time.process_time() - begin):,.0f} texts embedded a CPU second")

    def found(threshold: float, all_with_all: int) -> tuple[set[tuple[int, int]], float]:
        monkeypatch.setattr(semantic, "ALL_WITH_ALL", all_with_all)
        begin = time.process_time()
        a, b, _ = semantic.candidates(vectors, [len(vectors)], threshold)
        return set(zip(a.tolist(), b.tolist(), strict=True)), time.process_time() - begin

    print("| threshold | pairs | recall of the cells | CPU s all with all | CPU s cells |\n|---|---|---|---|---|")
    for threshold in THRESHOLDS:
        (everything, slow), (in_cells, fast) = found(threshold, len(texts)), found(threshold, 0)
        recall = len(in_cells & everything) / len(everything)
        print(f"| {threshold} | {len(everything):,} | {recall:.4f} | {slow:.1f} | {fast:.1f} |")
        assert in_cells <= everything
        assert recall >= LEAST_RECALL
