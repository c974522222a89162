"""One DuckDB in memory per task: bounded memory, spilling to a temporary folder, no progress bar."""

import glob
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import duckdb
import psutil

from tasks.core.errors import ParamsError


class DatabaseParams(Protocol):
    """The params of a step that works in SQL."""

    @property
    def memory_limit_mb(self) -> int:
        """DuckDB's memory, in MB."""

    @property
    def threads(self) -> int:
        """DuckDB's threads."""

    @property
    def temp_directory(self) -> str | None:
        """Where to spill; null is the system's place."""


@contextmanager
def scratch_folder(params: DatabaseParams) -> Iterator[Path]:
    """A folder that goes away when the block ends; one that a killed process of this machine left goes away too.

    Raises ParamsError when temp_directory is no folder that can be written to.
    """
    place = Path(params.temp_directory or tempfile.gettempdir())
    mine = f"instructflow-{socket.gethostname()}-"
    for left in place.glob(f"{glob.escape(mine)}*"):
        pid = left.name.removeprefix(mine).split("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    try:
        folder = tempfile.TemporaryDirectory(dir=place, prefix=f"{mine}{os.getpid()}-")
    except OSError as error:
        raise ParamsError(
            f"temp_directory {place}: {error.strerror}; expected a folder to spill to, or null for the system's place"
        ) from None
    with folder:
        yield Path(folder.name)


@contextmanager
def database(params: DatabaseParams) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that is closed, with what it spilled, when the block ends. Rows have no order but by `order by`.

    Raises ParamsError when the memory limit is too low for what cannot be spilled.
    """
    with scratch_folder(params) as scratch, duckdb.connect() as db:
        db.execute("set enable_progress_bar = false")
        db.execute("set preserve_insertion_order = false")
        db.execute(f"set memory_limit = '{params.memory_limit_mb}MB'")
        db.execute(f"set threads = {params.threads}")
        db.execute("set temp_directory = $scratch", {"scratch": str(scratch)})
        try:
            yield db
        except duckdb.OutOfMemoryException as error:
            raise ParamsError(
                f"memory_limit_mb {params.memory_limit_mb}: too little for these rows with {params.threads} threads; "
                f"expected more memory or fewer threads ({str(error).splitlines()[0]})"
            ) from None


def ngram_hash(n: int) -> str:
    """SQL for the hash of the n-gram that begins at h[i]. Not stable over DuckDB versions: never store its values."""
    return "hash(" + ", ".join(f"h[i + {k}]" for k in range(n)) + ")"
