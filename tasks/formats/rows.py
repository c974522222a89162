"""The conversations of a source, record by record, once its format is decided: what ingest and decontaminate read."""

import logging
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from tasks.core.errors import SourceError
from tasks.core.params import Source
from tasks.formats.conversation import Conversation, RecordError
from tasks.formats.forms import FIRST_RECORDS, Plan, plan_of
from tasks.formats.read import MAX_RECORD_BYTES, Record, Reject, Seen, records, rejected

log = logging.getLogger(__name__)


class Row(NamedTuple):
    """A record and the conversations that its format reads from it; they may still lack a prompt or an answer."""

    record: Record
    conversations: list[Conversation]


def rows(
    path: Path, source: Source, name: str, max_record_bytes: int = MAX_RECORD_BYTES, seen: Seen | None = None
) -> tuple[Plan, Iterator[Row | Reject]]:
    """How the source is read, and every record as a row or a reject.

    Raises SourceError when there is no record at all, or none that can be read.
    """
    stream = records(path, source, max_record_bytes, seen)
    first: list[Record | Reject] = []
    n_records = 0
    for item in stream:
        first.append(item)
        n_records += isinstance(item, Record)
        if n_records == FIRST_RECORDS:
            break
    if not first:
        raise SourceError(f"sources.{name}: {path.name} is empty; expected at least one record")
    if not n_records:
        reject = next(item for item in first if isinstance(item, Reject))
        raise SourceError(
            f"sources.{name}: none of {len(first)} records can be read; the first, {reject.row}: "
            f"{reject.error}: {reject.detail}"
        )
    plan = plan_of([item.fields for item in first if isinstance(item, Record)], source, name)
    return plan, (_row(item, plan) for item in chain(first, stream))


def _row(item: Record | Reject, plan: Plan) -> Row | Reject:
    if isinstance(item, Reject):
        return item
    try:
        return Row(item, plan.conversations(item.fields))
    except RecordError as error:
        return rejected(item, error)
    except RecursionError:
        return rejected(item, RecordError("too_deep", "nested too deeply"))


def benchmark_items(path: Path, source: Source, name: str = "benchmark") -> list[dict[str, str]]:
    """A benchmark's items as `{"item": "file#row", "prompt", "answer"}`; either text may be empty, not both.

    Records that cannot be read are said in a warning, for nothing is compared with them.

    The prompt is all system, user and tool turns, one a line; the answer all assistant turns.
    """
    _, found = rows(path, source, name)
    items, rejects = [], list[Reject]()
    for row in found:
        if isinstance(row, Reject):
            rejects.append(row)
            continue
        for conversation in row.conversations:
            texts: dict[bool, list[str]] = {True: [], False: []}
            for message in conversation.messages:
                texts[message["role"] == "assistant"].append(message["content"])
            prompt, answer = "\n".join(texts[False]), "\n".join(texts[True])
            if prompt.strip() or answer.strip():
                items.append({"item": row.record.row, "prompt": prompt, "answer": answer})
    if rejects:
        n, first = len(rejects), rejects[0]
        log.warning("%s: %d records cannot be read; the first, %s: %s", name, n, first.row, first.error)
    if not items:
        raise SourceError(f"{name}: {path.name} has no item with a text")
    return items
