"""ShareGPT: `conversations` of `{from, value}` with two to five roles, `system` and `tools`.

Written as LLaMA-Factory reads it (https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md): human and
observation turns at odd places, gpt and function_call turns at even ones, `tools` as JSON text.
"""

import json
from itertools import groupby
from typing import Any

from tasks.core.schema import Message
from tasks.formats.conversation import Conversation, RecordError, rest, system_turn, text_of, turn
from tasks.formats.tool_calls import calls_of, split_calls, tools_of, with_calls

LISTS = ("conversations", "conversation", "messages", "turns", "dialogue", "dialog")
ROLES = {
    "human": "user", "user": "user", "prompter": "user",
    "gpt": "assistant", "assistant": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant",
    "bing": "assistant", "bard": "assistant",
    "system": "system",
    "observation": "tool", "tool": "tool", "function_response": "tool",
    "function_call": "function_call", "tool_call": "function_call",
}  # fmt: skip
# LLaMA-Factory puts this between the results of parallel calls (src/llamafactory/data/converter.py).
BETWEEN_RESULTS = "\n</tool_response>\n<tool_response>\n"


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has a list of from/value turns."""
    return _list_of(record) is not None


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation."""
    field = _list_of(record)
    if field is None:
        raise RecordError("wrong_form", f"no list of turns with from and value under {', '.join(LISTS)}")
    messages = [*system_turn(record.get("system")), *(m for entry in record[field] for m in _turns(entry))]
    meta = rest(record, (field, "system", "tools"))
    if extras := {str(i): more for i, e in enumerate(record[field]) if (more := rest(e, ("from", "value")))}:
        meta["turns"] = extras
    return [Conversation(messages, tools_of(record.get("tools")), meta)]


def write(example: dict[str, Any]) -> dict[str, Any] | None:
    """The ShareGPT row, or None for what LLaMA-Factory would skip: system turns inside, turns that do not alternate."""
    messages: list[Message] = list(example["messages"])
    turns = []
    if messages[0]["role"] == "system":
        turns.append({"from": "system", "value": messages.pop(0)["content"]})
    entries = [entry for role, group in groupby(messages, lambda m: m["role"]) for entry in _entries(role, list(group))]
    allowed = ({"human", "observation"}, {"gpt", "function_call"})
    if any(entry["from"] not in allowed[place % 2] for place, entry in enumerate(entries)):
        return None
    return {"conversations": turns + entries, "tools": example.get("tools") or ""}


def _list_of(record: dict[str, Any]) -> str | None:
    for field in LISTS:
        turns = record.get(field)
        if isinstance(turns, list) and turns and all(isinstance(t, dict) and "from" in t for t in turns):
            return field
    return None


def _turns(entry: dict[str, Any]) -> list[Message]:
    role = ROLES.get(entry["from"].strip().lower()) if isinstance(entry["from"], str) else None
    if role is None:
        raise RecordError("unknown_role", f"from {entry['from']!r}, expected one of {', '.join(ROLES)}")
    if role == "function_call":
        return [turn("assistant", with_calls("", calls_of(entry.get("value"))))]
    value = entry.get("value")
    if role == "tool":
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else text_of(value, "value")
        return [turn("tool", part) for part in text.split(BETWEEN_RESULTS)]
    return [turn(role, text_of(value, "value"))]


def _entries(role: str, group: list[Message]) -> list[dict[str, str]]:
    if role == "tool":
        return [{"from": "observation", "value": BETWEEN_RESULTS.join(m["content"] for m in group)}]
    return [_entry(role, m["content"]) for m in group]


def _entry(role: str, content: str) -> dict[str, str]:
    text, calls = split_calls(content) if role == "assistant" else (content, [])
    if calls and not text:
        value = json.dumps(calls[0] if len(calls) == 1 else calls, ensure_ascii=False)
        return {"from": "function_call", "value": value}
    return {"from": {"user": "human", "assistant": "gpt"}.get(role, role), "value": content}
