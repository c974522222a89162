"""ChatterBot's YAML corpora: each conversation is a list of statements, the first by the user, then by turns.

Read as YAML nodes, so that a statement such as `Yes` or `1984` stays the text that was written.
"""

from typing import Any

from tasks.formats.conversation import Conversation, RecordError, rest, turn

ROLES = ("user", "assistant")


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record is a conversation of a ChatterBot file."""
    return "conversation" in record and "categories" in record


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation; nested lists are read as if they were flat."""
    statements = _flat(record.get("conversation"))
    turns = [turn(ROLES[place % 2], statement) for place, statement in enumerate(statements)]
    return [Conversation(turns, None, rest(record, ("conversation",)))]


def _flat(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise RecordError("wrong_type", f"a statement is {type(value).__name__}, expected text")
    return [statement for part in value for statement in _flat(part)]
