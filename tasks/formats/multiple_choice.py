"""Multiple choice: `Question, A, B, C, D, Answer`, as CMMLU and C-Eval have it; the answer is a letter."""

from typing import Any

from tasks.formats.conversation import Conversation, RecordError, answer_field_of, rest, text_of, turn

LETTERS = ("A", "B", "C", "D", "E")
QUESTIONS, ANSWERS = ("question", "Question"), ("answer", "Answer")


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has a question and lettered choices."""
    return "A" in record and "B" in record and any(name in record for name in QUESTIONS)


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation: question and choices, one a line; the answer is the right choice with its letter."""
    field = next((name for name in QUESTIONS if name in record), None)
    if field is None:
        raise RecordError("wrong_form", "no question")
    choices = {x: text_of(record[x], x) for x in LETTERS if record.get(x) not in (None, "")}
    lines = {letter: f"{letter}. {text}" for letter, text in choices.items()}
    turns = [turn("user", "\n".join([text_of(record[field], field), *lines.values()]))]
    answer_field = answer_field_of(record, ANSWERS)
    if answer_field is not None:
        answer = text_of(record[answer_field], answer_field)
        turns.append(turn("assistant", lines.get(answer.strip(), answer)))
    return [Conversation(turns, None, rest(record, (field, *choices, answer_field or "")))]
