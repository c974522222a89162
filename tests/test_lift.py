"""Raw and curated rows are compared on equal terms, no raw row knows what is held out, the gate stops what is worse."""

import json
import math
import shutil
from pathlib import Path

import polars as pl
import pytest
import torch
from pydantic import ValidationError

from tasks.core.devices import choose_dtype
from tasks.core.errors import GateError, ParamsError, SourceError
from tasks.core.files import file_hash, write_examples, write_json, write_parquet
from tasks.core.ledger import event, ledger_frame
from tasks.core.model_sections import of_lift
from tasks.core.params import LiftParams, TokenizeParams, TrainParams
from tasks.core.report import Report
from tasks.core.schema import examples_frame
from tasks.core.tokens import encode_examples, load_tokenizer
from tasks.core.training import fit, model_config
from tasks.core.verdict import interval_over_rows, judge
from tasks.lift import WORDS, encode_arms, exclusions, hold_out, lift, of_arm, survivors
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


def test_where_a_dedup_merged_the_held_out_row_itself_the_row_that_it_became_is_left_out():
    raw = [example("t", "<b>写一首诗</b>"), example("u", "Name a planet")]
    found = excluded(raw, known(t="t", u="u"), merged(h="t"), [example("h", "写一首诗吧", family="h")])
    assert found == {"t": "family"}


def test_rows_that_later_steps_dropped_stay_in_raw():
    raw = [example("bad", "坏行", "!!!!"), example("contaminated", "def f(x):"), example("h", "held out")]
    assert excluded(raw, known(contaminated="contaminated", h="h"), merged(), [example("h", "held out")]) == {
        "h": "held_out"
    }


def test_curated_that_always_needs_fewer_bits_is_better():
    said = judge([2.0, 2.1, 1.9], [2.5, 2.6, 2.41], (-0.6, -0.4), WORDS)
    assert said.verdict == "better"
    assert said.difference == pytest.approx(-0.5033, abs=1e-4)
    assert said.over_seeds == pytest.approx((-0.5177, -0.4890), abs=1e-4)  # -0.5033 ± 4.303 * 0.00577 / √3
    assert said.sentence.startswith("Curation helps: ")
    assert (
        "(-0.5033, -20.1%; 95 % interval -0.5177 to -0.4890 over 3 seeds, -0.6000 to -0.4000 over test rows)"
        in said.sentence
    )


def test_curated_that_always_needs_more_bits_is_worse():
    said = judge([2.5, 2.6, 2.41], [2.0, 2.1, 1.9], (0.4, 0.6), WORDS)
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
    assert judge(curated, raw, (-0.6, -0.4), WORDS).verdict == "no significant lift"


@pytest.mark.parametrize("over_rows", [(-0.6, 0.1), None])
def test_what_hangs_on_few_test_rows_is_no_significant_lift(over_rows):
    assert judge([2.0, 2.1, 1.9], [2.5, 2.6, 2.41], over_rows, WORDS).verdict == "no significant lift"


