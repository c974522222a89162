"""One HTML page over a whole build, for who asks whether this release can be trusted: every number beside its evidence.

The page is made of what the steps left (reports, ledgers, gates, release), needs neither script nor network, and holds
no text that was redacted. Without a model, or where the model was trained on another release, it ends before training.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup

from tasks.core import checks, evidence, model_sections, plots
from tasks.core.card import LIMITS
from tasks.core.diff import changes
from tasks.core.errors import SourceError
from tasks.core.files import read_json, read_table, whole_folder, write_text
from tasks.core.funnel import funnel, gone_and_made, reports_of
from tasks.core.ledger import STEPS, read_ledgers
from tasks.core.measures import tables
from tasks.core.page import render
from tasks.core.params import ReportParams
from tasks.core.report import Report
from tasks.core.schema import SPLITS

ABOUT = {
    "ingest": "Reads every format into one table. A record gives examples, or it is a reject with its reason.",
    "clean": "Redacts personal data, repairs text, drops what cannot be learned from, names the language.",
    "dedup": "Merges rows that repeat or nearly repeat one that stays, and joins what must not be parted.",
    "decontaminate": "Looks for rows that overlap with the benchmarks that must not be trained on.",
    "import_annotations": "Reads the labels and edits that people gave.",
    "classify": "Gives each row an instruction type: a person's word before the source's before rules.",
    "score": "Measures signals of quality, each from 0 to 1, where 1 is good.",
    "split": "Shares whole families out over train, val and test.",
    "augment": "Makes new train rows from old ones; a guard refuses the bad ones.",
    "release": "Writes the dataset in every form that trainers read.",
}  # in DAG order
LEAST_MOVE = 0.01  # share of rows by which a step must move a distribution for it to be drawn again
SHOWN_ELSEWHERE = (
    "overlap",
    "found_with",
    "stored_from",
    "certificate",
    "strongest",
    "history",
    "samples",
)  # measures with a place of their own


def sections(data: Path, steps: list[Report], released: pl.DataFrame, n_samples: int) -> list[dict[str, Any]]:
    """A section a step: its report, plots, ledger by reason, measures and samples of ledger lines."""
    by_step = {report.step: report for report in steps}
    made, last = [], Report("")
    for step, about in ABOUT.items():
        report = by_step.get(step) or reports_of(data / step).get(step)
        if report is None:
            continue
        ledger = read_ledgers(data / step)
        made.append(
            {
                "report": report,
                "about": about,
                "plots": drawn(only_moved(report, last)),
                "events": events(report),
                "tables": tables(report.measures, leave_out=SHOWN_ELSEWHERE),
                "samples": evidence.ledger_samples(ledger, released, n_samples),
                "strongest": strongest(report),
            }
        )
        last = report if report.counts else last
    return made


def only_moved(report: Report, before: Report) -> Report:
    """`report` without the counts that are spread as the step before left them: a page repeats nothing."""
    moved = {name: n for name, n in report.counts.items() if distance(n, before.counts.get(name, {})) >= LEAST_MOVE}
    return replace(report, counts=moved)


def distance(counts: dict[str, int], others: dict[str, int]) -> float:
    """How far apart two distributions are, 0 to 1: the share of rows that would have to change their value."""
    totals = [sum(values.values()) or 1 for values in (counts, others)]
    shares = [(counts.get(key, 0) / totals[0], others.get(key, 0) / totals[1]) for key in {**counts, **others}]
    return sum(abs(a - b) for a, b in shares) / 2


def drawn(report: Report) -> dict[str, Markup]:
    """The plots of a report; their text was escaped as they were drawn."""
    return {name: Markup(svg) for name, svg in plots.step_plots(report).items()}


def events(report: Report) -> list[dict[str, Any]]:
    """The ledger by action and reason, with the share of the rows that came in."""
    return [
        {"action": action, "reason": reason, "events": n, "rows_in": report.rows_in}
        for action, reasons in report.ledger.items()
        for reason, n in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    ]


def strongest(report: Report) -> list[dict[str, Any]]:
    """The rows nearest to a benchmark's items, with what differs from the item."""
    hits = report.measures.get("strongest", [])
    return [{**hit, "changes": changes(hit["item"], hit["row"])} for hit in hits]


