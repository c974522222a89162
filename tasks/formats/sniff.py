"""What kind of file it is, told by content; the name is a hint where content alone leaves it open."""

import csv
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from tasks.core.errors import SourceError
from tasks.core.params import Source
from tasks.formats import tables
from tasks.formats.conversation import RecordError
from tasks.formats.files import HEAD_BYTES, Input
from tasks.formats.json_text import Splitter, parse

_JSON_BEGINS = re.compile(rb'\s*(?:\{\s*(?:["}]|\Z)|\[\s*(?:[\[{"\d\-\]]|true|false|null|\Z))')
_HOLDS_OBJECTS = re.compile(rb'"(?:[^"\\]|\\.)*"\s*:\s*(\[\s*)?\{')
_LINES_LOOKED_AT = 20
IsRow = Callable[[dict[str, Any]], bool]


def kind_of(file: Input, text: bytes, source: Source, is_row: IsRow) -> str:
    """One of parquet, arrow, yaml, csv, tsv, text, or JSON's array, lines, values, members, lists; `text` is the head.

    Raises SourceError when nothing fits.
    """
    suffixes = [s.lower() for s in PurePosixPath(file.name).suffixes]
    if file.head.startswith(b"PAR1"):
        return "parquet"
    if file.head.startswith(b"ARROW1") or (file.head.startswith(b"\xff\xff\xff\xff") and ".arrow" in suffixes):
        return "arrow"
    if source.format in ("parquet", "huggingface"):
        raise SourceError(f"{file.name}: not a Parquet or Arrow file; expected format {source.format}")
    if source.format in ("csv", "tsv"):
        return source.format
    if source.format == "chatterbot" or {".yml", ".yaml"} & set(suffixes):
        return "yaml"
    if _JSON_BEGINS.match(text) and not _is_table(text, suffixes):
        return _json_kind(text, is_row)
    if b"\0" in text and not text.replace(b"\0", b"").strip():
        raise SourceError(f"{file.name}: nothing but null bytes; expected text")
    if _is_table(text, suffixes):
        return "tsv" if ".tsv" in suffixes or ".tab" in suffixes else "csv"
    if source.format == "text" or ".txt" in suffixes:
        return "text"
    if {".json", ".jsonl", ".ndjson"} & set(suffixes):
        return "lines"  # whatever it is, each line is then a reject that says so
    raise SourceError(
        f"{file.name}: cannot tell what kind of file this is (it begins {text[:40]!r}); expected JSON, CSV, TSV, "
        "Parquet, Arrow, YAML or .txt; say so by `format`, or leave it out by `include`"
    )


def _is_table(text: bytes, suffixes: list[str]) -> bool:
    if {".csv", ".tsv", ".tab"} & set(suffixes):
        return not _parses(text.lstrip().split(b"\n", 1)[0])
    if {".json", ".jsonl", ".ndjson", ".txt", ".md", ".py", ".html", ".xml"} & set(suffixes):
        return False
    head = text.decode("utf-8", "replace")
    dialect = tables.dialect_of(head, "csv")
    return dialect is not None and tables.has_header(_first_row(dialect, head), ())


def _first_row(dialect: tables.Dialect, head: str) -> list[str]:
    try:
        return next((row for row in dialect.rows(tables.lines_of(head)) if row), [])
    except csv.Error:
        return []


def _json_kind(text: bytes, is_row: IsRow) -> str:
    begin = text.lstrip()
    whole = [line for line in begin.split(b"\n")[: _LINES_LOOKED_AT + 1] if line.strip()]
    if len(text) >= HEAD_BYTES and len(whole) > 1:
        whole = whole[:-1]  # may be cut by the end of the head
    if begin.startswith(b"["):
        rows = [line for line in whole if line.startswith((b"[", b"{"))]
        return "lines" if len(rows) > 1 and rows == whole and _parses(rows[0]) else "array"
    objects = [value for line in whole if line.startswith(b"{") and isinstance(value := _parsed(line), dict)]
    opened = [line for line in whole if line.startswith(b"{") and len(line.strip()) > 1]  # also those that are damaged
    if (objects or len(opened) > len(whole) / 2) and len(whole) > 1:
        return "lines"
    first = next(Splitter(0, HEAD_BYTES).split(iter([begin])), None)
    value = _parsed(first.raw) if first and first.error is None else None
    if is_row(value) if isinstance(value, dict) else False:
        return "lines" if objects else "values"
    return _members_kind(begin) or ("lines" if objects or b"\n" not in begin.rstrip() else "values")


def _members_kind(begin: bytes) -> str | None:
    """By the first member of an object that holds objects: "members" where it is one, "lists" where it is a list."""
    for piece in Splitter(1, HEAD_BYTES).split(iter([begin])):
        if holds := _HOLDS_OBJECTS.match(piece.raw):
            return "lists" if holds[1] else "members"
    return None


def _parsed(raw: bytes) -> Any:
    try:
        return parse(raw)
    except RecordError:
        return None


def _parses(raw: bytes) -> bool:
    return _parsed(raw) is not None
