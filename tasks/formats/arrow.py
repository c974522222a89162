"""Parquet files and Arrow files (Hugging Face's `save_to_disk`), batch by batch."""

import base64
import json
import math
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core.errors import SourceError
from tasks.formats.files import Damaged, Input

ROWS_PER_BATCH = 1_000


def rows_of(file: Input) -> Iterator[dict[str, Any]]:
    """The rows as JSON values: times as ISO text, decimals as text, bytes as base64, NaN as null.

    Raises SourceError when the file is damaged: Parquet's index is at its end, so there are no rows before the damage.
    """
    try:
        handle = pa.memory_map(str(file.path)) if file.path else pa.BufferReader(b"".join(file.chunks))
        batches = _parquet(handle) if file.head.startswith(b"PAR1") else _arrow(handle, file.head)
        for batch in batches:
            batch.validate(full=True)  # offsets that lead out of the file would end the process
            yield from map(_plain, batch.to_pylist())
    except (pa.ArrowException, OSError, Damaged) as error:
        raise SourceError(f"{file.name}: damaged Parquet or Arrow file: {error}") from None


def _parquet(handle: Any) -> Iterator[pa.RecordBatch]:
    yield from pq.ParquetFile(handle).iter_batches(batch_size=ROWS_PER_BATCH)


def _arrow(handle: Any, head: bytes) -> Iterator[pa.RecordBatch]:
    if not head.startswith(b"ARROW1"):
        yield from pa.ipc.open_stream(handle)
        return
    reader = pa.ipc.open_file(handle)
    yield from (reader.get_batch(number) for number in range(reader.num_record_batches))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def as_json(row: dict[str, Any]) -> bytes:
    """A row as JSON, which is what a reject keeps of it."""
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass")
