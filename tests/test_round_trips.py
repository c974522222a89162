"""Round trips: a conversation as each format writes it is known as that format, read as it was, and nothing is lost."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lost_values import lost_values

from tasks.core.params import Source
from tasks.formats import alpaca, messages, sharegpt, text
from tasks.formats.conversation import Conversation, tidy
from tasks.formats.forms import FORMS, plan_of
from tasks.formats.tool_calls import with_calls
from tasks.formats.transcript import transcript

PIECES = st.sampled_from([
    "Hello", "你好，", "世界。", " ", "\n", "\n\n", "\t", '"', "'", "“引号”", "\\n", "{}", "😀", "👩‍💻", "\u3000", "|",
    ",",
    "```python\ndef f(x):\n    return x\n```", "<b>", "&amp;", "null", "1984", "- 列表", "Human", "助手",
    "assistant",
])  # fmt: skip
TEXT = st.lists(PIECES, min_size=1, max_size=5).map("".join).filter(str.strip)
LINE = TEXT.map(str.strip)  # where a format says nothing of blanks at the ends
PAIRS = st.lists(st.tuples(LINE, LINE), min_size=1, max_size=3)
EXTRA = st.fixed_dictionaries({"出处": LINE, "score": st.integers() | st.floats(-1e6, 1e6)})
Pairs = list[tuple[str, str]]
Turns = list[dict[str, Any]]


def turns_of(system: str, pairs: Pairs, names=("role", "content", "system", "user", "assistant")) -> Turns:
    """Turns with the keys and roles `names`."""
    role, content, *roles = names
    before = [{role: roles[0], content: system}] if system else []
    return before + [{role: r, content: t} for pair in pairs for r, t in zip(roles[1:], pair, strict=True)]


SHAREGPT = ("from", "value", "system", "human", "gpt")


def last(pairs: Pairs, prompt: str, answer: str) -> dict[str, str]:
    return {prompt: pairs[-1][0], answer: pairs[-1][1]}


def chosen_of_turns(system: str, pairs: Pairs) -> dict[str, Any]:
    *before, answer = turns_of(system, pairs, SHAREGPT)
    return {"conversations": before, "chosen": answer, "rejected": {"from": "gpt", "value": "不对 wrong"}}


def hh(pairs: Pairs) -> str:
    return "".join(f"\n\nHuman: {q}\n\nAssistant: {a}" for q, a in pairs)


def sgd(system: str, pairs: Pairs) -> dict[str, Any]:
    turns = turns_of("", pairs, ("speaker", "utterance", "", "USER", "SYSTEM"))
    return {"dialogue_id": "1_00000", "turns": [{**t, "frames": [{"slots": []}], "turn_id": str(i)}
                                                for i, t in enumerate(turns)]}  # fmt: skip


def crosswoz(system: str, pairs: Pairs) -> dict[str, Any]:
    turns = turns_of("", pairs, ("role", "content", "", "usr", "sys"))
    return {"goal": [[1, "餐馆", "名称", ""]], "messages": [{**t, "dialog_act": [["General", "thank"]]} for t in turns]}


def xtuner(system: str, pairs: Pairs) -> dict[str, Any]:
    entries: Turns = [{"input": q, "output": a} for q, a in pairs]
    entries[0]["system"] = system
    return {"conversation": entries}


class Writer(NamedTuple):
    """How a format writes a conversation, and what of one it can hold."""

    form: str
    write: Callable[[str, Pairs], dict[str, Any]]
    has_system: bool = False
    most_pairs: int = 3
    source: Source = Source()
    marks: bool = False  # whether speakers are marked in the texts: the marks become roles


LABELLED = Source(columns={"output": "label"})
WRITERS = {
    "alpaca": Writer("alpaca", lambda s, p: {
        **last(p, "instruction", "output"), "input": "", "system": s, "history": [list(q) for q in p[:-1]]}, True),
    "alpaca with response": Writer("alpaca", lambda s, p: last(p, "instruction", "response"), most_pairs=1),
    "alpaca with two answers": Writer("alpaca", lambda s, p: {
        **last(p, "instruction", "output"), "response": "另一个 other"}, most_pairs=1),
    "sharegpt": Writer("sharegpt", lambda s, p: {"conversations": turns_of(s, p, SHAREGPT)}, True),
    "sharegpt with a system field": Writer(
        "sharegpt", lambda s, p: {"system": s, "conversations": turns_of("", p, SHAREGPT)}, True),
    "messages": Writer("messages", lambda s, p: {"messages": turns_of(s, p)}, True),
    "messages under conversations": Writer("messages", lambda s, p: {"system": s, "conversations": turns_of("", p)},
        True),
    "messages with typed parts": Writer("messages", lambda s, p: {"messages": [
        {**t, "content": [{"type": "text", "text": t["content"]}]} for t in turns_of(s, p)]}, True),
    "turns with role and content": Writer("messages", lambda s, p: {"turns": turns_of(s, p)}, True),
    "turns with speaker and text": Writer("messages", lambda s, p: {
        "dialogue": turns_of(s, p, ("speaker", "text", "system", "User", "Assistant"))}, True),
    "xtuner": Writer("xtuner", xtuner, True),
    "prompt and completion": Writer("prompt_completion", lambda s, p: last(p, "prompt", "completion"), most_pairs=1),
    "prompt and completion as messages": Writer("prompt_completion", lambda s, p: {
        "prompt": turns_of(s, p)[:-1], "completion": turns_of(s, p)[-1:]}, True),
    "prompt as a transcript": Writer("prompt_completion", lambda s, p: {
        "prompt": hh([*p[:-1], (p[-1][0], "")]), "completion": p[-1][1]}, marks=True),
    "query and response": Writer("qa", lambda s, p: {
        **last(p, "query", "response"), "system": s, "history": [list(q) for q in p[:-1]]}, True),
    "question and answer": Writer("qa", lambda s, p: last(p, "question", "answer"), most_pairs=1),
    "input and output": Writer("qa", lambda s, p: last(p, "input", "output"), most_pairs=1),
    "text to SQL": Writer("qa", lambda s, p: {**last(p, "question", "query"), "db_id": "学校"}, most_pairs=1),
    "chosen turn": Writer("preference", chosen_of_turns, True),
    "chosen conversations": Writer("preference", lambda s, p: {
        "chosen": turns_of(s, p), "rejected": turns_of(s, [*p[:-1], (p[-1][0], "不对 wrong")])}, True),
    "chosen text": Writer("preference", lambda s, p: {**last(p, "prompt", "chosen"), "rejected": "不对"}, most_pairs=1),
    "chosen for an instruction": Writer("preference", lambda s, p: {
        **last(p, "instruction", "chosen"), "input": "", "rejected": "不对", "output": "别的 else"}, most_pairs=1),
    "HH-RLHF": Writer("preference", lambda s, p: {
        "chosen": hh(p), "rejected": hh([(p[0][0], "不对 wrong")])}, marks=True),
    "KTO": Writer("preference", lambda s, p: {"messages": turns_of(s, p), "label": True}, True),
    "seed tasks": Writer("seed_tasks", lambda s, p: {
        "id": "seed_0", "instruction": p[0][0], "instances": [{"id": "0", "input": "", "output": p[0][1]}]},
        most_pairs=1),
    "HumanEval": Writer("humaneval", lambda s, p: {
        **last(p, "prompt", "canonical_solution"), "test": "assert 真", "entry_point": "f"}, most_pairs=1),
    "ChatterBot": Writer("chatterbot", lambda s, p: {
        "categories": ["问候"], "conversation": [t for pair in p for t in pair]}),
    "statements": Writer("turns", lambda s, p: {"conversations": [t for pair in p for t in pair]}),
    "prompts with references": Writer("turns", lambda s, p: {
        "turns": [q for q, _ in p], "reference": [a for _, a in p], "category": "写作"}),
    "answer file": Writer("turns", lambda s, p: {
        "turns": [q for q, _ in p], "choices": [{"index": 0, "turns": [a for _, a in p]}, {"turns": ["别的 else"]}]}),
    "marked turns": Writer("turns", lambda s, p: {"turns": [f"{n}: {t}" for q in p for n, t in
        zip(("User", "Assistant"), q, strict=True)]}, marks=True),
    "multiple choice": Writer("multiple_choice", lambda s, p: {
        "Question": p[0][0], "A": None, "B": "", "Answer": p[0][1]}, most_pairs=1),
    "SGD": Writer("dialog_sgd", sgd),
    "CrossWOZ": Writer("dialog_crosswoz", crosswoz),
    "Doccano": Writer("doccano", lambda s, p: {"text": p[0][0], "label": [p[0][1]], "Comments": ["好"]}, most_pairs=1,
        source=LABELLED),
    "Prodigy": Writer("prodigy", lambda s, p: {
        **last(p, "text", "label"), "answer": "accept", "_input_hash": 1}, most_pairs=1, source=LABELLED),
    "LightTag": Writer("lighttag", lambda s, p: {
        **last(p, "content", "label"), "classifications": [{"classname": "赞"}]}, most_pairs=1, source=LABELLED),
    "labelled text": Writer("alpaca", lambda s, p: last(p, "text", "label"), most_pairs=1,
        source=Source(template="{text}", columns={"output": "label"})),
}  # fmt: skip
TRANSCRIPTS = {
    "HH": ("\n\n{}: {}", {"user": "Human", "assistant": "Assistant"}),
    "lines": ("{}: {}\n", {"system": "System", "user": "User", "assistant": "Assistant"}),
    "tags": ("<{}>: {} ", {"user": "user", "assistant": "bot"}),
    "Chinese": ("{}：{}\n", {"system": "系统", "user": "用户", "assistant": "助手"}),
    "questions": ("{}：{}\n", {"user": "问", "assistant": "答"}),
    "Alpaca": ("### {}:\n{}\n\n", {"user": "Instruction", "assistant": "Response"}),
    "Guanaco": ("### {}: {}", {"user": "Human", "assistant": "Assistant"}),
    "MOSS": ("<|{}|>: {}<eoh>\n", {"user": "Human", "assistant": "MOSS"}),
    "Zephyr": ("<|{}|>\n{}</s>\n", {"system": "system", "user": "user", "assistant": "assistant"}),
    "ChatML": ("<|im_start|>{}\n{}<|im_end|>\n", {"system": "system", "user": "user", "assistant": "assistant"}),
    "Llama 3": ("<|start_header_id|>{}<|end_header_id|>\n\n{}<|eot_id|>",
        {"system": "system", "user": "user", "assistant": "assistant"}),
    "Gemma": ("<start_of_turn>{}\n{}<end_of_turn>\n", {"user": "user", "assistant": "model"}),
    "Llama 2": ("[{}] {} ", {"user": "INST", "assistant": "/INST"}),
}  # fmt: skip


def written_as(form: str, roles: dict[str, str], system: str, pairs: Pairs) -> str:
    turns = turns_of(system if "system" in roles else "", pairs)
    return "".join(form.format(roles[t["role"]], t["content"]) for t in turns)


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=25)
@given(system=LINE, pairs=PAIRS, extra=EXTRA)
def test_a_record_reads_as_the_conversation_it_was_written_from(name, system, pairs, extra):
    form, write, has_system, most_pairs, source, marks = WRITERS[name]
    system, pairs = system if has_system else "", pairs[:most_pairs]
    record = json.loads(json.dumps({**write(system, pairs), **extra}))
    plan = plan_of([record], source, name)
    (conversation,) = plan.conversations(record)
    assert plan.name == form
    assert conversation.messages == turns_of(system, pairs)
    assert marks or lost_values(record, [conversation]) == []
    assert {name: conversation.meta[name] for name in extra} == extra
    assert tidy(conversation) == (conversation, [])


@pytest.mark.parametrize("style", TRANSCRIPTS)
@settings(max_examples=40)
@given(system=LINE, pairs=PAIRS, extra=EXTRA)
def test_a_transcript_reads_as_the_turns_it_was_written_from(style, system, pairs, extra):
    form, roles = TRANSCRIPTS[style]
    record = {"text": written_as(form, roles, system, pairs), **extra}
    plan = plan_of([record], Source(), style)
    (conversation,) = plan.conversations(record)
    assert plan.name == "text"
    assert conversation == Conversation(turns_of(system if "system" in roles else "", pairs), None, extra)


@settings(max_examples=100)
@given(TEXT, st.sampled_from(sorted(TRANSCRIPTS)), PAIRS)
def test_a_text_that_begins_with_no_mark_stays_whole(before, style, pairs):
    whole = before + "。\n" + written_as(*TRANSCRIPTS[style], "", pairs)
    assert text.read({"text": whole})[0].messages == [{"role": "user", "content": whole}]


def test_a_value_that_is_in_no_turn_and_not_in_meta_is_found_missing():
    read = [([{"role": "user", "content": "你好 hello"}], None, {"id": 7})]
    assert lost_values({"a": "hello", "b": ["你好", "再见"], "id": 7, "c": {"d": 8}}, read) == [".b.1", ".c.d"]


def test_every_format_has_a_round_trip():
    assert set(FORMS) == {writer.form for writer in WRITERS.values()} | {"text"}


# Tools.
NAME = st.sampled_from(["weather", "查天气", "f"])
CALL = st.fixed_dictionaries({"name": NAME, "arguments": st.dictionaries(LINE, LINE | st.integers(), max_size=2)})
STEP = st.tuples(LINE, st.lists(st.tuples(CALL, LINE), max_size=2), LINE)  # prompt, calls with results, answer
STEPS = st.lists(STEP, min_size=1, max_size=2)


def with_tools(steps) -> Turns:
    turns = []
    for prompt, calls, answer in steps:
        turns.append({"role": "user", "content": prompt})
        if calls:
            turns.append({"role": "assistant", "content": with_calls("", [call for call, _ in calls])})
            turns += [{"role": "tool", "content": result} for _, result in calls]
        turns.append({"role": "assistant", "content": answer})
    return turns


def openai_calls(steps) -> dict[str, Any]:
    turns: Turns = []
    for prompt, calls, answer in steps:
        turns.append({"role": "user", "content": prompt})
        if calls:
            ids = [f"id-{len(turns)}-{i}" for i in range(len(calls))]
            texts = [{"name": call["name"], "arguments": json.dumps(call["arguments"])} for call, _ in calls]
            made = [{"id": id, "type": "function", "function": f} for id, f in zip(ids, texts, strict=True)]
            turns.append({"role": "assistant", "content": None, "tool_calls": made})
            turns += [{"role": "tool", "tool_call_id": id, "content": r} for id, (_, r) in zip(ids, calls, strict=True)]
        turns.append({"role": "assistant", "content": answer})
    return {"messages": turns, "tools": [{"type": "function", "function": {"name": "f"}}]}


def sharegpt_calls(steps) -> dict[str, Any]:
    turns: Turns = []
    for prompt, calls, answer in steps:
        turns.append({"from": "human", "value": prompt})
        if calls:
            turns.append({"from": "function_call", "value": json.dumps([call for call, _ in calls])})
            turns += [{"from": "observation", "value": result} for _, result in calls]
        turns.append({"from": "gpt", "value": answer})
    return {"conversations": turns, "tools": '[{"name": "f"}]'}


def sgd_calls(steps) -> dict[str, Any]:
    turns: Turns = []
    for prompt, calls, answer in steps:
        turns.append({"speaker": "USER", "utterance": prompt, "frames": []})
        frames = [{"service_call": {"method": call["name"], "parameters": call["arguments"]},
            "service_results": [{"result": result}]} for call, result in calls]  # fmt: skip
        turns.append({"speaker": "SYSTEM", "utterance": answer, "frames": frames})
    return {"dialogue_id": "1", "turns": turns}


def crosswoz_calls(steps) -> dict[str, Any]:
    turns: Turns = []
    for place, (prompt, calls, answer) in enumerate(steps):
        state = {f"{place} {i}": {"名称": call["name"], "selectedResults": [r]} for i, (call, r) in enumerate(calls)}
        turns += [{"role": "usr", "content": prompt}, {"role": "sys", "content": answer, "sys_state": state}]
    return {"goal": [], "messages": turns}


WITH_TOOLS = {
    "messages": ("messages", openai_calls), "sharegpt": ("sharegpt", sharegpt_calls),
    "SGD": ("dialog_sgd", sgd_calls), "CrossWOZ": ("dialog_crosswoz", crosswoz_calls),
}  # fmt: skip


@pytest.mark.parametrize("name", WITH_TOOLS)
@settings(max_examples=40)
@given(steps=STEPS)
def test_calls_and_their_results_become_turns(name, steps):
    form, write = WITH_TOOLS[name]
    record = json.loads(json.dumps(write(steps)))
    plan = plan_of([record], Source(), name)
    (conversation,) = plan.conversations(record)
    assert plan.name == form
    turns = with_tools(steps)
    assert [m["role"] for m in conversation.messages] == [t["role"] for t in turns]
    if form in ("messages", "sharegpt"):
        assert (conversation.messages, conversation.tools) == (turns, '[{"name":"f"}]')
    else:
        contents = [m["content"] for m in conversation.messages if m["role"] != "tool"]
        assert [c for c in contents if "<tool_call>" not in c] == [
            t for prompt, _, answer in steps for t in (prompt, answer)
        ]
    assert lost_values(record, [conversation]) == []


# What a release writes.
@pytest.mark.parametrize("form", [messages, sharegpt, alpaca], ids=["messages", "sharegpt", "alpaca"])
@settings(max_examples=40)
@given(system=st.just("") | TEXT, pairs=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3), steps=STEPS)
def test_what_is_written_reads_as_the_same_conversation(form, system, pairs, steps):
    turns = turns_of(system, pairs) + ([] if form is alpaca else with_tools(steps))
    tools = None if form is alpaca else '[{"name":"f"}]'
    record = json.loads(json.dumps(form.write({"messages": turns, "tools": tools, "meta": "{}"})))
    plan = plan_of([record], Source(), "release")
    assert plan.name == form.__name__.rsplit(".", 1)[-1]
    assert plan.conversations(record) == [Conversation(turns, tools, {})]


def test_a_transcript_of_a_text_is_found_once_and_quickly():
    assert transcript("Human " * 200_000 + " " * 200_000 + "\n" * 200_000) is None
