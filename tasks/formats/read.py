"""A source as records: every file opened, decoded and split, each record whole or a reject that says why.

No row is lost: whatever cannot be read is a Reject with its file, place, byte offset, reason and raw bytes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from tasks.core.errors import SourceError
from tasks.core.params import Source
from tasks.formats import forms, tables, yaml_text
from tasks.formats.arrow import as_json, rows_of
from tasks.formats.conversation import RecordError
from tasks.formats.encoding import as_utf8, encoding_of, is_old_mac, unix_lines
from tasks.formats.files import HEAD_BYTES, Damaged, Input, inputs
from tasks.formats.json_text import RAW_BYTES, Piece, Splitter, lines, parse
from tasks.formats.sniff import kind_of

MAX_RECORD_BYTES = 16_777_216
MAX_YAML_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Record:
    """One record as the file has it; `place` is its line (from 1) or its index (from 0)."""

    file: str
    place: int
    byte_offset: int | None
    fields: dict[str, Any]
    raw: bytes | None  # None: the row of a table of columns, which has no bytes of its own

    @property
    def row(self) -> str:
        """Where it is: `file#line` or `file#index`."""
        return f"{self.file}#{self.place}"


@dataclass(frozen=True, slots=True)
class Reject:
    """One record that gives no example, and why."""

    file: str
    row: str
    byte_offset: int | None
    error: str  # one of conversation.REASONS
    detail: str
    raw: bytes


@dataclass
class Seen:
    """What was found out about the files while they were read."""

    kinds: dict[str, str] = field(default_factory=dict)
    encodings: dict[str, str] = field(default_factory=dict)


def rejected(record: Record, error: RecordError) -> Reject:
    """The reject that a record becomes."""
    raw = as_json(record.fields) if record.raw is None else record.raw
    return Reject(record.file, record.row, record.byte_offset, error.reason, str(error), raw)


def records(
    path: Path, source: Source, max_record_bytes: int = MAX_RECORD_BYTES, seen: Seen | None = None
) -> Iterator[Record | Reject]:
    """Every record of the source in order; `seen` is filled while reading.

    Raises ParamsError or SourceError when a file is not there, cannot be read or is of no known kind.
    """
    for file in inputs(path, source):
        try:
            yield from _of_file(file, source, max_record_bytes, seen or Seen())
        except Damaged as error:
            yield _cut_off(file, str(error))
        except SourceError:
            if not (damage := _damage_of(file)):
                raise
            yield _cut_off(file, damage)  # too little of it is left to know what it is


def _of_file(file: Input, source: Source, max_bytes: int, seen: Seen) -> Iterator[Record | Reject]:
    if not file.head.strip():
        if any(chunk.strip() for chunk in file.chunks):
            raise SourceError(f"{file.name}: its first {HEAD_BYTES} bytes are blank; expected records")
        return
    encoding = encoding_of(file.head)
    head = b"".join(as_utf8(iter([file.head]), encoding))
    if has_old_lines := is_old_mac(head):
        head = b"".join(unix_lines(iter([head])))
    kind = kind_of(file, head, source, forms.is_row)
    seen.kinds[file.name] = kind
    if kind in ("parquet", "arrow"):
        yield from _columnar(file if file.path else replace(file, chunks=iter([b"".join(file.chunks)])))
        return
    seen.encodings[file.name] = encoding
    text = as_utf8(file.chunks, encoding)
    text = unix_lines(text) if has_old_lines else text
    if kind in ("csv", "tsv"):
        yield from _table(file, text, head, kind, source, max_bytes)
    elif kind == "yaml":
        yield from _yaml(file, text, max_bytes)
    else:
        yield from _pieces(file, text, kind, max_bytes)


def _damage_of(file: Input) -> str:
    """What is wrong with the rest of the file, if anything."""
    try:
        for _ in file.chunks:
            pass
    except Damaged as error:
        return str(error)
    return ""


def _cut_off(file: Input, damage: str) -> Reject:
    return Reject(
        file.name, f"{file.name}#0", None, "cut_off", f"{damage}; the rest cannot be read", file.head[:RAW_BYTES]
    )


def _columnar(file: Input) -> Iterator[Record]:
    try:
        yield from (Record(file.name, place, None, row, None) for place, row in enumerate(rows_of(file)))
    except SourceError as error:  # Parquet's own words may be several lines
        raise SourceError(" ".join(str(error).split())) from None
    except (ValueError, OverflowError) as error:  # text that is no UTF-8, a time beyond all calendars
        raise SourceError(f"{file.name}: damaged Parquet or Arrow file: {error}") from None


def _table(
    file: Input, text: Iterator[bytes], head: bytes, kind: str, source: Source, max_bytes: int
) -> Iterator[Record | Reject]:
    dialect = tables.dialect_of(head.decode("utf-8", "replace"), kind)
    if dialect is None:
        raise SourceError(f"{file.name}: not a {kind.upper()} table; its first rows have no two columns in common")
    expected = [column for column in source.columns.values() if isinstance(column, str)]
    try:
        for piece, fields in tables.table_rows(text, dialect, source.header, expected, max_bytes):
            if fields is None:
                yield _reject(file, piece)
            else:
                yield Record(file.name, piece.place, piece.offset, dict(fields), piece.raw)
    except RecordError as error:
        raise SourceError(f"{file.name}: {error}") from None


def _yaml(file: Input, text: Iterator[bytes], max_bytes: int) -> Iterator[Record | Reject]:
    raw = b""
    try:
        for chunk in text:
            raw += chunk
            if len(raw) > max_bytes:
                raise RecordError("too_long", f"a YAML file of more than {max_bytes} bytes")
        text_of_file = raw.decode("utf-8")
        _check_nesting(text_of_file)
        for line, fields in yaml_text.conversations(text_of_file):
            yield Record(file.name, line, None, fields, None)
    except RecordError as error:
        yield Reject(file.name, f"{file.name}#1", 0, error.reason, str(error), raw[:RAW_BYTES])
    except UnicodeDecodeError as error:
        yield Reject(file.name, f"{file.name}#1", error.start, "bad_encoding", str(error), raw[:RAW_BYTES])
    except Damaged as error:
        yield Reject(file.name, f"{file.name}#1", 0, "cut_off", str(error), raw[:RAW_BYTES])


def _check_nesting(text: str) -> None:
    """Raise RecordError `too_deep` for YAML that would take the parser, which is written in C, beyond its stack."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_YAML_DEPTH:
                raise RecordError("too_deep", f"nested more than {MAX_YAML_DEPTH} deep")
    except yaml.YAMLError:
        return  # which is told when it is read


