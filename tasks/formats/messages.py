"""Messages: OpenAI's `messages` of `{role, content}` with typed parts, tool_calls, tools and loss weights."""

import json
from typing import Any

from tasks.core.schema import Message
from tasks.formats.conversation import Conversation, RecordError, rest, system_turn, text_of, turn
from tasks.formats.tool_calls import call_of, openai_tools, split_calls, tools_of, with_calls

LISTS = ("messages", "conversations", "conversation")
ROLES = {
    "system": "system", "developer": "system", "user": "user", "human": "user", "assistant": "assistant",
    "model": "assistant", "bot": "assistant", "tool": "tool", "function": "tool",
    "tool_response": "tool", "ipython": "tool",
}  # fmt: skip
WEIGHTS = ("loss_weight", "weight", "train", "loss")  # LLaMA-Factory v1, OpenAI, axolotl, ms-swift
REASONING = "<think>\n{}\n</think>\n\n"  # as Qwen3 and DeepSeek-R1 write it


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has a list of role/content turns."""
    return _list_of(record) is not None


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation; loss weights become the list `loss_weights` in meta, null where a turn has none."""
    field = _list_of(record)
    if field is None:
        raise RecordError("wrong_form", f"no list of turns with role and content under {', '.join(LISTS)}")
    entries = record[field]
    before = system_turn(record.get("system"))
    weights = [*(None for _ in before), *map(_weight, entries)]
    meta = rest(record, (field, "system", "tools"))
    if any(weight is not None for weight in weights):
        meta["loss_weights"] = weights
    used = ("role", "content", "tool_calls", "function_call", "reasoning_content", *WEIGHTS)
    if extras := {str(i): more for i, entry in enumerate(entries) if (more := _extras(entry, used))}:
        meta["turns"] = extras
    return [Conversation([*before, *map(_turn, entries)], tools_of(record.get("tools")), meta)]


def write(example: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's row: calls as `tool_calls` with arguments as JSON text, `weight` where meta has loss weights."""
    weights = json.loads(example.get("meta") or "{}").get("loss_weights") or [None] * len(example["messages"])
    written, waiting, n_calls = [], [], 0
    for message, weight in zip(example["messages"], weights, strict=False):
        entry: dict[str, Any] = {"role": message["role"], "content": message["content"]}
        if message["role"] == "assistant":
            entry["content"], calls = split_calls(message["content"])
            if calls:
                entry["tool_calls"] = [_openai_call(call, n_calls + i) for i, call in enumerate(calls)]
                waiting = [call["id"] for call in entry["tool_calls"]]
                n_calls += len(calls)
        elif message["role"] == "tool" and waiting:
            entry["tool_call_id"] = waiting.pop(0)
        if weight is not None:
            entry["weight"] = weight
        written.append(entry)
    return {"messages": written, "tools": openai_tools(example["tools"]) if example.get("tools") else None}


def _list_of(record: dict[str, Any]) -> str | None:
    for field in LISTS:
        turns = record.get(field)
        if isinstance(turns, list) and turns and all(isinstance(t, dict) and "role" in t for t in turns):
            return field
    return None


def _turn(entry: dict[str, Any]) -> Message:
    role = ROLES.get(entry["role"].strip().lower()) if isinstance(entry["role"], str) else None
    if role is None:
        raise RecordError("unknown_role", f"role {entry['role']!r}, expected one of {', '.join(ROLES)}")
    content = entry.get("content")
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    texts, calls = [], []
    if entry.get("reasoning_content"):
        texts.append(REASONING.format(text_of(entry["reasoning_content"], "reasoning_content").strip("\n")))
    for part in parts:
        kind, value = _part(part)
        if kind == "tool_call":
            calls.append(call_of(value))
        else:
            texts.append(REASONING.format(value.strip("\n")) if kind == "reasoning" else value)
    more = entry.get("tool_calls") or ([entry["function_call"]] if entry.get("function_call") else [])
    if not isinstance(more, list):
        raise RecordError("bad_tools", f"tool_calls is {type(more).__name__}, expected a list")
    calls.extend(map(call_of, more))
    text = "".join(texts)
    return turn(role, with_calls(text.rstrip("\n") if calls else text, calls) if calls else text)


def _part(part: Any) -> tuple[str, Any]:
    if isinstance(part, str):
        return "text", part
    kind = part.get("type", "text") if isinstance(part, dict) else None
    value = part.get("value", part.get(kind)) if isinstance(part, dict) and isinstance(kind, str) else None
    if kind == "tool_call":
        return kind, value
    if kind in ("text", "input_text", "output_text"):
        return "text", text_of(part.get("text") if value is None else value, "content")
    if kind in ("reasoning", "thinking"):
        return "reasoning", text_of(part.get("text") if value is None else value, "content")
    raise RecordError("unsupported_content", f"a content part of type {kind!r}, expected text")


def _weight(entry: dict[str, Any]) -> float | None:
    weight = next((entry[name] for name in WEIGHTS if entry.get(name) is not None), None)
    if weight is not None and not isinstance(weight, int | float):
        raise RecordError("wrong_type", f"a loss weight is {type(weight).__name__}, expected a number")
    return None if weight is None else float(weight)


def _extras(entry: dict[str, Any], used: tuple[str, ...]) -> dict[str, Any]:
    """What a turn carries besides; the ids of calls only where they are not those that `write` gives."""
    more = rest(entry, used)
    if re_numbered(more.get("tool_call_id")):
        del more["tool_call_id"]
    calls = entry.get("tool_calls")
    ids = [call.get("id") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    if any(id is not None and not re_numbered(id) for id in ids):
        more["tool_call_ids"] = ids
    return more


def re_numbered(id: Any) -> bool:
    """Whether a call's id is one that `write` gives."""
    return isinstance(id, str) and id.startswith("call_") and id[len("call_") :].isdecimal()


def _openai_call(call: dict[str, Any], number: int) -> dict[str, Any]:
    arguments = call.get("arguments", {})
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {"id": f"call_{number}", "type": "function", "function": {"name": call["name"], "arguments": text}}