def test_the_interval_over_rows_resamples_families_of_rows_meaned_over_seeds():
    ids = [str(i) for i in range(40)]
    rows = [(seed, id, 10, 7.0 + seed + (int(id) % 4)) for seed in (0, 1) for id in ids]
    second = pl.DataFrame(rows, schema=["seed", "id", "n_bytes", "nats"], orient="row")
    gains = pl.DataFrame({"id": ids, "gain": [(int(id) // 10) / 2 for id in ids]})  # equal within a family
    first = second.join(gains, on="id").with_columns(pl.col("nats") - pl.col("gain"))
    by_family = interval_over_rows(first, second, pl.DataFrame({"id": ids, "family": [id[:-1] or "0" for id in ids]}))
    by_row = interval_over_rows(first, second, pl.DataFrame({"id": ids, "family": ids}))
    mean = -0.75 / 10 / math.log(2)
    assert by_family[0] < by_row[0] < mean < by_row[1] < by_family[1]
    one = pl.DataFrame({"id": ids, "family": ["one"] * 40})
    assert interval_over_rows(first, second, one) is None


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
    lift(data, data / "lift", PARAMS, train_params=TRAINING, tokenize_params=TokenizeParams(vocab_size=300))
    return data


def test_the_arms_are_the_release_and_all_that_was_read_but_what_is_held_out(data):
    counts = Report.read(data / "lift").counts
    assert counts["rows"] == {"curated": 7, "raw": 8}
    assert counts["excluded"] == {"held_out": 2, "merged": 1, "family": 0, "source_family": 0, "equal_prompt": 0}
    assert Report.read(data / "lift").measures["held_out"] | {"answer_tokens": 0} == {
        "rows": 1, "rows_left_out": 1, "answer_tokens": 0, "n_bytes": 9,
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
        held = hold_out(pl.read_parquet(data / "release" / f"{split}.parquet"), tokenizer, 64, None)
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
    lift(data, data / "again", PARAMS, train_params=TRAINING, tokenize_params=TokenizeParams(vocab_size=300))
    left = ("examples.parquet", "report.json")
    for name in left:
        assert (data / "again" / name).read_bytes() == (data / "lift" / name).read_bytes()
    assert sorted(path.name for path in (data / "lift").iterdir()) == sorted(left)
    assert {path.name for path in data.iterdir()} == before | {"again"}


def test_the_nats_of_every_held_out_row_sum_up_to_the_bits_of_the_report(data):
    judged = pl.read_parquet(data / "lift" / "examples.parquet")
    assert judged.columns == ["arm", "seed", "id", "n_bytes", "nats"]
    assert judged["nats"].dtype == pl.Float64
    assert judged.select("arm", "seed", "id").rows() == [(a, s, "h") for a in ("curated", "raw") for s in (0, 1, 2)]
    for run in Report.read(data / "lift").measures["runs"]:
        for arm in ("curated", "raw"):
            rows = judged.filter(arm=arm, seed=run["seed"])
            assert rows["nats"].sum() / math.log(2) / rows["n_bytes"].sum() == pytest.approx(run[arm], abs=1e-6)


def test_rows_encoded_once_for_all_arms_are_those_that_each_arm_would_have_encoded(data):
    tokenizer = load_tokenizer(data / "tokenize" / "tokenizer.json")
    rows = [example("a", "中国的首都？", "北京。"), example("b", "Name a planet", "Mars", weight=0.5)]
    again = [example("c", "Name a planet", "Mars", language="en"), rows[0], rows[0] | {"id": "d"}]
    examples = {"one": examples_frame(rows), "two": examples_frame(again), "none": examples_frame([])}
    for arm, encoded in encode_arms(examples, tokenizer).items():
        alone = encode_examples(examples[arm], tokenizer)
        assert encoded.rows.equals(alone.rows), arm
        assert encoded.tokens.tolist() == alone.tokens.tolist()
        assert encoded.loss_weights.tolist() == alone.loss_weights.tolist()


def test_no_row_of_test_that_fits_gives_a_report_that_says_so(data):
    params = LiftParams(seeds=[0], max_steps=1, batch_size=1)
    short = TRAINING.model_copy(update={"block_size": 16})
    measures = lift(
        data, data / "none", params, train_params=short, tokenize_params=TokenizeParams(vocab_size=300)
    ).measures
    assert measures["bits_per_byte"] == {"curated": None, "raw": None}
    assert measures["verdict"] == "no significant lift"
    assert "nothing is known" in measures["sentence"]


GATED = LiftParams(seeds=[0, 1, 2], max_steps=6, batch_size=2)
VOCABULARY = TokenizeParams(vocab_size=320)
THINGS = {
    "茶": "tea",
    "书": "book",
    "灯": "lamp",
    "门": "door",
    "船": "boat",
    "伞": "umbrella",
    "钟": "clock",
    "碗": "bowl",
}


def build(data: Path, broken: bool = False, **changed: str) -> Path:
    """A release whose train rows teach how those of test answer, or gibberish; `changed` are answers of test."""
    rows = []
    for zh, en in THINGS.items():
        rows.append(example(f"{en}-zh", f"{zh}在哪里？", f"{zh}在房间的桌子旁边。"))
        rows.append(example(f"{en}-en", f"Where is the {en}?", f"The {en} is next to the table."))
    tested = {"clock-zh", "clock-en", "bowl-zh", "bowl-en"}
    kept = [row for row in rows if row["id"] not in tested]
    if broken:
        kept = [example(row["id"], row["messages"][0]["content"], "锟斤拷烫烫烫 ï¿½ï¿½ xQ#9" * 2) for row in kept]
    test = [row for row in rows if row["id"] in tested]
    for row in test:
        row["messages"][1]["content"] = changed.get(row["id"].replace("-", "_"), row["messages"][1]["content"])
    for step in ("ingest/s", "dedup"):
        write_examples(examples_frame(kept + test), data / step / "examples", 100)
    write_parquet(merged(), data / "dedup" / "ledger.parquet")
    for split, of_split in {"train": kept, "val": test[:0], "test": test}.items():
        write_parquet(examples_frame([row | {"split": split} for row in of_split]), data / f"release/{split}.parquet")
    tokenize(data / "release", data / "tokenize", VOCABULARY)
    return data


def gate(data: Path, baseline: Path, params: LiftParams = GATED, train: TrainParams = TRAINING) -> Report:
    return lift(data, data / "lift", params, train_params=train, tokenize_params=VOCABULARY, baseline=baseline)


@pytest.fixture(scope="module")
def accepted(tmp_path_factory) -> Path:
    """A good build, of which baseline/ has what is to be accepted."""
    folder = tmp_path_factory.mktemp("accepted")
    data = build(folder / "data")
    lift(data, data / "lift", GATED, train_params=TRAINING, tokenize_params=VOCABULARY)
    judged = pl.read_parquet(data / "lift" / "examples.parquet").filter(arm="curated").drop("arm")
    write_parquet(judged, folder / "baseline" / "lift.parquet")
    sections = {"train": TRAINING, "lift": GATED, "tokenize": VOCABULARY}
    manifest = {
        "params": {name: section.model_dump() for name, section in sections.items()},
        "files": {"lift.parquet": file_hash(folder / "baseline" / "lift.parquet", "sha256")},
        "dtype": str(choose_dtype("auto", torch.device("cpu"))),
    }
    write_json(manifest, folder / "baseline" / "manifest.json")
    return folder


@pytest.fixture(scope="module")
def passed(accepted) -> Report:
    """The accepted build held to itself, with params changed that no arm depends on."""
    (accepted / "data" / "run").mkdir()
    (accepted / "data" / "run" / "failed-lift.json").write_text("{}")  # of an earlier build
    train = {"pretrain_steps": 1, "max_steps": 9, "batch_size": 7, "seed": 7, "keep": "best", "tensorboard": False}
    return gate(accepted / "data", accepted / "baseline", train=TRAINING.model_copy(update=train))


def test_the_gate_lets_a_build_pass_that_is_as_good_as_the_accepted_one(accepted, passed):
    found = passed.measures["baseline"]
    assert (found["verdict"], found["difference"], found["rows_common"]) == ("no significant difference", 0.0, 4)
    assert found["bits_per_byte"]["curated"] == found["bits_per_byte"]["accepted"]
    assert "Not shown to be worse than what was accepted" in found["sentence"]
    assert not (accepted / "data" / "run" / "failed-lift.json").exists()


def test_the_gate_stops_a_build_whose_rows_got_broken_and_leaves_evidence_and_no_report(accepted, tmp_path):
    data = build(tmp_path / "data", broken=True)
    (data / "lift").mkdir()
    (data / "lift" / "report.json").write_text("{}")  # of an earlier build
    with pytest.raises(
        GateError, match=r"(?s)Worse than what was accepted: .* over 3 seeds, .* over test rows\)\..*failed-lift.json"
    ):
        gate(data, accepted / "baseline")
    evidence = json.loads((data / "run" / "failed-lift.json").read_text())
    assert evidence["verdict"] == "worse"
    assert evidence["interval_95"][0] > 0
    assert {row["id"] for row in evidence["rows"]} == {"clock-zh", "clock-en", "bowl-zh", "bowl-en"}
    assert all(row["nats"] > row["accepted"] for row in evidence["rows"])
    assert not (data / "lift").exists()


def test_rows_whose_text_changed_are_left_out_of_the_gate(accepted, tmp_path):
    changed = build(tmp_path / "data", bowl_zh="碗在厨房里。", clock_en="The clock is in the hall, on the left wall.")
    assert gate(changed, accepted / "baseline").measures["baseline"]["rows_common"] == 2


def test_a_build_without_a_common_row_says_so(accepted, tmp_path):
    others = {f"{name}_{language}": "好" for name in ("clock", "bowl") for language in ("zh", "en")}
    with pytest.raises(SourceError, match=r"lift\.parquet: no row in common with the 4 of today's"):
        gate(build(tmp_path / "data", **others), accepted / "baseline")


@pytest.mark.parametrize(
    ("params", "train", "told"),
    [
        ({"seeds": [0, 1]}, {}, r"lift.seeds: \[0, 1\] here, \[0, 1, 2\] when baseline/ was accepted"),
        ({"max_steps": 5}, {}, "lift.max_steps: 5 here, 6 when"),
        ({}, {"size": "micro"}, "train.size: micro here, nano when"),
        ({}, {"block_size": 32}, "train.block_size: 32 here, 64 when"),
        ({}, {"dtype": "float32"}, "train.dtype: torch.float32 here, torch.bfloat16 when"),
    ],
)
def test_arms_that_were_trained_otherwise_are_not_compared(accepted, params, train, told):
    with pytest.raises(ParamsError, match=told):
        gate(
            accepted / "data", accepted / "baseline", GATED.model_copy(update=params), TRAINING.model_copy(update=train)
        )


@pytest.mark.parametrize("name", ["lift.parquet", "manifest.json"])
def test_a_baseline_that_was_never_accepted_is_named_with_the_command_that_makes_it(accepted, tmp_path, name):
    baseline = Path(shutil.copytree(accepted / "baseline", tmp_path / "baseline"))
    (baseline / name).unlink()
    with pytest.raises(SourceError, match=rf"baseline/{name}: not there; .*instructflow accept"):
        gate(accepted / "data", baseline)


def test_a_gate_with_one_seed_is_refused_for_it_could_never_close():
    with pytest.raises(ValidationError, match="baseline needs at least 2 seeds"):
        LiftParams(seeds=[1], baseline="baseline")


def test_the_page_tells_what_the_gate_found(passed):
    section = of_lift(passed)
    assert "No significant lift" in section.sentence or "Curation" in section.sentence
    assert "Not shown to be worse than what was accepted" in section.sentence
    [table] = [table for table in section.tables if table.title == "baseline"]
    assert ["rows_common", 4] in table.rows


def test_equal_seeds_are_refused():
    with pytest.raises(ValidationError, match="seeds must differ"):
        LiftParams(seeds=[1, 1])
