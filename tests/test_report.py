"""Report: one page that shows what the steps left, escaped, without the network, the same bytes every time."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.core.diff import changes
from tasks.core.evidence import overlap_matrix, spread
from tasks.core.files import file_hash, read_json, write_json, write_parquet
from tasks.core.funnel import funnel, gone_and_made, is_balanced
from tasks.core.measures import Table, tables
from tasks.core.page import cell
from tasks.core.params import Params, ReportParams
from tasks.core.params_file import parse_params
from tasks.core.report import Report
from tasks.core.schema import SPLITS
from tasks.dag import TRAINING, stages
from tasks.report import report

PROJECT = Path(__file__).parent.parent
EVIL, END = "<script>alert(1)</script>", "</title>"
CODE = f"```html\n{EVIL}{END}\n```"
TEA = "绿茶用八十度的水冲泡，先温杯，再放三克茶叶，注水至七分满，静置两分钟后即可饮用，可以续水三次。"
ROWS = {
    "tea_zh": [
        ("怎样泡绿茶？", TEA),
        ("怎样泡绿茶？", TEA),
        ("怎样泡绿茶呢？", TEA),
        (f"写一段网页代码。{EVIL}", f"好的：\n{CODE}"),
        ("楼道的灯坏了找谁？  ", "先打给物业报修，\u200b说明楼号和楼层。"),
    ],
    "tea_en": [
        ("怎样泡绿茶？", TEA),
        (f"Write <b>HTML</b> that greets.{END}", f"Here it is:\n{CODE}"),
        ("Mail me at li.lei@example.com, please.", "I can not send mail, but the address is noted down here."),
        ("Capital of France?", "Paris"),
    ],
}


def small(folder: Path) -> Params:
    """Two sources below `folder`, no benchmarks, no children."""
    content: dict[str, Any] = {"sources": {}, "augment": {"entity": False}}
    for name, rows in ROWS.items():
        turns = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in rows]
        file = folder / f"{name}.jsonl"
        file.write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in turns), encoding="utf-8")
        with file.open("a", encoding="utf-8") as lines:
            lines.write("{broken\n")
        content["sources"][name] = {"path": str(file), "license": f"MIT {EVIL}{END}"}
    return parse_params(content, "test")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a build of the small sources leaves, without a model; gates as validate writes them."""
    folder = tmp_path_factory.mktemp("built")
    data = folder / "data"
    for stage in stages(PROJECT, data, small(folder)):
        if stage.step not in (*TRAINING, "validate", "report"):
            stage.function(*stage.arguments, **stage.settings)
    rule = {"rule": "expect_it", "table": "examples", "column": "id", "observed": EVIL, "success": True, "why": END}
    for name in ("ingest/tea_zh", "ingest/tea_en", "clean/tea_zh", "clean/tea_en", "dedup", "split", "release"):
        write_json([rule], data / "validate" / f"{name}.json")
    return data


@pytest.fixture(scope="module")
def page(built: Path) -> str:
    return page_of(built)


