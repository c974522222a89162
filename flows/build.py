"""`build-dataset`: sources to release and model, stage by stage, with DVC asked before each and told after each.

A build of the project is recorded in dvc.lock and runs only what is stale. A free build (own params, own data folder)
runs every stage and records nothing.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.meter import Meter
from flows.publish import Progress, publish
from flows.runners import RUNNERS, Runner
from flows.steps import TASKS
from flows.versions import Versions
from tasks.core.errors import ParamsError
from tasks.core.files import write_json
from tasks.core.params import Params
from tasks.core.params_file import load_params
from tasks.core.project import find_project
from tasks.core.report import Report
from tasks.core.schema import stable_hash
from tasks.dag import ROW_WISE, TRAINING, Stage, check_step, stages


@flow(name="build-dataset")
def build_dataset(
    params: Params | None = None,
    data: str | None = None,
    only: str | None = None,
    force: bool = False,
    train: bool = True,
    runner: Runner = "processes",
) -> State[Any]:
    """Build the release, and the model where `train` is set.

    `params` (of a file, or as edited here) make a free build into `data`; without them the project's params.yaml is
    built and recorded. `only` names one step; `force` runs what is up to date too.
    """
    if only:
        check_step(only)

    def is_chosen(stage: Stage) -> bool:
        return (not only or stage.step == only) and (train or stage.step not in TRAINING)

    return run_stages(find_project(Path.cwd()), params, data, is_chosen, force, runner)


def run_stages(
    project: Path,
    params: Params | None,
    data: str | None,
    is_chosen: Callable[[Stage], bool],
    force: bool = False,
    runner: Runner = "processes",
) -> State[Any]:
    """Run the chosen stages in DAG order inside the flow run that is open; the state's message says what ran."""
    folder = data_folder(project, params, data)
    chosen = [s for s in stages(project, folder, params or load_params(project / "params.yaml")) if is_chosen(s)]
    costs: dict[str, dict[str, float]] = {}
    with one_build_at_a_time(folder):
        write_json(costs, folder / "run" / "costs.json")
        versions = None if params else Versions(project)
        progress = Progress(len(chosen))
        try:
            for stage in chosen:
                if cost := run_stage(stage, versions, force, runner):
                    costs[stage.name] = cost
                    write_json(costs, folder / "run" / "costs.json")
                progress.advance()
        finally:
            if versions:
                versions.write_lock()
    return Completed(message=f"{len(costs)} of {len(chosen)} stages ran")


def run_stage(stage: Stage, versions: Versions | None, force: bool, runner: Runner) -> dict[str, float] | None:
    """Run one stage unless DVC has it already; returns its seconds and memory, or None when nothing ran."""
    log = get_run_logger()
    missing = versions.lacks_inputs(stage.name) if versions else []
    if versions and not force and not missing:
        if not versions.is_stale(stage.name):
            log.info("%s: up to date", stage.name)
            return None
        if versions.restore(stage.name):
            log.info("%s: restored from the run cache", stage.name)
            publish_if_any(stage)
            return None
    settings = stage.settings | ({"run_shards": RUNNERS[runner]} if stage.step in ROW_WISE else {})
    with Meter() as meter:
        TASKS[stage.step].with_options(task_run_name=stage.name)(*stage.arguments, **settings)
    if missing:
        log.info("%s: not recorded, for it had to do without %s", stage.name, ", ".join(missing))
    elif versions:
        versions.record(stage.name)
    publish_if_any(stage)
    log.info("%s: %.1f s, %.0f MiB", stage.name, meter.seconds, meter.peak_mib)
    return {"seconds": round(meter.seconds, 2), "peak_mib": round(meter.peak_mib)}


def publish_if_any(stage: Stage) -> None:
    """Show the stage's report; a gate has none."""
    if (stage.target / "report.json").is_file():
        publish(stage.name, Report.read(stage.target))


def data_folder(project: Path, params: Params | None, data: str | None) -> Path:
    """Where a build writes: the project's data, or a free build's own folder."""
    if params is None:
        if data:
            raise ParamsError("--data: a free build needs its own params too; give --params and --data together")
        return project / "data"
    return Path(data).resolve() if data else project / "data" / "run" / f"free-{stable_hash(params.model_dump())[:8]}"


@contextmanager
def one_build_at_a_time(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which a killed build lets go; raises ParamsError naming the build that holds it."""
    lock = folder / "run" / "lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ParamsError(f"{folder}: another build is running there ({file.read() or 'unknown'})") from None
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid()}))
        file.flush()
        yield