def _pieces(file: Input, text: Iterator[bytes], kind: str, max_bytes: int) -> Iterator[Record | Reject]:
    found = lines(text, max_bytes) if kind in ("lines", "text") else Splitter(DEPTH[kind], max_bytes).split(text)
    for piece in found:
        try:
            if piece.error:
                yield _reject(file, piece)
            elif (fields := READ_AS[kind](piece.raw)) is not None:
                yield Record(file.name, piece.place, piece.offset, fields, piece.raw)
        except RecordError as error:
            yield _reject(file, piece._replace(error=error.reason, found=str(error)))


def _reject(file: Input, piece: Piece) -> Reject:
    row = f"{file.name}#{piece.place}"
    return Reject(file.name, row, piece.offset, piece.error or "", piece.found, piece.raw)


def _value(raw: bytes) -> dict[str, Any]:
    return _as_fields(parse(raw))


def _text(raw: bytes) -> dict[str, Any]:
    try:
        return {"text": raw.decode("utf-8")}
    except UnicodeDecodeError as error:
        raise RecordError("bad_encoding", f"byte {error.start} is no UTF-8: {error.reason}") from None


def _member(raw: bytes) -> dict[str, Any] | None:
    """An object's member with its name as `key`; one that is no object is said of the whole file and no record."""
    members = list(parse(b"{" + raw + b"}").items())
    if len(members) != 1:
        raise RecordError("bad_json", f"{len(members)} members, expected one")
    key, value = members[0]
    return {"key": key, **value} if isinstance(value, dict) else None


DEPTH = {"values": 0, "array": 1, "members": 1, "lists": 2}
READ_AS: dict[str, Callable[[bytes], dict[str, Any] | None]] = {
    "lines": _value, "array": _value, "values": _value, "lists": _value, "members": _member, "text": _text,
}  # fmt: skip


def _as_fields(value: Any) -> dict[str, Any]:
    """A record by field name: a list of turns is a conversation, other lists go by position, a text is `text`."""
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return {"conversations": value}
    if isinstance(value, list) and value:
        return {str(place): item for place, item in enumerate(value)}
    raise RecordError("not_a_record", f"{type(value).__name__}, expected an object")
