"""The DAG, once: every stage with its function, what it reads and where it writes. Both doors go through here.

`python -m tasks` runs one of these calls in its own process; the flow runs all of them as Prefect tasks.
"""

import importlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tasks.core.errors import ParamsError
from tasks.core.params import NO_BASELINE, DecontaminateParams, DedupParams, Params

STEPS = (
    "ingest", "clean", "dedup", "decontaminate", "import_annotations", "classify", "score", "split", "augment",
    "release", "validate", "tokenize", "train", "evaluate", "lift", "report",
)  # fmt: skip
ROW_WISE = ("clean", "classify", "score", "augment")  # they take `run_shards`
TRAINING = ("tokenize", "train", "evaluate", "lift")  # what `--no-train` leaves out

Spilling = TypeVar("Spilling", DedupParams, DecontaminateParams)


def check_step(name: str) -> None:
    """Raise ParamsError when there is no such step."""
    if name not in STEPS:
        raise ParamsError(f"step {name}: no such step; expected one of {', '.join(STEPS)}")


@dataclass(frozen=True)
class Stage:
    """One call of one step: `function(*arguments, **settings)`, named as dvc.yaml names it."""

    name: str
    step: str
    arguments: tuple[Any, ...]  # inputs, target, params
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def function(self) -> Callable[..., Any]:
        """The step's function, imported only now: no stage pays for another's libraries."""
        function: Callable[..., Any] = getattr(importlib.import_module(f"tasks.{self.step}"), self.step)
        return function

    @property
    def target(self) -> Path:
        """The folder (for a gate: the file) that the stage leaves."""
        return Path(self.arguments[-2])


def stages(project: Path, data: Path, params: Params) -> Iterator[Stage]:
    """Every stage in the order in which it can run; `data` is `project / "data"` in a build of the project."""
    files = {name: getattr(params.clean, name) for name in ("tokenizer", "toxic_words")}
    paths = {name: str(resolve(path, project)) for name, path in files.items() if path}
    located = params.clean.model_copy(update=paths)
    for name, source in params.sources.items():
        raw, cleaned = data / "ingest" / name, data / "clean" / name
        path = resolve(source.path, project)
        yield Stage(f"ingest@{name}", "ingest", (path, raw, params.ingest), {"name": name, "source": source})
        yield _gate(project, data, params, "ingest", name)
        yield Stage(f"clean@{name}", "clean", (raw, cleaned, located))
        yield _gate(project, data, params, "clean", name)
    spilling = _spilling(params.dedup, project)
    yield Stage("dedup", "dedup", (data / "clean", data / "dedup", spilling), {"sources": params.sources})
    yield _gate(project, data, params, "dedup")
    benchmarks = {name: resolve(source.path, project) for name, source in params.decontaminate.benchmarks.items()}
    decontaminated, labels = data / "decontaminate", data / "import_annotations"
    searched = _spilling(params.decontaminate, project)
    yield Stage("decontaminate", "decontaminate", (data / "dedup", decontaminated, searched), {"paths": benchmarks})
    annotations = project / "annotations"
    yield Stage("import_annotations", "import_annotations", (annotations, labels, params.import_annotations))
    yield Stage("classify", "classify", (decontaminated, labels, data / "classify", params.classify))
    baseline = {"baseline": _baseline(params.score.baseline, project)}
    yield Stage("score", "score", (data / "classify", data / "score", params.score), baseline)
    yield Stage("split", "split", (data / "score", data / "split", params.split))
    yield _gate(project, data, params, "split")
    yield Stage("augment", "augment", (data / "split", data / "augment", params.augment))
    released, tokens, model = data / "release", data / "tokenize", data / "train"
    yield Stage("release", "release", (data, released, params.release), {"all_params": params})
    yield _gate(project, data, params, "release")
    yield Stage("tokenize", "tokenize", (released, tokens, params.tokenize))
    yield Stage("train", "train", (tokens, model, params.train))
    yield Stage("evaluate", "evaluate", (released, tokens, model, data / "evaluate", params.evaluate))
    compared: dict[str, Any] = {"train_params": params.train, "tokenize_params": params.tokenize}
    compared["baseline"] = _baseline(params.lift.baseline, project)
    yield Stage("lift", "lift", (data, data / "lift", params.lift), compared)
    yield Stage("report", "report", (data, data / "report", params.report))


def _baseline(path: str, project: Path) -> Path | None:
    return None if path == NO_BASELINE else resolve(path, project)


def _spilling(params: Spilling, project: Path) -> Spilling:
    """`params` with its temp_directory as a real path."""
    place = params.temp_directory
    return params if place is None else params.model_copy(update={"temp_directory": str(resolve(place, project))})


def _gate(project: Path, data: Path, params: Params, step: str, source: str | None = None) -> Stage:
    """The Great Expectations suite that stands behind a step; the next stage needs its result."""
    folder = f"{step}/{source}" if source else step
    return Stage(
        f"validate@{step}-{source}" if source else f"validate_whole@{step}",
        "validate",
        (
            data / folder,
            project / "expectations" / f"{step}.json",
            data / "validate" / f"{folder}.json",
            params.validate_,
        ),
        {"evidence": data / "run" / f"failed-{folder.replace('/', '-')}.json"},
    )


def resolve(path: str, project: Path) -> Path:
    """A params path as a real one: `$NAME/…` takes NAME from the environment, a relative one starts at the project.

    Raises ParamsError when NAME is not set.
    """
    if missing := [name for name in re.findall(r"\$\{?(\w+)", path) if name not in os.environ]:
        raise ParamsError(f"path {path}: the environment variable {missing[0]} is not set; expected a folder's path")
    return project / os.path.expandvars(path)
