"""One DuckDB in memory per task: bounded memory, spilling to a temporary folder, no progress bar."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import duckdb

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
    """A folder that goes away when the block ends; raises ParamsError when there is no such temp_directory."""
    if params.temp_directory is not None and not Path(params.temp_directory).is_dir():
        raise ParamsError(f"temp_directory {params.temp_directory}: no such folder; expected one to spill to, or null")
    with tempfile.TemporaryDirectory(dir=params.temp_directory) as folder:
        yield Path(folder)


@contextmanager
def database(params: DatabaseParams) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that is closed, with what it spilled, when the block ends. Rows have no order but by `order by`."""
    with scratch_folder(params) as scratch, duckdb.connect() as db:
        db.execute("set enable_progress_bar = false")
        db.execute("set preserve_insertion_order = false")
        db.execute(f"set memory_limit = '{params.memory_limit_mb}MB'")
        db.execute(f"set threads = {params.threads}")
        db.execute("set temp_directory = $scratch", {"scratch": str(scratch)})
        yield db


def ngram_hash(n: int) -> str:
    """SQL for the hash of the n-gram that begins at h[i]. Not stable over DuckDB versions: never store its values."""
    return "hash(" + ", ".join(f"h[i + {k}]" for k in range(n)) + ")"
