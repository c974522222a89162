"""The rows of a source as Examples: ids, source, type and meta; with what was rejected and which turns were moved."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import polars as pl

from tasks.core.ledger import LEDGER, event
from tasks.core.params import INSTRUCTION_TYPES, Source
from tasks.core.schema import EXAMPLE, canonical, source_id, stable_hash
from tasks.formats.conversation import Conversation, RecordError, tidy
from tasks.formats.occurrences import Occurrences
from tasks.formats.read import Record, Reject, rejected
from tasks.formats.rows import Row

REJECTS = pl.Schema(
    {
        "file": pl.String,
        "row": pl.String,
        "byte_offset": pl.Int64,
        "error": pl.String,
        "detail": pl.String,
        "raw": pl.Binary,
    }
)
MOST_RECORDS, MOST_CHARS = 10_000, 1 << 24  # held as Python objects at a time; of their texts
FIRST_REJECTS = 20  # that are kept to be shown
EMPTY = (None, "")
SURE, STATED = 1.0, 0.9  # confidence of a type that a person gave, and of one that a source states
Made = tuple[dict[str, Any], list[str], tuple[str, str]]  # an example, how its turns were moved, roles before, after


class Batch(NamedTuple):
    """Some records in their order: their examples, their ledger, and those that are rejects."""

    examples: pl.DataFrame
    ledger: pl.DataFrame
    rejects: pl.DataFrame
    n_chars: int  # of texts


Put = Callable[[Batch], None]


@dataclass
class Reading:
    """What became of the records of one source."""

    n_records: int = 0
    n_rejects: Counter[str] = field(default_factory=Counter)  # by reason
    rejects: list[Reject] = field(default_factory=list)  # the first ones
    seen: Occurrences = field(default_factory=Occurrences)
    with_values: set[str] = field(default_factory=set)  # family_key, score_field: whose column has any

    def rejects_by_reason(self) -> dict[str, int]:
        """How many records are rejects, by reason."""
        return dict(sorted(self.n_rejects.items()))


def read_examples_of(stream: Iterator[Row | Reject], name: str, source: Source, put: Put) -> Reading:
    """Make Examples of every row of the source `name`; `put` takes them batch by batch."""
    reading = Reading()
    held, rejects, n_chars = list[list[Made]](), list[Reject](), 0
    for row in stream:
        made = row if isinstance(row, Reject) else _examples_of(row, name, source, reading.with_values)
        reading.n_records += 1
        if isinstance(made, Reject):
            reading.n_rejects[made.error] += 1
            if len(reading.rejects) < FIRST_REJECTS:
                reading.rejects.append(replace(made, raw=b""))
            rejects.append(made)
            n_chars += len(made.raw)
        else:
            held.append(made)
            n_chars += sum(len(m["content"]) for example, _, _ in made for m in example["messages"])
            n_chars += sum(len(example["meta"]) for example, _, _ in made)
        if len(held) + len(rejects) >= MOST_RECORDS or n_chars >= MOST_CHARS:
            put(_batch(held, rejects, n_chars, name, reading.seen))
            held, rejects, n_chars = [], [], 0
    put(_batch(held, rejects, n_chars, name, reading.seen))
    return reading


def _batch(held: list[list[Made]], rejects: list[Reject], n_chars: int, name: str, seen: Occurrences) -> Batch:
    examples = [example for made in held for example, _, _ in made]
    for example in examples:
        example["id"] = source_id(name, example["messages"], example["tools"], 0)
    for example, n_before in zip(examples, seen.before([example["id"] for example in examples]), strict=True):
        if n_before:
            example["id"] = source_id(name, example["messages"], example["tools"], n_before)
    events = []
    for made in held:
        family = min(example["id"] for example, _, _ in made)  # the rows of one record are one
        for example, changes, roles in made:
            example["family"] = example["family"] or family
            events += [_moved(example["id"], change, roles) for change in changes]
    return Batch(
        pl.DataFrame(examples, schema=EXAMPLE),
        pl.DataFrame(events, schema=LEDGER),
        pl.DataFrame([{name: getattr(reject, name) for name in REJECTS} for reject in rejects], schema=REJECTS),
        n_chars,
    )


def _moved(id: str, change: str, roles: tuple[str, str]) -> dict[str, Any]:
    """The ledger's line of turns that were moved: it tells them by their roles, for redaction has not run yet."""
    return event("ingest", id, "edit", change, before=roles[0], after=roles[1])


def _examples_of(row: Row, name: str, source: Source, with_values: set[str]) -> list[Made] | Reject:
    """The examples of a row, still without id; `with_values` takes family_key and score_field where it has a value."""
    made = list[Made]()
    try:
        family = _family_of(row.record, name, source)
        if family is not None:
            with_values.add("family_key")
        for conversation in row.conversations:
            tidied, changes = tidy(conversation)
            roles = (_roles(conversation), _roles(tidied)) if changes else ("", "")
            meta = _with_score(tidied.meta, row.record, source)
            if source.score_field is not None and meta.get(source.score_field) not in EMPTY:
                with_values.add("score_field")
            example = _example(tidied._replace(meta=meta), row.record, name, source)
            made.append((example | {"family": family}, changes, roles))
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


def _value(record: Record, name: str, source: Source) -> Any:
    """What the record has in a column, by the name that `columns` gives it or its own; None where there is nothing."""
    column = source.columns.get(name, name)
    names = list(record.fields)
    return record.fields.get(names[column] if isinstance(column, int) and column < len(names) else str(column))


def _family_of(record: Record, name: str, source: Source) -> str | None:
    """The family that the value under `family_key` makes, in all sources of one `family_space`; None without a value.

    Sources are read apart, so it depends on nothing else. A number is its spelling: what is 7 in JSON is "7" in CSV.
    """
    value = None if source.family_key is None else _value(record, source.family_key, source)
    if value in EMPTY:
        return None
    return stable_hash("family", source.family_space or name, value if isinstance(value, str) else canonical(value))


def _with_score(meta: dict[str, Any], record: Record, source: Source) -> dict[str, Any]:
    """`meta` with the column of scores, also where it is read as a field and so is not in meta otherwise."""
    if source.score_field is None or (score := _value(record, source.score_field, source)) is None:
        return meta
    return {source.score_field: score} | meta


def _roles(conversation: Conversation) -> str:
    return " ".join(message["role"] for message in conversation.messages)
