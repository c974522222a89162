"""Import annotations: every tool's export, one verdict an example, nothing lost in silence."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.core.errors import SourceError
from tasks.core.params import ImportAnnotationsParams
from tasks.core.report import Report
from tasks.import_annotations import import_annotations

A, B = "a" * 32, "b" * 32


def imported(folder: Path, *lines: Any, name: str = "ann.jsonl", min_votes: int = 1) -> tuple[pl.DataFrame, Report]:
    (folder / "annotations").mkdir(exist_ok=True)
    text = "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
    (folder / "annotations" / name).write_text(text, encoding="utf-8")
    params = ImportAnnotationsParams(min_votes=min_votes)
    report = import_annotations(folder / "annotations", folder / "out", params)
    return pl.read_parquet(folder / "out" / "labels.parquet"), report


OURS = {"id": A, "instruction_type": "math"}
DOCCANO = {"id": 7, "text": "用户：一加一？", "label": ["math"], "example_id": A, "Comments": []}
PRODIGY = {"text": "1 + 1?", "answer": "accept", "accept": ["math"], "meta": {"example_id": A}, "_annotator_id": "p"}
CLASSES = [{"classname": "math", "classified_by": [{"annotator": "l"}]}]
LIGHTTAG = {"content": "一加一？", "metadata": {"example_id": A}, "classifications": CLASSES, "annotations": []}


@pytest.mark.parametrize("row", [OURS, DOCCANO, PRODIGY, LIGHTTAG, {"examples": [LIGHTTAG], "schema": {}}])
def test_reads_the_export_of_every_tool(tmp_path: Path, row: dict[str, Any]) -> None:
    labels, _ = imported(tmp_path, row)
    assert labels.select("id", "instruction_type", "n_votes", "n_annotators", "files").rows() == [
        (A, "math", 1, 1, "ann.jsonl")
    ]


def test_no_folder_is_no_labels(tmp_path: Path) -> None:
    report = import_annotations(tmp_path / "none", tmp_path / "out", ImportAnnotationsParams())
    assert report.measures["examples_labelled"] == 0
    assert len(pl.read_parquet(tmp_path / "out" / "labels.parquet")) == 0


@pytest.mark.parametrize("verdict", ["reject", "ignore"])
def test_only_accepted_rows_of_prodigy_are_labels(tmp_path: Path, verdict: str) -> None:
    labels, report = imported(tmp_path, PRODIGY | {"answer": verdict})
    assert len(labels) == 0
    assert report.measures["lines_without_label"] == 1


def test_the_majority_wins_and_a_draw_is_counted_but_not_used(tmp_path: Path) -> None:
    def vote(id: str, type: str, who: str) -> dict[str, str]:
        return {"id": id, "instruction_type": type, "annotator": who}

    labels, report = imported(
        tmp_path,
        *(vote(A, "math", who) for who in ("x", "y")), vote(A, "reasoning", "z"),
        vote(B, "math", "x"), vote(B, "reasoning", "y"),
    )  # fmt: skip
    assert labels.select("id", "instruction_type", "n_votes", "n_annotators").rows() == [(A, "math", 2, 3)]
    assert report.measures["examples_disputed"] == 1


def test_the_last_word_of_an_annotator_counts_once(tmp_path: Path) -> None:
    lines = [OURS | {"annotator": "x"}, OURS | {"annotator": "x", "instruction_type": "reasoning"}]
    labels, _ = imported(tmp_path, *lines)
    assert labels.select("instruction_type", "n_votes").rows() == [("reasoning", 1)]


def test_fewer_votes_than_asked_for_are_no_label(tmp_path: Path) -> None:
    labels, report = imported(tmp_path, OURS, min_votes=2)
    assert len(labels) == 0
    assert report.measures["examples_disputed"] == 1


def test_an_edit_is_kept_whole(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "一加一？"}, {"role": "assistant", "content": "二。"}]
    labels, _ = imported(tmp_path, {"id": A, "messages": messages})
    assert labels.select("instruction_type", "messages", "n_votes").rows() == [(None, messages, None)]


def test_the_last_edit_of_an_annotator_counts_alone(tmp_path: Path) -> None:
    edits = [
        [{"role": "user", "content": "一加一？"}, {"role": "assistant", "content": said}] for said in ("三", "two")
    ]
    labels, report = imported(tmp_path, *({"id": A, "messages": edit, "annotator": "x"} for edit in edits))
    assert labels["messages"].to_list() == [edits[1]]
    assert report.measures["examples_disputed"] == 0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"id": ', "not JSON"),
        ("[1]", "expected an object"),
        ({"id": A, "instruction_type": "maths"}, "'maths'; expected one of customer_service"),
        (OURS | {"id": "7"}, "example id '7'"),
        ({"text": "没有编号", "label": ["math"]}, "example id None"),
        (DOCCANO | {"label": ["math", "other"]}, "2 labels"),
        ({"prompt": "?"}, "no known annotation"),
        ({"id": A, "messages": [{"role": "user", "content": "问"}]}, "does not end with an assistant turn"),
        ({"id": A, "messages": [{"role": "bot", "content": "答"}]}, "role of system, user"),
    ],
)
def test_a_line_that_cannot_be_used_stops_with_file_and_reason(tmp_path: Path, line: Any, told: str) -> None:
    with pytest.raises(SourceError, match=r"ann\.jsonl") as error:
        imported(tmp_path, OURS, line)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("answer", "clean"),
    [
        ("请打13812345678，谢谢", "请打<PHONE_1>，谢谢"),
        ("Write to lin@example.com.", "Write to <EMAIL_1>."),
        ("<PHONE_1>或13812345678 or", "<PHONE_1>或<PHONE_2> or"),  # the first one stood in the exported text
    ],
)
def test_personal_data_typed_into_an_edit_becomes_a_placeholder(tmp_path: Path, answer: str, clean: str) -> None:
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": answer}]
    labels, report = imported(tmp_path, *({"id": A, "messages": turns, "annotator": who} for who in ("x", "y")))
    assert labels["messages"][0][-1]["content"] == clean
    assert report.measures["values_redacted"] == 2
    assert report.measures["examples_disputed"] == 0
