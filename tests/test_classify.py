"""Classify: people first, then sources, then rules in both languages."""

from pathlib import Path

import polars as pl
import pytest

from tasks.classify import classify, classify_examples
from tasks.core.files import read_examples, write_examples, write_parquet
from tasks.core.params import INSTRUCTION_TYPES, ClassifyParams
from tasks.core.schema import examples_frame
from tasks.core.shards import in_process, in_processes
from tasks.core.type_rules import rule_types, rules
from tasks.import_annotations import LABELS

NO_LABELS = pl.DataFrame(schema=LABELS)


def asked(*prompts: str, **columns: str) -> pl.DataFrame:
    return examples_frame(
        [
            {"id": f"{i:032x}", "language": "zh", **columns, "messages": [said("user", p), said("assistant", "好的。")]}
            for i, p in enumerate(prompts)
        ]
    )


@pytest.mark.parametrize(("turns", "left"), [(2, '{"loss_weights":[0,1],"n":1}'), (4, '{"n":1}')])
def test_loss_weights_that_do_not_fit_an_edit_any_more_go(turns: int, left: str) -> None:
    edit = [said("user", "问 q"), said("assistant", "答 a")] * (turns // 2)
    labels = pl.DataFrame([("0" * 32, None, edit, None, 1, "f")], schema=LABELS, orient="row")
    rows = asked("你好", "hi", meta='{"loss_weights":[0,1],"n":1}')
    outcome, _ = classify_examples(rows, labels, ClassifyParams())
    assert outcome.examples["meta"].to_list() == [left, '{"loss_weights":[0,1],"n":1}']


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Write a Python function that reverses a list", "code_generation"),
        ("用 Python 写一个函数，反转列表", "code_generation"),
        ("Translate into Chinese: good morning", "translation"),
        ("把“早上好”翻译成英文", "translation"),
        ("Summarize the paragraph below in one sentence.", "summarization"),
        ("用一句话概括下面这段话的大意", "summarization"),
        ("Extract all the dates mentioned in the text below", "extraction"),
        ("从下面的文字里找出所有人名", "extraction"),
        ("Is the sentiment of this review positive or negative?", "classification"),
        ("判断下面的评论是正面还是负面", "classification"),
        ("Rewrite this sentence in a more formal tone", "rewriting"),
        ("把这句话改写得更委婉一些", "rewriting"),
        ("Solve the equation 3x + 5 = 20", "math"),
        ("小明有12个苹果，吃了3个，还剩多少个？", "math"),
        ("If all cats are animals, what conclusion can be drawn? Use logic.", "reasoning"),
        ("甲乙丙三人中只有一人说真话，请推理谁在说谎", "reasoning"),
        ("Brainstorm five names for a bakery", "brainstorming"),
        ("给新开的奶茶店想五个名字，要有创意", "brainstorming"),
        ("Write a slogan for our new running shoes", "copywriting"),
        ("给这款保温杯写一段小红书文案", "copywriting"),
        ("Pretend you are a pirate captain and greet me", "role_play"),
        ("请你扮演诸葛亮，跟我聊聊北伐", "role_play"),
        ("I want a refund for my order, the parcel never arrived", "customer_service"),
        ("你们家的快递三天没动了，我要退款", "customer_service"),
        ("What is the capital of France?", "knowledge_qa"),
        ("什么是光合作用？", "knowledge_qa"),
        ("hello", "dialogue"),
        ("你好呀", "dialogue"),
        ("Compose a haiku", "other"),
        ("来一段俳句", "other"),
    ],
)
def test_rules_know_how_people_ask_in_both_languages(prompt: str, expected: str) -> None:
    assert rule_types(asked(prompt))["rule_type"].to_list() == [expected]


@pytest.mark.parametrize("prompt", ["What is the weather in Oslo?", "北京明天天气怎么样？"])
def test_given_functions_make_tool_use(prompt: str) -> None:
    assert rule_types(asked(prompt, tools="[{}]"))["rule_type"].to_list() == ["tool_use"]


def test_every_rule_names_a_known_type_and_every_type_but_other_has_rules_in_both_languages() -> None:
    assert {rule.type for rule in rules()} == set(INSTRUCTION_TYPES) - {"other"}


def test_two_readings_of_a_request_are_less_sure_than_one() -> None:
    one, two = rule_types(asked("翻译这句话", "翻译这句话，并概括大意"))["rule_confidence"].to_list()
    assert 0 < two < one < 1


@pytest.mark.parametrize("prompt", ["Translate this", "翻译这句话"])
def test_a_person_wins_over_the_source_and_the_source_over_rules(prompt: str) -> None:
    examples = asked(prompt, prompt, prompt).with_columns(
        instruction_type=pl.Series([None, "math", "math"]),
        type_confidence=pl.Series([None, 0.9, 0.9], dtype=pl.Float32),
    )
    label = {"id": f"{2:032x}", "instruction_type": "rewriting", "n_votes": 1, "n_annotators": 1, "files": "a.jsonl"}
    labels = pl.DataFrame([label], schema=LABELS)
    outcome, said_by_rules = classify_examples(examples, labels, ClassifyParams())
    assert outcome.examples["instruction_type"].to_list() == ["translation", "math", "rewriting"]
    assert outcome.examples["type_confidence"].to_list()[1:] == pytest.approx([0.9, 1.0])
    assert outcome.ledger.select("id", "action", "reason", "before", "after").rows() == [
        (f"{2:032x}", "edit", "person_label", "math", "rewriting")
    ]
    assert said_by_rules["given"].to_list() == [None, "math", "rewriting"]


def test_a_persons_edit_replaces_the_conversation_with_a_ledger_line() -> None:
    edit = [said("user", "一加一等于几？"), said("assistant", "二。")]
    labels = pl.DataFrame([{"id": f"{0:032x}", "messages": edit, "files": "a.jsonl"}], schema=LABELS)
    outcome, _ = classify_examples(asked("一加一等于几？"), labels, ClassifyParams())
    assert outcome.examples["messages"].to_list() == [edit]
    assert outcome.ledger.select("action", "reason", "before", "after").rows() == [
        ("edit", "person_edit", "一加一等于几？\n好的。", "一加一等于几？\n二。")
    ]


def test_below_min_confidence_the_type_is_other() -> None:
    outcome, _ = classify_examples(asked("翻译这句话"), NO_LABELS, ClassifyParams(min_confidence=0.99))
    assert outcome.examples["instruction_type"].to_list() == ["other"]


def test_workers_change_no_byte(tmp_path: Path) -> None:
    prompts = ["Translate this", "翻译这句话", "什么是光合作用？", "Compute 3 + 4"]
    write_examples(asked(*prompts), tmp_path / "in" / "examples", rows_per_shard=2)
    write_parquet(NO_LABELS, tmp_path / "labels" / "labels.parquet")
    for name, run_shards in (("one", in_process), ("many", in_processes)):
        classify(tmp_path / "in", tmp_path / "labels", tmp_path / name, ClassifyParams(), run_shards)
    files = [sorted(p for p in (tmp_path / name).rglob("*") if p.is_file()) for name in ("one", "many")]
    assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]]
    assert read_examples(tmp_path / "one")["instruction_type"].null_count() == 0
