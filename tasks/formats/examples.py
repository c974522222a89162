"""The rows of a source as Examples: ids, source, type and meta; with what was rejected and which turns were moved."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tasks.core.ledger import event
from tasks.core.params import INSTRUCTION_TYPES, Source
from tasks.core.schema import EXAMPLE, canonical, source_id
from tasks.formats.conversation import Conversation, RecordError, tidy
from tasks.formats.read import Record, Reject, rejected
from tasks.formats.rows import Row

GROUP = "_group"  # rows with an equal one are a family
WITH_GROUP = pl.Schema([*EXAMPLE.items(), (GROUP, pl.String())])
ROWS_PER_FRAME = 10_000  # rows held as Python objects at a time
SURE, STATED = 1.0, 0.9  # confidence of a type that a person gave, and of one that a source states
Made = tuple[dict[str, Any], list[str], tuple[str, str]]  # an example, how its turns were moved, roles before, after
Put = Callable[[pl.DataFrame], None]


@dataclass
class Reading:
    """What became of the records of one source."""

    n_records: int = 0
    n_examples: int = 0
    rejects: list[Reject] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    n_before: Counter[str] = field(default_factory=Counter)  # equal rows so far, by the id of the first

    def rejects_by_reason(self) -> dict[str, int]:
        """How many records are rejects, by reason."""
        return dict(sorted(Counter(reject.error for reject in self.rejects).items()))


def read_examples_of(stream: Iterator[Row | Reject], name: str, source: Source, put: Put) -> Reading:
    """Make Examples of every row of the source `name`; `put` takes them as frames with the schema WITH_GROUP."""
    reading = Reading()
    held: list[dict[str, Any]] = []
    for row in stream:
        reading.n_records += 1
        made = row if isinstance(row, Reject) else _examples_of(row, name, source)
        if isinstance(made, Reject):
            reading.rejects.append(made)
            continue
        for example, changes, roles in made:
            held.append(_with_id(example, reading, name))
            reading.events += [_moved(example["id"], change, roles) for change in changes]
        if len(held) >= ROWS_PER_FRAME:
            put(pl.DataFrame(held, schema=WITH_GROUP))
            held = []
    if held:
        put(pl.DataFrame(held, schema=WITH_GROUP))
    return reading


def _with_id(example: dict[str, Any], reading: Reading, name: str) -> dict[str, Any]:
    first = source_id(name, example["messages"], example["tools"], 0)
    n_before = reading.n_before[first]
    reading.n_before[first] += 1
    reading.n_examples += 1
    example["id"] = source_id(name, example["messages"], example["tools"], n_before) if n_before else first
    return example


def _moved(id: str, change: str, roles: tuple[str, str]) -> dict[str, Any]:
    """The ledger's line of turns that were moved: it tells them by their roles, for redaction has not run yet."""
    return event("ingest", id, "edit", change, before=roles[0], after=roles[1])


def _examples_of(row: Row, name: str, source: Source) -> list[Made] | Reject:
    group = _group_of(row, source)
    made = []
    try:
        for conversation in row.conversations:
            tidied, changes = tidy(conversation)
            roles = (_roles(conversation), _roles(tidied)) if changes else ("", "")
            made.append((_example(tidied, row.record, name, source) | {GROUP: group}, changes, roles))
    except RecordError as error:
        return rejected(row.record, error)
    except RecursionError:
        return rejected(row.record, RecordError("too_deep", "nested too deeply"))
    return made or rejected(row.record, RecordError("no_prompt", "no conversation in it"))


def _example(conversation: Conversation, record: Record, name: str, source: Source) -> dict[str, Any]:
    meta = dict(conversation.meta)
    stated, confidence = source.instruction_type, STATED
    of_row = meta.get("instruction_type")
    if isinstance(of_row, str) and of_row in INSTRUCTION_TYPES:
        stated, confidence = meta.pop("instruction_type"), SURE if source.human else STATED
    return {
        "messages": conversation.messages,
        "tools": conversation.tools,
        "language": "und" if source.language == "auto" else source.language,
        "instruction_type": stated,
        "type_confidence": confidence if stated else None,
        "source": name,
        "source_row": record.row,
        "license": source.license,
        "made_by": "source",
        "weight": source.weight,
        "meta": canonical(meta),
    }


def _group_of(row: Row, source: Source) -> str | None:
    """What the rows of a family share: the value under `family_key`, else the record that several rows came from."""
    if source.family_key is not None:
        column = source.columns.get(source.family_key, source.family_key)
        names = list(row.record.fields)
        value = row.record.fields.get(names[column] if isinstance(column, int) and column < len(names) else str(column))
        if value not in (None, ""):
            return f"key {canonical(value)}"
    return f"row {row.record.row}" if len(row.conversations) > 1 else None


def _roles(conversation: Conversation) -> str:
    return " ".join(message["role"] for message in conversation.messages)
