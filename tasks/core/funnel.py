"""The funnel: how many rows each step took in, dropped, merged, created and left; told alike in terminal and report."""

from collections import Counter
from pathlib import Path

from tasks.core.files import whole_paths
from tasks.core.ledger import STEPS
from tasks.core.report import Report


def funnel(data: Path) -> list[Report]:
    """The reports of the steps that leave examples, in DAG order; ingest and clean summed over their sources."""
    reports = []
    for step in STEPS:
        if found := list(reports_of(data / step).values()):
            reports.append(found[0] if found[0].step == step and len(found) == 1 else summed(step, found))
    return reports


def reports_of(folder: Path) -> dict[str, Report]:
    """The report of a step's folder, or those of the sources below it, by the name of their folder."""
    paths = [folder / "report.json"] if (folder / "report.json").is_file() else whole_paths(folder, "*/report.json")
    return {path.parent.name: Report.read(path.parent) for path in paths}


def summed(step: str, reports: list[Report]) -> Report:
    """Rows, ledger and counts of a step over all its sources; measures are each source's own and are left out."""
    return Report(
        step,
        sum(report.rows_in or 0 for report in reports),
        sum(report.rows_out or 0 for report in reports),
        _sum_of([report.ledger for report in reports]),
        _sum_of([report.counts for report in reports]),
    )


def _sum_of(tables: list[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    totals: dict[str, Counter[str]] = {}
    for table in tables:
        for name, counts in table.items():
            totals.setdefault(name, Counter()).update(counts)
    return {name: dict(sorted(counts.items())) for name, counts in sorted(totals.items())}


def gone_and_made(report: Report) -> dict[str, int]:
    """Rows dropped, merged and created: the events that change a count."""
    return {action: sum(report.ledger.get(action, {}).values()) for action in ("drop", "merge", "create")}


def is_balanced(report: Report) -> bool:
    """Whether rows in - dropped - merged + created = rows out, by the report's own numbers."""
    n = gone_and_made(report)
    return (report.rows_in or 0) - n["drop"] - n["merge"] + n["create"] == report.rows_out
