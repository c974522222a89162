"""Run one stage of the DAG as `dvc repro` does: `python -m tasks STEP [KEY …]`, in the project, with its params.yaml.

KEY is a source for ingest and clean, step and source for validate, a step for validate_whole.
Exit codes: 0 done, 1 the data failed a gate or a check, 2 usage or params.
"""

import logging
import os
import sys
from pathlib import Path

from tasks.core.errors import GateError, ParamsError, SourceError
from tasks.core.params_file import load_params
from tasks.core.project import find_project
from tasks.dag import stages

log = logging.getLogger("tasks")


def main(arguments: list[str]) -> int:
    """Run the stage that `arguments` name; returns the exit code."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as flows/__init__.py, where the reason is
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)
    try:
        run_stage(arguments)
    except ParamsError as error:
        log.error("%s", error)
        return 2
    except (SourceError, GateError) as error:
        log.error("%s", error)
        return 1
    except OSError as error:  # a folder that cannot be written, a disk that is full
        log.error("%s: %s", " ".join(arguments), error)
        return 1
    return 0


def run_stage(arguments: list[str]) -> None:
    """Find the stage by its words and call its function; raises ParamsError for a stage that is not there."""
    project = find_project(Path.cwd())
    known = {stage.name: stage for stage in stages(project, project / "data", load_params(project / "params.yaml"))}
    step, *keys = arguments or [""]
    name = f"{step}@{'-'.join(keys)}" if keys else step
    if name not in known:
        stages_as_words = ", ".join(stage.replace("@", " ").replace("-", " ") for stage in known)
        raise ParamsError(f"python -m tasks {' '.join(arguments)}: no such stage; expected one of {stages_as_words}")
    stage = known[name]
    stage.function(*stage.arguments, **stage.settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
