"""A suite is a gate: the file that the next stage needs is written only when every rule holds."""

import json
from pathlib import Path

import polars as pl
import pytest

from tasks.core.errors import GateError, SourceError
from tasks.core.files import read_json, whole_folder, write_json, write_parquet
from tasks.core.ledger import Outcome, event, ledger_frame
from tasks.core.params import ValidateParams
from tasks.core.report import leave
from tasks.core.schema import SPLITS, examples_frame, stable_hash
from tasks.validate import validate

SUITES = Path(__file__).parents[1] / "expectations"
PARAMS = ValidateParams()
A, B, C = (stable_hash(name) for name in "abc")


def example(id: str, prompt: str = "你好", answer: str = "Hello", **columns: object) -> dict:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return {"id": id, "messages": turns, "source": "s", "source_row": "f#1", "language": "zh", **columns}


def leave_step(folder: Path, step: str, rows: list[dict], events: tuple = (), rows_in: int | None = None) -> Path:
    with whole_folder(folder) as scratch:
        outcome = Outcome(examples_frame(rows), ledger_frame(list(events)))
        leave(scratch, step, len(rows) if rows_in is None else rows_in, outcome, 100)
    return folder


def run(tmp_path: Path, step: str, folder: Path) -> tuple[Path, Path]:
    target, evidence = tmp_path / "gate.json", tmp_path / "evidence.json"
    validate(folder, SUITES / f"{step}.json", target, PARAMS, evidence=evidence)
    return target, evidence


@pytest.mark.parametrize("step", ["ingest", "clean", "dedup"])
def test_good_rows_open_the_gate_and_the_gate_says_why(tmp_path, step):
    rows = [example(A), example(B, "What is it?", "It is a test.", language="en")]
    target, evidence = run(tmp_path, step, leave_step(tmp_path / step, step, rows))
    verdicts = read_json(target)
    assert all(v["success"] and v["why"] for v in verdicts)
    assert set(verdicts[0]) == {"rule", "table", "column", "observed", "success", "why"}
    assert not evidence.exists()


def test_two_judgements_of_the_same_rows_are_the_same_bytes(tmp_path):
    folder = leave_step(tmp_path / "clean", "clean", [example(A)])
    first = run(tmp_path, "clean", folder)[0].read_bytes()
    assert run(tmp_path, "clean", folder)[0].read_bytes() == first


@pytest.mark.parametrize(
    ("step", "bad", "column"),
    [
        ("ingest", {"id": "short"}, "id"),
        ("ingest", {"source_row": None}, "source_row"),
        ("ingest", {"language": "code"}, "language"),
        ("ingest", {"split": "train"}, "split"),
        ("ingest", {"messages": [{"role": "user", "content": "只有问题"}]}, "last_role"),
        (
            "ingest",
            {"messages": [{"role": "bot", "content": "x"}, {"role": "assistant", "content": "y"}]},
            "unknown_roles",
        ),
        ("clean", {"answer": " \n"}, "empty_answer"),
        ("clean", {"answer": "零宽\u200b字符"}, "has_control"),
        ("clean", {"weight": -1.0}, "weight"),
    ],
)
def test_a_broken_rule_stops_and_names_the_rows(tmp_path, step, bad, column):
    row = example(bad.pop("id", B), answer=bad.pop("answer", "x")) | bad
    folder = leave_step(tmp_path / step, step, [example(A), row])
    (tmp_path / "gate.json").write_text("[]")  # of an earlier run
    with pytest.raises(GateError, match=column) as stopped:
        run(tmp_path, step, folder)
    assert row["id"] in str(stopped.value)
    assert not (tmp_path / "gate.json").exists()
    evidence = json.loads((tmp_path / "evidence.json").read_text())
    assert [row["id"]] in [rule["ids"] for rule in evidence]


@pytest.mark.parametrize(("one", "other"), [("你好，世界", "你好世界！"), ("Hello, world", "hello WORLD")])
def test_dedup_leaves_no_two_rows_that_are_normalised_equal(tmp_path, one, other):
    folder = leave_step(tmp_path / "dedup", "dedup", [example(A, one), example(B, other)])
    with pytest.raises(GateError, match="copies"):
        run(tmp_path, "dedup", folder)


