"""The one writer: the same rows give the same bytes, and a file is whole or absent.

Polars' Parquet bytes depend on chunks, on what else the buffers of a frame hold (of rows that were filtered away, say),
on row-group size and on compression level, so all of them are fixed here. Everything is written under a temporary name
and renamed when whole: an output may be a link into DVC's cache, never written into.
"""

import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.errors import SourceError
from tasks.core.schema import EXAMPLE

ROW_GROUP_ROWS = 10_000
ZSTD_LEVEL = 3
TEMPORARY = ".partial"  # named in .dvcignore and .gitignore
PART = "part-{:05d}.parquet"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well it takes `path`'s name in one rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `target`; when the block ends well it takes `target`'s place.

    A run that dies leaves the old folder or none, never a half: the old one goes away before the new one gets its name.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(f"{target.name}.*{TEMPORARY}"):  # of a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    temporary = target.with_name(f"{target.name}.{os.getpid()}{TEMPORARY}")
    temporary.mkdir()
    try:
        yield temporary
        if target.exists():
            old = target.with_name(f"{target.name}.old{TEMPORARY}")
            shutil.rmtree(old, ignore_errors=True)
            target.rename(old)
            temporary.rename(target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write `frame` so that equal rows in equal order give equal bytes; raises OSError where the disk is full."""
    settings: dict[str, Any] = {"compression_level": ZSTD_LEVEL, "row_group_size": ROW_GROUP_ROWS, "statistics": True}
    with whole_file(path) as temporary:
        try:
            compact(frame).write_parquet(temporary, compression="zstd", **settings)
        except pl.exceptions.ComputeError as error:  # what polars makes of it
            raise OSError(f"{path}: cannot be written: {error}") from None


def compact(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` in buffers of its own that hold its values alone, in order: the same whatever it was made from."""
    buffer = io.BytesIO()
    frame.rechunk().write_ipc(buffer)
    buffer.seek(0)
    return pl.read_ipc(buffer)


def write_json(value: Any, path: Path) -> None:
    """Write `value` as indented JSON with sorted names."""
    write_text(json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write `text` as UTF-8 with its line ends as they are."""
    with whole_file(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def read_json(path: Path) -> Any:
    """Read a JSON file that a step wrote; raises SourceError when it is not there or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None


def read_table(path: Path, **options: Any) -> pl.DataFrame:
    """Read a Parquet file that a step wrote; raises SourceError when it is not there, damaged or of other columns."""
    if not path.is_file():
        raise SourceError(f"{path}: no such file; expected what an earlier step writes")
    try:
        return pl.read_parquet(path, **options)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> SourceError:
    """The error to raise for what a step wrote and cannot be read any more."""
    found = (str(error).splitlines() or [type(error).__name__])[0]
    return SourceError(f"{path}: cannot be read: {found}; expected a whole file, as it was written")


def file_hash(path: Path, algorithm: str) -> str:
    """The file's digest in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def whole_paths(folder: Path, pattern: str) -> list[Path]:
    """The paths below `folder` that match, in order, without what a killed run left under a temporary name."""
    found = (path.relative_to(folder) for path in folder.glob(pattern))
    return sorted(folder / path for path in found if not any(part.endswith(TEMPORARY) for part in path.parts))


def write_examples(examples: pl.DataFrame, folder: Path, rows_per_shard: int) -> None:
    """Write `examples`, sorted by id, as `part-00000.parquet …` of `rows_per_shard` rows; no rows are one empty part.

    Raises ValueError when the columns are not those of an Example or an id comes twice.
    """
    if dict(examples.schema) != dict(EXAMPLE):
        wrong = {n: str(t) for n, t in examples.schema.items() if EXAMPLE.get(n) != t}
        raise ValueError(f"not an Example table: lacks {sorted(set(EXAMPLE) - set(examples.columns))}, wrong {wrong}")
    ordered = examples.select(list(EXAMPLE)).sort("id")
    if ordered["id"].is_duplicated().any():
        twice = ordered.filter(pl.col("id").is_duplicated())["id"].unique().sort().head(3).to_list()
        raise ValueError(f"ids that come twice: {twice}")
    folder.mkdir(parents=True, exist_ok=True)
    for part, start in enumerate(range(0, max(len(ordered), 1), rows_per_shard)):
        write_parquet(ordered.slice(start, rows_per_shard), folder / PART.format(part))


def example_files(folder: Path) -> list[Path]:
    """The shards below `folder` (a step's folder or a parent of several), in order.

    Raises SourceError when there are none.
    """
    if files := whole_paths(folder, "**/examples/*.parquet"):
        return files
    raise SourceError(
        f"{folder}: no examples here; expected {folder}/**/examples/*.parquet, which an earlier step writes"
    )


def scan_examples(folder: Path) -> pl.LazyFrame:
    """A lazy table of all examples below `folder`."""
    return pl.scan_parquet(example_files(folder), schema=EXAMPLE)


def read_examples(folder: Path) -> pl.DataFrame:
    """All examples below `folder`, sorted by id."""
    return pl.concat([read_table(file, schema=EXAMPLE) for file in example_files(folder)]).sort("id")


def read_columns(folder: Path, columns: list[str]) -> pl.DataFrame:
    """These columns of all examples below `folder`; raises SourceError for a damaged file."""
    return pl.concat([read_table(file, columns=columns, schema=EXAMPLE) for file in example_files(folder)])


def remove_others(parent: Path, keep: Iterable[str]) -> None:
    """Delete the sub-folders and files of `parent` whose stem is not in `keep`: what a removed source left behind."""
    names = set(keep)
    for path in sorted(parent.iterdir()) if parent.is_dir() else []:
        if (path.stem if path.is_file() else path.name) not in names:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