@pytest.fixture(scope="module")
def odd_page(built: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the build with a model, where every name and text that a report can hold is odd."""
    data = Path(shutil.copytree(built, tmp_path_factory.mktemp("odd") / "data"))
    for step in ("classify", "split"):
        odd = {EVIL: 2, END: 1}
        change_report(data / step, counts={"language": odd, EVIL: odd}, ledger={"flag": {EVIL: 1}, END: {"x": 2}})
    change_report(data / "score", measures={EVIL: END, "nested": {EVIL: {END: 1}}, "list": [{END: EVIL}]})
    with_model(data)
    return page_of(data)


@pytest.fixture
def data(built: Path, tmp_path: Path) -> Path:
    """A copy of the build that a test may change."""
    return Path(shutil.copytree(built, tmp_path / "data"))


def page_of(data: Path) -> str:
    report(data, data / "report", ReportParams())
    return (data / "report" / "index.html").read_text(encoding="utf-8")


def change_report(folder: Path, **changed: Any) -> None:
    replace(Report.read(folder), **changed).write(folder)


def with_model(data: Path) -> None:
    """What tokenize, train, evaluate and lift leave, with odd texts in it."""
    read = {split: file_hash(data / "release" / f"{split}.parquet", "sha256") for split in SPLITS}
    figures = {"rows": 1, "n_tokens": 9, "loss": 2.0, "perplexity": 7.4, "bits_per_byte": 1.25}
    figures |= {"unigram_bits_per_byte": 2.5, "ngram_bits_per_byte": 2.0, "bits_per_byte_95": [1.2, 1.3]}
    groups = {"overall": figures, "language": {"zh": figures, EVIL: figures}}
    history = [{"step": s, "phase": "finetune", "train_loss": 3.0 - s, "val_loss": 3.5 - s} for s in (1, 2)]
    runs = [{"seed": 0, "curated": 1.2, "raw": 1.4, "difference": -0.2}]
    said = {"prompt": f"你好{EVIL}", "answer": f"您好{EVIL}", "reference": f"你好！{END}", "id": "a" * 32}
    suspect = said | {"kind": "mismatch", "measure": 1.2, "loss": 3.0, "loss_alone": 2.5, "ifd": 1.2, "split": "train"}
    suspect |= {"source": EVIL, "language": "zh", "instruction_type": "math", "n_tokens": 9}
    sentence = f"Curation helps {EVIL}."
    for step, measures in {
        "tokenize": {"vocab_size": 300, "release": read},
        "train": {"parameters": 1_234_567, "history": history},
        "evaluate": {"test": groups, "val": groups, "target_saving_over_unigram": 0.2, "samples": [said],
                     "suspects": [suspect]},
        "lift": {
            "verdict": "better", "sentence": sentence, "difference": -0.2, "interval_95": [-0.3, -0.1], "runs": runs
        },
    }.items():  # fmt: skip
        (data / step).mkdir(exist_ok=True)
        Report(step, 1, 1, counts={"rows": {EVIL: 1}}, measures=measures).write(data / step)


def assert_escaped(page: str) -> None:
    assert EVIL not in page
    assert page.count("<script") == page.count("</script") == 1  # the page's own
    assert page.count(END) == 1
    assert "&lt;script&gt;alert(1)" in page


def test_what_sources_prompts_and_ledgers_hold_is_escaped(page: str) -> None:
    assert_escaped(page)
    assert re.search(r"<del>[^<]*&lt;script&gt;[^<]*</del>|&lt;/title&gt;", page)


def test_names_in_reports_and_what_a_model_says_are_escaped(odd_page: str) -> None:
    assert_escaped(odd_page)
    assert "您好&lt;script&gt;" in odd_page


def test_the_page_loads_nothing(odd_page: str) -> None:
    resource = r"""(?:src|href|action|data)\s*=\s*["']?\s*(?:https?:|//|data:)"""
    assert not re.findall(resource, odd_page, re.IGNORECASE)
    assert not re.findall(r"@import|url\((?!#)|<(?:link|img|iframe|object|embed)\b", odd_page, re.IGNORECASE)
    assert "default-src 'none'" in odd_page


def test_places_linked_to_are_there_and_come_once(odd_page: str) -> None:
    ids = re.findall(r'<(?:section|main|div)[^>]* id="([^"]+)"', odd_page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'<a[^>]* href="#([^"]+)"', odd_page)) <= set(ids)


def test_without_a_model_the_page_ends_before_training(page: str) -> None:
    assert 'id="train"' not in page
    assert "was not measured" in page
    assert "Versions" in page


def test_with_a_model_its_sentence_curve_and_answers_are_shown(odd_page: str) -> None:
    assert "Curation helps" in odd_page.split('id="funnel"')[0]
    assert "train: loss" in odd_page
    assert "1,234,567" in odd_page
    assert "1.250 bits per byte (95 % interval 1.200 to 1.300), a unigram model 2.500: 50.0% fewer" in odd_page
    assert "a trigram model 2.000: 37.5% fewer" in odd_page
    assert "mismatch 1.20" in odd_page


def test_a_model_of_another_release_is_not_shown(data: Path) -> None:
    with_model(data)
    release = Report.read(data / "tokenize").measures["release"]  # the same ids may have other texts
    change_report(data / "tokenize", measures={"release": release | {"val": "0" * 64}})
    page = page_of(data)
    assert "not trained on this release" in page
    assert "Curation helps" not in page


def test_the_same_inputs_give_the_same_bytes_in_any_row_order(data: Path, page: str) -> None:
    for path in sorted(data.rglob("*.parquet")):
        write_parquet(pl.read_parquet(path).reverse(), path)
    assert page_of(data) == page
    assert str(data) not in page


def test_the_numbers_of_the_funnel_are_those_of_the_reports(built: Path, page: str) -> None:
    steps = funnel(built)
    assert [step.step for step in steps][:3] == ["ingest", "clean", "dedup"]
    assert steps[0].rows_in == sum(map(len, ROWS.values()))
    assert all(map(is_balanced, steps))
    for step in steps:
        line = re.search(rf'<tr><td><a href="#step-{step.step}">.*?</tr>', page)
        assert line
        shown = [int(n) for n in re.findall(r">(\d+)</td>", line[0])]
        assert shown == [step.rows_in, *gone_and_made(step).values(), step.rows_out]


def test_a_row_that_is_missing_is_told_in_the_verdict(data: Path) -> None:
    change_report(data / "score", rows_out=1)
    page = page_of(data)
    assert "came or went without a ledger line in score" in page
    assert 'class="verdict fails"' in page


def test_a_gate_that_is_not_there_is_told_in_the_verdict(data: Path) -> None:
    (data / "validate" / "clean" / "tea_zh.json").unlink()
    assert "clean tea_zh is missing" in page_of(data)


def test_the_overlap_of_sources_has_a_cell_for_every_two() -> None:
    found = [{"source": "zh", "other": "en", "level": "near", "rows": 2}]
    matrix = overlap_matrix(found, ["en", "zh"])
    assert matrix == {"en": {"en": {}, "zh": {}}, "zh": {"en": {"near": 2}, "zh": {}}}


def test_rows_that_sources_share_are_on_the_page_by_level(built: Path, page: str) -> None:
    overlap = Report.read(built / "dedup").measures["overlap"]
    shared = [line for line in overlap if line["source"] != line["other"]]
    assert shared
    for line in shared:
        assert f'<span class="small">{line["rows"]} {line["level"]}</span>' in page


def test_a_sample_shows_what_was_before_and_after(page: str) -> None:
    assert "<del>⟨U+200B⟩</del>说明楼号和楼层" in page
    assert "<del>··</del>" in page  # the spaces at the end of the question


def test_near_duplicates_show_where_they_differ(page: str) -> None:
    assert re.search(r"怎样泡绿茶<(?:ins|del)>呢</(?:ins|del)>？", page)


def test_what_was_redacted_is_not_on_the_page(page: str) -> None:
    assert "li.lei@example.com" not in page
    assert "&lt;EMAIL_1&gt;" in page


def test_a_step_without_ledger_lines_says_so(page: str) -> None:
    assert "The ledger is empty" in page.split('id="step-score"')[1].split('id="step-split"')[0]


def test_no_samples_where_none_are_wanted(data: Path) -> None:
    report(data, data / "report", ReportParams(n_samples=0))
    assert TEA not in (data / "report" / "index.html").read_text(encoding="utf-8")


def test_the_report_of_the_report_has_the_verdict(built: Path, page: str) -> None:
    measures = read_json(built / "report" / "report.json")["measures"]
    assert measures["rows_read"] == sum(map(len, ROWS.values()))
    assert measures["checks"]["gates"] is True
    assert measures["checks"]["lift"] is None
    assert f">{measures['verdict']}</p>" in page


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("我喜欢绿茶。", "我喜欢红茶。", [("same", "我喜欢"), ("del", "绿"), ("ins", "红"), ("same", "茶。")]),
        ("I like tea", "I like mate", [("same", "I like "), ("del", "tea"), ("ins", "mate")]),
        ("tail  ", "tail", [("same", "tail"), ("del", "··")]),
        (None, "新", [("ins", "新")]),
        ("old", None, [("del", "old")]),
        (None, None, []),
    ],
)
def test_changes_are_by_han_character_and_by_word(before: str | None, after: str | None, expected: list[Any]) -> None:
    assert [tuple(run) for run in changes(before, after)] == expected


