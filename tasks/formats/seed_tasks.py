"""Self-instruct seed tasks: one `instruction` with `instances` of input and output, one conversation for each."""

from typing import Any

from tasks.formats import alpaca
from tasks.formats.conversation import Conversation, RecordError, objects_of, rest


def is_row(record: dict[str, Any]) -> bool:
    """Whether the record has an instruction with instances."""
    return "instruction" in record and "instances" in record


def read(record: dict[str, Any]) -> list[Conversation]:
    """One conversation for each instance."""
    instances = objects_of(record.get("instances"), "instances")
    if not instances:
        raise RecordError("no_answer", "instances is empty")
    return [c for instance in instances for c in alpaca.read({**rest(record, ("instances",)), **instance})]
