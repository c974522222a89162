"""Raw and curated rows are compared on equal terms, and no raw row knows what is held out."""

from pathlib import Path

import polars as pl
import pytest
import torch
from pydantic import ValidationError

from tasks.core.files import write_examples, write_parquet
from tasks.core.ledger import event, ledger_frame
from tasks.core.params import LiftParams, TokenizeParams, TrainParams
from tasks.core.report import Report
from tasks.core.schema import examples_frame
from tasks.core.tokens import load_tokenizer
from tasks.core.training import fit, model_config
from tasks.lift import exclusions, hold_out, judge_lift, lift, of_arm, survivors
from tasks.tokenize import tokenize

PARAMS = LiftParams(seeds=[0, 1, 2], max_steps=3, batch_size=2)
TRAINING = TrainParams(threads=1, warmup_ratio=0.0, block_size=64)
QUESTIONS = {
    "a": ("中国的首都是哪里？", "北京。"),
    "b": ("What is 7 times 6?", "42"),
    "c": ("三加五等于几？", "八。"),
    "d": ("Name a planet", "Saturn"),
    "e": ("反义词：高", "低"),
    "f": ("Opposite of hot", "cold"),
    "h": ("法国的首都是哪里？", "巴黎。"),  # held out
    "v": ("Say hello", "Hello!"),  # held out, in val
}


def example(id: str, question: str, answer: str = "好", **more) -> dict:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"id": id, "source": "s", "messages": messages, **more}


def known(**rows: str) -> pl.DataFrame:
    """What dedup left: id and family."""
    return pl.DataFrame({"id": list(rows), "family": list(rows.values())}, {"id": pl.String, "family": pl.String})


def merged(**into: str) -> pl.DataFrame:
    return ledger_frame([event("dedup", id, "merge", "near", other_id=other) for id, other in into.items()])


def excluded(raw: list[dict], deduped: pl.DataFrame, ledger: pl.DataFrame, held_out: list[dict]) -> dict[str, str]:
    return dict(exclusions(examples_frame(raw), deduped, ledger, examples_frame(held_out)).iter_rows())


def test_a_held_out_row_and_its_family_are_left_out_of_raw():
    raw = [example("h", "法国的首都？"), example("m", "法国首都在哪？"), example("t", "Name a planet")]
    deduped = known(h="h", m="h", t="t")
    held_out = [example("h", "法国的首都？", family="h")]
    assert excluded(raw, deduped, merged(), held_out) == {"h": "held_out", "m": "family"}


def test_a_row_merged_into_a_held_out_family_is_left_out_and_one_merged_elsewhere_is_not():
    raw = [example(id, f"question {id}") for id in ("h", "m", "n", "t", "u")]
    # m was merged into the held-out row, n into another of its family that a later step dropped
    deduped, ledger = known(h="h", other="h", t="t"), merged(m="h", n="other", u="t")
    held_out = [example("h", "question h", family="h")]
    assert excluded(raw, deduped, ledger, held_out) == {"h": "held_out", "m": "merged", "n": "merged"}


def test_a_chain_of_merges_is_followed_to_its_end():
    assert survivors({"x": "y", "y": "h", "z": "t"}) == {"x": "h", "y": "h", "z": "t"}
    raw = [example(id, f"问题{id}") for id in ("h", "x", "y", "z")]
    found = excluded(raw, known(h="h", t="t"), merged(x="y", y="h", z="t"), [example("h", "问题h", family="h")])
    assert found == {"h": "held_out", "x": "merged", "y": "merged"}


@pytest.mark.parametrize(
    ("held", "dropped"), [("法国的首都是哪里？", "法国的首都是哪里"), ("Say hello, please", "say  HELLO please!")]
)
def test_a_dropped_row_with_the_prompt_of_a_held_out_row_is_left_out(held, dropped):
    raw = [example("d", dropped), example("o", "another question"), example("h", held)]
    found = excluded(raw, known(h="h"), merged(), [example("h", held, family="h")])
    assert found == {"d": "equal_prompt", "h": "held_out"}


def test_a_dropped_row_is_judged_by_raw_text_too_where_cleaning_changed_the_held_out_row():
    raw = [example("d", "<b>写一首诗</b>"), example("h", "<b>写一首诗</b>")]
    found = excluded(raw, known(h="h"), merged(), [example("h", "写一首诗", family="h")])
    assert found == {"d": "equal_prompt", "h": "held_out"}


def test_a_dropped_row_of_the_same_source_family_is_left_out():
    raw = [
        example("d", "the same record, dropped", family="d"),
        example("h", "held out", family="d"),
        example("m", "merged into the held-out row", family="m"),
        example("n", "the record of the merged row", family="m"),
        example("t", "another record", family="t"),
    ]
    found = excluded(raw, known(h="d", t="t"), merged(m="h"), [example("h", "held out", family="d")])
    assert found == {"d": "source_family", "h": "held_out", "m": "merged", "n": "source_family"}


def test_rows_that_later_steps_dropped_stay_in_raw():
    raw = [example("bad", "坏行", "!!!!"), example("contaminated", "def f(x):"), example("h", "held out")]
    assert excluded(raw, known(contaminated="contaminated", h="h"), merged(), [example("h", "held out")]) == {
        "h": "held_out"
    }


def test_curated_that_always_needs_fewer_bits_is_better():
    said = judge_lift([2.0, 2.1, 1.9], [2.5, 2.6, 2.41])
    assert said.verdict == "better"
    assert said.difference == pytest.approx(-0.5033, abs=1e-4)
    assert said.interval == pytest.approx((-0.5177, -0.4890), abs=1e-4)  # -0.5033 ± 4.303 * 0.00577 / √3
    assert said.sentence.startswith("Curation helps: ")
    assert "(-0.5033, -20.1%; 95 % interval -0.5177 to -0.4890; 3 seeds)" in said.sentence


