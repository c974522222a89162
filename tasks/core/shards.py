"""Row-wise steps run shard by shard, in as many processes as there are, with the same bytes whatever the number.

A shard job is (function, arguments) with a function from a module's top level, so that any process can import it.
"""

import multiprocessing
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.files import PART, example_files, read_examples, whole_folder, write_examples, write_parquet
from tasks.core.ledger import Outcome, check_conservation, in_order
from tasks.core.params import ExampleStep
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


def leave_shard(target_file: Path, outcome: Outcome, **tables: pl.DataFrame) -> None:
    """Write one shard's examples at `target_file`, its part of the ledger and of every further table beside it."""
    write_parquet(outcome.examples.sort("id"), target_file)
    for name, table in {"ledger": outcome.ledger, **tables}.items():
        write_parquet(table, target_file.parent.parent / name / target_file.name)


def by_shards(
    step: str,
    function: ShardFunction,
    examples: Path,
    target: Path,
    params: ExampleStep,
    run_shards: RunShards,
    inputs: Sequence[Any] = (),
    tables: Sequence[str] = (),
    measure: Callable[[Path], dict[str, Any]] = lambda folder: {},
) -> Report:
    """Run `function(source_file, target_file, params, *inputs) -> rows in` on every shard, then join what they left.

    `function` writes with `leave_shard`: the ledger and the further `tables` become one file each, sorted by id.
    `measure` reads the joined folder and gives the report's measures.
    """
    files = example_files(examples)
    with whole_folder(target) as folder:
        jobs = [(file, folder / "examples" / PART.format(part), params, *inputs) for part, file in enumerate(files)]
        rows_in = sum(run_shards(function, jobs))
        ledger = in_order(_joined(folder / "ledger"))
        rows_out = int(pl.scan_parquet([job[1] for job in jobs]).select(pl.len()).collect().item())
        check_conservation(step, rows_in, rows_out, ledger)
        _cut(folder, params.rows_per_shard)
        write_parquet(ledger, folder / "ledger.parquet")
        for name in tables:
            write_parquet(_joined(folder / name).sort("id"), folder / f"{name}.parquet")
        return Report(step, rows_in, rows_out, ledger_counts(ledger), describe(folder), measure(folder)).write(folder)


def _cut(folder: Path, rows_per_shard: int) -> None:
    """Write the shards anew where one is too long or their rows do not go on in the order of ids."""
    ids = [pl.read_parquet(file, columns=["id"])["id"] for file in example_files(folder)]
    if max(map(len, ids)) > rows_per_shard or not pl.concat(ids).is_sorted():
        examples = read_examples(folder)
        shutil.rmtree(folder / "examples")
        write_examples(examples, folder / "examples", rows_per_shard)


def _joined(parts: Path) -> pl.DataFrame:
    """The parts of one table as one; the folder of parts goes away."""
    joined = pl.concat([pl.read_parquet(part) for part in sorted(parts.iterdir())])
    shutil.rmtree(parts)
    return joined