def test_long_equal_text_is_cut_in_its_middle() -> None:
    same = "很长的文本" * 100
    assert [run.kind for run in changes(same + "甲", same + "乙")] == ["same", "gap", "same", "del", "ins"]


def test_samples_take_turns_over_reasons() -> None:
    rows = pl.DataFrame({"id": ["3", "1", "2", "4"], "reason": ["常见", "常见", "常见", "rare"]})
    assert spread(rows, 2, "reason")["id"].to_list() == ["4", "1"]


def test_measures_of_any_shape_become_tables() -> None:
    measures = {"rows": 3, "names": ["甲", "b"], "by": {"zh": {"n": 1}, "en": {"n": 2}}, "list": [{"x": 1}, {"y": [2]}]}
    assert tables(measures) == [
        Table("", ["measure", "value"], [["names", ["甲", "b"]], ["rows", 3]]),
        Table("by", ["", "n"], [["zh", 1], ["en", 2]]),
        Table("list", ["x", "y"], [[1, None], [None, "2"]]),
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567, "1,234,567"),
        (0.123456, "0.1235"),
        (3.17, "3.170"),
        (1.0, "1"),
        (1234.5, "1,234"),
        (None, "–"),
        (True, "yes"),
        (["甲", 1], "甲, 1"),
    ],
)
def test_values_are_shown_as_people_read_them(value: Any, shown: str) -> None:
    assert cell(value) == shown
