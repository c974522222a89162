"""Hold a step's output to its Great Expectations suite; the gate file is written only when every rule holds.

A suite (`expectations/<step>.json`) is in Great Expectations' own format. A rule's `meta` says why it is there and on
which table it is judged: `examples` (one row an example), `ledger` (one row a line), `balance` (one row). Rules are
structural promises, true of fifty rows as of a million.
"""

import logging
import os
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.errors import GateError, SourceError
from tasks.core.facts import balance_facts, example_facts, ledger_facts
from tasks.core.files import read_examples, read_json, read_table, write_json
from tasks.core.ledger import LEDGER
from tasks.core.params import ValidateParams
from tasks.core.report import Report
from tasks.core.schema import SPLITS

log = logging.getLogger(__name__)


def tables(folder: Path) -> dict[str, pl.DataFrame]:
    """What the rules are judged on: the tables of a step's folder, or of a release."""
    if (folder / "manifest.json").exists():
        examples = pl.concat([read_table(folder / f"{split}.parquet") for split in SPLITS]).sort("id")
        listed = {split: read_json(folder / "manifest.json")["files"][f"{split}.parquet"]["rows"] for split in SPLITS}
        found = {split: examples.filter(split=split).height for split in SPLITS}
        files = pl.DataFrame([{"id": split, "missing_rows": listed[split] - found[split]} for split in SPLITS])
        return {"examples": example_facts(examples), "files": files}
    examples, ledger = read_examples(folder), read_table(folder / "ledger.parquet", schema=LEDGER)
    return {
        "examples": example_facts(examples),
        "ledger": ledger_facts(ledger, examples["id"]),
        "balance": balance_facts(Report.read(folder).rows_in or 0, len(examples), ledger),
    }


def judge(suite: dict[str, Any], found: dict[str, pl.DataFrame]) -> list[dict[str, Any]]:
    """The verdict on every rule, in the suite's order: rule, table, column, observed, success, why, failed ids.

    Raises SourceError for a suite that Great Expectations does not know or cannot judge.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it tells how it sets itself up
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)  # has a level of its own
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    verdicts: dict[int, dict[str, Any]] = {}
    for name, table in found.items():
        rules = [
            (place, rule)
            for place, rule in enumerate(suite["expectations"])
            if rule["meta"].get("table", "examples") == name
        ]
        if not rules:
            continue
        asset = context.data_sources.add_pandas(name).add_dataframe_asset(name)
        batch = asset.add_batch_definition_whole_dataframe(name).get_batch({"dataframe": table.to_pandas()})
        for place, rule in rules:
            known = gx.ExpectationSuite(name=f"{name}-{place}", expectations=[_plain(rule)]).expectations
            if not known:
                raise SourceError(f"suite {suite['name']}: rule {rule['type']} is none that Great Expectations knows")
            result = batch.validate(
                known[0],
                result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["id"]}
                if "id" in table.columns
                else "SUMMARY",
            ).to_json_dict()
            verdicts[place] = _verdict(rule, name, result)
    if missing := [rule["type"] for place, rule in enumerate(suite["expectations"]) if place not in verdicts]:
        raise SourceError(f"suite {suite['name']}: rules on no known table: {missing}; expected one of {list(found)}")
    return [verdicts[place] for place in sorted(verdicts)]


def _read_suite(path: Path) -> dict[str, Any]:
    suite: dict[str, Any] = read_json(path)
    try:
        for rule in suite["name"] and suite["expectations"]:
            rule["type"], rule["kwargs"], rule["meta"]["why"]
    except (KeyError, TypeError) as error:
        raise SourceError(f"{path}: no suite of rules, each with type, kwargs and meta.why: {error}") from None
    return suite


def _plain(rule: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key in {"type", "kwargs", "meta"}}


def _verdict(rule: dict[str, Any], table: str, result: dict[str, Any]) -> dict[str, Any]:
    """What of Great Expectations' result does not change from run to run."""
    errors = result.get("exception_info") or {}
    for error in [errors, *(value for value in errors.values() if isinstance(value, dict))]:
        if error.get("raised_exception"):
            raise SourceError(f"rule {rule['type']} {rule['kwargs']}: {error['exception_message']}")
    details = result["result"]
    observed = details.get(
        "observed_value", f"{details.get('unexpected_count')} of {details.get('element_count')} rows"
    )
    columns = [value for key, value in sorted(rule["kwargs"].items()) if key.startswith("column")]
    return {
        "rule": rule["type"],
        "table": table,
        "column": columns[0] if len(columns) == 1 else columns,
        "observed": observed,
        "success": bool(result["success"]),
        "why": rule["meta"]["why"],
        "ids": sorted({row["id"] for row in details.get("unexpected_index_list") or []}),
    }


def validate(folder: Path, suite: Path, target: Path, params: ValidateParams, *, evidence: Path) -> None:
    """Judge `folder` by `suite`: write the gate file `target`, or the `evidence` of what failed.

    Raises GateError naming suite, rules and rows when a rule does not hold.
    """
    target.unlink(missing_ok=True)
    if not suite.is_file():
        raise SourceError(f"{suite}: no such suite; expected Great Expectations' JSON for {folder.name}")
    verdicts = judge(_read_suite(suite), tables(folder))
    failed = [verdict for verdict in verdicts if not verdict["success"]]
    if not failed:
        evidence.unlink(missing_ok=True)
        kept = ("rule", "table", "column", "observed", "success", "why")
        write_json([{key: verdict[key] for key in kept} for verdict in verdicts], target)
        log.info("%s: %d rules hold", suite.name, len(verdicts))
        return
    for verdict in failed:
        verdict["n_ids"], verdict["ids"] = len(verdict["ids"]), verdict["ids"][: params.max_failed_rows]
    write_json(failed, evidence)
    raise GateError("\n".join(_sentence(folder, suite, verdict) for verdict in failed) + f"\nevidence: {evidence}")


def _sentence(folder: Path, suite: Path, verdict: dict[str, Any]) -> str:
    rows = f"; rows {', '.join(verdict['ids'][:5])}{' …' if verdict['n_ids'] > 5 else ''}" if verdict["ids"] else ""
    rule = f"{verdict['rule']}({verdict['column']})"
    return f"{folder.name}: {suite.name}: {rule} does not hold: {verdict['observed']} ({verdict['why']}){rows}"
