"""Formats: what each is read into, and that what is written reads as the same conversation."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.params import Source
from tasks.core.schema import ROLES, canonical
from tasks.formats import alpaca, chatterbot, messages, preference, prompt_completion, qa, sharegpt, text, turns
from tasks.formats.conversation import REASONS, Conversation, RecordError, tidy
from tasks.formats.forms import FORMS
from tasks.formats.read import Record, records
from tasks.formats.rows import Row, benchmark_items, rows
from tasks.formats.tool_calls import split_calls, tools_of, with_calls

FILES = Path(__file__).parent / "data" / "formats"
SETTINGS = {
    "table.tsv": {"columns": {"en": 0, "output": 1}, "template": "Translate into Chinese: {en}"},
    "doccano.jsonl": {"columns": {"output": "label"}},
    "prodigy.jsonl": {"columns": {"output": "label"}},
    "lighttag.json": {"columns": {"output": "reply"}},
    "labelled.csv": {"columns": {"output": "category"}, "template": "What does the customer want? {text}"},
}


def read_file(name, **more):
    plan, stream = rows(FILES / name, Source(**SETTINGS.get(name, {}), **more), name)
    return plan.name, [c for row in stream if isinstance(row, Row) for c in row.conversations]


def last_pair(conversation):
    return tuple(m["content"] for m in tidy(conversation)[0].messages[-2:])


@pytest.mark.parametrize(
    ("name", "form", "pairs"),
    [
        ("alpaca.json", "alpaca", [
            ("Name the capital of the country below.\nFrance", "Paris."),
            ("把下面的句子改成被动句。\n小猫打翻了花瓶。", "花瓶被小猫打翻了。")]),
        ("sharegpt.json", "sharegpt", [('{"rain": true}', "Yes, it is."), ("有什么习俗？", "吃粽子、赛龙舟。")]),
        ("messages.jsonl", "messages", [
            ("What is 17 times 3?", "<think>\n17 + 17 + 17\n</think>\n\n51"), ("杭州转运中心", "已到杭州转运中心。")]),
        ("prompt_completion.jsonl", "prompt_completion",
            [("The opposite of hot is", "cold"), ("“高兴”的反义词是", "难过")]),
        ("qa.jsonl", "qa", [("Who wrote Hamlet?", "William Shakespeare."), ("《红楼梦》的作者是谁？", "曹雪芹。")]),
        ("table.csv", "prompt_completion", [
            ('Say "hi", then\nstop.', "hi"), ("请用一句话介绍杭州。", "杭州是浙江省的省会，以西湖闻名。")]),
        ("table.tsv", "alpaca", [
            ("Translate into Chinese: Good morning.", "早上好。"),
            ('Translate into Chinese: She said "yes".', "她说“好”。")]),
        ("chatterbot.yml", "chatterbot", [("Are you there?", "Yes"), ("你好", "你好，很高兴见到你")]),
        ("humaneval.jsonl", "humaneval", [
            ('def double(x):\n    """Twice x."""\n', "    return 2 * x\n"),
            ('def 平方(x):\n    """x 的平方。"""\n', "    return x * x\n")]),
        ("seed_tasks.jsonl", "seed_tasks", [
            ("Give an antonym.\nbig", "small"), ("Give an antonym.\nearly", "late"),
            ("写出下一句。\n床前明月光", "疑是地上霜")]),
        ("preference.json", "preference", [("Name a prime number.", "7"), ("说一个偶数。", "四")]),
        ("kto.jsonl", "preference", [("Name a colour.", "Blue.")]),  # the Chinese answer is labelled as not wanted
        ("doccano.jsonl", "doccano", [
            ("The parcel is late again.", "complaint, delivery"), ("客服态度很好。", "praise")]),
        ("prodigy.jsonl", "prodigy", [("I want my money back.", "refund"), ("请帮我开发票。", "invoice")]),
        ("lighttag.json", "lighttag", [("Where is Anna?", "At home."), ("李雷在哪儿？", "在学校。")]),
        ("dialog_sgd.json", "dialog_sgd", [('[{"balance": "12"}]', "It is 12 dollars."), ("我想转账。", "转多少？")]),
        ("dialog_crosswoz.json", "dialog_crosswoz", [("谢谢！", "不客气。"), ("Hello", "你好。")]),
        ("turns.jsonl", "turns", [("Now in one line.", "Snow on the gate."), ("3 加 4 等于多少？", "7")]),
        ("multiple_choice.csv", "multiple_choice", [
            ("Which is a fruit?\nA. stone\nB. apple\nC. chair\nD. cloud", "B. apple"),
            ("下列哪种是哺乳动物？\nA. 鲨鱼\nB. 企鹅\nC. 蝙蝠\nD. 乌龟", "C. 蝙蝠")]),
        ("xtuner.json", "xtuner", [("And second?", "K2."), ("最长的河？", "尼罗河。")]),
        ("text.txt", "text", [("What is ice?", "Frozen water."), ("什么是雪？", "冰晶聚成的降水。")]),
        ("transcripts.jsonl", "text", [
            ("What is ice?", "Frozen water."), ("什么是雪？", "冰晶聚成的降水。"), ("Translate.\n雨", "rain")]),
        ("hh.jsonl", "preference", [("Name a prime number.", "7"), ("说一个偶数。", "四")]),
        ("statements.jsonl", "turns", [("What is hail?", "Balls of ice."), ("什么是雾？", "贴近地面的云。")]),
        ("dialogue.jsonl", "messages", [("Is it open today?", "Until six."), ("几点关门？", "六点。")]),
        ("labelled.csv", "alpaca", [
            ("What does the customer want? Where is my card?", "card_arrival"),
            ("What does the customer want? 卡丢了怎么办？", "lost_card")]),
    ],
)  # fmt: skip
def test_every_format_is_recognised_and_read(name, form, pairs):
    found, conversations = read_file(name)
    assert (found, [last_pair(c) for c in conversations]) == (form, pairs)


def test_every_format_has_a_tiny_file():
    assert set(FORMS) <= {read_file(file.name)[0] for file in FILES.iterdir()}


@pytest.mark.parametrize("name", sorted(file.name for file in FILES.iterdir()))
def test_a_format_that_is_named_reads_as_the_sniffed_one(name):
    found, conversations = read_file(name)
    assert read_file(name, format=found) == (found, conversations)


@pytest.mark.parametrize(
    ("name", "meta"),
    [
        ("alpaca.json", [{"id": 7}, {"score": 0.5}]),
        ("table.csv", [{"topic": "chat"}, {"topic": "城市"}]),
        ("table.tsv", [{"2": "CC-BY 2.0"}] * 2),
        ("preference.json", [{"rejected": {"from": "gpt", "value": v}} for v in ("8", "五")]),
        ("doccano.jsonl", [{"id": 1, "labels": ["complaint", "delivery"]}, {"id": 2, "labels": ["praise"]}]),
        ("messages.jsonl", [
            {"loss_weights": [0.0, 1.0]},
            {"turns": {"2": {"tool_call_ids": ["a1"]}, "3": {"tool_call_id": "a1"}}}]),
        ("dialogue.jsonl", [{"turns": {"1": {"mood": "calm"}}}, {}]),
        ("statements.jsonl", [{"source": "stackexchange"}, {"source": "wikihow"}]),
        ("labelled.csv", [{}, {}]),
    ],
)  # fmt: skip
def test_everything_else_that_a_record_carries_is_in_meta(name, meta):
    assert [c.meta for c in read_file(name)[1]] == meta


def in_place_of(value, path, other):
    """`value` with `other` at the place that `path` leads to."""
    if not path or not isinstance(value, dict | list) or not value:
        return other
    step = path[0] % len(value)
    if isinstance(value, list):
        return [in_place_of(item, path[1:], other) if i == step else item for i, item in enumerate(value)]
    return {k: in_place_of(v, path[1:], other) if i == step else v for i, (k, v) in enumerate(value.items())}


RECORDS = [
    (form, record.fields)
    for file in sorted(FILES.iterdir())
    for form in [read_file(file.name)[0]]
    for record in records(file, Source())
    if isinstance(record, Record)
]


@settings(max_examples=20000, deadline=None)
@given(
    st.sampled_from(RECORDS),
    st.lists(st.integers(0, 9), max_size=6),
    st.sampled_from([None, True, 0, 1.5, "", "文字", [], [1], [[]], ["a"], {}, {"a": 1}, [None], [{}], [[{}, {}]]]),
)
def test_a_value_of_the_wrong_type_is_read_or_refused_but_never_breaks_a_format(form_and_record, path, other):
    form, record = form_and_record
    damaged = in_place_of(record, path, other)
    try:
        for conversation in FORMS[form].read(damaged if isinstance(damaged, dict) else {}):
            tidied, _ = tidy(conversation)
            assert all(isinstance(m["content"], str) and m["role"] in ROLES for m in tidied.messages)
            assert tidied.tools is None or isinstance(tidied.tools, str)
            canonical(tidied.meta)
    except RecordError as error:
        assert error.reason in REASONS  # noqa: PT017


@settings(max_examples=2000)
@given(
    st.sampled_from(RECORDS),
    st.lists(st.integers(0, 9), max_size=6),
    st.sampled_from([None, True, 0, "文字", [], [1], [True], [[]], ["a"], {}, {"a": []}, [None], [{}], [{"role": []}]]),
)
def test_a_damaged_record_never_breaks_the_sniffing_of_formats(form_and_record, path, other):
    damaged = in_place_of(form_and_record[1], path, other)
    assert {form.is_row(damaged if isinstance(damaged, dict) else {}) for form in FORMS.values()} <= {True, False}


# Round trips. Text of both scripts with what could confuse a writer: tags, quotes, line breaks, JSON.
WORDS = st.sampled_from(
    ["Hello", "你好", "<tool_call>", "</tool_call>", '"', "\n", "{}", "Human:", "\\", "😀", "\u2028"]
)
TEXT = st.lists(WORDS | st.text(max_size=5), min_size=1, max_size=6).map("".join).filter(str.strip)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=3,
)
CALL = st.fixed_dictionaries({"name": TEXT, "arguments": st.dictionaries(TEXT, JSON_VALUES, max_size=3)})
TOOLS = st.lists(st.fixed_dictionaries({"name": TEXT, "parameters": JSON_VALUES}), min_size=1, max_size=2)


@st.composite
def conversations(draw, with_tools):
    turns = [{"role": "system", "content": draw(TEXT)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        turns.append({"role": "user", "content": draw(TEXT)})
        if with_tools and draw(st.booleans()):
            calls = draw(st.lists(CALL, min_size=1, max_size=2))
            said = draw(st.just("") | TEXT.map(str.strip).filter(bool))
            turns.append({"role": "assistant", "content": with_calls(said, calls)})
            turns += [{"role": "tool", "content": draw(TEXT)} for _ in calls]
        turns.append({"role": "assistant", "content": draw(TEXT)})
    tools = canonical(draw(TOOLS)) if with_tools and draw(st.booleans()) else None
    return {"messages": turns, "tools": tools, "meta": "{}"}


def same(form, example):
    """The example through JSON, as a release writes it, and back."""
    written = json.loads(json.dumps(form.write(example)))
    (conversation,) = form.read(written)
    return {"messages": conversation.messages, "tools": conversation.tools, "meta": canonical(conversation.meta)}


@settings(max_examples=60, deadline=None)
@given(conversations(with_tools=True))
def test_messages_read_as_they_were_written(example):
    assert same(messages, example) == example


@settings(max_examples=60, deadline=None)
@given(conversations(with_tools=True))
def test_sharegpt_reads_as_it_was_written(example):
    assert same(sharegpt, example) == example


@settings(max_examples=60, deadline=None)
@given(conversations(with_tools=False))
def test_alpaca_reads_as_it_was_written(example):
    assert same(alpaca, example) == example


def example_of(*turns, tools=None):
    roles = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    return {"messages": [{"role": roles[r], "content": c} for r, c in turns], "tools": tools, "meta": "{}"}


CALLED = with_calls("", [{"name": "f", "arguments": {"城市": "Oslo"}}])


@pytest.mark.parametrize(
    "example",
    [
        example_of(("u", "天气？"), ("a", CALLED), ("t", "雨"), ("a", "下雨。")),
        example_of(("u", "hi"), ("a", "hello"), tools='[{"name":"f"}]'),
        example_of(("u", "hi"), ("a", "hello"), ("s", "now in Chinese"), ("u", "再来"), ("a", "你好")),
    ],
    ids=["tool turns", "tools", "a system turn inside"],
)
def test_alpaca_has_no_row_for_what_it_cannot_hold(example):
    assert alpaca.write(example) is None


def test_sharegpt_is_written_as_llama_factory_reads_it():
    written = sharegpt.write(
        example_of(("s", "简短"), ("u", "天气？"), ("a", CALLED), ("t", "雨"), ("a", "下雨。"), tools='[{"name":"f"}]')
    )
    assert written == {
        "conversations": [
            {"from": "system", "value": "简短"},
            {"from": "human", "value": "天气？"},
            {"from": "function_call", "value": '{"name": "f", "arguments": {"城市": "Oslo"}}'},
            {"from": "observation", "value": "雨"},
            {"from": "gpt", "value": "下雨。"},
        ],
        "tools": '[{"name":"f"}]',
    }


def test_sharegpt_has_no_row_for_turns_that_llama_factory_would_skip():
    example = example_of(("u", "hi"), ("a", "hello"), ("s", "现在用中文"), ("u", "再来"), ("a", "你好"))
    assert sharegpt.write(example) is None


def test_messages_are_written_with_tool_calls_in_openai_form():
    example = example_of(
        ("u", "天气？"), ("a", "我看看\n" + CALLED), ("t", "雨"), ("a", "下雨。"), tools='[{"name":"f"}]'
    )
    written = messages.write({**example, "meta": '{"loss_weights":[null,0.0,null,1.0]}'})
    assert written["messages"][1:] == [
        {
            "role": "assistant",
            "content": "我看看",
            "tool_calls": [{
                "id": "call_0", "type": "function", "function": {"name": "f", "arguments": '{"城市": "Oslo"}'}
            }],
            "weight": 0.0,
        },
        {"role": "tool", "content": "雨", "tool_call_id": "call_0"},
        {"role": "assistant", "content": "下雨。", "weight": 1.0},
    ]  # fmt: skip
    assert written["tools"] == [{"type": "function", "function": {"name": "f"}}]


@pytest.mark.parametrize("content", ["<tool_call>no json</tool_call>", f"{CALLED}\n之后的话", "<tool_call>"])
def test_content_that_only_looks_like_a_call_stays_text(content):
    assert split_calls(content) == (content, [])


@pytest.mark.parametrize(
    ("given_tools", "kept"),
    [
        ("", None),
        ([], None),
        ('[{"name": "f"}]', '[{"name":"f"}]'),
        ([{"type": "function", "function": {"name": "查询"}}], '[{"name":"查询"}]'),
        ([{"type": "function", "function": {"name": "f"}, "required": []}],
            '[{"function":{"name":"f"},"required":[],"type":"function"}]'),
    ],
)  # fmt: skip
def test_tools_become_one_canonical_list(given_tools, kept):
    assert tools_of(given_tools) == kept


@pytest.mark.parametrize("wrong", ["[{", "5", [5], 5])
def test_tools_that_are_no_definitions_are_refused(wrong):
    with pytest.raises(RecordError) as error:
        tools_of(wrong)
    assert error.value.reason == "bad_tools"


# Rules for turns.
@pytest.mark.parametrize(
    ("roles", "kept", "changes"),
    [
        ("u a", "u a", []),
        ("s u a u a", "s u a u a", []),
        ("u a t a", "u a t a", []),
        ("u t t a", "u t t a", []),  # results of parallel calls stay apart
        ("a u a", "u a", ["leading_turns_cut"]),
        ("u a u", "u a", ["trailing_turns_cut"]),
        ("u u a a", "u a", ["turns_joined"]),
        ("s a u u a u", "s u a", ["leading_turns_cut", "trailing_turns_cut", "turns_joined"]),
    ],
)
def test_turns_are_brought_into_order(roles, kept, changes):
    turns = example_of(*((role, f"第{i} turn") for i, role in enumerate(roles.split())))["messages"]
    tidied, found = tidy(Conversation(turns, None, {}))
    assert (" ".join(m["role"][0] for m in tidied.messages), found) == (kept, changes)
    texts = json.dumps([tidied.messages, tidied.meta], ensure_ascii=False)
    assert all(turn["content"] in texts for turn in turns)  # what is cut is in meta


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ([("u", "写一首诗")], "no_answer"),
        ([("s", "Be kind."), ("u", "Hello")], "no_answer"),
        ([("a", "Hello"), ("u", "你好")], "no_answer"),
        ([("a", "Hello")], "no_prompt"),
        ([("u", " \n"), ("a", "Hello")], "no_prompt"),
        ([("u", ""), ("a", "你好"), ("u", "later")], "no_prompt"),
    ],
)
def test_a_conversation_without_prompt_or_answer_is_refused(turns, reason):
    with pytest.raises(RecordError) as error:
        tidy(Conversation(example_of(*turns)["messages"], None, {}))
    assert error.value.reason == reason


def test_an_empty_answer_is_an_answer_and_left_to_clean():
    (conversation,) = alpaca.read({"instruction": "写一首诗", "input": "", "output": ""})
    assert tidy(conversation)[0].messages[-1] == {"role": "assistant", "content": ""}


def test_joined_turns_keep_the_smaller_loss_weight():
    turns = example_of(("u", "一"), ("a", "two"), ("a", "三"))["messages"]
    tidied, _ = tidy(Conversation(turns, None, {"loss_weights": [None, 1.0, 0.0]}))
    assert (tidied.messages[-1]["content"], tidied.meta["loss_weights"]) == ("two\n三", [None, 0.0])


# Particular formats.
def test_response_stands_for_output_and_goes_to_meta_where_there_are_both():
    (only,) = alpaca.read({"instruction": "问", "response": "答"})
    (both,) = alpaca.read({"instruction": "Ask", "output": "one", "response": "two"})
    assert (only.messages[-1]["content"], both.messages[-1]["content"], both.meta) == ("答", "one", {"response": "two"})


def test_an_unknown_role_or_a_picture_is_refused():
    for record, reason in [
        ({"messages": [{"role": "narrator", "content": "从前"}]}, "unknown_role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]}, "unsupported_content"),
    ]:
        with pytest.raises(RecordError) as error:
            messages.read(record)
        assert error.value.reason == reason


def test_sharegpt_keeps_the_results_of_parallel_calls_apart():
    example = example_of(("u", "两地天气？"), ("a", CALLED), ("t", "rain"), ("t", "晴"), ("a", "Oslo 有雨。"))
    assert len(sharegpt.write(example)["conversations"]) == 4  # alternates, as LLaMA-Factory demands
    assert same(sharegpt, example) == example


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "说一个偶数", "chosen": "四", "rejected": "五"},
        {"instruction": "说一个偶数", "input": "", "chosen": "四", "rejected": "五"},
        {"question": "说一个偶数", "chosen": "四", "rejected": "五"},
        {"prompt": [{"role": "user", "content": "说一个偶数"}], "chosen": [{"role": "assistant", "content": "四"}],
            "rejected": [{"role": "assistant", "content": "五"}]},
        {"prompt": "说一个偶数", "chosen": [{"role": "user", "content": "说一个偶数"},
            {"role": "assistant", "content": "四"}], "rejected": []},
        {"conversations": [{"from": "human", "value": "说一个偶数"}], "chosen": "四", "rejected": "五"},
        {"chosen": "\n\nHuman: 说一个偶数\n\nAssistant: 四", "rejected": "\n\nHuman: 说一个偶数\n\nAssistant: 五"},
        {"prompt": "\n\nHuman: 说一个偶数\n\nAssistant:", "chosen": "四", "rejected": "五"},
        {"query": "说一个偶数", "response": "two", "chosen": "四", "rejected": "五"},
    ],
)  # fmt: skip
def test_the_chosen_answer_is_the_answer_in_every_kind_of_preference_pair(record):
    (conversation,) = preference.read(record)
    assert last_pair(conversation) == ("说一个偶数", "四")
    assert "rejected" in conversation.meta


@pytest.mark.parametrize(
    ("written", "roles", "texts"),
    [
        ("\n\nHuman: Hi: there\n\nAssistant: Hello\nHuman: 引文\n\nHuman: 再见\n\nAssistant: 再会",
            "u a u a", ["Hi: there", "Hello\nHuman: 引文", "再见", "再会"]),
        ("Human: Hi\n\nAssistant: 你好\n\nHuman: ok\n\nAssistant:", "u a u", ["Hi", "你好", "ok"]),
        ("User: 写函数\nAssistant:\n    return x", "u a", ["写函数", "    return x"]),
        ("<user>: What is ice? <bot>: 冻住的水 <user>：谢谢 <bot>：OK", "u a u a",
            ["What is ice?", "冻住的水", "谢谢", "OK"]),
        ("系统：简短\n用户：你好\n助手：Hello", "s u a", ["简短", "你好", "Hello"]),
        ("用户：设置邮箱\nBot: Sure", "u a", ["设置邮箱", "Sure"]),
        ("问题：谁写了《呐喊》？\n答案：Lu Xun", "u a", ["谁写了《呐喊》？", "Lu Xun"]),
        ("Below is an instruction that describes a task.\n\n### Instruction:\nTranslate\n\n### Input:\n你好\n\n"
            "### Response:\nHello", "s u a",
            ["Below is an instruction that describes a task.", "Translate\n你好", "Hello"]),
        ("### Human: Hi### Assistant: 你好", "u a", ["Hi", "你好"]),
        ("<s>[INST] <<SYS>>\n简短\n<</SYS>>\n\nHi [/INST] 你好 </s><s>[INST] Bye [/INST] 再见 </s>", "s u a u a",
            ["简短", "Hi", "你好", "Bye", "再见"]),
        ("<|im_start|>system\n简短<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n你好<|im_end|>",
            "s u a", ["简短", "Hi", "你好"]),
        ("<|Human|>: 你好<eoh> <|MOSS|>: Hello<eoa>", "u a", ["你好", "Hello"]),
        ("[Human]: 你好<eoh> [MOSS]: Hello<eoa>", "u a", ["你好", "Hello"]),
        ("The conversation between human and AI assistant.\n[|Human|] Hi\n[|AI|] 你好\n[|Human|] ", "s u a",
            ["The conversation between human and AI assistant.", "Hi", "你好"]),
        (["User: Hi", "Assistant: 你好"], "u a", ["Hi", "你好"]),
    ],
)  # fmt: skip
def test_a_transcript_becomes_turns(written, roles, texts):
    (conversation,) = text.read({"text": written})
    assert [(m["role"][0], m["content"]) for m in conversation.messages] == list(zip(roles.split(), texts, strict=True))


@pytest.mark.parametrize(
    "whole",
    [
        "Answer: 42 is what the user: said",
        "Human: the only mark in it. 只有一个",
        "Human: one\n\nHuman: 两个",
        "他说：\nHuman: Hi\n\nAssistant: Hello",
        "The prompt begins with Human: and the answer with Assistant: 如此",
        "Question: 下列哪个对？\nA: one\nB: two",
        "问：你好吗？\nAssistant: fine",
        "Use <user> and <bot> in your text 文本",
        "用户体验很好。助手：无",
        "<|Human|>: 算<eoh>\n<|Inner Thoughts|>: None<eot>\n<|Commands|>: None<eoc>\n<|MOSS|>: 3<eom>",
    ],
)
def test_an_ordinary_text_that_mentions_speakers_stays_whole(whole):
    (conversation,) = text.read({"text": whole})
    assert conversation.messages == [{"role": "user", "content": whole}]


def test_examples_before_the_question_of_a_prompt_are_no_turns():
    prompt = "Question: 1+1?\nAnswer: 2\nQuestion: 二加三？\nAnswer:"
    (conversation,) = prompt_completion.read({"prompt": prompt, "completion": "5"})
    assert [m["content"] for m in conversation.messages] == [prompt, "5"]


@pytest.mark.parametrize("field", ["conversations", "dialogue", "data"])
def test_a_list_of_texts_is_said_by_user_and_assistant_in_turn(field):
    (conversation,) = turns.read({field: ["Hi", "你好", "Bye", "再见"], "id": "1"})
    assert [m["role"] for m in conversation.messages] == ["user", "assistant"] * 2
    assert conversation.meta == {"id": "1"}


def test_a_reference_that_is_empty_is_no_answer():
    (conversation,) = turns.read({"turns": ["One?", "二？"], "reference": ["1", ""]})
    assert [m["content"] for m in conversation.messages] == ["One?", "1", "二？"]


@pytest.mark.parametrize(
    ("form", "record"),
    [
        (alpaca, {"instruction": "Who?", "context": "他是李雷。", "response": "李雷"}),
        (qa, {"question": "Who?", "context": "他是李雷。", "answer": "李雷"}),
    ],
)
def test_the_context_of_a_question_is_in_the_prompt(form, record):
    (conversation,) = form.read(record)
    assert ([m["content"] for m in conversation.messages], conversation.meta) == (["Who?\n他是李雷。", "李雷"], {})


def test_results_that_come_in_another_order_than_their_calls_keep_their_ids():
    calls = [{"id": f"call_{i}", "function": {"name": "f", "arguments": f'{{"城市": {i}}}'}} for i in range(2)]
    results = [{"role": "tool", "tool_call_id": f"call_{i}", "content": f"第{i} result"} for i in (1, 0)]
    begin = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "", "tool_calls": calls}]
    (conversation,) = messages.read({"messages": begin + results})
    assert conversation.meta == {"turns": {"2": {"tool_call_id": "call_1"}, "3": {"tool_call_id": "call_0"}}}
    (in_order,) = messages.read({"messages": begin + results[::-1]})
    assert in_order.meta == {}


@pytest.mark.parametrize("label", ["category", "intent", "label", "类别"])
def test_a_labelled_text_is_refused_with_an_example_of_what_to_say(label):
    with pytest.raises(RecordError, match=rf"columns: {{output: {label}}}.*template: ") as error:
        tidy(text.read({"text": "卡丢了 lost my card", label: "lost_card"})[0])
    assert error.value.reason == "no_answer"


@pytest.mark.parametrize("template", [None, "What does the customer want? {text}"])
def test_a_labelled_text_is_read_as_columns_and_template_say(tmp_path, template):
    (tmp_path / "x.csv").write_text("text,category\n卡丢了,lost_card\n", encoding="utf-8")
    _, stream = rows(tmp_path / "x.csv", Source(columns={"output": "category"}, template=template), "x")
    asked = template.format(text="卡丢了") if template else "卡丢了"
    assert [last_pair(c) for row in stream for c in row.conversations] == [(asked, "lost_card")]


def test_crosswoz_looks_up_again_only_when_the_state_has_changed():
    first = read_file("dialog_crosswoz.json")[1][0]
    assert [m["role"] for m in first.messages] == ["user", "assistant", "tool", "assistant", "user", "assistant"]


def test_chatterbot_statements_are_text_even_where_yaml_sees_a_boolean():
    (conversation,) = chatterbot.read({"conversation": ["在吗", ["Yes", "1984"]], "categories": []})
    assert [m["content"] for m in conversation.messages] == ["在吗", "Yes", "1984"]


def test_benchmark_items_need_no_answer(tmp_path):
    file = tmp_path / "bench.jsonl"
    file.write_text(
        '{"turns": ["Write a poem.", "再短一些。"]}\n{"choices": [{"turns": ["Roses"]}]}\n', encoding="utf-8"
    )
    assert benchmark_items(file, Source()) == [
        {"item": "bench.jsonl#1", "prompt": "Write a poem.\n再短一些。", "answer": ""},
        {"item": "bench.jsonl#2", "prompt": "", "answer": "Roses"},
    ]
