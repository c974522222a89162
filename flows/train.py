"""`train-model`: tokenize, train, evaluate and lift on the release that is there."""

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.build import run_stages
from tasks.core.errors import ParamsError
from tasks.core.params import Params
from tasks.core.project import find_project
from tasks.dag import TRAINING


@flow(name="train-model")
def train_model(params: Params | None = None, data: str | None = None, force: bool = False) -> State[Any]:
    """Train on `data/release`; `params` and `data` as in `build-dataset`. Raises ParamsError where no release is."""
    project = find_project(Path.cwd())
    release = (Path(data) if data else project / "data") / "release" / "manifest.json"
    if not release.is_file():
        raise ParamsError(f"{release.parent}: no release here; run `instructflow build --no-train` first")
    return run_stages(project, params, data, lambda stage: stage.step in TRAINING, force=force)
