"""Row-wise steps run shard by shard, in as many processes as there are, with the same bytes whatever the number.

A shard job is (function, arguments) with a function from a module's top level, so that any process can import it.
"""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.files import PART, example_files, whole_folder, write_parquet
from tasks.core.ledger import Outcome, check_conservation, in_order
from tasks.core.report import Report, describe, ledger_counts

ShardFunction = Callable[..., int]
RunShards = Callable[[ShardFunction, Sequence[tuple[Any, ...]]], list[int]]


def in_process(function: ShardFunction, jobs: Sequence[tuple[Any, ...]]) -> list[int]:
    """Run the jobs one after another in this process."""
    return [function(*job) for job in jobs]


def in_processes(function: ShardFunction, jobs: Sequence[tuple[Any, ...]]) -> list[int]:
    """Run the jobs in a pool of spawned processes (never forked: polars and torch have threads); one job runs here."""
    workers = min(len(jobs), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    if workers < 2:
        return in_process(function, jobs)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(function, *zip(*jobs, strict=True)))


def leave_shard(target_file: Path, outcome: Outcome) -> None:
    """Write one shard's examples at `target_file` and its part of the ledger into `ledger/` beside `examples/`."""
    write_parquet(outcome.examples.sort("id"), target_file)
    write_parquet(outcome.ledger, target_file.parent.parent / "ledger" / target_file.name)


def by_shards(
    step: str,
    function: ShardFunction,
    examples: Path,
    target: Path,
    params: Any,
    run_shards: RunShards,
    measure: Callable[[pl.DataFrame], dict[str, Any]] = lambda ledger: {},
) -> Report:
    """Run `function(source_file, target_file, params) -> rows in` on every shard, then join ledgers and report.

    `function` writes with `leave_shard`. `measure` turns the joined ledger into the report's measures.
    """
    files = example_files(examples)
    with whole_folder(target) as folder:
        jobs = [(file, folder / "examples" / PART.format(part), params) for part, file in enumerate(files)]
        rows_in = sum(run_shards(function, jobs))
        parts = sorted((folder / "ledger").glob("*.parquet"))
        ledger = in_order(pl.concat([pl.read_parquet(part) for part in parts]))
        rows_out = int(pl.scan_parquet([job[1] for job in jobs]).select(pl.len()).collect().item())
        check_conservation(step, rows_in, rows_out, ledger)
        for part in parts:
            part.unlink()
        (folder / "ledger").rmdir()
        write_parquet(ledger, folder / "ledger.parquet")
        return Report(step, rows_in, rows_out, ledger_counts(ledger), describe(folder), measure(ledger)).write(folder)
