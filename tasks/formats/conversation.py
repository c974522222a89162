"""What every format is read into: the turns of a conversation, before it has an id or a source.

The rules for turns (`tidy`) are the same for all formats; docs/formats.md lists them.
"""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from tasks.core.chat import MOST_WEIGHT
from tasks.core.schema import Message

REASONS = (
    "bad_encoding", "bad_json", "bad_yaml", "bad_tools", "cut_off", "duplicate_key", "lone_surrogate",
    "missing_column", "no_answer", "no_prompt", "not_a_record", "too_deep", "too_long", "undesired_answer",
    "unknown_role", "unsupported_content", "wrong_columns", "wrong_form", "wrong_type",
)  # fmt: skip
JOINED, LEADING, TRAILING = "turns_joined", "leading_turns_cut", "trailing_turns_cut"
ANSWER_FIELDS = ("output", "response", "completion", "answer")  # in this order, where a record has several
LABEL_FIELDS = ("label", "labels", "category", "intent", "class", "tag", "标签", "类别", "意图")


class Conversation(NamedTuple):
    """Turns as a format reads them; `meta` is what the record carried besides."""

    messages: list[Message]
    tools: str | None
    meta: dict[str, Any]


class Form(Protocol):
    """What a module of a format has."""

    def is_row(self, record: dict[str, Any]) -> bool:
        """Whether the record looks like this format."""

    def read(self, record: dict[str, Any]) -> list[Conversation]:
        """The record's conversations."""


class RecordError(ValueError):
    """A record that is no conversation: `reason` is one of REASONS, the message says what was found."""

    def __init__(self, reason: str, found: str) -> None:
        super().__init__(found)
        self.reason = reason


def text_of(value: Any, field: str) -> str:
    """A text field's text: a number counts as its JSON spelling, null as empty.

    Raises RecordError for anything else.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return json.dumps(value)
    raise RecordError("wrong_type", f"{field} is {type(value).__name__}, expected text")


def objects_of(value: Any, field: str) -> list[dict[str, Any]]:
    """A field's list of objects; null counts as none. Raises RecordError for anything else."""
    if value is None:
        return []
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return value
    raise RecordError("wrong_type", f"{field} is no list of objects")


def turn(role: str, content: str) -> Message:
    """One message."""
    return {"role": role, "content": content}


def rest(record: dict[str, Any], used: Iterable[str]) -> dict[str, Any]:
    """What is left of a record when a format has read the fields `used`."""
    taken = set(used)
    return {name: value for name, value in record.items() if name not in taken}


def single_turn(
    record: dict[str, Any], prompt: str | list[Message], answer_field: str | None, used: Iterable[str]
) -> Conversation:
    """A prompt and its answer, with the `system` text and the `history` of (user, assistant) pairs before them.

    An answer that is null or not there gives no assistant turn; an empty one gives an empty turn, which clean judges.
    """
    asked = [turn("user", prompt)] if isinstance(prompt, str) else prompt
    messages = [*system_turn(record.get("system")), *history_turns(record.get("history")), *asked]
    if answer_field is not None and record.get(answer_field) is not None:
        messages.append(turn("assistant", text_of(record[answer_field], answer_field)))
    return Conversation(messages, None, rest(record, [*used, answer_field or "", "system", "history"]))


def answer_field_of(record: dict[str, Any], fields: Iterable[str] = ANSWER_FIELDS) -> str | None:
    """The first of `fields` that the record has a value for."""
    return next((field for field in fields if record.get(field) is not None), None)


def system_turn(value: Any) -> list[Message]:
    """The system turn, or none where it would be blank."""
    text = text_of(value, "system")
    return [turn("system", text)] if text.strip() else []


def history_turns(value: Any) -> list[Message]:
    """Earlier turns given as a list of (user, assistant) pairs."""
    if not value:
        return []
    if not isinstance(value, list) or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in value):
        raise RecordError("wrong_type", "history is no list of (user, assistant) pairs")
    roles = ("user", "assistant")
    return [turn(role, text_of(text, "history")) for pair in value for role, text in zip(roles, pair, strict=True)]


def loss_weights_of(conversation: Conversation) -> list[float | None] | None:
    """The weights of the turns' losses, null where a turn has none; raises RecordError where they are not so."""
    weights = conversation.meta.get("loss_weights")
    if weights is None:
        return None
    if not isinstance(weights, list) or len(weights) != len(conversation.messages):
        raise RecordError("wrong_type", f"loss_weights is no list of {len(conversation.messages)}, one a turn")
    for weight in weights:
        if weight is not None and not (type(weight) in (int, float) and 0 <= weight <= MOST_WEIGHT):
            raise RecordError(
                "wrong_type", f"a loss weight is {weight!r}, expected a number from 0 to {MOST_WEIGHT:.0f}"
            )
    return weights


def tidy(conversation: Conversation) -> tuple[Conversation, list[str]]:
    """Bring turns into the order of an Example; the second value names what had to be changed.

    Neighbours of one role (but for tool results) become one turn. What stands before the first user turn, but for
    system turns, and after the last assistant turn goes to `meta`.
    Raises RecordError `no_prompt` or `no_answer` when there is none.
    """
    messages, weights = conversation.messages, loss_weights_of(conversation)
    if not any(m["role"] == "user" and m["content"].strip() for m in messages):
        raise RecordError("no_prompt", "no user turn with text")
    first = next(i for i, m in enumerate(messages) if m["role"] == "user")
    last = max((i for i, m in enumerate(messages) if m["role"] == "assistant"), default=-1)
    if last < first:
        raise RecordError("no_answer", f"no assistant turn after the prompt{_hint(conversation.meta)}")
    keep = [i for i in range(last + 1) if i >= first or messages[i]["role"] == "system"]
    changes, meta = [], dict(conversation.meta)
    if cut := [m for i, m in enumerate(messages[:first]) if i not in keep]:
        changes.append(LEADING)
        meta["leading_turns"] = cut
    if messages[last + 1 :]:
        changes.append(TRAILING)
        meta["trailing_turns"] = messages[last + 1 :]
    kept, kept_weights = _joined([(messages[i], weights[i] if weights else None) for i in keep])
    if len(kept) < len(keep):
        changes.append(JOINED)
    if weights:
        meta["loss_weights"] = kept_weights
    if not any(m["role"] == "user" and m["content"].strip() for m in kept):
        raise RecordError("no_prompt", "no user turn with text before the last answer")
    return Conversation(kept, conversation.tools, meta), changes


def _hint(meta: dict[str, Any]) -> str:
    """How a labelled text gets an answer: nobody but the source's owner knows the question that the label answers."""
    label = next((name for name in LABEL_FIELDS if meta.get(name) not in (None, "", [])), None)
    if label is None:
        return ""
    return (
        f"; if the answer is {label!r}, the source says so by `columns: {{output: {label}}}`, and what is asked by a "
        'template, as in `template: "What does the customer want? {text}"`'
    )


def _joined(turns: list[tuple[Message, float | None]]) -> tuple[list[Message], list[float | None]]:
    kept: list[Message] = []
    weights: list[float | None] = []
    for message, weight in turns:
        if kept and kept[-1]["role"] == message["role"] != "tool":
            kept[-1] = turn(message["role"], "\n".join(filter(None, (kept[-1]["content"], message["content"]))))
            weights[-1] = min((w for w in (weights[-1], weight) if w is not None), default=None)
        else:
            kept.append(message)
            weights.append(weight)
    return kept, weights
