"""XTuner: `conversation`, a list of `{system, input, output}`, one entry for each pair of turns.

https://github.com/InternLM/xtuner/blob/main/docs/en/user_guides/dataset_format.md.
`need_eos_token` and the like stay in meta.
"""

from typing import Any

from tasks.core.schema import Message
from tasks.formats.conversation import Conversation, RecordError, rest, system_turn, text_of, turn
from tasks.formats.tool_calls import tools_of

LISTS = ("conversation", "conversations", "messages")


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has a list of input/output entries."""
    return _list_of(record) is not None


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation; the first entry's `system`, or else the record's, is the system turn."""
    field = _list_of(record)
    if field is None:
        raise RecordError("wrong_form", "no list of entries with input and output")
    first = record[field][0]
    has_own = first.get("system") not in (None, "")
    messages: list[Message] = system_turn(first["system"] if has_own else record.get("system"))
    for entry in record[field]:
        messages.append(turn("user", text_of(entry.get("input"), "input")))
        if entry.get("output") is not None:
            messages.append(turn("assistant", text_of(entry["output"], "output")))
    meta = rest(record, (field, "tools") if has_own else (field, "tools", "system"))
    if extras := {str(i): more for i, e in enumerate(record[field]) if (more := _extras(e, i))}:
        meta["turns"] = extras
    return [Conversation(messages, tools_of(record.get("tools")), meta)]


def _extras(entry: dict[str, Any], place: int) -> dict[str, Any]:
    return rest(entry, ("input", "output", "system") if place == 0 else ("input", "output"))


def _list_of(record: dict[str, Any]) -> str | None:
    for field in LISTS:
        turns = record.get(field)
        if isinstance(turns, list) and turns and all(isinstance(t, dict) and "input" in t for t in turns):
            return field
    return None
