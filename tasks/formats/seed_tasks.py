"""Self-instruct seed tasks: one `instruction` with `instances` of input and output, one conversation for each.

A field that both the task and the instance have is the instance's; the task's is in meta, under `task`.
"""

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
    return [conversation for instance in instances for conversation in _read(rest(record, ("instances",)), instance)]


def _read(task: dict[str, Any], instance: dict[str, Any]) -> list[Conversation]:
    both = {name: task[name] for name in instance if name in task}
    found = alpaca.read({**task, **instance})
    return [c._replace(meta={**c.meta, "task": both}) for c in found] if both else found
