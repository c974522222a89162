"""Preview: another threshold is answered from what was measured, and the answer is what a rerun gives."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import tasks.clean
import tasks.score
from flows.cli import app
from tasks.clean import clean
from tasks.core.errors import ParamsError, SourceError
from tasks.core.files import read_examples, write_examples
from tasks.core.params import CleanParams, Params, ScoreParams
from tasks.core.preview import Change, change_of, compare, with_changes
from tasks.core.schema import examples_frame
from tasks.core.shards import in_process
from tasks.score import score

AGAIN_ZH, AGAIN_EN = "今天天气很好，适合出门。", "the cat sat on the mat "
ANSWERS = {
    "zh": ["答案是四。" * 2, "苹果、香蕉和橘子都是水果，多吃水果对身体有好处。" + AGAIN_ZH * 3, AGAIN_ZH * 12, "好"],
    "en": ["It is four.", "Apples, pears and plums are fruit, and we should eat them. " + AGAIN_EN * 3, AGAIN_EN * 12],
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name, answers in ANSWERS.items():
        question = {"zh": "请回答这个问题。", "en": "Please answer this question."}[name]
        rows = [
            {
                "id": f"{name}{i}",
                "source": name,
                "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
            }
            for i, answer in enumerate(answers)
        ]
        write_examples(examples_frame(rows), tmp_path / "ingest" / name / "examples", 100)
        clean(tmp_path / "ingest" / name, tmp_path / "clean" / name, CleanParams(), in_process)
    return tmp_path


def previewed(data: Path, **changes: object) -> dict:
    params = CleanParams(**changes)
    return compare(data, "clean", *tasks.clean.preview(data, params))


@pytest.mark.parametrize(
    "changes",
    [
        {"max_repetition_ratio": 0.1, "max_char_repetition_ratio": 0.1},
        {"max_repetition_ratio": 1.0, "max_char_repetition_ratio": 1.0},
        {"min_answer_units": 3, "repetition": "off"},
        {"max_units": 30, "too_long": "flag"},
    ],
)
def test_a_preview_tells_what_a_rerun_gives(data, changes):
    told = previewed(data, **changes)
    for name in ANSWERS:
        clean(data / "ingest" / name, data / "clean" / name, CleanParams(**changes), in_process)
    after = compare(data, "clean", *tasks.clean.preview(data, CleanParams(**changes)))
    expected = [(line["action"], line["reason"], line["then"]) for line in told["by_reason"] if line["then"]]
    assert expected == [(line["action"], line["reason"], line["now"]) for line in after["by_reason"]]
    assert [(g["source"], g["language"], g["drop_then"], g["flag_then"]) for g in told["by_source"]] == [
        (g["source"], g["language"], g["drop_now"], g["flag_now"]) for g in after["by_source"]
    ]
    assert after["newly_gone"] == 0


def test_rows_are_counted_by_source_and_language(data):
    told = previewed(data, max_repetition_ratio=0.2, max_char_repetition_ratio=1.0)
    counts = {(g["source"], g["language"]): (g["rows"], g["drop_now"], g["drop_then"]) for g in told["by_source"]}
    assert counts == {("zh", "zh"): (4, 1, 2), ("en", "en"): (3, 1, 2)}
    assert told["by_type"] == []


def test_the_rows_that_would_newly_go_are_shown_with_their_measure(data):
    told = previewed(data, max_repetition_ratio=0.2, max_char_repetition_ratio=1.0)
    assert {row["id"] for row in told["examples"]} == {"zh1", "en1"}
    assert all(row["reason"] == "repetition" and 0.2 < row["measure"] < 0.5 for row in told["examples"])
    assert {row["text"][:2] for row in told["examples"]} == {"苹果", "Ap"}


def test_types_are_counted_where_classify_has_run_and_score_has_a_preview_too(data):
    rows = read_examples(data / "clean").with_columns(instruction_type=pl.lit("knowledge_qa"))
    write_examples(rows, data / "classify" / "examples", 100)
    score(data / "classify", data / "score", ScoreParams(), in_process)
    assert [(g["instruction_type"], g["rows"]) for g in previewed(data)["by_type"]] == [("knowledge_qa", 5), (None, 2)]
    told = compare(data, "score", *tasks.score.preview(data, ScoreParams(min_score=0.99)))
    score(data / "classify", data / "score", ScoreParams(min_score=0.99), in_process)
    assert 0 < told["newly_gone"] == 5 - len(read_examples(data / "score"))


def test_what_was_measured_with_other_params_is_not_previewed(data):
    for changes in ({"html": False}, {"tokenizer": "tokenizer.json", "max_tokens": 3}, {"pii": ["email"]}):
        with pytest.raises(SourceError, match="measured with other params of clean; run `instructflow build` first"):
            previewed(data, **changes)


def test_the_command_preview_prints_tables_or_json(data, capsys):
    params = data / "free.yaml"
    params.write_text("clean: {toxic: off}\n", encoding="utf-8")
    command = [
        "preview",
        "clean",
        "--set",
        "clean.max_repetition_ratio=0.2",
        "--params",
        str(params),
        "--data",
        str(data),
    ]
    result = CliRunner().invoke(app, command)
    assert (result.exit_code, result.exception) == (0, None)
    assert "rows by source" in result.output
    assert "would newly go" in result.output
    told = json.loads(CliRunner().invoke(app, [*command, "--set", "clean.repetition=off", "--json"]).output)
    assert (told["newly_gone"], told["by_reason"]) == (
        0,
        [{"action": "drop", "reason": "repetition", "now": 2, "then": 0}],
    )
    with pytest.raises(ParamsError, match="--params and --data"):
        CliRunner().invoke(app, command[:-2], catch_exceptions=False)


def test_a_change_is_read_as_yaml():
    assert change_of("clean.max_units=100") == Change("clean", "max_units", 100)
    assert change_of("clean.max_tokens=null") == Change("clean", "max_tokens", None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("max_units=100", "--set max_units=100: expected step.param=value"),
        ("clean.max_units", "expected step.param=value"),
        ("clean.max_units=[1", "the value is no YAML"),
        ("score.min_score=0.5", "--set score.min_score: expected a param of clean"),
        ("clean.html=false", "--set clean.html: needs a rerun, or is no param; previewed are answer_language"),
        ("clean.长度=1", "--set clean.长度: needs a rerun"),
        ("clean.max_units=many", "--set: clean.max_units: Input should be a valid integer"),
        ("clean.max_repetition_ratio=2", "--set: clean.max_repetition_ratio: Input should be less than or equal to 1"),
    ],
)
def test_a_change_that_cannot_be_previewed_is_refused_with_a_sentence(text, says):
    with pytest.raises(ParamsError) as error:
        with_changes(Params(), "clean", [change_of(text)], tasks.clean.PREVIEWED)
    assert says in str(error.value)
