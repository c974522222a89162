"""LightTag's export: `content` with annotated spans and classifications, one record for each example.

A whole export (an object with `examples`) is split into its examples by the reader.
"""

from typing import Any

from tasks.formats.conversation import Conversation, objects_of, single_turn, text_of


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record is an example of LightTag."""
    return "content" in record and ("annotations" in record or "classifications" in record)


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation, without an answer unless `output` holds one; class names and tags are `labels` in meta."""
    conversation = single_turn(record, text_of(record.get("content"), "content"), "output", ("content",))
    classes = [entry.get("classname") for entry in objects_of(record.get("classifications"), "classifications")]
    spans = objects_of(record.get("annotations"), "annotations")
    tags = [[span.get("start"), span.get("end"), span.get("tag")] for span in spans]
    return [conversation._replace(meta={"labels": [*classes, *tags], **conversation.meta})]
