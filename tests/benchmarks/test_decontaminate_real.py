"""Decontaminate on real data: planted items are all found, real rows are hit only where they hold an item.

Needs the folder that INSTRUCTFLOW_DATA names; skipped where it is not there. `pytest -s` prints recall by benchmark
and way, the hits of real rows, and what the step costs. INSTRUCTFLOW_HITS names a file for 100 hits at a low threshold,
both texts, to be read.
"""

import os
import random
import re
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tasks.core.files import read_examples, read_json, read_table, write_examples
from tasks.core.fingerprint import question_of, write_fingerprint
from tasks.core.hashes import hashed
from tasks.core.params import DecontaminateParams, Params, Source
from tasks.core.params_file import load_params
from tasks.core.schema import examples_frame
from tasks.core.text import HAN, TURN
from tasks.dag import stages
from tasks.decontaminate import decontaminate, read_benchmarks
from tasks.formats.rows import benchmark_items

PROJECT = Path(__file__).parents[2]
DATA = Path(os.environ.get("INSTRUCTFLOW_DATA", "")).resolve()
N_PLANTED = 120  # items of each benchmark, every way
N_AROUND = 20_000  # real rows in which they are planted
LOW = 0.1  # the threshold of the hits that are to be read
pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        not (DATA / "bench").is_dir(), reason="INSTRUCTFLOW_DATA names no folder with the real data: see README.md"
    ),
]


def full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def other_punctuation(text: str) -> str:
    """Prose punctuation taken out or full-width, but not within numbers."""
    text = re.sub(r"(?<!\d)[,.;:!?](?!\d)", lambda mark: {",": "，", ".": "。 "}.get(mark[0], " "), text)
    return text.translate({ord("，"): ",", ord("。"): ".", ord("“"): '"', ord("”"): '"', ord("、"): " "})


def markdown(text: str) -> str:
    """A heading, a list, bold words."""
    parts = re.split(r"([ ，。])", text)
    bold = [f"**{part}**" if i % 6 == 4 and part.strip() else part for i, part in enumerate(parts)]
    return "### " + "".join(bold).replace("\n", "\n- ")


SPELLED: dict[str, Callable[[str], str]] = {
    "verbatim": lambda text: text,
    "case": str.swapcase,
    "width": full_width,
    "punctuation": other_punctuation,
    "lines": lambda text: re.sub(r"[ \n]+", "\n\n", text),
    "markdown": markdown,
}
WAYS = (*SPELLED, "embedded", "in an answer", "multi-turn")
WHOLE = {*SPELLED, "multi-turn"}  # the item is a whole turn


def planted(way: str, text: str, row: dict) -> list[dict[str, str]]:
    """The real row's turns with the text in them."""
    question, answer = row["messages"][0]["content"], row["messages"][-1]["content"]
    said = {
        "embedded": [f"{question}\n\n{text} {question}", answer],
        "in an answer": [question, f"{answer}\n{text}\n{answer}"],
        "multi-turn": [question, answer, text, answer],
    }.get(way) or [SPELLED[way](text), answer]
    return [{"role": role, "content": turn} for role, turn in zip(("user", "assistant") * 2, said, strict=False)]


def is_findable(text: str, params: DecontaminateParams) -> bool:
    """Whether a text has the words for an n-gram."""
    n_words = int(hashed(pl.Series([text])).word_starts[-1])
    is_han = 2 * len(re.findall(f"[{HAN}]".replace(r"\x{20000}-\x{323af}", ""), text)) > n_words
    return n_words >= (params.ngram_han_min if is_han else params.ngram_min)


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(PROJECT / "tests" / "benchmarks" / "real.yaml")


@pytest.fixture(scope="module")
def paths(params: Params) -> dict[str, Path]:
    return {name: Path(os.path.expandvars(source.path)) for name, source in params.decontaminate.benchmarks.items()}


