"""JSON split into records in bounded memory: lines, array elements, members of an object, or values in a row.

Splitting looks at brackets and strings only, so that one broken record does not take the others with it.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tasks.formats.conversation import RecordError
from tasks.formats.files import Damaged

RAW_BYTES = 1 << 16  # kept of a record that is too long
_TOKEN = re.compile(rb'["{}\[\],]')
_INSIDE = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_NO_BRACKETS = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_BEGINS = re.compile(rb"[^\s,]")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Piece(NamedTuple):
    """The bytes of one record; `error` says why they are not all of one."""

    place: int  # line from 1, or index from 0
    offset: int  # of its first byte, in the uncompressed UTF-8 text
    raw: bytes
    error: str | None = None
    found: str = ""


def lines(chunks: Iterator[bytes], max_bytes: int) -> Iterator[Piece]:
    """The lines that are not blank."""
    held, n_held = list[bytes](), 0  # of the line that goes on in the next chunk; of one that is too long its beginning
    place, offset, damage, room = 0, 0, "", max(max_bytes, RAW_BYTES)
    for chunk, damage in _until_damage(chunks):  # noqa: B007  the last one says whether the file was whole
        end, *others = chunk.split(b"\n")
        for line in others:
            place, n_held = place + 1, n_held + len(end)
            if piece := _line(place, offset, b"".join([*held, end]), n_held, max_bytes):
                yield piece
            held, offset, n_held, end = [], offset + n_held + 1, 0, line
        if n_held <= room:
            held.append(end)
        n_held += len(end)
        if n_held > room:  # too long: the rest of it is counted only, so that memory stays flat
            held = [b"".join(held)[:RAW_BYTES]]
    tail = b"".join(held)
    if tail.strip() and damage:
        yield Piece(place + 1, offset, tail[:RAW_BYTES] if n_held > max_bytes else tail, "cut_off", damage)
    elif piece := _line(place + 1, offset, tail, n_held, max_bytes):
        yield piece
    elif damage:
        yield Piece(place + 1, offset, b"", "cut_off", damage)


def _line(place: int, offset: int, line: bytes, n_bytes: int, max_bytes: int) -> Piece | None:
    if n_bytes > max_bytes:
        return Piece(place, offset, line[:RAW_BYTES], "too_long", f"{n_bytes} bytes, at most {max_bytes}")
    line = line.removesuffix(b"\r")
    return Piece(place, offset, line) if line.strip() else None


def _until_damage(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, str]]:
    """The chunks with an empty text; where the file is damaged, at last an empty one that says so."""
    try:
        for chunk in chunks:
            yield chunk, ""
    except Damaged as error:
        yield b"", str(error)


class Splitter:
    """Split JSON at nesting `depth`.

    0 gives values one after another, 1 the elements or members of what is outermost, 2 the objects in the lists in it,
    and whatever follows an object in its list.
    Every byte is looked at once; a record over `max_bytes` is cut to its first RAW_BYTES.
    """

    def __init__(self, depth: int, max_bytes: int) -> None:
        self.depth, self.max_bytes = depth, max_bytes
        self.level, self.place, self.offset = 0, 0, 0
        self.container = b""  # the bracket that opened the level of the records
        self.in_string = self.is_escaped = False
        self.held: bytearray | None = None  # the open record
        self.n_held, self.begin, self.is_wanted = 0, 0, True
        self.has_objects = False  # whether an object stood before in the list at hand

    def split(self, chunks: Iterator[bytes]) -> Iterator[Piece]:
        """The records; a file that ends before its outermost bracket closes has a last one cut off."""
        damage = ""
        for chunk, damage in _until_damage(chunks):  # noqa: B007
            yield from self._chunk(chunk)
            self.offset += len(chunk)
        if self.level or self.in_string or damage:
            raw = bytes(self.held or b"")
            yield Piece(self.place, self.begin if raw else self.offset, raw, "cut_off", damage or "the file ends here")
        elif self.held is not None:
            yield from self._close()

    def _chunk(self, chunk: bytes) -> Iterator[Piece]:
        start = position = 0  # of what belongs to the open record; of what is looked at
        while position < len(chunk):
            if self.in_string:
                position = self._string(chunk, position)
                continue
            if self.held is None:
                start = position = self._seek(chunk, position)
                if self.held is None:
                    continue
            if self.level > self.depth and (plain := _NO_BRACKETS.match(chunk, position)):
                position = plain.end()  # inside a record only brackets matter, and strings that go on in the next chunk
            token = _TOKEN.search(chunk, position)
            if token is None:
                break
            position = token.end()
            closes_before, closes_after = self._step(token[0])
            if closes_before or closes_after:
                self._hold(chunk[start : token.end() if closes_after else token.start()])
                yield from self._close()
        if self.held is not None:
            self._hold(chunk[start:])

    def _seek(self, chunk: bytes, position: int) -> int:
        """One move towards the next record, over brackets and names around it; opens the record where it begins."""
        begins = _BEGINS.search(chunk, position)
        if begins is None:
            return len(chunk)
        position, byte = begins.start(), begins[0]
        if self.level < self.depth and byte in b"[{":
            self.level, self.container, self.has_objects = self.level + 1, byte, False
            return position + 1
        if 0 < self.level <= self.depth and byte in b"]}":
            self.level -= 1
            return position + 1
        if 0 < self.level < self.depth:  # a name or a plain value
            self.in_string = byte == b'"'
            token = None if self.in_string else _TOKEN.search(chunk, position)
            return position + 1 if self.in_string else token.start() if token else len(chunk)
        self.held, self.n_held, self.begin = bytearray(), 0, self.offset + position
        self.has_objects |= byte == b"{"
        self.is_wanted = self.depth < 2 or (self.container == b"[" and self.has_objects)
        return position

    def _step(self, token: bytes) -> tuple[bool, bool]:
        """Follow one bracket, quote or comma; whether the open record ends before it, or after it."""
        if token == b'"':
            self.in_string = True
        elif token in b"[{":
            self.level += 1
            if self.level <= self.depth:  # what stands before the outermost bracket is a record that will not parse
                self.container, self.has_objects = token, False
                return True, False
        elif token in b"]}":
            self.level = max(self.level - 1, 0)
            return self.level < self.depth, self.level == self.depth
        return token == b"," and self.level <= self.depth, False

    def _string(self, chunk: bytes, position: int) -> int:
        if self.is_escaped:
            self.is_escaped = False
            return position + 1
        inside = _INSIDE.match(chunk, position)
        position = inside.end() if inside else position
        if position < len(chunk):
            self.is_escaped = chunk[position : position + 1] == b"\\"  # the chunk's last byte
            self.in_string = self.is_escaped
            position += 1
        return position

    def _hold(self, data: bytes) -> None:
        if self.held is None:
            return
        self.n_held += len(data)
        room = (RAW_BYTES if self.n_held > self.max_bytes else self.n_held) - len(self.held)
        if room < 0:
            del self.held[RAW_BYTES:]
        else:
            self.held += data[:room]

    def _close(self) -> Iterator[Piece]:
        raw, self.held = bytes(self.held or b"").rstrip(), None
        if self.is_wanted:
            piece = Piece(self.place, self.begin, raw)
            if self.n_held > self.max_bytes:
                piece = piece._replace(error="too_long", found=f"{self.n_held} bytes, at most {self.max_bytes}")
            self.place += 1
            yield piece


def parse(raw: bytes) -> Any:
    """One JSON value. Raises RecordError: no JSON, NaN or infinite, a key twice, too deep, half a surrogate pair."""
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise RecordError("bad_encoding", f"byte {error.start} is no UTF-8: {error.reason}") from None
    try:
        value = _DECODER.decode(text)
        if _SURROGATE.search(raw):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecordError:
        raise
    except RecursionError:
        raise RecordError("too_deep", "nested too deeply") from None
    except UnicodeEncodeError:
        raise RecordError("lone_surrogate", "half of a surrogate pair, which is no character") from None
    except ValueError as error:
        raise RecordError("bad_json", str(error)) from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise RecordError("duplicate_key", f"twice in one object: {twice!r}")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(f"{number[:20]} is too large a number")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse, parse_float=_finite)
