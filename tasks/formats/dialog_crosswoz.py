"""CrossWOZ: `messages` between `usr` and `sys`; the system's look-ups become tool turns.

https://github.com/thu-coai/CrossWOZ. A system turn whose state names selected results looked them up with the
other slots of that domain: a call `search` with the domain and its filled slots, and the names as the result. The state
stands from turn to turn, so a look-up is made where it differs from the last. Goals, acts and states stay in meta.
"""

import json
from typing import Any

from tasks.core.schema import Message
from tasks.formats.conversation import Conversation, RecordError, rest, text_of, turn
from tasks.formats.tool_calls import with_calls

SPEAKERS = {"usr": "user", "sys": "assistant"}
RESULTS = "selectedResults"


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has messages of usr and sys."""
    turns = record.get("messages")
    return (
        isinstance(turns, list) and bool(turns) and isinstance(turns[0], dict) and str(turns[0].get("role")) in SPEAKERS
    )


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation."""
    if not is_row(record):
        raise RecordError("wrong_form", "no messages of usr and sys")
    messages: list[Message] = []
    last: dict[str, Any] = {}
    for entry in record["messages"]:
        role = SPEAKERS.get(str(entry.get("role"))) if isinstance(entry, dict) else None
        if role is None:
            raise RecordError("unknown_role", f"a role that is none of {', '.join(SPEAKERS)}")
        if role == "assistant":
            state = entry.get("sys_state_init") or entry.get("sys_state") or {}
            if not isinstance(state, dict):
                raise RecordError("wrong_type", "sys_state is no object")
            messages += _look_ups({name: slots for name, slots in state.items() if slots != last.get(name)})
            last = state
        messages.append(turn(role, text_of(entry.get("content"), "content")))
    meta = rest(record, ("messages",))
    meta["turns"] = [rest(entry, ("role", "content")) for entry in record["messages"]]
    return [Conversation(messages, None, meta)]


def _look_ups(state: dict[str, Any]) -> list[Message]:
    domains = {name: slots for name, slots in state.items() if isinstance(slots, dict) and slots.get(RESULTS)}
    if not domains:
        return []
    calls = [
        {"name": "search", "arguments": {"domain": name, **{k: v for k, v in slots.items() if v and k != RESULTS}}}
        for name, slots in domains.items()
    ]
    results = [json.dumps(slots[RESULTS], ensure_ascii=False) for slots in domains.values()]
    return [turn("assistant", with_calls("", calls)), *(turn("tool", result) for result in results)]
