"""Score: every signal is between 0 and 1, and a short right answer is not a bad one."""

from pathlib import Path

import polars as pl
import pytest

from tasks.core.files import read_examples, write_examples
from tasks.core.params import ScoreParams
from tasks.core.schema import examples_frame
from tasks.core.shards import in_process, in_processes
from tasks.score import SIGNALS, parses, score, score_examples, signals

LOOP_EN = "the cat sat on the mat " * 12
LOOP_ZH = "今天天气很好。" * 12


def answered(*pairs: tuple[str, str], type: str = "knowledge_qa") -> pl.DataFrame:
    return examples_frame(
        [
            {
                "id": f"{i:032x}",
                "instruction_type": type,
                "messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}],
            }
            for i, (q, a) in enumerate(pairs)
        ]
    )


def signal(name: str, prompt: str, answer: str, type: str = "knowledge_qa") -> float:
    return float(signals(answered((prompt, answer), type=type))[name][0])


@pytest.mark.parametrize("pair", [("法国首都是哪里？", "巴黎"), ("Capital of France?", "Paris"), ("2+2=?", "4")])
def test_a_short_right_answer_has_full_marks(pair: tuple[str, str]) -> None:
    assert signals(answered(pair))["score"].to_list() == [1.0]


@pytest.mark.parametrize("answer", [LOOP_EN, LOOP_ZH])
def test_repetition_lowers_distinct(answer: str) -> None:
    assert signal("distinct", "q?", answer) < 0.5


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("The first reason is that the water is cold, and the second reason is that the", 0),
        ("The first reason is that the water is cold, and the second is that it is deep.", 1),
        ("第一个原因是水太冷了，第二个原因是水很深，第三个原因是那里没有救生员值守，", 0),
        ("第一个原因是水太冷了，第二个原因是水很深，第三个原因是那里没有救生员值守。", 1),
        ("Steps you can follow at home without any special tools at all:\n1. Boil water\n2. Add the tea", 1),
    ],
)
def test_an_answer_that_breaks_off_is_not_complete(answer: str, expected: int) -> None:
    assert signal("complete", "why?", answer) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The quick brown fox jumps over the lazy dog while nine wizards make toxic brew for the evil queen and jack "
        "and his friends all run home again.",
        "快乐的小狐狸跳过了懒惰的大黄狗，然后和它的朋友们一起在森林边上的小河里抓鱼吃。",
    ],
)
def test_an_answer_that_only_says_the_prompt_again_has_no_own_words(text: str) -> None:
    assert signal("own_words", text, text) == 0
    assert signal("own_words", text, text, type="rewriting") == 1


@pytest.mark.parametrize(("prompt", "answer"), [("What is tea?", "茶是一种饮料。"), ("什么是茶？", "Tea is a drink.")])
def test_an_answer_in_another_language_is_seen_unless_a_translation_was_asked_for(prompt: str, answer: str) -> None:
    assert signal("same_language", prompt, answer) == 0
    assert signal("same_language", prompt, answer, type="translation") == 1


@pytest.mark.parametrize("language", ["English", "中文"])
def test_python_that_does_not_parse_is_seen(language: str) -> None:
    good, bad = "```python\nx = 1\n```", "```python\nx = = 1\n```"
    assert signal("code_parses", language, good) == 1
    assert signal("code_parses", language, good + "\n" + bad) == 0.5


def test_code_at_the_prompt_is_read_without_its_results() -> None:
    assert parses(">>> 1 + 1\n2\n")
    assert not parses("def f(:\n  pass")


def test_signals_are_between_0_and_1_for_odd_texts() -> None:
    odd = ["", " ", "？？？", "\n\n", "🙂" * 100, "a" * 10_000, "1\t2", "\u200b", "```python\n", "القط", "ー" * 30]
    table = signals(answered(*[(a, b) for a in odd for b in odd]))
    for name in (*SIGNALS, "score"):
        values = table[name].drop_nulls()
        assert values.is_between(0, 1).all(), name
        assert not values.is_nan().any(), name


def test_rows_below_min_score_are_dropped_with_their_measure() -> None:
    examples = answered(("法国首都是哪里？", "巴黎"), ("why?", LOOP_EN))
    outcome, scores = score_examples(examples, ScoreParams(min_score=0.95))
    assert outcome.examples["id"].to_list() == [f"{0:032x}"]
    (line,) = outcome.ledger.to_dicts()
    assert (line["id"], line["action"], line["reason"]) == (f"{1:032x}", "drop", "low_score")
    assert line["measure"] < line["threshold"] == 0.95
    assert len(scores) == 2


def test_workers_change_no_byte(tmp_path: Path) -> None:
    rows = answered(("什么？", "甲。"), ("what?", LOOP_EN), ("哪里？", LOOP_ZH))
    write_examples(rows, tmp_path / "in" / "examples", rows_per_shard=1)
    for name, run_shards in (("one", in_process), ("many", in_processes)):
        score(tmp_path / "in", tmp_path / name, ScoreParams(min_score=0.5), run_shards)
    files = [sorted(p for p in (tmp_path / name).rglob("*") if p.is_file()) for name in ("one", "many")]
    assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]]
    assert len(read_examples(tmp_path / "one")) == 3
