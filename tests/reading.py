"""What the tests of damaged files share: rows in both languages, and what becomes of a file."""

import json

import polars as pl

from tasks.core.files import read_examples
from tasks.core.params import IngestParams, Source
from tasks.formats.read import Record, records
from tasks.ingest import ingest

ROWS = [{"instruction": f"第 {i} 问：how much is {i} + {i}?", "output": f"答：{i + i}。"} for i in range(6)]


def lines_of(rows):
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


def left(tmp_path, content, name="rows.jsonl", params=None, **source):
    """Ingest one file; its answers in order, its rejects, its report."""
    path = tmp_path / name
    path.write_bytes(content)
    target = tmp_path / "ingest"
    report = ingest(path, target, params or IngestParams(), name="x", source=Source(**source))
    rejects, examples = pl.read_parquet(target / "rejects.parquet"), read_examples(target)
    assert report.measures["records"] == report.measures["records_with_example"] + len(rejects)
    return examples, rejects, report


def found_in(tmp_path, content, name="rows.jsonl", **source):
    """The fields of records, and the rejects, before any format looks at them."""
    (tmp_path / name).write_bytes(content)
    found = list(records(tmp_path / name, Source(**source)))
    return [r.fields for r in found if isinstance(r, Record)], [r for r in found if not isinstance(r, Record)]


def table_of(rows):
    return "instruction,output\n" + "".join(f'"{row["instruction"]}","{row["output"]}"\n' for row in rows)
