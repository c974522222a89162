"""CSV and TSV: delimiter, quoting and header told by the first rows; a row is a record by column name or position.

Python's csv module reads them, so a quoted field may hold line breaks. TSV has no quoting (IANA
text/tab-separated-values) unless only quoting makes its rows equally long.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from tasks.formats.conversation import ANSWER_FIELDS, RecordError
from tasks.formats.files import Damaged
from tasks.formats.json_text import RAW_BYTES, Piece

DELIMITERS = {"csv": ",;\t|", "tsv": "\t"}
HEAD_ROWS = 50
# Names that say that a first row is a header.
NAMES = {
    *ANSWER_FIELDS, "id", "index", "instruction", "input", "prompt", "query", "question", "text", "sentence", "label",
    "labels", "category", "intent", "target", "source", "title", "content", "context", "user", "assistant", "system",
    "messages", "conversations", "chosen", "rejected", "en", "zh", "english", "chinese", "language", "type",
    "问题", "答案", "回答", "指令", "输入", "输出", "文本", "标签", "类别",
}  # fmt: skip
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class Dialect:
    """How a table is written."""

    delimiter: str
    is_quoted: bool
    n_columns: int  # of most rows

    def rows(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """Rows of text fields."""
        if self.is_quoted:
            return csv.reader(lines, delimiter=self.delimiter)
        return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE)


def dialect_of(head: str, kind: str) -> Dialect | None:
    """The dialect in which most of the first rows have equally many columns, at least two; None when there is none."""
    csv.field_size_limit(max(csv.field_size_limit(), len(head)))  # 131,072 would refuse a long field in the first rows
    best: tuple[float, Dialect] | None = None
    lines = lines_of(head)
    for delimiter in DELIMITERS[kind]:
        for is_quoted in (False, True) if delimiter == "\t" else (True,):
            n_columns, share = _columns(Dialect(delimiter, is_quoted, 0), lines)
            if n_columns > 1 and (best is None or share > best[0]):
                best = share, Dialect(delimiter, is_quoted, n_columns)
    return best[1] if best else None


def lines_of(text: str) -> list[str]:
    """Physical lines with their ends."""
    return _LINE.findall(text)


def _columns(dialect: Dialect, lines: list[str]) -> tuple[int, float]:
    counts: Counter[int] = Counter()
    reader = dialect.rows(lines)
    while counts.total() < HEAD_ROWS:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:
            counts[0] += 1
            continue
        if row:
            counts[len(row)] += 1
    if not counts:
        return 0, 0.0
    n_columns, n_rows = counts.most_common(1)[0]
    return n_columns, n_rows / counts.total()


def has_header(first: list[str], expected: Iterable[str]) -> bool:
    """Whether a first row reads as column names: all different, and one of them expected or a usual name."""
    names = [cell.strip().lower() for cell in first]
    known = NAMES | {name.lower() for name in expected}
    return len(set(names)) == len(names) and any(name in known for name in names)


def table_rows(
    chunks: Iterator[bytes], dialect: Dialect, header: Literal["auto", True, False], expected: list[str], max_bytes: int
) -> Iterator[tuple[Piece, dict[str, str] | None]]:
    """Each row as bytes and as fields; fields are None where the piece has an error.

    Without a header the columns are called "0", "1", …; a column without a name is called by its position.
    """
    csv.field_size_limit(max_bytes)
    source = _Lines(chunks, max_bytes)
    reader, names = dialect.rows(source), None
    while True:
        begin, place = source.offset, source.place + 1
        source.taken.clear()
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            reason = "too_long" if "limit" in str(error) else "wrong_columns"
            yield Piece(place, begin, source.raw()[:RAW_BYTES], reason, str(error)), None
            continue
        if source.is_at_end:  # csv looks beyond a row only to find the end of a quote
            if not source.damage:
                yield Piece(place, begin, source.raw(), "wrong_columns", "a quote that is never closed"), None
            break
        if not row or (len(row) == 1 and not row[0].strip()):
            continue
        if names is None:
            is_header = has_header(row, expected) if header == "auto" else header
            names = [cell.strip() or str(i) for i, cell in enumerate(row)] if is_header else _positions(dialect)
            if is_header:
                if not _is_text(row):
                    raise RecordError("bad_encoding", "the header has bytes that are no UTF-8")
                if len(set(names)) < len(names):
                    raise RecordError("wrong_columns", f"a column name comes twice in the header {names}")
                continue
        piece = Piece(place, begin, source.raw())
        if len(piece.raw) > max_bytes:
            found = f"{source.offset - begin} bytes, at most {max_bytes}"
            yield piece._replace(raw=piece.raw[:RAW_BYTES], error="too_long", found=found), None
        elif len(row) != len(names):
            yield piece._replace(error="wrong_columns", found=f"{len(row)} fields, expected {len(names)}"), None
        elif not _is_text(row):
            yield piece._replace(error="bad_encoding", found="bytes that are no UTF-8"), None
        else:
            yield piece, dict(zip(names, row, strict=True))
    if source.damage:
        yield Piece(place, begin, (source.raw() + source.tail)[:RAW_BYTES], "cut_off", source.damage), None


def _positions(dialect: Dialect) -> list[str]:
    return [str(place) for place in range(dialect.n_columns)]


def _is_text(row: list[str]) -> bool:
    return all(cell.isascii() or not any("\udc80" <= c <= "\udcff" for c in cell) for cell in row)


class _Lines:
    """Physical lines as csv wants them, and which bytes the row at hand was made of."""

    def __init__(self, chunks: Iterator[bytes], max_bytes: int) -> None:
        self.lines, self.taken, self.max_bytes = self._split(chunks), list[bytes](), max_bytes
        self.offset, self.place, self.is_at_end = 0, 0, False
        self.damage, self.tail = "", b""  # what is left of a line that is cut off
        self.n_left_out = 0  # bytes of the line at hand

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        try:
            line = next(self.lines)
        except StopIteration:
            self.is_at_end = True
            raise
        self.taken.append(line)
        self.offset, self.place = self.offset + len(line) + self.n_left_out, self.place + 1
        return line.decode("utf-8", "surrogateescape")

    def raw(self) -> bytes:
        """The bytes since `taken` was cleared."""
        return b"".join(self.taken).removesuffix(b"\n").removesuffix(b"\r")

    def _split(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        held: list[bytes] = []  # of the line that goes on in the next chunk
        n_held = n_dropped = n_quotes = 0
        try:
            for chunk in chunks:
                end, *others = chunk.split(b"\n")
                if n_held > self.max_bytes:  # too long already: memory stays flat
                    n_dropped, n_quotes = n_dropped + len(end), n_quotes + end.count(b'"')
                else:
                    held.append(end)
                    n_held += len(end)
                for line in others:
                    yield self._line(held, n_dropped, n_quotes, b"\n")
                    held, n_held, n_dropped, n_quotes = [line], len(line), 0, 0
        except Damaged as error:
            self.damage, self.tail = str(error), b"".join(held)[:RAW_BYTES]
        if any(held) and not self.damage:
            yield self._line(held, n_dropped, n_quotes, b"")

    def _line(self, held: list[bytes], n_dropped: int, n_quotes: int, end: bytes) -> bytes:
        """The line; a quote for an odd number of those left out, so that it takes no other line with it."""
        more = b'"' * (n_quotes % 2)
        self.n_left_out = n_dropped - len(more)
        return b"".join([*held, more, end])
