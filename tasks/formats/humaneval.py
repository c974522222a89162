"""HumanEval: `prompt` and `canonical_solution`; the tests and the entry point stay in meta."""

from typing import Any

from tasks.formats.conversation import Conversation, single_turn, text_of


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record is a HumanEval task."""
    return "prompt" in record and "canonical_solution" in record


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation: the function's head as the prompt, its body as the answer."""
    return [single_turn(record, text_of(record.get("prompt"), "prompt"), "canonical_solution", ("prompt",))]
