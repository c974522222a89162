"""Where the project is: the nearest folder upwards that holds dvc.yaml, never where the package is installed."""

from pathlib import Path

from tasks.core.errors import ParamsError


def find_project(start: Path) -> Path:
    """The nearest of `start` and its parents that holds dvc.yaml; raises ParamsError when none does."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    raise ParamsError(f"{start}: no dvc.yaml here or in a folder above; run this inside an instructflow project")
