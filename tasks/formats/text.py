"""Text alone, or a transcript in one string or in a list of strings; `transcript.py` has the marks of speakers.

Text without such marks is a prompt. Its answer is the column that `columns: {output: …}` of the source names, if any.
"""

from typing import Any

from tasks.formats.conversation import Conversation, answer_field_of, single_turn, text_of, turn
from tasks.formats.transcript import transcript, transcript_of_list


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has a text."""
    return "text" in record


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation."""
    value = record.get("text")
    turns = transcript_of_list(value) if isinstance(value, list) else None
    if turns is None:
        text = text_of(value, "text")
        turns = transcript(text) or [turn("user", text)]
    answer = answer_field_of(record) if turns[-1]["role"] == "user" else None
    return [single_turn(record, turns, answer, ("text",))]
