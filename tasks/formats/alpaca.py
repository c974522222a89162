"""Alpaca: `instruction`, `input`, `output`, with LLaMA-Factory's `system`, `history` and `tools`.

`response` may stand for `output`; where a record has both, `output` is the answer and `response` goes to meta. Dolly's
`context` may stand for `input`.
"""

from typing import Any

from tasks.core.schema import Message
from tasks.formats.conversation import Conversation, answer_field_of, single_turn, text_of
from tasks.formats.tool_calls import split_calls, tools_of


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record looks like Alpaca."""
    return "instruction" in record


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation; instruction and input are joined by a line break."""
    is_dolly = record.get("input") in (None, "") and isinstance(record.get("context"), str)
    fields = ("instruction", "context" if is_dolly else "input")
    prompt = "\n".join(part for part in (text_of(record.get(field), field) for field in fields) if part.strip())
    conversation = single_turn(record, prompt, answer_field_of(record), (*fields, "input", "tools"))
    return [conversation._replace(tools=tools_of(record.get("tools")))]


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
