"""DVC from inside a flow: is a stage stale, restore it from the run cache, record it. The only file that imports dvc.

These are internal calls of DVC 3 (hence `dvc<4`); tests/test_doors.py holds them to what `dvc status` says.
"""

import logging
import subprocess
import time
from pathlib import Path

from dvc.repo import Repo
from dvc.stage import PipelineStage
from dvc.stage.cache import RunCacheNotFoundError

from tasks.core.errors import ParamsError
from tasks.core.params_file import load_params
from tasks.dag import TRAINING, stages

logging.getLogger("dvc").setLevel(logging.WARNING)  # it says of every stage that it writes the lock file


WRITE_SECONDS = 5.0  # DVC writes all of dvc.lock each time, so stages that follow soon are written together


class Versions:
    """The stages of one project as DVC sees them. Only these calls hold DVC's lock, never the work between them.

    Call `write_lock` at the end, whatever happened. What a killed build did not write is in the run cache already.
    """

    def __init__(self, project: Path) -> None:
        self.repo = Repo(str(project))
        self.stages: dict[str, PipelineStage] = {stage.addressing: stage for stage in self.repo.index.stages}
        self._unwritten: list[PipelineStage] = []
        self._written_at = time.monotonic()

    def is_stale(self, name: str) -> bool:
        """Whether code, params, inputs or outputs of the stage differ from dvc.lock; ask just before its turn.

        Raises ParamsError when dvc.yaml has no such stage.
        """
        if name not in self.stages:
            raise ParamsError(f"dvc.yaml: no stage {name}; it has {', '.join(self.stages)}")
        with self.repo.lock:
            return bool(self.stages[name].status())

    def restore(self, name: str) -> bool:
        """Remove the stage's outputs and bring them back from the run cache; False when it never ran like this."""
        stage = self.stages[name]
        with self.repo.lock:
            stage.remove_outs(ignore_remove=False, force=False)
            try:
                self.repo.stage_cache.restore(stage)
            except RunCacheNotFoundError:
                return False
            self._save(stage)
        return True

    def record(self, name: str) -> None:
        """Put the stage's outputs into the cache and its hashes into dvc.lock."""
        with self.repo.lock:
            self._save(self.stages[name])

    def lacks_inputs(self, name: str) -> list[str]:
        """What the stage reads and is not there: such a stage can be neither restored nor recorded."""
        return [str(dep) for dep in self.stages[name].deps if not dep.exists]

    def lacks_outputs(self, name: str) -> bool:
        """Whether something that the stage leaves is not there."""
        return not all(out.exists for out in self.stages[name].outs)

    def _save(self, stage: PipelineStage) -> None:
        stage.save(run_cache=True)
        stage.commit()
        self._unwritten.append(stage)
        if time.monotonic() - self._written_at > WRITE_SECONDS:
            self._write()

    def write_lock(self) -> None:
        """Write to dvc.lock what is not in it yet."""
        with self.repo.lock:
            self._write()

    def _write(self) -> None:
        if self._unwritten:
            self._unwritten[0].dvcfile.dump_stages(self._unwritten, update_pipeline=False)
        self._unwritten, self._written_at = [], time.monotonic()

    def has_remote(self) -> bool:
        """Whether a default remote is configured."""
        return bool(self.repo.config["core"].get("remote"))

    def push(self) -> int:
        """Push what dvc.lock names to the default remote; returns how many files went."""
        return int(self.repo.push(run_cache=True) or 0)

    def commit(self, message: str) -> bool:
        """Commit dvc.lock with git; False when nothing changed."""
        git = ["git", "-C", self.repo.root_dir]
        subprocess.run([*git, "add", "dvc.lock"], check=True)
        if subprocess.run([*git, "diff", "--cached", "--quiet", "--", "dvc.lock"], check=False).returncode == 0:
            return False
        subprocess.run([*git, "commit", "-q", "-m", message, "--", "dvc.lock"], check=True)
        return True


def stale_stages(versions: Versions, train: bool) -> list[str]:
    """The stages that a build would run; a report that was made without training is not stale for that.

    What would become stale by them is not among them.
    """
    project = Path(versions.repo.root_dir)
    return [
        stage.name
        for stage in stages(project, project / "data", load_params(project / "params.yaml"))
        if (train or stage.step not in TRAINING)
        and versions.is_stale(stage.name)
        and (versions.lacks_outputs(stage.name) or not versions.lacks_inputs(stage.name))
    ]


def anything_stale(project: Path, train: bool) -> bool:
    """Whether a build would do anything."""
    return bool(stale_stages(Versions(project), train))
