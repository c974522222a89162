"""`build-dataset`: sources to release and model, stage by stage, with DVC asked before each and told after each.

A build of the project is recorded in dvc.lock and runs only what is stale. A free build (own params, own data folder)
runs every stage and records nothing.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.states import Completed, State

from flows.meter import Meter
from flows.publish import Progress, publish
from flows.runners import RUNNERS, Runner
from flows.steps import TASKS
from flows.versions import Versions
from tasks.core.errors import ParamsError
from tasks.core.files import write_json
from tasks.core.params import Params, load_params
from tasks.core.project import find_project
from tasks.core.report import Report
from tasks.core.schema import stable_hash
from tasks.dag import ROW_WISE, TRAINING, Stage, stages


@flow(name="build-dataset", validate_parameters=True)
def build_dataset(
    params: Params | None = None,
    data: str | None = None,
    only: str | None = None,
    force: bool = False,
    train: bool = True,
    runner: Runner = "processes",
) -> State[Any] | dict[str, Any]:
    """Build the release.

    `params` (as edited here, or of a file) makes a free build into `data`; without them params.yaml is built and
    recorded. `only` names a step, `train=False` ends after the release, `force` runs what is up to date too.
    """
    project = find_project(Path.cwd())
    folder = data_folder(project, params, data)
    chosen = choose(list(stages(project, folder, params or load_params(project / "params.yaml"))), only, train)
    with one_build_at_a_time(folder):
        versions = None if params else Versions(project)
        measured = {}
        progress = Progress(len(chosen))
        for stage in chosen:
            if cost := run_stage(stage, versions, force, runner):
                measured[stage.name] = cost
                write_json(measured, folder / "run" / "build.json")
            progress.advance()
    return Completed(message=f"{len(measured)} of {len(chosen)} stages ran; release in {folder / 'release'}")


def run_stage(stage: Stage, versions: Versions | None, force: bool, runner: Runner) -> dict[str, float] | None:
    """Run one stage unless DVC has it already; returns its seconds and memory, or None when nothing ran."""
    log = get_run_logger()
    if versions and not force:
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
    if versions:
        versions.record(stage.name)
    publish_if_any(stage)
    log.info("%s: %.1f s, %.0f MiB", stage.name, meter.seconds, meter.peak_mib)
    return {"seconds": round(meter.seconds, 2), "peak_mib": round(meter.peak_mib)}


def publish_if_any(stage: Stage) -> None:
    """Show the stage's report; a gate has none."""
    if (stage.target / "report.json").is_file():
        publish(stage.name, Report.read(stage.target))


def stale_stages(project: Path, train: bool = True) -> list[str]:
    """The stages that are stale now; what only follows from an earlier stale stage is not yet among them."""
    versions = Versions(project)
    chosen = choose(list(stages(project, project / "data", load_params(project / "params.yaml"))), None, train)
    return [stage.name for stage in chosen if versions.is_stale(stage.name)]


def choose(all_stages: list[Stage], only: str | None, train: bool) -> list[Stage]:
    """The stages that were asked for; raises ParamsError for a step that is not there."""
    if only and only not in {stage.step for stage in all_stages}:
        raise ParamsError(f"--only {only}: no such step; expected one of {sorted({s.step for s in all_stages})}")
    return [s for s in all_stages if (not only or s.step == only) and (train or s.step not in TRAINING)]


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
