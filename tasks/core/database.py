"""One DuckDB in memory per task: bounded memory, spilling to a temporary folder, no progress bar."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import duckdb


class DatabaseParams(Protocol):
    """The params of a step that works in SQL."""

    @property
    def memory_limit_mb(self) -> int:
        """DuckDB's memory, in MB."""

    @property
    def threads(self) -> int:
        """DuckDB's threads."""


@contextmanager
def database(params: DatabaseParams) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that is closed, with what it spilled, when the block ends."""
    with tempfile.TemporaryDirectory() as scratch, duckdb.connect() as db:
        db.execute("set enable_progress_bar = false")
        db.execute(f"set memory_limit = '{params.memory_limit_mb}MB'")
        db.execute(f"set threads = {params.threads}")
        db.execute("set temp_directory = $scratch", {"scratch": scratch})
        yield db


def ngram_hash(n: int) -> str:
    """SQL for the hash of the n-gram that begins at h[i]. Not stable over DuckDB versions: never store its values."""
    return "hash(" + ", ".join(f"h[i + {k}]" for k in range(n)) + ")"
