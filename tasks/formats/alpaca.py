"""Alpaca: `instruction`, `input`, `output`, with LLaMA-Factory's `system` and `history`.

`response` may stand for `output`; where a record has both, `output` is the answer and `response` goes to meta.
"""

from typing import Any

from tasks.core.schema import Message
from tasks.formats.conversation import Conversation, answer_field_of, single_turn, text_of
from tasks.formats.tool_calls import split_calls


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record looks like Alpaca."""
    return "instruction" in record


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation; instruction and input are joined by a line break."""
    parts = [text_of(record.get(field), field) for field in ("instruction", "input")]
    prompt = "\n".join(part for part in parts if part.strip())
    return [single_turn(record, prompt, answer_field_of(record), ("instruction", "input"))]


def write(example: dict[str, Any]) -> dict[str, Any] | None:
    """The Alpaca row, or None for what it cannot hold: tools, tool turns, turns that do not alternate."""
    messages: list[Message] = list(example["messages"])
    system = messages.pop(0)["content"] if messages[0]["role"] == "system" else ""
    roles = [m["role"] for m in messages]
    alternating = ["user", "assistant"] * (len(roles) // 2)
    if example.get("tools") or roles != alternating or any(split_calls(m["content"])[1] for m in messages):
        return None
    texts = [m["content"] for m in messages]
    history = [[user, answer] for user, answer in zip(texts[:-2:2], texts[1:-2:2], strict=True)]
    return {"instruction": texts[-2], "input": "", "output": texts[-1], "system": system, "history": history}
