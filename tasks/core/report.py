"""A step's report: counts and measures, written last, so that its presence says that the rest is whole."""

from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.files import read_json, scan_examples, unreadable, write_examples, write_json, write_parquet
from tasks.core.ledger import LEDGER, Outcome, check_conservation, in_order
from tasks.core.schema import conversation_text
from tasks.core.text import units_of


@dataclass(frozen=True)
class Report:
    """What one step did. `counts` are named distributions (bars), `measures` single numbers or nested ones."""

    step: str
    rows_in: int | None = None
    rows_out: int | None = None
    ledger: dict[str, dict[str, int]] = field(default_factory=dict)  # action -> reason -> events
    counts: dict[str, dict[str, int]] = field(default_factory=dict)  # e.g. language -> {zh: 12}
    measures: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> "Report":
        """Write `report.json` into `folder`."""
        write_json(asdict(self), folder / "report.json")
        return self

    @classmethod
    def read(cls, folder: Path) -> "Report":
        """Read the report that a step left in `folder`; raises SourceError when it is not there or damaged."""
        path = folder / "report.json"
        try:
            return cls(**read_json(path))
        except TypeError as error:
            raise unreadable(path, error) from None


DIGITS = 6  # of a float in a report: the last ones differ from CPU to CPU


def rounded(value: float | None) -> float | None:
    """A float as a report holds it."""
    return None if value is None else round(value, DIGITS)


def leave(
    folder: Path,
    step: str,
    rows_in: int,
    outcome: Outcome,
    rows_per_shard: int,
    measures: dict[str, Any] | None = None,
) -> Report:
    """Write a step's examples, ledger and report into `folder` (a temporary one), after checking conservation."""
    write_examples(outcome.examples, folder / "examples", rows_per_shard)
    return leave_beside(folder, step, rows_in, len(outcome.examples), outcome.ledger, measures)


def leave_beside(
    folder: Path, step: str, rows_in: int, rows_out: int, ledger: pl.DataFrame, measures: dict[str, Any] | None = None
) -> Report:
    """Write ledger and report beside a step's examples, which are in `folder` already, after checking conservation."""
    ledger = in_order(pl.concat([pl.DataFrame(schema=LEDGER), ledger], how="diagonal_relaxed"))
    check_conservation(step, rows_in, rows_out, ledger)
    write_parquet(ledger, folder / "ledger.parquet")
    return Report(step, rows_in, rows_out, ledger_counts(ledger), describe(folder), measures or {}).write(folder)


def ledger_counts(ledger: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Events by action and reason."""
    counts: dict[str, dict[str, int]] = {}
    for action, reason, n in ledger.group_by("action", "reason").len().sort("action", "reason").iter_rows():
        counts.setdefault(action, {})[reason] = n
    return counts


def describe(folder: Path) -> dict[str, dict[str, int]]:
    """How the examples below `folder` spread; see `describe_examples`."""
    return describe_examples(scan_examples(folder))


def describe_examples(examples: pl.DataFrame | pl.LazyFrame) -> dict[str, dict[str, int]]:
    """Rows by language, type, source, split, way of making, number of turns and length."""
    rows = (
        examples.lazy()
        .select(
            "language", "instruction_type", "source", "split", "made_by",
            turns=pl.col("messages").list.len().clip(upper_bound=10).cast(pl.String),
            length=length_bucket(units_of(conversation_text())),
        )
        .collect()
    )  # fmt: skip
    return {
        name: dict(rows[name].drop_nulls().value_counts().sort(name).iter_rows())
        for name in rows.columns
        if rows[name].null_count() < len(rows)
    }


LENGTH_EDGES = (16, 64, 256, 1024)  # units; one and the same for split strata, reports and evaluation


def length_bucket(n_units: pl.Expr) -> pl.Expr:
    """A length in units as one of "0000-0015", "0016-0063" … (in text order)."""
    edges = (0, *LENGTH_EDGES)
    labels = [f"{low:04d}-{high - 1:04d}" for low, high in pairwise(edges)]
    lower = [n_units < high for high in edges[1:]]
    bucket = pl.lit(f"{edges[-1]:04d}-")
    for is_below, label in reversed(list(zip(lower, labels, strict=True))):
        bucket = pl.when(is_below).then(pl.lit(label)).otherwise(bucket)
    return bucket
