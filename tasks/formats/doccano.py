"""Doccano's export: `text` and `label`, a list of categories, of answers (seq2seq) or of [start, end, tag] spans.

The text is the prompt. The labels are in meta; a source that means them as answers says `columns: {output: label}`.
"""

from typing import Any

from tasks.formats.conversation import Conversation, rest, single_turn, text_of

LABELS = ("label", "labels", "entities", "cats")


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has a text with a list of labels."""
    return "text" in record and any(isinstance(record.get(name), list) for name in LABELS)


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation, without an answer unless `output` holds one."""
    conversation = single_turn(record, text_of(record.get("text"), "text"), "output", ("text",))
    lists = [name for name in LABELS if isinstance(record.get(name), list)]
    labels = [label for name in lists for label in record[name]]
    return [conversation._replace(meta={"labels": labels, **rest(conversation.meta, lists)})]