@pytest.mark.parametrize(("short", "long"), [("哈", "哈哈"), ("ha", "ha ha")])
def test_rows_that_differ_only_in_where_a_turn_ends_are_no_copies(tmp_path, short, long):
    run(tmp_path, "dedup", leave_step(tmp_path / "dedup", "dedup", [example(A, short, long), example(B, long, short)]))


def test_a_merge_into_a_row_that_is_gone_is_found(tmp_path):
    merge = event("dedup", B, "merge", "near", measure=0.9, threshold=0.8, other_id=C)
    with pytest.raises(GateError, match=r"survivor_is_kept.*" + B):
        run(tmp_path, "dedup", leave_step(tmp_path / "dedup", "dedup", [example(A)], (merge,), rows_in=2))


def test_a_merge_below_its_threshold_is_found(tmp_path):
    merge = event("dedup", B, "merge", "near", measure=0.7, threshold=0.8, other_id=A)
    with pytest.raises(GateError, match="within the threshold"):
        run(tmp_path, "dedup", leave_step(tmp_path / "dedup", "dedup", [example(A)], (merge,), rows_in=2))


def test_a_family_in_two_splits_is_found(tmp_path):
    rows = [example(A, "一", split="train", family=A), example(B, "二", split="test", family=A)]
    with pytest.raises(GateError, match="splits_of_family"):
        run(tmp_path, "split", leave_step(tmp_path / "split", "split", rows))


def test_rows_that_vanish_without_a_line_are_found(tmp_path):
    folder = leave_step(tmp_path / "clean", "clean", [example(A), example(B)])
    write_parquet(
        pl.read_parquet(folder / "examples" / "*.parquet").head(1), folder / "examples" / "part-00000.parquet"
    )
    with pytest.raises(GateError, match="unexplained"):
        run(tmp_path, "clean", folder)


@pytest.mark.parametrize(
    ("child", "rule"),
    [({"split": "test", "family": B}, "derived_in"), ({"split": "train", "family": A, "parent": C}, "parent_in_table")],
)
def test_a_child_belongs_into_train_beside_its_parent(tmp_path, child, rule):
    typed = {"instruction_type": "other"}
    rows = [example(A, split="train", **typed), example(B, "别的", made_by="entity", **({"parent": A} | child | typed))]
    write_release(tmp_path / "release", rows)
    with pytest.raises(GateError, match=rule):
        run(tmp_path, "release", tmp_path / "release")


def write_release(folder: Path, rows: list[dict], short: int = 0) -> None:
    table = examples_frame(rows)
    files = {}
    for split in SPLITS:
        of_split = table.filter(split=split)
        write_parquet(of_split, folder / f"{split}.parquet")
        files[f"{split}.parquet"] = {"rows": len(of_split) + short}
    write_json({"files": files}, folder / "manifest.json")


def test_a_release_whose_manifest_miscounts_is_found(tmp_path):
    write_release(tmp_path / "release", [example(A, split="train", instruction_type="other")], short=1)
    with pytest.raises(GateError, match="missing_rows"):
        run(tmp_path, "release", tmp_path / "release")


def test_a_rule_that_cannot_be_judged_is_an_error_not_a_pass(tmp_path):
    folder = leave_step(tmp_path / "clean", "clean", [example(A)])
    rule = {
        "type": "expect_column_values_to_match_regex",
        "kwargs": {"column": "id", "regex": "("},
        "meta": {"why": "x"},
    }
    write_json({"name": "bad", "expectations": [rule]}, tmp_path / "bad.json")
    with pytest.raises(SourceError, match="expect_column_values_to_match_regex"):
        validate(folder, tmp_path / "bad.json", tmp_path / "g.json", PARAMS, evidence=tmp_path / "e.json")


def test_a_missing_suite_is_named(tmp_path):
    folder = leave_step(tmp_path / "clean", "clean", [example(A)])
    with pytest.raises(SourceError, match=r"nowhere\.json: no such suite"):
        validate(folder, tmp_path / "nowhere.json", tmp_path / "g.json", PARAMS, evidence=tmp_path / "e.json")


def test_every_rule_of_every_suite_says_why():
    for suite in SUITES.glob("*.json"):
        assert all(len(rule["meta"]["why"]) > 10 for rule in read_json(suite)["expectations"]), suite
