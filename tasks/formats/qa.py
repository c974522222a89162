"""Pairs under other names: query/response (ms-swift), question/answer, input/output, user/assistant.

The `context` that a question is about follows it, as Alpaca's input follows the instruction.
"""

from typing import Any

from tasks.formats.conversation import Conversation, RecordError, single_turn, text_of

PAIRS = (
    ("query", "response"),
    ("question", "answer"),
    ("query", "answer"),
    ("question", "response"),
    ("input", "output"),
    ("user", "assistant"),
    ("question", "query"),  # text to SQL, as in Spider
)
PROMPTS = ("query", "question")


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has a pair, or a prompt alone."""
    return _pair(record) is not None


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation."""
    pair = _pair(record)
    if pair is None:
        raise RecordError("wrong_form", f"no pair of {', '.join(f'{p}/{a}' for p, a in PAIRS)}")
    field, answer = pair
    context = record.get("context")
    parts = [text_of(record[field], field), context if isinstance(context, str) else ""]
    prompt = "\n".join(part for part in parts if part.strip())
    return [single_turn(record, prompt, answer, (field, "context") if isinstance(context, str) else (field,))]


def _pair(record: dict[str, Any]) -> tuple[str, str | None] | None:
    pairs = [(prompt, answer) for prompt, answer in PAIRS if prompt in record and answer in record]
    if pairs:
        return next((pair for pair in pairs if record[pair[1]] is not None), pairs[0])
    return next(((prompt, None) for prompt in PROMPTS if prompt in record), None)
