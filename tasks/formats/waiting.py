"""What was read waits on disk until it can be written: rows and ledger in the order of ids, rejects as they came.

Rows and ledger lie in folders by the first digit of their ids, those of a long source by the first two.
"""

import shutil
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.files import PART, ROW_GROUP_ROWS, ZSTD_LEVEL, whole_file, write_parquet
from tasks.core.ledger import LEDGER, check_conservation, in_order
from tasks.core.schema import EXAMPLE
from tasks.formats.examples import REJECTS, Batch

MOST_CHARS = 1 << 26  # of texts that are read back at a time; sorting them takes several times as much memory
DIGITS = "0123456789abcdef"
SCHEMAS = {"examples": EXAMPLE, "ledger": LEDGER, "rejects": REJECTS}


class Waiting:
    """Batches on disk, in `folder`, which goes away when they are written."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.n_batches, self.n_rows, self.n_chars = folder, 0, 0, 0
        for name, schema in SCHEMAS.items():
            self._put(pl.DataFrame(schema=schema), folder / name / "0")
        self.n_batches = 1

    def put(self, batch: Batch) -> None:
        """Take a batch."""
        for name, frame in (("examples", batch.examples), ("ledger", batch.ledger)):
            for (digit,), of_digit in frame.group_by(pl.col("id").str.head(1)):
                self._put(of_digit, self.folder / name / str(digit))
        if len(batch.rejects):
            self._put(batch.rejects, self.folder / "rejects" / "0")
        self.n_batches += 1
        self.n_rows += len(batch.examples)
        self.n_chars += batch.n_chars

    def _put(self, frame: pl.DataFrame, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        frame.write_ipc(folder / f"{self.n_batches:08d}.arrow", compression="lz4")

    def write(self, target: Path, rows_per_shard: int, max_rows: int | None) -> int:
        """Write the first `max_rows` rows by id in shards, their ledger, and all rejects; returns how many rows."""
        shards, n_kept = _Shards(target / "examples", rows_per_shard), 0
        is_long = self.n_chars > MOST_CHARS * len(DIGITS)
        for digit in DIGITS:
            if is_long:
                self._divide("examples", digit)
                self._divide("ledger", digit)
            for prefix in [f"{digit}/{more}" for more in DIGITS] if is_long else [digit]:
                rows = self._of("examples", prefix).sort("id").head(max(0, (max_rows or self.n_rows) - n_kept))
                ledger = in_order(self._of("ledger", prefix).join(rows.select("id"), on="id", how="semi"))
                check_conservation("ingest", len(rows), len(rows), ledger)
                shards.put(rows)
                n_kept += len(rows)
                self.n_batches += 1
                self._put(ledger, self.folder / "sorted")
            for name in ("examples", "ledger"):
                shutil.rmtree(self.folder / name / digit, ignore_errors=True)
        shards.close()
        _sink(self.folder / "sorted", target / "ledger.parquet")
        _sink(self.folder / "rejects" / "0", target / "rejects.parquet")
        shutil.rmtree(self.folder)
        return n_kept

    def _divide(self, name: str, digit: str) -> None:
        """Put what lies in the folder of one digit into folders by the second."""
        folder = self.folder / name / digit
        files = _files(folder)
        for start in range(0, len(files), len(DIGITS)):  # about as much as one batch
            frame = pl.concat(map(pl.read_ipc, files[start : start + len(DIGITS)]))
            self.n_batches += 1
            for (more,), part in frame.group_by(pl.col("id").str.slice(1, 1)):
                self._put(part, folder / str(more))
            for file in files[start : start + len(DIGITS)]:
                file.unlink()

    def _of(self, name: str, prefix: str) -> pl.DataFrame:
        """What waits in the folder of one or two digits."""
        frames = map(pl.read_ipc, _files(self.folder / name / prefix))
        return pl.concat([pl.DataFrame(schema=SCHEMAS[name]), *frames])


class _Shards:
    """Rows in the order in which they come, `n_rows` in each file; no rows are one empty file."""

    def __init__(self, folder: Path, n_rows: int) -> None:
        self.folder, self.n_rows, self.n_parts, self.held = folder, n_rows, 0, pl.DataFrame(schema=EXAMPLE)

    def put(self, rows: pl.DataFrame) -> None:
        self.held = pl.concat([self.held, rows])
        while len(self.held) > self.n_rows:
            self._write(self.held.head(self.n_rows))
            self.held = self.held.slice(self.n_rows)

    def close(self) -> None:
        self._write(self.held)

    def _write(self, rows: pl.DataFrame) -> None:
        write_parquet(rows, self.folder / PART.format(self.n_parts))
        self.n_parts += 1


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _sink(folder: Path, path: Path) -> None:
    """Write the frames in `folder`, one after another, with the bytes that `write_parquet` gives for all at once."""
    settings: dict[str, Any] = {"compression_level": ZSTD_LEVEL, "row_group_size": ROW_GROUP_ROWS, "statistics": True}
    with whole_file(path) as temporary:
        try:
            frames = pl.scan_ipc(_files(folder))
            frames.sink_parquet(temporary, compression="zstd", maintain_order=True, **settings)
        except pl.exceptions.ComputeError as error:  # what polars makes of a full disk
            raise OSError(f"{path}: cannot be written: {error}") from None
