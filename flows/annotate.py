"""`export-annotations` and `import-annotations`: rows out to people, their labels and edits back into the project."""

import shutil
import tempfile
from pathlib import Path

from prefect import flow, get_run_logger

from flows.steps import TASKS
from tasks.core.errors import ParamsError
from tasks.core.files import whole_file
from tasks.core.params import Params
from tasks.core.params_file import load_params
from tasks.core.project import find_project
from tasks.core.report import Report
from tasks.import_annotations import ENDINGS


@flow(name="export-annotations")
def export_for_annotation(target: str, data: str | None = None, params: Params | None = None) -> Report | None:
    """Write the rows that people should look at first into `target`."""
    project = find_project(Path.cwd())
    chosen = params or load_params(project / "params.yaml")
    examples = (Path(data) if data else project / "data") / "classify"
    types = chosen.classify.types
    return TASKS["export_annotations"](examples, Path(target), chosen.export_annotations, types=types)


@flow(name="import-annotations")
def import_from_annotation(file: str) -> str:
    """Check what an annotation tool exported and copy it to `annotations/`; the next build reads it from there.

    Raises SourceError when a line cannot be used, and ParamsError when the file is none that a build reads or another
    of its name is there; then nothing is copied.
    """
    project, exported = find_project(Path.cwd()), Path(file)
    target = project / "annotations" / exported.name
    if exported.suffix not in ENDINGS:
        raise ParamsError(
            f"{exported}: not an export that can be read; expected a file in {' or '.join(sorted(ENDINGS))}"
        )
    if target.exists() and target.read_bytes() != exported.read_bytes():
        raise ParamsError(
            f"{target}: there already, with other content; give the new export another name, or remove it"
        )
    params = load_params(project / "params.yaml").import_annotations
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copy(exported, Path(scratch) / exported.name)
        checked = Path(scratch) / "checked"
        TASKS["import_annotations"](Path(scratch), checked, params)
        measures = Report.read(checked).measures
    with whole_file(target) as temporary:
        shutil.copy(exported, temporary)
    get_run_logger().info("%s: %s; commit it with git", target, measures)
    return str(target)
