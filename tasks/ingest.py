"""Read any format into Examples; what cannot be read is a reject with its reason and raw bytes.

Records = records with an example + rejects. docs/formats.md has the formats, the field map and the rules for damage.
Memory is bounded by the longest record and by ids: rows wait on disk until they are written in the order of their ids.
"""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.errors import GateError, ParamsError, SourceError
from tasks.core.files import PART, whole_folder, write_parquet
from tasks.core.ledger import check_conservation, ledger_frame
from tasks.core.params import IngestParams, Source
from tasks.core.report import Report, describe, ledger_counts
from tasks.core.schema import EXAMPLE
from tasks.formats.conversation import JOINED, LEADING, TRAILING
from tasks.formats.examples import GROUP, Reading, read_examples_of
from tasks.formats.forms import Plan
from tasks.formats.read import Reject, Seen
from tasks.formats.rows import rows

REASONS = (JOINED, LEADING, TRAILING)
REJECTS = pl.Schema(
    {
        "file": pl.String,
        "row": pl.String,
        "byte_offset": pl.Int64,
        "error": pl.String,
        "detail": pl.String,
        "raw": pl.Binary,
    }
)


def join_families(keys: pl.DataFrame) -> pl.DataFrame:
    """The family of every row of (id, group): the smallest id of its group, its own id where there is no group."""
    smallest = pl.col("id").min().over(GROUP)
    return keys.select("id", family=pl.when(pl.col(GROUP).is_null()).then("id").otherwise(smallest))


def ingest(path: Path, target: Path, params: IngestParams, *, name: str, source: Source) -> Report:
    """Read the source at `path` into `target`: examples, ledger of turns that were moved, rejects.

    Raises ParamsError or SourceError when it cannot be read as the source says or no record gives an example, GateError
    when more than `max_reject_ratio` of its records are rejects.
    """
    seen = Seen()
    plan, stream = rows(path, source, name, params.max_record_bytes, seen)
    with whole_folder(target) as folder:
        waiting = Waiting(folder / "waiting")
        reading = read_examples_of(stream, name, source, waiting.put)
        _check_rejects(reading, plan, params, name)
        keys = waiting.keys()
        if source.family_key is not None and not keys[GROUP].str.starts_with("key ").any():
            raise ParamsError(f"sources.{name}: family_key {source.family_key!r} is no column with values")
        kept = join_families(keys.head(source.max_rows or len(keys)))
        waiting.write(kept, folder / "examples", params.rows_per_shard)
        ledger = ledger_frame(reading.events).join(kept.select("id"), on="id", how="semi")
        check_conservation("ingest", len(kept), len(kept), ledger)
        write_parquet(ledger, folder / "ledger.parquet")
        write_parquet(rejects_frame(reading.rejects), folder / "rejects.parquet")
        measures = {
            "format": plan.name,
            "files": dict(Counter(seen.kinds.values())),
            "encodings": dict(Counter(seen.encodings.values())),
            "records": reading.n_records,
            "records_with_example": reading.n_records - len(reading.rejects),
            "rejects": reading.rejects_by_reason(),
            "left_out_by_max_rows": len(keys) - len(kept),
        }
        counts, n_rows = describe(folder), len(kept)
        return Report("ingest", n_rows, n_rows, ledger_counts(ledger), counts, measures).write(folder)


def _check_rejects(reading: Reading, plan: Plan, params: IngestParams, name: str) -> None:
    reasons, n_rejects = reading.rejects_by_reason(), len(reading.rejects)
    if n_rejects == reading.n_records:
        hint = "; say which column is the answer: `columns: {output: …}`" if set(reasons) == {"no_answer"} else ""
        raise SourceError(
            f"sources.{name}: none of {reading.n_records} records gives an example, read as {plan.name}: "
            f"{reasons}{hint}"
        )
    if n_rejects > params.max_reject_ratio * reading.n_records:
        raise GateError(
            f"sources.{name}: {n_rejects} of {reading.n_records} records are rejects, more than "
            f"ingest.max_reject_ratio {params.max_reject_ratio}: {reasons}"
        )


class Waiting:
    """Rows on disk, in 16 folders by the first digit of their ids, until all ids are known."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.n_frames, self.seen = folder, 0, list[pl.DataFrame]()

    def put(self, frame: pl.DataFrame) -> None:
        """Take rows; only their ids and groups stay in memory."""
        self.seen.append(frame.select("id", GROUP))
        for (digit,), rows_of_digit in frame.group_by(pl.col("id").str.head(1)):
            (self.folder / str(digit)).mkdir(parents=True, exist_ok=True)
            rows_of_digit.write_ipc(self.folder / str(digit) / f"{self.n_frames}.arrow", compression="lz4")
        self.n_frames += 1

    def keys(self) -> pl.DataFrame:
        """Id and group of all rows, in the order of ids."""
        return pl.concat(self.seen).sort("id")

    def write(self, kept: pl.DataFrame, folder: Path, rows_per_shard: int) -> None:
        """Write the rows with the ids and families of `kept` in shards; then there is nothing waiting any more."""
        part, held = 0, pl.DataFrame(schema=EXAMPLE)
        for digit in sorted(self.folder.iterdir()):
            rows_of_digit = pl.concat(map(pl.read_ipc, digit.iterdir())).drop("family").join(kept, on="id")
            held = pl.concat([held, rows_of_digit.select(list(EXAMPLE)).sort("id")])
            shutil.rmtree(digit)
            while len(held) > rows_per_shard:
                write_parquet(held.head(rows_per_shard), folder / PART.format(part))
                part, held = part + 1, held.slice(rows_per_shard)
        write_parquet(held, folder / PART.format(part))
        self.folder.rmdir()


def rejects_frame(rejects: list[Reject]) -> pl.DataFrame:
    """The rejects as a table, in the order of the source."""
    return pl.DataFrame([{name: getattr(r, name) for name in REJECTS} for r in rejects], schema=REJECTS)


def check(path: Path, source: Source, name: str = "check", n_examples: int = 3, n_rejects: int = 20) -> dict[str, Any]:
    """What a file would become, without writing: format, encodings, field map, first examples, rejects by reason."""
    seen = Seen()
    plan, stream = rows(path, source, name, seen=seen)
    first: list[dict[str, Any]] = []
    reading = read_examples_of(stream, name, source, lambda frame: first.extend(frame.head(n_examples).to_dicts()))
    return {
        "format": plan.name,
        "files": seen.kinds,
        "encodings": seen.encodings,
        "columns": {**plan.columns, **{known: column for column, known in plan.renames.items()}},
        "records": reading.n_records,
        "examples": [_shown(row) for row in first[:n_examples]],
        "rejects": reading.rejects_by_reason(),
        "first_rejects": [{"row": r.row, "error": r.error, "detail": r.detail} for r in reading.rejects[:n_rejects]],
    }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in EXAMPLE if row[name] is not None} | {"meta": json.loads(row["meta"])}
