"""Remove the near-duplicates of a Parquet file (id, text) with one peer; prints what it did as one line of JSON.

`peer_dedup.py NAME TEXTS WORK` is run by the peer's own Python (make_peers.py) and imports nothing of this project.
What stays is left in WORK/kept, as Parquet or, by text-dedup, as Arrow files. All compare runs of 5 words; every other
setting is the peer's default, save those that make it faster and are noted. None of them computes the similarity of a
pair it has found; rensa estimates it.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

PACKAGES = {"data-juicer": "py-data-juicer"}
NGRAM, PROCESSES, ROWS = 5, 2, 10_000


def shingles(text: str) -> list[str]:
    """Runs of words, in lower case; a text of fewer words is one run."""
    words = text.lower().split()
    return [" ".join(words[i : i + NGRAM]) for i in range(max(len(words) - NGRAM + 1, 1))]


def stream(texts: Path, kept: Path, keep: Callable[[list[str], list[str]], list[bool]]) -> int:
    """Write to `kept` the rows of which `keep(ids, texts)` says so, batch by batch; how many there are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = pq.ParquetFile(texts)
    n_rows = 0
    with pq.ParquetWriter(kept / "kept.parquet", source.schema_arrow) as writer:
        for batch in source.iter_batches(ROWS):
            stays = batch.filter(pa.array(keep(batch["id"].to_pylist(), batch["text"].to_pylist()), pa.bool_()))
            writer.write_batch(stays)
            n_rows += len(stays)
    return n_rows


def rensa(texts: Path, kept: Path, threshold: float) -> int:
    """As its page says under "Keep unique documents"."""
    from rensa import RMinHashDeduplicator

    index = RMinHashDeduplicator(threshold=threshold, num_perm=128, use_lsh=True)
    return stream(texts, kept, lambda ids, rows: index.add_pairs(zip(ids, map(shingles, rows), strict=True)))


def rensa_rho(texts: Path, kept: Path, threshold: float) -> int:
    """Its fastest way, which samples runs of words, with the settings of its own benchmark.

    It says only which rows have a neighbour and nothing of whose: all of them go, the first too.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from rensa import RMinHash, RMinHashLSH

    rows = pq.read_table(texts)
    matrix = RMinHash.digest_matrix_from_token_sets_rho(
        (shingles(text) for text in rows["text"].to_pylist()), num_perm=128, seed=42
    )
    index = RMinHashLSH(threshold=threshold, num_perm=128, num_bands=8)
    goes = index.query_duplicate_flags_matrix_one_shot(matrix)
    stays = rows.filter(pa.array([not flag for flag in goes], pa.bool_()))
    pq.write_table(stays, kept / "kept.parquet")
    return len(stays)


def datasketch(texts: Path, kept: Path, threshold: float) -> int:
    """A row stays if no row that stays is in one of its buckets."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=threshold, num_perm=128)

    def keep(ids: list[str], rows: list[str]) -> list[bool]:
        sets = [[shingle.encode() for shingle in shingles(text)] for text in rows]
        stays = []
        for id, minhash in zip(ids, MinHash.generator(sets, num_perm=128), strict=True):
            stays.append(not index.query(minhash))
            if stays[-1]:
                index.insert(id, minhash, check_duplication=False)
        return stays

    return stream(texts, kept, keep)


def text_dedup(texts: Path, kept: Path, threshold: float) -> int:
    """Its command minhash, with the hash it calls faster; it splits at every character that is no letter or digit."""
    import pyarrow as pa
    from text_dedup.minhash import main as minhash

    options = {
        "path": "parquet", "data_files": texts, "split": "train", "cache_dir": kept.parent / "cache", "output": kept,
        "column": "text", "ngram": NGRAM, "min_length": 1, "threshold": threshold, "hash_func": "xxh3",
        "num_proc": PROCESSES,
    }  # fmt: skip
    minhash([f"--{name}={value}" for name, value in options.items()], standalone_mode=False)
    return sum(pa.ipc.open_stream(file).read_all().num_rows for file in kept.glob("*.arrow"))


def data_juicer(texts: Path, kept: Path, threshold: float) -> int:
    """Its document_minhash_deduplicator alone: nothing is traced, monitored or cached."""
    from data_juicer.config import init_configs
    from data_juicer.core import DefaultExecutor

    off = dict.fromkeys(("open_tracer", "open_monitor", "open_insight_mining", "use_cache", "use_checkpoint"), False)
    options = {"tokenization": "space", "window_size": NGRAM, "lowercase": True, "jaccard_threshold": threshold}
    config = off | {
        "project_name": "peer_dedup",
        "executor_type": "default",
        "np": PROCESSES,
        "event_logging": {"enabled": False},
        "dataset_path": str(texts),
        "export_path": str(kept / "kept.parquet"),
        "work_dir": str(kept.parent / "work"),
        "process": [{"document_minhash_deduplicator": options}],
    }
    file = kept.parent / "config.yaml"
    file.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    return len(DefaultExecutor(init_configs(["--config", str(file)])).run())


TOOLS = {
    "rensa": rensa,
    "rensa-rho": rensa_rho,
    "datasketch": datasketch,
    "text-dedup": text_dedup,
    "data-juicer": data_juicer,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=list(TOOLS))
    parser.add_argument("texts", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--threshold", type=float, default=0.7)
    args = parser.parse_args()
    kept = args.work.resolve() / "kept"
    kept.mkdir(parents=True)
    os.chdir(args.work)
    begin = time.perf_counter()
    rows_out = TOOLS[args.name](args.texts, kept, args.threshold)
    result = {
        "version": version(PACKAGES.get(args.name, args.name.removesuffix("-rho"))),
        "rows_out": rows_out,
        "seconds": time.perf_counter() - begin,
    }
    print(json.dumps(result), file=sys.__stdout__)  # Data-Juicer has made a log of the other one


if __name__ == "__main__":
    main()
