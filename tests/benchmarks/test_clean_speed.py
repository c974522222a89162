"""Speed and memory of `clean` beside Data-Juicer, with the same kind of operations on the same real rows and 2 cores.

`pytest tests/benchmarks/test_clean_speed.py -s` prints the tables. Needs INSTRUCTFLOW_DATA (the folder with the real
data) and, to compare, INSTRUCTFLOW_PEER (a Python that has Data-Juicer: see peer_clean.py); skipped without them.
INSTRUCTFLOW_ROWS takes that many rows of each language; INSTRUCTFLOW_PEER_1M=1 has the peer clean the million too.
"""

import os
import sys
from pathlib import Path

import polars as pl
import pytest
from cost import CORES, Cost, measured, middle

from tasks.core.files import example_files, read_examples, write_examples
from tasks.core.params import Action, CleanParams, IngestParams, Source
from tasks.core.schema import conversation_text
from tasks.ingest import ingest

DATA = Path(os.environ.get("INSTRUCTFLOW_DATA", "")).resolve() / "alpaca_zh_en" / "open_chinese_v3"
PEER = os.environ.get("INSTRUCTFLOW_PEER", "")
MAX_ROWS = int(os.environ.get("INSTRUCTFLOW_ROWS", "0")) or None
LANGUAGES = ("en", "zh")  # in the order in which folders are read
ROUNDS, COPIES, ROWS_PER_SHARD, MOST_MIB = 2, 10, 20_000, 1536
# What the peer's config has no operation for; the language, for which it would need a model, cannot be turned off.
NOT_PEERS = dict.fromkeys(
    (name for name, field in CleanParams.model_fields.items() if field.annotation == Action), "off"
) | {"repetition": "drop", "too_long": "drop", "template_remnants": False, "unicode": "NFC"}
OURS = {"all": CleanParams(), "the peer's": CleanParams(**NOT_PEERS)}
CLEAN = """
import json, sys, time
from pathlib import Path
from tasks.clean import clean
from tasks.core.params import CleanParams
from tasks.core.shards import in_processes

begin = time.perf_counter()
report = clean(Path(sys.argv[1]), Path(sys.argv[2]), CleanParams.model_validate_json(sys.argv[3]), in_processes)
print(json.dumps({"rows_out": report.rows_out, "seconds": time.perf_counter() - begin}))
"""
HEADER = (
    "\n| | operations | text | rows in | rows out | s | s without start | CPU s | rows/s | MiB, all | MiB, largest |"
    "\n|---|---|---|---|---|---|---|---|---|---|---|"
)
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="INSTRUCTFLOW_DATA names no folder with the real data")
needs_peer = pytest.mark.skipif(
    not PEER, reason="INSTRUCTFLOW_PEER names no Python with Data-Juicer: see peer_clean.py"
)


def ours(examples: Path, target: Path, params: CleanParams) -> Cost:
    return measured([sys.executable, "-c", CLEAN, str(examples), str(target), params.model_dump_json()], {})


