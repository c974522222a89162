"""The conversations of a source, record by record, once its format is decided: what ingest and decontaminate read."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tasks.core.errors import ParamsError, SourceError
from tasks.core.params import Source
from tasks.formats.conversation import Conversation, RecordError
from tasks.formats.forms import FIRST_RECORDS, Plan, plan_of
from tasks.formats.read import MAX_RECORD_BYTES, Record, Reject, Seen, records, rejected

FIRST_BYTES = 1 << 26  # of the records that decide how a source is read
log = logging.getLogger(__name__)


class Row(NamedTuple):
    """A record and the conversations that its format reads from it; they may still lack a prompt or an answer."""

    record: Record
    conversations: list[Conversation]


def rows(
    path: Path, source: Source, name: str, max_record_bytes: int = MAX_RECORD_BYTES, seen: Seen | None = None
) -> tuple[Plan, Iterator[Row | Reject]]:
    """How the source is read, and every record as a row or a reject.

    Raises SourceError when there is no record at all, or none that can be read, ParamsError for a fingerprint.
    """
    if source.format == "fingerprint":
        raise ParamsError(f"sources.{name}: a fingerprint has no texts; expected it among decontaminate.benchmarks")
    first: list[Record] = []
    reject, n_rejects, n_bytes = None, 0, 0
    for item in records(path, source, max_record_bytes, seen):
        if isinstance(item, Record):
            first.append(item)
            n_bytes += len(item.raw or b"")
        else:
            reject, n_rejects = reject or item, n_rejects + 1
        if len(first) == FIRST_RECORDS or n_bytes > FIRST_BYTES:
            break
    if not first and reject is None:
        raise SourceError(f"sources.{name}: {path.name} is empty; expected at least one record")
    if not first and reject is not None:
        if n_rejects == 1 and reject.byte_offset is None:
            raise SourceError(f"{reject.file}: {reject.detail}")
        raise SourceError(
            f"sources.{name}: none of {n_rejects} records can be read; the first, {reject.row}: "
            f"{reject.error}: {reject.detail}"
        )
    plan = plan_of([record.fields for record in first], source, name)
    # Read anew rather than held: before the first records there may be any number of rejects.
    return plan, (_row(item, plan) for item in records(path, source, max_record_bytes, seen))


def _row(item: Record | Reject, plan: Plan) -> Row | Reject:
    if isinstance(item, Reject):
        return item
    try:
        return Row(item, plan.conversations(item.fields))
    except RecordError as error:
        return rejected(item, error)
    except RecursionError:
        return rejected(item, RecordError("too_deep", "nested too deeply"))


def benchmark_items(path: Path, source: Source, name: str = "benchmark", between: str = "\n") -> list[dict[str, str]]:
    """A benchmark's items as `{"item": "file#row", "prompt", "answer"}`; either text may be empty, not both.

    Records that cannot be read are said in a warning, for nothing is compared with them.

    The prompt is all system, user and tool turns, with `between` between them; the answer all assistant turns.
    """
    _, found = rows(path, source, name)
    items, n_rejects, first = [], 0, None
    for row in found:
        if isinstance(row, Reject):
            first, n_rejects = first or row, n_rejects + 1
            continue
        for conversation in row.conversations:
            texts: dict[bool, list[str]] = {True: [], False: []}
            for message in conversation.messages:
                texts[message["role"] == "assistant"].append(message["content"])
            prompt, answer = between.join(texts[False]), between.join(texts[True])
            if prompt.strip() or answer.strip():
                items.append({"item": row.record.row, "prompt": prompt, "answer": answer})
    if first is not None:
        log.warning("%s: %d records cannot be read; the first, %s: %s", name, n_rejects, first.row, first.error)
    if not items:
        raise SourceError(f"{name}: {path.name} has no item with a text")
    return items
