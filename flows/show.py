"""Results as tables for a terminal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.core.funnel import funnel, gone_and_made
from tasks.core.preview import ACTIONS


def show_funnel(data: Path) -> None:
    """Print rows in and out per step, then where the release and the report are."""
    table = _table("Funnel", "step", "rows in", "dropped", "merged", "created", "rows out")
    for report in funnel(data):
        n = gone_and_made(report).values()
        table.add_row(report.step, str(report.rows_in), *map(str, n), str(report.rows_out))
    console = Console()
    console.print(table)
    console.print(
        f"Release: {data / 'release'}", f"Report:  {data / 'report' / 'index.html'}", sep="\n", highlight=False
    )


def show_arms(told: dict[str, Any]) -> None:
    """Print what `flows.arm_results.tell` found: a line an arm, then what each says."""
    table = Table("arm", "rows", "bits", "curated - arm", "95 % interval", "verdict", title="Bits per byte of test")
    for column in table.columns[1:-1]:
        column.justify = "right"
    for column in table.columns[:1] + table.columns[4:5]:
        column.no_wrap = True
    for name, arm in [("curated", told["curated"]), *told["arms"].items()]:
        spread = " ".join(f"{bound:+.4f}" for bound in arm.get("interval_95") or ())
        bits, difference = arm["bits_per_byte"], arm.get("difference")
        shown = ("–" if bits is None else f"{bits:.4f}", "" if difference is None else f"{difference:+.4f}")
        table.add_row(name, f"{arm['rows']:,}", *shown, spread, arm.get("verdict", ""))
    console = Console()
    console.print(table)
    console.print(*(arm["sentence"] for arm in told["arms"].values()), sep="\n", highlight=False)


def show_preview(result: dict[str, Any]) -> None:
    """Print what `tasks.core.preview.compare` found: where, why, of which type, and some of the rows."""
    console = Console()
    for table in (*_counts(result), _reasons(result), _fresh(result)):
        if table.row_count:
            console.print(table)
    if result["step"] == "dedup":
        console.print("Conflicting answers are those of the last build, of the rows that stay.")
    console.print(f"{result['newly_gone']:,} rows would newly go, {result['newly_kept']:,} would stay that go now.")


def _counts(result: dict[str, Any]) -> Iterator[Table]:
    actions = [action for action in ACTIONS if any(any(_changes(line, action)) for line in result["by_source"])]
    changing = [column for action in actions for column in (f"{action} now", "then")]
    for name, groups in (("by_source", ["source", "language"]), ("by_type", ["instruction_type"])):
        table = _table(f"{result['step']}: rows {name.replace('_', ' ')}", *groups, "rows", *changing)
        for line in result[name]:
            n = (line["rows"], *(n for action in actions for n in _changes(line, action)))
            table.add_row(*(str(line[group] or "gone before classify") for group in groups), *(f"{v:,}" for v in n))
        yield table


def _changes(line: dict[str, Any], action: str) -> tuple[int, int]:
    """How many rows of a line meet with an action now and then."""
    return line[f"{action}_now"], line[f"{action}_then"]


def _reasons(result: dict[str, Any]) -> Table:
    table = _table("Lines by reason", "action", "reason", "now", "then")
    for line in result["by_reason"]:
        table.add_row(line["action"], line["reason"], f"{line['now']:,}", f"{line['then']:,}")
    return table


def _fresh(result: dict[str, Any]) -> Table:
    table = Table("id", "source", "reason", "measure", "last turn", "of the row that stays")
    table.title = f"Of {result['newly_gone']:,} rows that would newly go"
    for row in result["examples"]:
        texts = [escape(row[name] or "").replace("\n", "⏎") for name in ("text", "other_text")]
        table.add_row(row["id"][:12], row["source"], row["reason"], f"{row['measure']:.3g}", *texts)
    return table


def _table(title: str, *columns: str) -> Table:
    """A table whose columns after the names hold numbers."""
    table = Table(*columns, title=title)
    for column in table.columns:
        if column.header not in ("step", "source", "language", "instruction_type", "action", "reason"):
            column.justify = "right"
    return table
