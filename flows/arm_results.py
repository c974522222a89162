"""What the arms of `instructflow lift` found, as a report, a page and, in flows/show.py, a table."""

from pathlib import Path
from statistics import fmean
from typing import Any

from markupsafe import Markup

from tasks.core import plots
from tasks.core.files import write_json, write_text
from tasks.core.page import render
from tasks.core.report import Report, rounded
from tasks.core.verdict import BETTER, WORSE, Words, judge

VERDICTS = {BETTER: "helps", WORSE: "hurts"}  # what is left out, where curated rows are better or worse than without it


def tell(subjects: dict[str, str], found: dict[str, Any], excluded: dict[str, dict[str, int]]) -> dict[str, Any]:
    """The report of what `judge_arms` found: curated, and every arm with its verdict; difference is curated - arm.

    `subjects` says by arm what it is without, `excluded` how many rows it had to leave out, by reason.
    """

    def figures(name: str) -> dict[str, Any]:
        bits = found["bits"][name]
        counts = {what: found[what][name] for what in ("rows", "tokens", "answer_tokens")}
        return {**counts, "bits_per_byte": rounded(fmean(bits)) if bits else None, "runs": [*map(rounded, bits)]}

    told: dict[str, Any] = {"held_out_rows": found["held_out_rows"], "curated": figures("curated"), "arms": {}}
    for arm, subject in subjects.items():
        bits, over_rows = found["bits"], found["over_rows"][arm]
        said = judge(bits["curated"], bits[arm], over_rows, words_of(subject)).measures()
        said["verdict"] = VERDICTS.get(said["verdict"], said["verdict"])
        if len(subjects) > 1:
            said["sentence"] += f" The interval is for this arm alone, not corrected for {len(subjects)} comparisons."
        told["arms"][arm] = {**figures(arm), "excluded": excluded[arm], **said}
    return told


def words_of(subject: str) -> Words:
    """How the comparison of curated rows with those without `subject` is told."""
    return Words(
        better=f"Without {subject} a model needs more bits per byte of test: {subject} helps",
        worse=f"Without {subject} a model needs fewer bits per byte of test: {subject} hurts",
        unclear=f"Without {subject}: no significant difference in bits per byte of test",
    )


def told_by_lift(report: Report) -> dict[str, Any]:
    """The step lift's own report in the form of `tell`: one arm, raw."""
    measures, counts = report.measures, report.counts
    runs = {arm: [run[arm] for run in measures["runs"]] for arm in ("curated", "raw")}
    figures = {
        arm: {what: counts[what][arm] for what in ("rows", "tokens", "answer_tokens")}
        | {"bits_per_byte": measures["bits_per_byte"][arm], "runs": runs[arm]}
        for arm in runs
    }
    said = {name: measures[name] for name in ("verdict", "sentence", "difference", "interval_95", "interval_95_rows")}
    raw = {**figures["raw"], "excluded": counts["excluded"], **said}
    return {"held_out_rows": measures["held_out"]["rows"], "curated": figures["curated"], "arms": {"raw": raw}}


def write_results(told: dict[str, Any], folder: Path) -> None:
    """Write index.html and report.json into `folder`."""
    spans = {
        name: (arm["difference"], *(arm["interval_95"] or [arm["difference"]] * 2))
        for name, arm in told["arms"].items()
        if arm["difference"] is not None
    }
    title = "Curated - without, bits per byte of test (below 0: it helps)"
    drawn = Markup(plots.intervals(title, spans)) if spans else ""
    page = render("arms.html.j2", {"told": told, "plot": drawn}, Path(__file__).parent)
    write_text(page, folder / "index.html")
    write_json(told, folder / "report.json")
