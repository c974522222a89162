"""The ledger: one row for everything that happens to a row, and the law that nothing vanishes.

Conservation, enforced for every step: rows in - dropped - merged + created = rows out. `edit`, `reject` (a child that a
guard refused) and `flag` change no count.
"""

from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from tasks.core.files import read_table, whole_paths

STEPS = ("ingest", "clean", "dedup", "decontaminate", "classify", "score", "split", "augment")  # that leave a ledger
ACTIONS = ("drop", "merge", "edit", "create", "reject", "flag")
LEDGER = pl.Schema(
    {
        "step": pl.String,
        "id": pl.String,
        "action": pl.String,
        "reason": pl.String,
        "measure": pl.Float64,
        "threshold": pl.Float64,
        "other_id": pl.String,
        "before": pl.String,
        "after": pl.String,
    }
)
CONTEXT_CHARS = 20  # shown on either side of a change
SPAN_CHARS = 400  # longest span shown whole


class Outcome(NamedTuple):
    """What a pure transformation gives: the examples that are left (or made) and what happened to the others."""

    examples: pl.DataFrame
    ledger: pl.DataFrame


def event(
    step: str,
    id: str,
    action: str,
    reason: str,
    *,
    measure: float | None = None,
    threshold: float | None = None,
    other_id: str | None = None,
    before: str | None = None,
    after: str | None = None,
) -> dict[str, Any]:
    """One ledger row; `other_id` is the survivor of a merge or the parent of a create."""
    return {
        "step": step, "id": id, "action": action, "reason": reason, "measure": measure, "threshold": threshold,
        "other_id": other_id, "before": before, "after": after,
    }  # fmt: skip


def ledger_frame(events: list[dict[str, Any]]) -> pl.DataFrame:
    """The events as a table, in the ledger's order."""
    return in_order(pl.DataFrame(events, schema=LEDGER))


def in_order(ledger: pl.DataFrame) -> pl.DataFrame:
    """The one order of a ledger: by id, then as listed; so it does not depend on workers or shards."""
    return ledger.select(pl.col(name).cast(dtype) for name, dtype in LEDGER.items()).sort(
        "id", "step", "action", "reason", "other_id", "before", "after", nulls_last=True, maintain_order=True
    )


def read_ledgers(*folders: Path) -> pl.DataFrame:
    """The ledgers below each of the folders (of a step that ran once a source: one a source), one after the other.

    Raises SourceError for examples without a ledger beside them, or one that is damaged.
    """
    found: list[Path] = []
    for folder in folders:
        beside = {path.with_name("ledger.parquet") for path in whole_paths(folder, "**/examples")}
        found += sorted(beside.union(whole_paths(folder, "**/ledger.parquet")))
    return pl.concat([pl.DataFrame(schema=LEDGER), *(read_table(path, schema=LEDGER) for path in found)])


def changed_span(before: str, after: str) -> tuple[str, str]:
    """The parts of two texts that differ, with a little context on both sides."""
    start = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    room = min(len(before), len(after)) - start
    end = next((i for i in range(room) if before[-1 - i] != after[-1 - i]), room)
    return tuple(_shown(text, start, len(text) - end) for text in (before, after))  # type: ignore[return-value]


def _shown(text: str, start: int, end: int) -> str:
    left, right = max(0, start - CONTEXT_CHARS), min(len(text), end + CONTEXT_CHARS)
    span = text[left:right] if right - left <= SPAN_CHARS else f"{text[left : left + SPAN_CHARS]}…"
    return f"{'…' if left else ''}{span}{'…' if right < len(text) else ''}"


def check_conservation(step: str, rows_in: int, rows_out: int, ledger: pl.DataFrame) -> None:
    """Raise AssertionError when rows went or came without a ledger line, or a line names no known action."""
    if unknown := sorted(set(ledger["action"].to_list()) - set(ACTIONS)):
        raise AssertionError(f"{step}: unknown ledger actions {unknown}; expected {ACTIONS}")
    n = {action: int((ledger["action"] == action).sum()) for action in ("drop", "merge", "create")}
    expected = rows_in - n["drop"] - n["merge"] + n["create"]
    if expected != rows_out:
        raise AssertionError(
            f"{step}: {rows_in} rows in - {n['drop']} dropped - {n['merge']} merged + {n['create']} created "
            f"= {expected}, but {rows_out} rows out"
        )
    gone = ledger.filter(pl.col("action").is_in(["drop", "merge"]))["id"]
    if gone.is_duplicated().any():
        raise AssertionError(
            f"{step}: rows dropped or merged twice: {gone.filter(gone.is_duplicated()).head(3).to_list()}"
        )