def test_curated_that_always_needs_more_bits_is_worse():
    said = judge_lift([2.5, 2.6, 2.41], [2.0, 2.1, 1.9])
    assert (said.verdict, said.sentence.split(":")[0]) == ("worse", "Curation hurts")


@pytest.mark.parametrize(
    ("curated", "raw"),
    [
        ([2.0, 2.3, 1.9], [2.1, 2.1, 2.1]),  # seeds disagree
        ([2.0, 2.0, 2.0], [2.0, 2.0, 2.0]),  # no difference at all
        ([1.0], [2.0]),  # one seed is no evidence
        ([], []),  # nothing was held out
    ],
)
def test_what_may_be_chance_is_no_significant_lift(curated, raw):
    assert judge_lift(curated, raw).verdict == "no significant lift"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """What the steps leave of eight rows, a repeat of a held-out one and two of bad rows."""
    data = tmp_path_factory.mktemp("data")
    rows = {id: example(id, *texts) for id, texts in QUESTIONS.items()}
    more = [example("m", "法国的首都在哪里？", "巴黎。"), example("x", "乱码", "锟斤拷"), example("y", "b", "x" * 500)]
    write_examples(examples_frame(list(rows.values())), data / "ingest" / "one" / "examples", 100)
    write_examples(examples_frame(more), data / "ingest" / "two" / "examples", 100)
    write_examples(examples_frame(list(rows.values())), data / "dedup" / "examples", 100)
    write_parquet(merged(m="h"), data / "dedup" / "ledger.parquet")
    child = example("child", "Name two planets", "Saturn, Mars", parent="d", made_by="entity", weight=0.5)
    long = example("long", "长", "很长的回答。" * 20)
    splits = {"train": [*[rows[id] for id in "abcdef"], child], "val": [rows["v"]], "test": [rows["h"], long]}
    for split, of_split in splits.items():
        write_parquet(examples_frame([row | {"split": split} for row in of_split]), data / f"release/{split}.parquet")
    tokenize(data / "release", data / "tokenize", TokenizeParams(vocab_size=300))
    lift(data, data / "lift", PARAMS, train_params=TRAINING)
    return data


def test_the_arms_are_the_release_and_all_that_was_read_but_what_is_held_out(data):
    counts = Report.read(data / "lift").counts
    assert counts["rows"] == {"curated": 7, "raw": 8}
    assert counts["excluded"] == {"held_out": 2, "merged": 1, "family": 0, "source_family": 0, "equal_prompt": 0}
    assert Report.read(data / "lift").measures["held_out"] | {"answer_tokens": 0} == {
        "rows": 1, "rows_too_long": 1, "answer_tokens": 0, "n_bytes": 9,
    }  # fmt: skip


def test_both_arms_have_equal_tokens_in_every_run(data):
    measures = Report.read(data / "lift").measures
    assert measures["tokens_per_run"] == 3 * 2 * 64
    read = measures["tokens_read"]
    assert read["curated"] == pytest.approx(read["raw"], rel=0.2)  # padding, at each epoch's end: here after few rows
    assert max(read.values()) <= 3 * measures["tokens_per_run"]


def test_both_arms_start_from_the_same_weights(data):
    params = of_arm(TRAINING, PARAMS, seed=1)
    tokenizer = load_tokenizer(data / "tokenize" / "tokenizer.json")
    frozen = params.model_copy(update={"learning_rate": 0.0})
    models = []
    for split in ("train", "val"):
        held = hold_out(pl.read_parquet(data / "release" / f"{split}.parquet"), tokenizer, 64)
        models.append(fit(held.rows, held.nothing, model_config(tokenizer.get_vocab_size(), params), frozen).model)
    assert torch.equal(models[0].embedding.weight, models[1].embedding.weight)
    assert (params.pretrain_steps, params.max_steps, params.keep) == (0, 3, "last")


def test_the_mean_and_the_difference_are_those_of_the_runs(data):
    measures = Report.read(data / "lift").measures
    assert [run["seed"] for run in measures["runs"]] == [0, 1, 2]
    for arm in ("curated", "raw"):
        of_runs = [run[arm] for run in measures["runs"]]
        assert measures["bits_per_byte"][arm] == pytest.approx(sum(of_runs) / 3, abs=1e-5)
        assert len(set(of_runs)) == 3  # seeds matter
    differences = [run["difference"] for run in measures["runs"]]
    assert measures["difference"] == pytest.approx(sum(differences) / 3, abs=1e-5)
    low, high = measures["interval_95"]
    assert low < measures["difference"] < high
    assert measures["verdict"] in {"better", "worse", "no significant lift"}


def test_the_same_seeds_give_the_same_report_and_nothing_else_is_left(data):
    before = {path.name for path in data.iterdir()}
    lift(data, data / "again", PARAMS, train_params=TRAINING)
    assert (data / "again" / "report.json").read_bytes() == (data / "lift" / "report.json").read_bytes()
    assert [path.name for path in (data / "lift").iterdir()] == ["report.json"]
    assert {path.name for path in data.iterdir()} == before | {"again"}


def test_no_row_of_test_that_fits_gives_a_report_that_says_so(data):
    params = LiftParams(seeds=[0], max_steps=1, batch_size=1)
    short = TRAINING.model_copy(update={"block_size": 16})
    measures = lift(data, data / "none", params, train_params=short).measures
    assert measures["bits_per_byte"] == {"curated": None, "raw": None}
    assert measures["verdict"] == "no significant lift"
    assert "nothing is known" in measures["sentence"]


def test_equal_seeds_are_refused():
    with pytest.raises(ValidationError, match="seeds must differ"):
        LiftParams(seeds=[1, 1])
