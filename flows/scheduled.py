"""`scheduled-build`: build the project, then push and commit what params say, so that a run ends with a version."""

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

from flows.build import build_dataset
from flows.versions import Versions
from tasks.core.params_file import load_params
from tasks.core.project import find_project


@flow(name="scheduled-build")
def scheduled_build(train: bool = True) -> State[Any]:
    """Build what is stale; then `dvc push` where a remote is set, and commit dvc.lock where params say so."""
    log, project = get_run_logger(), find_project(Path.cwd())
    state: State[Any] = build_dataset(train=train, return_state=True)
    if state.is_completed():
        params, versions = load_params(project / "params.yaml").serve, Versions(project)
        if params.push and versions.has_remote():
            log.info("pushed %d files", versions.push())
        if params.commit and versions.commit("Data: scheduled build"):
            log.info("committed dvc.lock")
    return state
