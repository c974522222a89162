"""What `instructflow accept` keeps of a build, and what score and the gate of lift make of it."""

import hashlib
import shutil
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from flows.accept import accept
from tasks.core.errors import ParamsError, SourceError
from tasks.core.files import read_json, write_examples, write_json, write_parquet
from tasks.core.params import EvaluateParams, LiftParams, Params, ScoreParams, TokenizeParams, TrainParams
from tasks.core.report import Report
from tasks.core.schema import EXAMPLE, SPLITS, examples_frame
from tasks.evaluate import evaluate
from tasks.lift import lift
from tasks.score import ifd_of, preview, score, score_examples
from tasks.tokenize import tokenize
from tasks.train import train

TEXTS = {
    "train": [("写一首关于秋天的诗", "落叶知秋，风过无声。"), ("Name a planet", "Saturn, the one with rings.")],
    "val": [("三加五等于几？", "等于八。")],
    "test": [("法国的首都是哪里？", "巴黎，塞纳河边的城市。"), ("Say hello", "Hello! How can I help you?")],
}
PARAMS = Params(
    tokenize=TokenizeParams(vocab_size=300),
    train=TrainParams(block_size=96, batch_size=1, pretrain_steps=1, max_steps=2, tensorboard=False, threads=1),
    evaluate=EvaluateParams(n_samples=0, threads=1),
    lift=LiftParams(max_steps=2, batch_size=1),
)


