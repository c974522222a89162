"""Lists of texts: `turns[]`, prompts as in MT-bench, or statements of user and assistant in turn.

Prompts may have answers in `reference[]`, answer files have them in `choices[0].turns[]`. Statements stand under
`conversations` (LIMA), `dialog` (DailyDialog), `dialogue` (SODA) or `data` (UltraChat). Where every text begins with
its speaker's mark (`User: …`), the marks say whose it is.
"""

from typing import Any

from tasks.core.schema import Message
from tasks.formats.conversation import Conversation, RecordError, rest, text_of, turn
from tasks.formats.transcript import transcript_of_list

STATEMENTS = ("conversations", "conversation", "dialogue", "dialog")
SPEAKERS = ("user", "assistant")


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has a list of texts as turns or statements, or an answer file's choices with such."""
    return _texts(record.get("turns")) is not None or _choice(record) is not None or _statements(record) is not None


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation: each of `turns` is the user's, followed by its reference answer if there is one."""
    prompts, references = _texts(record.get("turns")), _texts(record.get("reference"))
    while references and not references[-1].strip():  # MT-bench has "" where only the first turn has an answer
        references.pop()
    if prompts and (marked := transcript_of_list(prompts)):
        return [Conversation(marked, None, rest(record, ("turns",)))]
    if prompts and references:
        return [Conversation(_in_turn(prompts, references), None, rest(record, ("turns", "reference")))]
    if answers := _choice(record):
        meta = rest(record, ("turns", "choices") if prompts else ("choices",))
        others = [rest(record["choices"][0], ("turns",)), *record["choices"][1:]]
        return [Conversation(_in_turn(prompts or [], answers), None, {**meta, "choices": others})]
    if prompts:
        return [Conversation(_in_turn(prompts, []), None, rest(record, ("turns",)))]
    field = _statements(record)
    if field is None:
        raise RecordError("wrong_form", f"no list of texts under turns, {', '.join(STATEMENTS)}")
    texts = _texts(record[field]) or []
    spoken = [turn(SPEAKERS[place % 2], text) for place, text in enumerate(texts)]
    return [Conversation(transcript_of_list(texts) or spoken, None, rest(record, (field,)))]


def _in_turn(prompts: list[str], answers: list[str]) -> list[Message]:
    turns = []
    for place in range(max(len(prompts), len(answers))):
        turns += [turn("user", text) for text in prompts[place : place + 1]]
        turns += [turn("assistant", text) for text in answers[place : place + 1]]
    return turns


def _texts(value: Any) -> list[str] | None:
    is_list = isinstance(value, list) and bool(value)
    if not is_list or any(isinstance(item, bool) or not isinstance(item, str | int | float) for item in value):
        return None
    return [text_of(item, "turns") for item in value]


def _choice(record: dict[str, Any]) -> list[str] | None:
    choices = record.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return _texts(first.get("turns")) if isinstance(first, dict) else None


def _statements(record: dict[str, Any]) -> str | None:
    """The field of statements; `data` is a name for anything and counts where there is nothing else but an id."""
    fields = ("data",) if set(record) <= {"data", "id"} else STATEMENTS
    return next((field for field in fields if len(_texts(record.get(field)) or []) > 1), None)