def sources(data: Path, lineage: pl.DataFrame, of_rows: pl.DataFrame, released: Report) -> list[dict[str, Any]]:
    """One line a source: what it is, what of it was read, and what of it is in the release."""
    ingested, cleaned = (reports_of(data / step) for step in ("ingest", "clean"))
    lines = []
    for row in evidence.source_table(data, lineage, of_rows).to_dicts():
        name = row["source"]
        measures = ingested[name].measures if name in ingested else {}
        languages = cleaned[name].counts.get("language", {}) if name in cleaned else {}
        total = sum(languages.values())
        lines.append(
            {
                **row,
                "format": measures.get("format"),
                "records": measures.get("records"),
                "rejects": measures.get("rejects", {}),
                "languages": [(key, n / total) for key, n in sorted(languages.items(), key=lambda item: -item[1])],
                "released": released.counts.get("source", {}).get(name, 0),
            }
        )
    return lines


def split_table(released: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows by language, type and split, with how many of train were derived; the last line is the sum."""
    rows = {split: (pl.col("split") == split).sum() for split in SPLITS}
    derived = (pl.col("made_by") != "source").sum()
    by = ("language", "instruction_type")
    lines = released.group_by(by).agg(**rows, derived=derived, rows=pl.len()).sort(by, nulls_last=True)
    total = released.select(**rows, derived=derived, rows=pl.len()).row(0, named=True)
    return [*lines.to_dicts(), {"language": "all", "instruction_type": "", **total}]


def training(data: Path, manifest: dict[str, Any]) -> dict[str, Report]:
    """The reports of tokenize, train, evaluate and lift that are there; none where tokenize read another release.

    Ids alone do not tell one release from another: a row keeps its id when its text is edited.
    """
    steps = ("tokenize", "train", "evaluate", "lift")
    found = {step: report for step in steps if (report := reports_of(data / step).get(step))}
    released = {split: manifest["files"][f"{split}.parquet"]["sha256"] for split in SPLITS}
    return found if "tokenize" in found and found["tokenize"].measures.get("release") == released else {}


def funnel_rows(steps: list[Report]) -> list[tuple[str, int]]:
    """The rows that each step left."""
    return [(step.step, step.rows_out or 0) for step in steps]


def tiles(steps: list[Report], release: Report, found: list[checks.Gate]) -> list[tuple[str, Any]]:
    """The key figures, each with its words."""
    n = {action: sum(gone_and_made(step)[action] for step in steps) for action in ("drop", "merge", "create")}
    splits, edits = release.counts.get("split", {}), sum(sum(s.ledger.get("edit", {}).values()) for s in steps)
    return [
        ("rows read", steps[0].rows_in),
        ("rows dropped", n["drop"]),
        ("rows merged", n["merge"]),
        ("rows created", n["create"]),
        ("edits", edits),
        ("rows released", release.rows_out),
        ("train / val / test", " / ".join(f"{splits.get(split, 0):,}" for split in SPLITS)),
        ("rules of gates that hold", sum(rule["success"] for gate in found for rule in gate.rules)),
    ]


def verdict(steps: list[Report], release: Report, held: list[checks.Check]) -> dict[str, Any]:
    """One line: rows in and released, what does not hold (the gates where all does), what the model says."""
    rows = f"{steps[0].rows_in or 0:,} rows in → {release.rows_out or 0:,} rows released."
    wrong = [check.text for check in held if check.holds is False]
    told = wrong or [check.text for check in held if check.section == "gates"]
    lift = [check.text for check in held if check.section == "lift" and check.text not in told]
    return {"holds": not wrong, "text": " ".join([rows, *told, *lift])}


def safe(section: model_sections.Section) -> model_sections.Section:
    """The section with its plots marked as markup."""
    return section._replace(plots=[Markup(svg) for svg in section.plots])


def promises(
    steps: list[Report],
    release: Report,
    found: list[checks.Gate],
    released: pl.DataFrame,
    names: list[str],
    manifest: dict[str, Any],
) -> list[checks.Check]:
    """Every check of the data, the most telling first."""
    by_step = {step.step: step for step in steps}
    return [
        checks.check_rows(steps, release),
        checks.check_gates(found, checks.missing_gates(found, names)),
        checks.check_split(by_step["split"]),
        checks.check_benchmarks(by_step["decontaminate"]),
        checks.check_redaction(by_step["clean"], manifest["params"]),
        checks.check_licences(released),
    ]


def report(data: Path, target: Path, params: ReportParams) -> Report:
    """Read what the steps left below `data` and write `target`/index.html.

    Raises SourceError when there is no release.
    """
    if not (data / "release" / "report.json").is_file():
        raise SourceError(f"{data / 'release'}: no release here; expected what `instructflow build` leaves")
    release, manifest = Report.read(data / "release"), read_json(data / "release" / "manifest.json")
    released, lineage = evidence.released_rows(data / "release"), read_table(data / "release" / "lineage.parquet")
    of_rows = evidence.sources_of_rows(data)
    steps, model = funnel(data), training(data, manifest)
    if missing := [step for step in STEPS if step not in {report.step for report in steps}]:
        raise SourceError(f"{data}: no report of {', '.join(missing)}; expected {data / missing[0]}/**/report.json")
    found = checks.gates(data / "validate")
    held = promises(steps, release, found, released, list(reports_of(data / "ingest")), manifest)
    held.append(checks.check_lift(model.get("lift")))
    found_again = next(step for step in steps if step.step == "dedup").measures["overlap"]
    read_of = dict(of_rows["source"].value_counts().iter_rows())
    values = {
        "name": manifest["params"]["release"]["name"],
        "steps": steps,
        "release": release,
        "gone_and_made": gone_and_made,
        "checks": held,
        "verdict": verdict(steps, release, held),
        "tiles": tiles(steps, release, found),
        "funnel": Markup(plots.funnel("Rows after each step", funnel_rows(steps))),
        "sections": sections(data, [*steps, release], released, params.n_samples),
        "suites": checks.suites(found),
        "sources": sources(data, lineage, of_rows, release),
        "overlap": evidence.overlap_matrix(found_again, sorted(read_of)),
        "shade": lambda count, name: f"{0.08 + 0.62 * count / max(1, read_of[name]):.2f}",
        "split_table": split_table(released),
        "split": next(step for step in steps if step.step == "split"),
        "clusters": evidence.cluster_samples(data, released, params.n_samples),
        "samples": evidence.release_samples(released, params.n_samples),
        "has_other_model": not model and (data / "train" / "report.json").is_file(),
        "model": {step: safe(section) for step, section in model_sections.sections(model).items()},
        "answers": model["evaluate"].measures.get("samples", []) if "evaluate" in model else [],
        "suspects": model["evaluate"].measures.get("suspects", []) if "evaluate" in model else [],
        "manifest": manifest,
        "limits": [line.removeprefix("- ") for line in LIMITS.splitlines()],
    }
    measures = {
        "rows_read": steps[0].rows_in,
        "rows_released": release.rows_out,
        "checks": {check.section: check.holds for check in held},
        "verdict": verdict(steps, release, held)["text"],
        "has_model": bool(model),
    }
    with whole_folder(target) as folder:
        write_text(render("report.html.j2", values), folder / "index.html")
        return Report("report", measures=measures).write(folder)