def examples(split: str) -> pl.DataFrame:
    return examples_frame(
        [
            {
                "id": f"{split}{i}",
                "language": "zh" if i == 0 else "en",
                "source": "s",
                "split": split,
                "family": f"{split}{i}",
                "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
            }
            for i, (question, answer) in enumerate(TEXTS[split])
        ]
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A build of five rows, of which none was dropped or merged."""
    data = tmp_path_factory.mktemp("data")
    rows = pl.concat(examples(split) for split in SPLITS)
    for folder in ("ingest/s", "dedup"):
        write_examples(rows.with_columns(split=pl.lit(None, pl.String)), data / folder / "examples", 100)
    write_parquet(
        pl.DataFrame(schema=dict.fromkeys(("id", "action", "other_id"), pl.String)), data / "dedup/ledger.parquet"
    )
    files = {}
    for split in SPLITS:
        file = data / "release" / f"{split}.parquet"
        write_parquet(examples(split), file)
        files[file.name] = {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    write_json({"files": files}, data / "release" / "manifest.json")
    Report("release").write(data / "release")
    tokenize(data / "release", data / "tokenize", PARAMS.tokenize)
    train(data / "tokenize", data / "train", PARAMS.train)
    evaluate(data / "release", data / "tokenize", data / "train", data / "evaluate", PARAMS.evaluate)
    lift(data, data / "lift", PARAMS.lift, train_params=PARAMS.train, tokenize_params=PARAMS.tokenize)
    return data


@pytest.fixture(scope="module")
def baseline(data, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("baseline")
    (folder / "README.md").write_text("stays", encoding="utf-8")
    accept(data, PARAMS, folder)
    return folder


def test_a_baseline_holds_the_figures_of_every_row_and_what_they_hang_on(data, baseline):
    assert {path.name for path in baseline.iterdir()} == {
        "README.md",
        "manifest.json",
        "examples.parquet",
        "lift.parquet",
    }
    manifest = read_json(baseline / "manifest.json")
    assert manifest["figures"]["test"] == Report.read(data / "evaluate").measures["test"]["overall"]
    assert manifest["params"]["train"]["block_size"] == 96
    assert manifest["params"]["tokenize"] == {"vocab_size": 300}
    assert pl.read_parquet(baseline / "examples.parquet")["id"].to_list() == [
        "test0",
        "test1",
        "train0",
        "train1",
        "val0",
    ]
    assert sorted(pl.read_parquet(baseline / "lift.parquet")["id"].unique()) == ["test0", "test1"]


def test_a_second_accept_writes_the_same_bytes(data, baseline, tmp_path):
    accept(data, PARAMS, tmp_path)
    for name in ("manifest.json", "examples.parquet", "lift.parquet"):
        assert (tmp_path / name).read_bytes() == (baseline / name).read_bytes()


def test_the_gate_of_lift_holds_for_the_build_that_was_accepted(data, baseline, tmp_path):
    given = {"train_params": PARAMS.train, "tokenize_params": PARAMS.tokenize, "baseline": baseline}
    report = lift(data, tmp_path / "lift", PARAMS.lift, **given)
    assert report.measures["baseline"]["difference"] == 0
    assert report.measures["baseline"]["rows_common"] == 2


def test_score_drops_rows_whose_instruction_is_in_the_way_and_no_others(baseline):
    known = pl.read_parquet(baseline / "examples.parquet").filter(pl.col("id").is_in(["train0", "train1"]))
    low, high = sorted(known["ifd"])
    changed = examples("train").row(0, named=True)
    changed |= {
        "id": "train9",
        "messages": [{"role": "user", "content": "新"}, {"role": "assistant", "content": "new"}],
    }
    rows = pl.concat([examples("train"), examples_frame([changed])])
    outcome, scores = score_examples(rows, ScoreParams(baseline="baseline", max_ifd=(low + high) / 2), baseline)
    [line] = outcome.ledger.to_dicts()
    gone = known.filter(pl.col("ifd") == high)["id"].item()
    assert (line["id"], line["reason"], line["measure"]) == (gone, "high_ifd", high)
    assert scores.filter(id="train9")["ifd"].to_list() == [None]  # not judged: kept
    assert set(outcome.examples["id"]) == {"train0", "train1", "train9"} - {gone}


@pytest.mark.parametrize(("place", "text"), [(0, "另一个问题？"), (1, "另一个回答。")])
def test_a_row_that_says_something_else_now_has_no_ifd(baseline, place, text):
    changed = [list(turns) for turns in examples("train")["messages"].to_list()]
    for turns in changed:
        turns[place] = {**turns[place], "content": text}
    rows = examples("train").with_columns(messages=pl.Series(changed, dtype=EXAMPLE["messages"]))
    assert ifd_of(rows, baseline)["ifd"].to_list() == [None, None]
    assert ifd_of(examples("train"), baseline)["ifd"].null_count() == 0


def test_rows_of_val_and_test_are_never_dropped_for_what_the_model_says(baseline):
    rows = pl.concat([examples("val"), examples("test")])
    outcome, _ = score_examples(rows, ScoreParams(baseline="baseline", max_ifd=0.001), baseline)
    assert len(outcome.examples) == 3


def test_without_a_baseline_no_row_has_an_ifd_and_none_can_be_dropped_for_it(tmp_path):
    _, scores = score_examples(examples("train"), ScoreParams())
    assert scores["ifd"].to_list() == [None, None]
    with pytest.raises(ValidationError, match="max_ifd needs a baseline"):
        ScoreParams(max_ifd=1.0)
    with pytest.raises(ParamsError, match=r"score\.max_ifd: no baseline was given"):
        score(tmp_path, tmp_path / "score", ScoreParams(baseline="baseline", max_ifd=1.0))
    with pytest.raises(SourceError, match=r"nowhere/manifest\.json: not there; expected what `instructflow accept`"):
        ifd_of(examples("train"), tmp_path / "nowhere")


def test_files_that_are_not_those_of_the_manifest_are_not_believed(baseline, tmp_path):
    copy = Path(shutil.copytree(baseline, tmp_path / "baseline"))
    write_parquet(pl.read_parquet(copy / "examples.parquet").head(1), copy / "examples.parquet")
    with pytest.raises(SourceError, match=r"examples\.parquet: not the one of manifest\.json"):
        ifd_of(examples("train"), copy)
    (copy / "manifest.json").unlink()  # as an accept that was killed leaves it
    with pytest.raises(SourceError, match=r"manifest\.json: not there"):
        ifd_of(examples("train"), copy)


def test_a_row_that_was_dropped_for_its_ifd_does_not_come_back_after_the_next_accept(data, baseline, tmp_path):
    copy = Path(shutil.copytree(baseline, tmp_path / "baseline"))
    params = ScoreParams(baseline="baseline", max_ifd=0.001)
    write_examples(examples("train"), tmp_path / "classify" / "examples", 100)
    built = tmp_path / "built"
    built.mkdir()
    for folder in data.iterdir():
        (built / folder.name).symlink_to(folder)
    score(tmp_path / "classify", built / "score", params, baseline=copy)
    (built / "evaluate").unlink()
    shutil.copytree(data / "evaluate", built / "evaluate")
    judged = pl.read_parquet(data / "evaluate" / "examples.parquet").filter(pl.col("split") != "train")
    write_parquet(judged, built / "evaluate" / "examples.parquet")  # what was dropped was not judged again
    before = pl.read_parquet(copy / "examples.parquet")
    accept(built, PARAMS.model_copy(update={"score": params}), copy)
    assert pl.read_parquet(copy / "examples.parquet").equals(before)
    assert len(score(tmp_path / "classify", tmp_path / "again", params, baseline=copy).ledger["drop"]) == 1


def test_a_preview_tells_who_would_go(baseline, tmp_path):
    write_examples(examples("train"), tmp_path / "classify" / "examples", 100)
    report = score(tmp_path / "classify", tmp_path / "score", ScoreParams(baseline="baseline"), baseline=baseline)
    assert report.measures["ifd_known"] == 2
    _, gone = preview(tmp_path, ScoreParams(baseline="baseline", max_ifd=0.001))
    assert gone["id"].to_list() == ["train0", "train1"]


def test_what_is_not_whole_is_not_accepted(data, tmp_path):
    with pytest.raises(SourceError, match=r"release: no report here; expected a whole build"):
        accept(tmp_path, PARAMS, tmp_path / "baseline")
    (tmp_path / "other").mkdir()
    for folder in data.iterdir():
        (tmp_path / "other" / folder.name).symlink_to(folder)
    (tmp_path / "other" / "release").unlink()
    (tmp_path / "other" / "release").mkdir()
    Report("release").write(tmp_path / "other" / "release")
    files = {f"{split}.parquet": {"sha256": "0"} for split in SPLITS}
    write_json({"files": files}, tmp_path / "other" / "release" / "manifest.json")
    with pytest.raises(SourceError, match="of another release"):
        accept(tmp_path / "other", PARAMS, tmp_path / "baseline")
    assert not (tmp_path / "baseline").exists()
