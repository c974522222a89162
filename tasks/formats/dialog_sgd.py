"""Schema-Guided Dialogue: a user and a system speak; service calls and their results become tool turns.

https://github.com/google-research-datasets/dstc8-schema-guided-dialogue. What the annotators said of each turn
(actions, slots, state) stays in meta as `frames`.
"""

import json
from typing import Any

from tasks.core.schema import Message
from tasks.formats.conversation import Conversation, RecordError, objects_of, rest, text_of, turn
from tasks.formats.tool_calls import with_calls

SPEAKERS = {"USER": "user", "SYSTEM": "assistant"}


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has turns with a speaker and an utterance."""
    turns = record.get("turns")
    return isinstance(turns, list) and bool(turns) and isinstance(turns[0], dict) and "utterance" in turns[0]


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation."""
    if not is_row(record):
        raise RecordError("wrong_form", "no turns with speaker and utterance")
    messages: list[Message] = []
    for entry in record["turns"]:
        role = SPEAKERS.get(str(entry.get("speaker"))) if isinstance(entry, dict) else None
        if role is None:
            raise RecordError("unknown_role", f"a speaker that is none of {', '.join(SPEAKERS)}")
        if role == "assistant":
            messages += _service_turns(entry.get("frames"))
        messages.append(turn(role, text_of(entry.get("utterance"), "utterance")))
    meta = rest(record, ("turns",))
    meta["frames"] = [entry.get("frames") for entry in record["turns"]]
    used = ("speaker", "utterance", "frames")
    if extras := {str(i): more for i, entry in enumerate(record["turns"]) if (more := rest(entry, used))}:
        meta["turns"] = extras
    return [Conversation(messages, None, meta)]


def _service_turns(frames: Any) -> list[Message]:
    called = [frame for frame in objects_of(frames, "frames") if frame.get("service_call")]
    if not called:
        return []
    calls = [_call(frame["service_call"]) for frame in called]
    results = [json.dumps(frame.get("service_results", []), ensure_ascii=False) for frame in called]
    return [turn("assistant", with_calls("", calls)), *(turn("tool", result) for result in results)]


def _call(call: Any) -> dict[str, Any]:
    if not isinstance(call, dict) or not isinstance(call.get("method"), str):
        raise RecordError("bad_tools", "a service_call is no object with a method")
    return {"name": call["method"], "arguments": call.get("parameters", {})}
