"""Prompts of several turns, mostly without answers: `turns[]`, as in MT-bench, with `reference[]` where it has them."""

from typing import Any

from tasks.formats.conversation import Conversation, RecordError, rest, text_of, turn


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has a list of texts as turns, or an answer file's choices with such."""
    return _texts(record.get("turns")) is not None or _choice(record) is not None


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation: each turn is the user's, followed by its reference answer if there is one."""
    prompts, answers = _texts(record.get("turns")), _texts(record.get("reference")) or _choice(record) or []
    if prompts is None and not answers:
        raise RecordError("wrong_form", "turns is no list of texts")
    turns = []
    for place in range(max(len(prompts or []), len(answers))):
        turns += [turn("user", text) for text in (prompts or [])[place : place + 1]]
        turns += [turn("assistant", text) for text in answers[place : place + 1]]
    return [Conversation(turns, None, rest(record, ("turns", "reference") if prompts else ("choices",)))]


def _texts(value: Any) -> list[str] | None:
    if not isinstance(value, list) or not value or any(isinstance(item, dict | list) for item in value):
        return None
    return [text_of(item, "turns") for item in value]


def _choice(record: dict[str, Any]) -> list[str] | None:
    choices = record.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return _texts(first.get("turns")) if isinstance(first, dict) else None
