"""The shipped sources: enough of every type in both languages, written and not made by a template, code that parses."""

import ast
import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest

from tasks.core.params import INSTRUCTION_TYPES, IngestParams
from tasks.core.params_file import load_params
from tasks.core.schema import answer_text, conversation_text, prompt_text
from tasks.core.text import tokens
from tasks.dag import resolve
from tasks.ingest import ingest

PROJECT = Path(__file__).parent.parent
SOURCES = load_params(PROJECT / "params.yaml").sources
WRITTEN = {name: s for name, s in SOURCES.items() if s.path.startswith("data/sources/") and name != "planted"}
PLANTED = PROJECT / "data" / "sources" / "planted.jsonl"
LIMIT = 0.5  # 3-gram Jaccard similarity that no two prompts and no two answers reach


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    folder = tmp_path_factory.mktemp("written")
    for name, source in WRITTEN.items():
        report = ingest(resolve(source.path, PROJECT), folder / name, IngestParams(), name=name, source=source)
        assert report.measures["rejects"] == {}, name
    return pl.read_parquet(folder / "*" / "examples" / "*.parquet").with_columns(language=pl.col("source").str.tail(2))


def test_there_are_400_examples_half_of_them_chinese(written):
    n = Counter(written["language"].to_list())
    assert sum(n.values()) >= 400
    assert 0.45 <= n["zh"] / sum(n.values()) <= 0.55
    text = written.with_columns(text=conversation_text())
    has_han = text.filter(pl.col("text").str.contains(r"\p{Han}"))["language"]
    assert Counter(has_han.to_list())["zh"] == n["zh"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_instruction_type_has_ten_examples(written, language):
    n = Counter(written.filter(language=language)["instruction_type"].to_list())
    assert set(n) == set(INSTRUCTION_TYPES)
    assert min(n.values()) >= 10, n


@pytest.mark.parametrize("language", ["zh", "en"])
def test_conversations_of_several_turns_and_tool_use_are_among_them(written, language):
    of_language = written.filter(language=language)
    turns = of_language["messages"].list.eval(pl.element().struct.field("role") == "user").list.sum()
    assert (turns > 1).sum() >= 15
    assert of_language["tools"].drop_nulls().len() >= 10
    roles = of_language["messages"].list.eval(pl.element().struct.field("role")).explode()
    assert {"system", "user", "assistant", "tool"} == set(roles.to_list())


@pytest.mark.parametrize(("what", "text"), [("prompt", prompt_text()), ("answer", answer_text())])
def test_no_two_texts_come_from_one_template(written, what, text):
    shingles = [
        {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))}
        for words in written.select(tokens(text))[:, 0].to_list()
    ]
    nearest = max(
        ((len(a & b) / len(a | b), i, j) for (i, a), (j, b) in combinations(enumerate(shingles), 2)), default=(0, 0, 0)
    )
    rows = written["source_row"]
    assert nearest[0] < LIMIT, f"{what}s of {rows[nearest[1]]} and {rows[nearest[2]]}"


def test_python_in_answers_parses_and_json_too(written):
    blocks = Counter[str]()
    for row, answer in written.select("source_row", answer_text().alias("answer")).iter_rows():
        for language, code in re.findall(r"```(\w+)\n(.*?)```", answer, re.DOTALL):
            blocks[language] += 1
            if language == "python":
                assert ast.parse(code), row
            if language == "json":
                assert json.loads(code) is not None, row
    assert blocks["python"] >= 20


def test_the_truth_table_names_every_line_of_the_planted_file():
    truth = pl.read_csv(PLANTED.with_name("planted_truth.csv"), infer_schema=False)
    lines = [int(line) for cell in truth["line"] for line in cell.split("|")]
    assert lines == list(range(1, len(PLANTED.read_bytes().splitlines()) + 1))
