"""Prompt and completion, as OpenAI's first fine-tuning files and TRL have them.

A prompt that is a transcript and ends with the assistant's mark (`\\n\\nHuman: … \\n\\nAssistant:`) is its turns.
"""

from typing import Any

from tasks.formats import messages
from tasks.formats.conversation import Conversation, answer_field_of, rest, single_turn, text_of
from tasks.formats.transcript import CHAT, transcript

ANSWERS = ("completion", "response", "output", "answer")


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has a prompt."""
    return "prompt" in record


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation; TRL's conversational form, in which the prompt is a list of messages, too."""
    answer, prompt = answer_field_of(record, ANSWERS), record.get("prompt")
    if isinstance(prompt, list):
        said = record[answer] if answer else []
        answers = said if isinstance(said, list) else [{"role": "assistant", "content": said}]
        return messages.read({**rest(record, ("prompt", answer or "")), "messages": [*prompt, *answers]})
    text = text_of(prompt, "prompt")
    turns = transcript(text, CHAT) or []  # examples before a question are no turns
    asks = bool(turns) and turns[-1]["role"] == "user"
    return [single_turn(record, turns if asks else text, answer, ("prompt",))]
