"""Text alone, or a transcript in one string: `Human: … Assistant: …`, `<user>: … <bot>: …`, `用户：… 助手：…`.

Text without such marks is a prompt without an answer, unless `columns` or `template` of the source say more.
"""

import re
from typing import Any

from tasks.formats.conversation import Conversation, rest, text_of, turn

_SPEAKERS = {
    "human": "user", "user": "user", "question": "user", "用户": "user", "问": "user",
    "assistant": "assistant", "bot": "assistant", "answer": "assistant", "助手": "assistant", "答": "assistant",
    "system": "system", "系统": "system",
}  # fmt: skip
_NAMES = "|".join(_SPEAKERS)
MARK = re.compile(rf"(?:<({_NAMES})>|(?:^|\n)[ \t]*({_NAMES}))[ \t]*[:：]", re.IGNORECASE)


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has a text."""
    return "text" in record


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation."""
    text = text_of(record.get("text"), "text")
    marks = list(MARK.finditer(text))
    speakers = [_SPEAKERS[(m[1] or m[2]).lower()] for m in marks]
    if {"user", "assistant"} <= set(speakers) and not text[: marks[0].start()].strip():
        ends = [*(m.start() for m in marks[1:]), len(text)]
        turns = [turn(s, text[m.end() : e].strip()) for s, m, e in zip(speakers, marks, ends, strict=True)]
    else:
        turns = [turn("user", text)]
    return [Conversation(turns, None, rest(record, ("text",)))]
