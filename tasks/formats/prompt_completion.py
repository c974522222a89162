"""Prompt and completion, as OpenAI's first fine-tuning files and TRL have them."""

from typing import Any

from tasks.formats import messages
from tasks.formats.conversation import Conversation, answer_field_of, single_turn, text_of

ANSWERS = ("completion", "response", "output", "answer")


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has a prompt."""
    return "prompt" in record


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation; TRL's conversational form, in which both are lists of messages, too."""
    answer = answer_field_of(record, ANSWERS)
    if isinstance(record.get("prompt"), list) and answer and isinstance(record[answer], list):
        both = {"messages": [*record["prompt"], *record[answer]]}
        return messages.read({**{k: v for k, v in record.items() if k not in ("prompt", answer)}, **both})
    return [single_turn(record, text_of(record.get("prompt"), "prompt"), answer, ("prompt",))]