@pytest.fixture(scope="module")
def real(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All real sources, as dedup leaves rows: one folder of shards, sorted by id."""
    folder = tmp_path_factory.mktemp("real")
    for stage in stages(PROJECT, folder, params):
        if stage.step == "ingest":
            stage.function(*stage.arguments, **stage.settings)
    write_examples(read_examples(folder / "ingest"), folder / "dedup" / "examples", 20_000)
    return folder / "dedup"


@pytest.fixture(scope="module")
def with_items(
    params: Params, paths: dict[str, Path], real: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, pl.DataFrame]:
    """Real rows with items planted in some of them, and what was planted: id, benchmark, way, is_findable."""
    rng = random.Random(0)
    rows = read_examples(real).sample(N_AROUND, seed=0, shuffle=True)
    hosts = [row for row in rows.to_dicts() if sum(len(turn["content"]) for turn in row["messages"]) < 2000]
    new, plan = [], []
    for name, source in params.decontaminate.benchmarks.items():
        items = benchmark_items(paths[name], source, name, between=TURN)
        for number, item in enumerate(rng.sample(items, min(N_PLANTED, len(items)))):
            first = item["prompt"].split(TURN)[0]
            texts = [
                ("", first),
                *((f"{way} ", text) for way, text in (("answer", item["answer"]),) if len(text) > 400),
            ]
            if question_of(first) != first:
                texts.append(("question ", question_of(first)))
            for kind, text in texts:
                for way in WAYS:
                    id = f"{name}-{number}-{kind}{way}"
                    new.append({**rng.choice(hosts), "id": id, "messages": planted(way, text, rng.choice(hosts))})
                    has_words = is_findable(text, params.decontaminate)
                    plan.append({"id": id, "benchmark": name, "way": kind + way, "must": has_words or way in WHOLE})
    folder = tmp_path_factory.mktemp("planted")
    write_examples(pl.concat([rows, examples_frame(new)]), folder / "examples", 20_000)
    return folder, pl.DataFrame(plan)


def test_every_planted_item_is_found(params, paths, with_items, tmp_path):
    folder, plan = with_items
    settings = params.decontaminate.model_copy(update={"action": "flag"})
    decontaminate(folder, tmp_path / "out", settings, paths=paths)
    ledger = read_table(tmp_path / "out" / "ledger.parquet")
    found = plan.with_columns(found=pl.col("id").is_in(ledger["id"].implode()))
    table = found.group_by("way", "benchmark").agg(
        told=pl.format("{}/{}", (pl.col("found") & pl.col("must")).sum(), pl.col("must").sum())
    )
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_formatting="MARKDOWN", tbl_hide_column_data_types=True):
        print("\n", table.pivot("benchmark", index="way", values="told").sort("way"))
    missed = found.filter("must", ~pl.col("found"))
    assert missed["id"].to_list() == []
    around = ledger.filter(~pl.col("id").is_in(plan["id"].implode()))
    print(f"{len(around)} of {N_AROUND} rows around them are hit too")
    assert len(around) < 10


def test_a_fingerprint_finds_the_same_rows_with_the_same_shares_on_real_data(params, paths, with_items, tmp_path):
    folder, _ = with_items
    settings = params.decontaminate
    prints = {name: tmp_path / f"{name}.parquet" for name in paths}
    for benchmark in read_benchmarks(settings, paths):
        write_fingerprint(benchmark, prints[benchmark.name], f"salt of {benchmark.name[:4]}")
    sources = {name: Source(path=str(path), format="fingerprint") for name, path in prints.items()}
    decontaminate(folder, tmp_path / "raw", settings, paths=paths)
    decontaminate(folder, tmp_path / "print", settings.model_copy(update={"benchmarks": sources}), paths=prints)
    ledgers = [read_table(tmp_path / name / "ledger.parquet") for name in ("raw", "print")]
    assert len(ledgers[0]) > 1000
    assert ledgers[0].equals(ledgers[1])
    counts = [read_json(tmp_path / name / "report.json")["measures"]["benchmarks"] for name in ("raw", "print")]
    assert counts[0] == counts[1]


def test_real_rows_are_hit_only_where_they_hold_an_item(params, paths, real, tmp_path):
    settings = params.decontaminate.model_copy(update={"action": "flag"})
    begin, cpu = time.perf_counter(), time.process_time()
    report = decontaminate(real, tmp_path / "out", settings, paths=paths)
    cost = f"{time.perf_counter() - begin:.1f} s, {time.process_time() - cpu:.1f} s of CPU"
    print(f"\n{report.rows_in:,} rows of {len(params.sources)} sources: {cost}")
    print("\n".join(f"{name}: {of}" for name, of in report.measures["benchmarks"].items()))
    ledger = read_table(tmp_path / "out" / "ledger.parquet")
    sources = read_examples(real).select("id", "source")
    gsm8k = ledger.join(sources, on="id").filter(
        pl.col("source") == "gsm8k", pl.col("other_id").str.starts_with("gsm8k")
    )
    print(gsm8k.select("measure", "other_id", "after"))
    assert len(gsm8k) == 0
    assert len(ledger) < report.rows_in / 10_000


def test_hits_at_a_low_threshold_are_written_to_be_read(params, paths, real, tmp_path):
    if not (file := os.environ.get("INSTRUCTFLOW_HITS")):
        pytest.skip("INSTRUCTFLOW_HITS names no file to write")
    settings = params.decontaminate.model_copy(update={"action": "flag", "threshold": LOW})
    decontaminate(real, tmp_path / "out", settings, paths=paths)
    ledger = read_table(tmp_path / "out" / "ledger.parquet")
    chosen = ledger.sample(min(100, len(ledger)), seed=0).sort("measure", descending=True)
    rows = dict(
        read_examples(real).filter(pl.col("id").is_in(chosen["id"].implode())).select("id", "messages").iter_rows()
    )
    items = {
        f"{name}/{item['item']}": item
        for name, source in settings.benchmarks.items()
        for item in benchmark_items(paths[name], source, name)
    }
    texts = [
        f"## {line['measure']:.2f} {line['other_id']} {line['id']}\nSPAN {line['after']}\n"
        f"ITEM {items[line['other_id']]['prompt']}\n---- {items[line['other_id']]['answer']}\n"
        + "".join(f"ROW  {turn['role']}: {turn['content'][:1500]}\n" for turn in rows[line["id"]])
        for line in chosen.to_dicts()
    ]
    Path(file).write_text(f"{len(ledger)} hits at {LOW}\n\n" + "\n".join(texts), encoding="utf-8")
    assert len(texts) == len(chosen)
