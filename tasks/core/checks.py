"""What a release promises, each promise with whether it holds, in one sentence with its numbers.

None of this is measured anew: gates, certificates and ledgers are the steps' own; the page says no more than they do.
"""

from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from tasks.core.explain import REDACTED
from tasks.core.files import read_json
from tasks.core.funnel import gone_and_made, is_balanced
from tasks.core.report import Report

PER_SOURCE, WHOLE = ("ingest", "clean"), ("dedup", "split", "release")  # the steps that have gates, in DAG order


class Gate(NamedTuple):
    """A suite's verdicts on one step, or on one source of it; `name` says which."""

    step: str
    name: str
    rules: list[dict[str, Any]]

    @property
    def holds(self) -> bool:
        """Whether every rule does."""
        return all(rule["success"] for rule in self.rules)


class Suite(NamedTuple):
    """The gates of one step; per source for ingest and clean."""

    step: str
    gates: list[Gate]

    @property
    def holds(self) -> bool:
        """Whether every gate does."""
        return all(gate.holds for gate in self.gates)


class Check(NamedTuple):
    """One promise: whether it holds (None: not measured), the sentence, and the section that has the evidence."""

    holds: bool | None
    text: str
    section: str


def gates(validated: Path) -> list[Gate]:
    """The gates below data/validate, in DAG order."""
    found = [
        Gate(step, f"{step} {path.stem}", read_json(path))
        for step in PER_SOURCE
        for path in sorted((validated / step).glob("*.json"))
    ]
    whole = [(step, validated / f"{step}.json") for step in WHOLE]
    return found + [Gate(step, step, read_json(path)) for step, path in whole if path.is_file()]


def suites(found: list[Gate]) -> list[Suite]:
    """The gates by step, in DAG order."""
    by_step = [Suite(step, [gate for gate in found if gate.step == step]) for step in (*PER_SOURCE, *WHOLE)]
    return [suite for suite in by_step if suite.gates]


def missing_gates(found: list[Gate], sources: list[str]) -> list[str]:
    """The names of the gates that a whole build leaves and that are not there."""
    expected = [*(f"{step} {source}" for step in PER_SOURCE for source in sources), *WHOLE]
    return [name for name in expected if name not in {gate.name for gate in found}]


def check_gates(found: list[Gate], missing: list[str]) -> Check:
    """Every rule of every suite holds, and no suite is missing."""
    n_rules, failed = sum(len(gate.rules) for gate in found), [gate.name for gate in found if not gate.holds]
    if failed or missing:
        wrong = [f"{name} does not hold" for name in failed] + [f"{name} is missing" for name in missing]
        return Check(False, f"Of {len(found) + len(missing)} gates, {'; '.join(wrong)}.", "gates")
    return Check(True, f"All {len(found)} gates hold: {n_rules:,} rules, none broken.", "gates")


def check_rows(steps: list[Report], release: Report) -> Check:
    """No row came or went without a ledger line, in any step and between steps."""
    wrong = [report.step for report in steps if not is_balanced(report)]
    wrong += [b.step for a, b in zip(steps, [*steps[1:], release], strict=True) if a.rows_out != b.rows_in]
    if wrong:
        return Check(False, f"Rows came or went without a ledger line in {', '.join(dict.fromkeys(wrong))}.", "funnel")
    n = {action: sum(gone_and_made(report)[action] for report in steps) for action in ("drop", "merge", "create")}
    return Check(
        True,
        f"Every row is accounted for: {steps[0].rows_in:,} read - {n['drop']:,} dropped - {n['merge']:,} merged "
        f"+ {n['create']:,} created = {release.rows_out:,} released.",
        "funnel",
    )


def check_split(split: Report) -> Check:
    """No family and no pair of prompt and answer is in two splits."""
    leaks = split.measures.get("certificate", {})
    if not leaks:
        return Check(None, "Whether the splits leak was not measured.", "split")
    told = ", ".join(f"{name.replace('_', ' ')}: {n:,}" for name, n in sorted(leaks.items()))
    return Check(not any(leaks.values()), f"Leaks between train, val and test ({told}).", "split")


def check_benchmarks(decontaminate: Report) -> Check:
    """No row that overlaps with a benchmark is left."""
    benchmarks = decontaminate.measures.get("benchmarks", {})
    if not benchmarks:
        return Check(None, "No benchmark is listed, so no overlap was looked for.", "step-decontaminate")
    hit, n_items = decontaminate.measures["rows_hit"], sum(of["items"] for of in benchmarks.values())
    dropped = sum(decontaminate.ledger.get("drop", {}).values())
    looked = f"{n_items:,} items of {', '.join(sorted(benchmarks))}"
    fate = f"all {dropped:,} were dropped" if dropped >= hit else f"{hit - dropped:,} are still there"
    told = f"{hit:,} rows overlapped with {looked}; {fate}." if hit else f"No row overlaps with {looked}."
    return Check(dropped >= hit, told, "step-decontaminate")


def check_redaction(clean: Report, params: dict[str, Any]) -> Check:
    """Personal data and secrets were looked for and replaced."""
    if not params.get("clean", {}).get("pii", True):
        return Check(None, "Redaction of personal data is switched off.", "step-clean")
    n = sum(n for reason, n in clean.ledger.get("edit", {}).items() if reason.startswith(REDACTED))
    return Check(True, f"Personal data and keys were looked for, and replaced {n:,} times.", "step-clean")


def check_licences(released: pl.DataFrame) -> Check:
    """Every row has a licence."""
    n = released["license"].null_count()
    if n:
        return Check(None, f"{n:,} of {len(released):,} released rows have no stated licence.", "sources")
    return Check(True, f"Every released row states its licence ({released['license'].n_unique()} in all).", "sources")


def check_lift(lift: Report | None) -> Check:
    """The model learns more from curated rows than from raw ones; no significant difference is no failure."""
    if lift is None:
        return Check(None, "What curation gains a model was not measured.", "lift")
    holds = {"better": True, "worse": False}.get(lift.measures["verdict"])
    return Check(holds, lift.measures["sentence"], "lift")
