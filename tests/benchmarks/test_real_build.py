"""A build of real public data through the flow; `pytest tests/benchmarks -s` prints rows, seconds and memory per step.

Needs the folder that INSTRUCTFLOW_DATA names; skipped where it is not there.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

PROJECT = Path(__file__).parents[2]
DATA = Path(os.environ.get("INSTRUCTFLOW_DATA", "")).resolve()
MOST_MIB = 4096


@pytest.mark.timeout(3600)
@pytest.mark.skipif(
    not (DATA / "alpaca_zh_en").is_dir(), reason="INSTRUCTFLOW_DATA names no folder with the real data: see README.md"
)
def test_real_data_are_built_in_bounded_memory_and_every_row_is_accounted_for(tmp_path):
    command = [str(Path(sys.executable).with_name("instructflow")), "build", "--params", "tests/benchmarks/real.yaml"]
    env = os.environ | {"INSTRUCTFLOW_DATA": str(DATA)}
    folder = tmp_path / "data"
    done = subprocess.run(
        [*command, "--data", str(folder), "--no-train", "--json"], cwd=PROJECT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-4000:]
    costs = json.loads((folder / "run" / "costs.json").read_text())
    by_step: dict[str, list[float]] = {}
    for stage, cost in costs.items():
        of_step = by_step.setdefault(stage.split("@")[0], [0.0, 0.0])
        by_step[stage.split("@")[0]] = [of_step[0] + cost["seconds"], max(of_step[1], cost["peak_mib"])]
    print("\n| step | rows in | dropped | merged | created | rows out | s | MiB |\n|---|---|---|---|---|---|---|---|")
    rows_in = None
    for report in json.loads(done.stdout):
        n = {a: sum(report["ledger"].get(a, {}).values()) for a in ("drop", "merge", "create")}
        seconds, mib = by_step.pop(report["step"])
        numbers = (report["rows_in"], *n.values(), report["rows_out"])
        print(f"| {report['step']} | " + " | ".join(f"{v:,}" for v in numbers) + f" | {seconds:.1f} | {mib:,.0f} |")
        rows_in = rows_in or report["rows_in"]
    for step, (seconds, mib) in by_step.items():
        print(f"| {step} | | | | | | {seconds:.1f} | {mib:,.0f} |")
    lineage = pl.scan_parquet(folder / "release" / "lineage.parquet")
    n = dict(lineage.group_by("action").len().collect().iter_rows())
    released = sum(pl.scan_parquet(p).select(pl.len()).collect().item() for p in (folder / "release").glob("*.parquet")
                   if p.stem in {"train", "val", "test"})  # fmt: skip
    assert rows_in - n["drop"] - n["merge"] + (n["create"] - rows_in) == released
    assert max(cost["peak_mib"] for cost in costs.values()) < MOST_MIB
