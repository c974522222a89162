"""Read any format into Examples; what cannot be read is a reject with its reason and raw bytes.

Records = records with an example + rejects. docs/formats.md has the formats, the field map and the rules for damage.
Memory stays flat however long a source is: what was read waits on disk until it is written.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tasks.core.errors import GateError, ParamsError, SourceError
from tasks.core.files import example_files, read_table, whole_folder
from tasks.core.params import IngestParams, Source
from tasks.core.report import Report, describe_examples, ledger_counts
from tasks.core.schema import EXAMPLE
from tasks.formats.conversation import JOINED, LEADING, TRAILING
from tasks.formats.examples import Batch, Reading, read_examples_of
from tasks.formats.forms import Plan
from tasks.formats.read import Seen
from tasks.formats.rows import rows
from tasks.formats.show import FieldMap
from tasks.formats.waiting import Waiting

REASONS = (JOINED, LEADING, TRAILING)


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
        for what, column in (("family_key", source.family_key), ("score_field", source.score_field)):
            if column is not None and what not in reading.with_values:
                raise ParamsError(f"sources.{name}: {what} {column!r} is no column with values")
        n_kept = waiting.write(folder, params.rows_per_shard, source.max_rows)
        n_rejects = reading.n_rejects.total()
        measures = {
            "format": plan.name,
            "files": dict(Counter(seen.kinds.values())),
            "encodings": dict(Counter(seen.encodings.values())),
            "records": reading.n_records,
            "records_with_example": reading.n_records - n_rejects,
            "rejects": reading.rejects_by_reason(),
            "left_out_by_max_rows": waiting.n_rows - n_kept,
        }
        ledger = read_table(folder / "ledger.parquet", columns=["action", "reason"])
        return Report("ingest", n_kept, n_kept, ledger_counts(ledger), _described(folder), measures).write(folder)


def _described(folder: Path) -> dict[str, dict[str, int]]:
    """What `describe` says of the examples in `folder`, shard by shard."""
    total: dict[str, Counter[str]] = {}
    for file in example_files(folder):
        for name, counts in describe_examples(read_table(file, schema=EXAMPLE)).items():
            total.setdefault(name, Counter()).update(counts)
    return {name: dict(sorted(counts.items())) for name, counts in total.items()}


def _check_rejects(reading: Reading, plan: Plan, params: IngestParams, name: str) -> None:
    reasons, n_rejects = reading.rejects_by_reason(), reading.n_rejects.total()
    if n_rejects == reading.n_records:
        hint = "; say which column is the answer: `columns: {output: …}`" if set(reasons) == {"no_answer"} else ""
        first = reading.rejects[0]
        raise SourceError(
            f"sources.{name}: none of {reading.n_records} records gives an example, read as {plan.name}: "
            f"{reasons}{hint}. The first, {first.row}: {first.detail}"
        )
    if n_rejects > params.max_reject_ratio * reading.n_records:
        raise GateError(
            f"sources.{name}: {n_rejects} of {reading.n_records} records are rejects, more than "
            f"ingest.max_reject_ratio {params.max_reject_ratio}: {reasons}"
        )


def check(path: Path, source: Source, name: str = "check", n_examples: int = 3) -> dict[str, Any]:
    """What a file would become, without writing: format, encodings, field map, first examples, rejects by reason."""
    seen, fields = Seen(), FieldMap()
    plan, stream = rows(path, source, name, seen=seen)
    first: list[dict[str, Any]] = []

    def put(batch: Batch) -> None:
        first.extend(batch.examples.head(n_examples - len(first)).to_dicts())

    reading = read_examples_of(fields.watch(stream), name, source, put)
    return {
        "format": plan.name,
        "files": seen.kinds,
        "encodings": seen.encodings,
        "columns": {**plan.columns, **{known: column for column, known in plan.renames.items()}},
        "fields": fields.becomes(),
        "records": reading.n_records,
        "examples": [_shown(row) for row in first],
        "rejects": reading.rejects_by_reason(),
        "first_rejects": [{"row": r.row, "error": r.error, "detail": r.detail} for r in reading.rejects],
    }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in EXAMPLE if row[name] is not None} | {"meta": json.loads(row["meta"])}
