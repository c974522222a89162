"""Messages: OpenAI's `messages` of `{role, content}` with typed parts, tool_calls, tools and loss weights."""

import json
from typing import Any

from tasks.core.schema import Message
from tasks.formats.conversation import Conversation, RecordError, rest, system_turn, text_of, turn
from tasks.formats.tool_calls import call_of, openai_tools, split_calls, tools_of, with_calls

LISTS = ("messages", "conversations", "conversation", "turns", "dialogue", "dialog")
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
    messages = [*before, *map(_turn, entries)]
    weights = [*(None for _ in before), *map(_weight, entries)]
    meta = rest(record, (field, "system", "tools"))
    if any(weight is not None for weight in weights):
        meta["loss_weights"] = weights
    ids = _call_ids(messages)[len(before) :]
    if extras := {str(i): more for i, entry in enumerate(entries) if (more := _extras(entry, ids[i]))}:
        meta["turns"] = extras
    return [Conversation(messages, tools_of(record.get("tools")), meta)]


def write(example: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's row: calls as `tool_calls` with arguments as JSON text, `weight` where meta has loss weights."""
    weights = json.loads(example.get("meta") or "{}").get("loss_weights") or [None] * len(example["messages"])
    written = []
    for message, weight, ids in zip(example["messages"], weights, _call_ids(example["messages"]), strict=False):
        entry: dict[str, Any] = {"role": message["role"], "content": message["content"]}
        if message["role"] == "assistant":
            entry["content"], calls = split_calls(message["content"])
            if calls:
                entry["tool_calls"] = [_openai_call(call, id) for call, id in zip(calls, ids, strict=True)]
        elif ids:
            entry["tool_call_id"] = ids[0]
        if weight is not None:
            entry["weight"] = weight
        written.append(entry)
    return {"messages": written, "tools": openai_tools(example["tools"]) if example.get("tools") else None}


def _list_of(record: dict[str, Any]) -> str | None:
    for field in LISTS:
        turns = record.get(field)
        if isinstance(turns, list) and turns and all(isinstance(t, dict) and _role_of(t) for t in turns):
            return field
    return None


def _role_of(entry: dict[str, Any]) -> str | None:
    return "role" if "role" in entry else "speaker" if "speaker" in entry and "text" in entry else None


def _content_of(entry: dict[str, Any]) -> str:
    return "text" if "text" in entry and "content" not in entry else "content"


def _turn(entry: dict[str, Any]) -> Message:
    named = entry[_role_of(entry) or "role"]
    role = ROLES.get(named.strip().lower()) if isinstance(named, str) else None
    if role is None:
        raise RecordError("unknown_role", f"role {named!r}, expected one of {', '.join(ROLES)}")
    content = entry.get(_content_of(entry))
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
    name = _weight_of(entry)
    weight = entry[name] if name else None
    if weight is not None and not isinstance(weight, int | float):
        raise RecordError("wrong_type", f"a loss weight is {type(weight).__name__}, expected a number")
    return None if weight is None else float(weight)


def _weight_of(entry: dict[str, Any]) -> str | None:
    return next((name for name in WEIGHTS if entry.get(name) is not None), None)


def _call_ids(messages: list[Message]) -> list[list[str]]:
    """For each turn the ids that `write` gives: of its calls, or of the call whose result it is."""
    ids: list[list[str]] = []
    waiting: list[str] = []
    n_calls = 0
    for message in messages:
        ids.append([])
        if message["role"] == "assistant" and (calls := split_calls(message["content"])[1]):
            ids[-1] = [f"call_{n_calls + i}" for i in range(len(calls))]
            waiting = list(ids[-1])
            n_calls += len(calls)
        elif message["role"] == "tool" and waiting:
            ids[-1] = [waiting.pop(0)]
    return ids


def _extras(entry: dict[str, Any], call_ids: list[str]) -> dict[str, Any]:
    """What a turn carries besides; the ids of calls only where they are not `call_ids`."""
    calls_field = "tool_calls" if entry.get("tool_calls") else "function_call"
    used = (_role_of(entry), _content_of(entry), calls_field, "reasoning_content", _weight_of(entry))
    more = {name: value for name, value in rest(entry, map(str, used)).items() if value is not None}
    content = entry.get(_content_of(entry))
    parts = [_part_extras(part) for part in content] if isinstance(content, list) else []
    if any(parts):
        more["parts"] = parts
    if [more.get("tool_call_id")] == call_ids:
        del more["tool_call_id"]
    calls = entry.get("tool_calls")
    ids = [call.get("id") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    if any(id is not None for id in ids) and ids != call_ids:
        more["tool_call_ids"] = ids
    return more


def _part_extras(part: Any) -> dict[str, Any]:
    if not isinstance(part, dict):
        return {}
    kind = str(part.get("type", "text"))
    return rest(part, ("type", "value" if "value" in part else kind if kind in part else "text"))


def _openai_call(call: dict[str, Any], id: str) -> dict[str, Any]:
    arguments = call.get("arguments", {})
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {"id": id, "type": "function", "function": {"name": call["name"], "arguments": text}}