def peers(texts: Path, work: Path, language: str) -> Cost:
    """The peer with an empty cache of its own; it installs and downloads nothing."""
    offline = dict.fromkeys(("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "UV_OFFLINE", "PIP_NO_INDEX"), "1")
    script = Path(__file__).with_name("peer_clean.py")
    return measured([PEER, str(script), str(texts), str(work), language], offline | {"HF_HOME": str(work / "cache")})


def ingested(folder: Path) -> dict[str, int]:
    """Both halves of the data, each in `folder/LANGUAGE`; gives their rows."""
    rows = {}
    for language in LANGUAGES:
        columns = {name: f"{language}_{name}" for name in ("instruction", "input", "output")}
        source = Source(path=str(DATA), columns=columns, language=language, license="Apache-2.0", max_rows=MAX_ROWS)
        params = IngestParams(rows_per_shard=ROWS_PER_SHARD)
        report = ingest(DATA, folder / language, params, name=f"open_chinese_{language}", source=source)
        rows[language] = report.rows_out
    return rows


def as_texts(examples: Path, folder: Path) -> None:
    """Write every shard with its turns joined to one `text`, which is what the peer reads."""
    folder.mkdir(parents=True)
    for n, file in enumerate(example_files(examples)):
        pl.read_parquet(file).select("id", text=conversation_text()).write_parquet(folder / f"{n:05}.parquet")


def both(costs: list[Cost]) -> Cost:
    """One after the other: rows and seconds add up, memory does not."""
    rows_out, seconds, inside, cpu, mib, largest = zip(*costs, strict=True)
    return Cost(sum(rows_out), sum(seconds), sum(inside), sum(cpu), max(mib), max(largest))


def line(who: str, operations: str, text: str, rows: int, cost: Cost) -> str:
    seconds = (f"{value:.1f}" for value in (cost.seconds, cost.seconds_inside, cost.seconds_cpu))
    whole = (f"{value:,.0f}" for value in (rows / cost.seconds, cost.mib, cost.mib_largest))
    return f"| {' | '.join((who, operations, text, f'{rows:,}', f'{cost.rows_out:,.0f}', *seconds, *whole))} |"


@needs_data
@needs_peer
@pytest.mark.timeout(3600)
def test_the_same_operations_beside_the_peer(tmp_path):
    rows = ingested(tmp_path / "in")
    for language in LANGUAGES:
        as_texts(tmp_path / "in" / language, tmp_path / "texts" / language)
    runs: dict[tuple[str, str, str], list[Cost]] = {}
    for n in range(ROUNDS):
        for language in LANGUAGES:
            for name, params in OURS.items():
                cost = ours(tmp_path / "in" / language, tmp_path / "out", params)
                runs.setdefault(("instructflow", name, language), []).append(cost)
            cost = peers(tmp_path / "texts" / language, tmp_path / f"work-{language}-{n}", language)
            runs.setdefault(("Data-Juicer", "the peer's", language), []).append(cost)
    medians = {key: middle(costs) for key, costs in runs.items()}
    print(HEADER)
    whole = {}
    for who, name in dict.fromkeys(key[:2] for key in medians):
        for language in LANGUAGES:
            print(line(who, name, language, rows[language], medians[who, name, language]))
        whole[who, name] = both([medians[who, name, language] for language in LANGUAGES])
        print(line(who, name, "both", sum(rows.values()), whole[who, name]))
    peer = whole["Data-Juicer", "the peer's"]
    for name in OURS:
        cost = whole["instructflow", name]
        of_peer = [
            f"{mine / theirs:.2f} {what}"
            for mine, theirs, what in (
                (cost.seconds, peer.seconds, "of the time"),
                (cost.seconds_inside, peer.seconds_inside, "of the time without start"),
                (cost.seconds_cpu, peer.seconds_cpu, "of the CPU time"),
                (cost.mib, peer.mib, "of the memory"),
            )
        ]
        print(f"\ninstructflow with {name} operations takes {', '.join(of_peer)} of Data-Juicer.")
    print(f"\nLoad {os.getloadavg()[0]:.1f} on {CORES} cores.")
    assert all(cost.rows_out > 0.9 * rows[key[2]] for key, cost in medians.items())


def million(folder: Path, halves: Path) -> int:
    """`COPIES` copies of both halves, all different and in the order of their ids; gives the rows."""
    turn = pl.element().struct
    n = n_rows = 0
    for language in LANGUAGES:
        examples = read_examples(halves / language)
        for _ in range(COPIES):
            content = turn.field("content") + f" {n}"
            turns = pl.col("messages").list.eval(pl.struct(turn.field("role"), content.alias("content")))
            id = pl.lit(f"{n:02x}") + pl.col("id").str.slice(2)
            copied = examples.with_columns(id=id, family=id, messages=turns)
            write_examples(copied, folder / language / f"{n:02}" / "examples", ROWS_PER_SHARD)
            n, n_rows = n + 1, n_rows + len(copied)
    return n_rows


@needs_data
@pytest.mark.timeout(3600)
def test_a_million_rows_in_bounded_memory(tmp_path):
    ingested(tmp_path / "in")
    rows = million(tmp_path / "million", tmp_path / "in")
    print(HEADER)
    cost = ours(tmp_path / "million", tmp_path / "out", CleanParams())
    print(line("instructflow", "all", "both", rows, cost))
    assert cost.mib_largest < MOST_MIB
    if PEER and os.environ.get("INSTRUCTFLOW_PEER_1M") == "1":
        costs = []
        for language in LANGUAGES:
            as_texts(tmp_path / "million" / language, tmp_path / "texts" / language)
            costs.append(peers(tmp_path / "texts" / language, tmp_path / f"work-{language}", language))
        print(line("Data-Juicer", "the peer's", "both", rows, both(costs)))
