"""What another threshold would drop or flag, answered from the measures that a step left, without a rerun.

A step that can be previewed has `PREVIEWED`, its params that change no measure, and `preview(data, params)`: all rows
that came in, and the lines that its ledger would have for drops, merges and flags.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import yaml

from tasks.core.errors import ParamsError
from tasks.core.files import read_columns, whole_paths
from tasks.core.ledger import read_ledgers
from tasks.core.params import Params
from tasks.core.params_file import parse_params

ACTIONS = ("drop", "merge", "flag")
N_SHOWN = 5  # rows of each reason that would newly go, as a sample
TEXT_CHARS = 160
LINES = pl.Schema({"id": pl.String, "action": pl.String, "reason": pl.String, "measure": pl.Float64})


class Change(NamedTuple):
    """One `--set step.param=value`."""

    step: str
    param: str
    value: Any


def change_of(text: str) -> Change:
    """Read `clean.max_units=100`; the value is YAML. Raises ParamsError."""
    name, equals, value = text.partition("=")
    step, dot, param = name.strip().partition(".")
    if not (equals and dot and step and param):
        raise ParamsError(f"--set {text}: expected step.param=value, as in clean.max_repetition_ratio=0.2")
    try:
        return Change(step, param, yaml.safe_load(value))
    except yaml.YAMLError as error:
        raise ParamsError(f"--set {text}: the value is no YAML: {' '.join(str(error).split())}") from None


def with_changes(params: Params, step: str, changes: list[Change], previewed: Collection[str]) -> Params:
    """`params` with the changes. Raises ParamsError for another step's param, or one that is not `previewed`."""
    for change in changes:
        if change.step != step:
            raise ParamsError(f"--set {change.step}.{change.param}: expected a param of {step}")
        if change.param not in previewed:
            known = ", ".join(sorted(previewed))
            raise ParamsError(f"--set {step}.{change.param}: needs a rerun, or is no param; previewed are {known}")
    content = params.model_dump(by_alias=True)
    content[step] |= {change.param: change.value for change in changes}
    return parse_params(content, "--set")


def compare(data: Path, step: str, rows: pl.DataFrame, then: pl.DataFrame) -> dict[str, Any]:
    """How many of `rows` (id, source, language) the step's ledger takes and flags now, and how many the lines `then`.

    By source and language, by reason and, where classify has run, by type; with a few rows that would newly go.
    """
    now = read_ledgers(data / step).filter(pl.col("action").is_in(ACTIONS))
    both = {"now": now, "then": then}
    lines = pl.concat(table.select(list(LINES)).with_columns(time=pl.lit(time)) for time, table in both.items())
    rows = rows.join(_types(data), on="id", how="left", maintain_order="left")
    goes = pl.col("action") != "flag"
    fresh = then.filter(goes).join(now.filter(goes), on="id", how="anti", maintain_order="left")
    return {
        "step": step,
        "rows": len(rows),
        "by_source": _counts(rows, lines, ["source", "language"]),
        "by_reason": _by_reason(lines),
        "by_type": _counts(rows, lines, ["instruction_type"]) if rows["instruction_type"].is_not_null().any() else [],
        "newly_gone": len(fresh),
        "newly_kept": len(now.filter(goes).join(then.filter(goes), on="id", how="anti")),
        "examples": _examples(data / step, fresh),
    }


def _types(data: Path) -> pl.DataFrame:
    if not whole_paths(data / "classify", "**/examples/*.parquet"):
        return pl.DataFrame(schema={"id": pl.String, "instruction_type": pl.String})
    return read_columns(data / "classify", ["id", "instruction_type"])


def _counts(rows: pl.DataFrame, lines: pl.DataFrame, by: list[str]) -> list[dict[str, Any]]:
    """One entry a group: its rows, and how many of them are dropped, merged and flagged, now and then."""
    n_rows = rows.group_by(by).len("rows")
    of_rows = lines.unique(["id", "action", "time"]).join(rows.select("id", *by), on="id")
    counted = n_rows
    for time in ("now", "then"):
        for action in ACTIONS:
            n = of_rows.filter(action=action, time=time).group_by(by).len(f"{action}_{time}")
            counted = counted.join(n, on=by, how="left", nulls_equal=True)
    return counted.fill_null(0).sort(by, nulls_last=True).to_dicts()


def _by_reason(lines: pl.DataFrame) -> list[dict[str, Any]]:
    counted = lines.group_by("action", "reason").agg(
        now=(pl.col("time") == "now").sum(), then=(pl.col("time") == "then").sum()
    )
    return counted.sort("action", "reason").to_dicts()


def _examples(folder: Path, fresh: pl.DataFrame) -> list[dict[str, Any]]:
    """A few rows of each reason with the last turn as the step left it, the nearest to the threshold first.

    A row that would be merged is shown with the last turn of the one that stays, `other_text`.
    """
    distance = (pl.col("measure") - pl.col("threshold")).abs()
    shown = fresh.sort(distance, "id").group_by("reason", maintain_order=True).head(N_SHOWN)
    if "other_id" not in shown.columns:
        shown = shown.with_columns(other_id=pl.lit(None, dtype=pl.String))
    wanted = pl.concat([shown["id"], shown["other_id"]])
    last = pl.col("messages").list.last().struct.field("content").str.slice(0, TEXT_CHARS)
    rows = read_columns(folder, ["id", "source", "messages"]).filter(pl.col("id").is_in(wanted.to_list()))
    texts = rows.select("id", "source", text=last)
    beside = texts.select(other_id="id", other_text="text")
    return (
        shown.join(texts, on="id", how="left", maintain_order="left")
        .join(beside, on="other_id", how="left", maintain_order="left")
        .select("id", "source", "reason", "measure", "text", "other_id", "other_text")
        .to_dicts()
    )
