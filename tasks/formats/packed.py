"""Compressed streams and tar archives, unpacked as they are read; nothing is written to disk.

Where one ends too early or is broken, what came before it is given first, and then Damaged says so.
"""

import bz2
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import zstandard

CHUNK_BYTES = 1 << 16  # small, so that a gzip bomb gives at most some 60 MB at a time; other kinds may give more
DECOMPRESSORS: tuple[tuple[bytes, Callable[[], Any]], ...] = (
    (b"\x1f\x8b\x08", lambda: zlib.decompressobj(wbits=31)),
    (b"\x28\xb5\x2f\xfd", lambda: zstandard.ZstdDecompressor().decompressobj()),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\x00", lzma.LZMADecompressor),
)
DAMAGE = (zlib.error, zstandard.ZstdError, lzma.LZMAError, EOFError, OSError)


class Damaged(Exception):
    """A file whose compression or packing ends too early or is broken; what came before it is good."""


def raising(error: Damaged) -> Iterator[bytes]:
    """A stream of nothing but damage."""
    raise error
    yield b""


def decompressed(chunks: Iterator[bytes], new: Callable[[], Any]) -> Iterator[bytes]:
    """What compressed streams, one after another, hold. Raises Damaged."""
    stream, has_begun = new(), False
    try:
        for chunk in chunks:
            while chunk:
                if stream.eof:  # another compressed stream follows in the same file
                    if not chunk.strip(b"\0"):
                        break
                    stream = new()
                data, has_begun = stream.decompress(chunk), True
                chunk = stream.unused_data if stream.eof else b""
                if data:
                    yield data
    except DAMAGE as error:
        raise Damaged(f"damaged compression: {error}") from None
    if has_begun and not stream.eof:
        raise Damaged("the compressed data ends too early")


def members(chunks: Iterator[bytes]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Name and content of every file in a tar, each to be read before the next; tars one after another are one.

    Raises Damaged at the end, unless the content of a member has told it: where a header is broken, where the archive
    is cut, and where it has no zero block at its end, for then nobody knows whether members are missing.
    """
    tape = _Tape(chunks)
    end, found = 0, ""
    try:
        # With ignore_zeros what follows an end mark is read too; _Member keeps it from passing over broken headers.
        with tarfile.TarFile(fileobj=tape, tarinfo=_Member, ignore_zeros=True) as archive:  # type: ignore[arg-type]
            for member in archive:
                end = archive.offset
                if member.sparse is not None:
                    file = archive.extractfile(member)
                    yield member.name, _sparse(tape, file)
                elif member.isfile():
                    yield member.name, tape.content(member.size)
            if archive.offset == end:
                found = "no end mark: it may be cut between two members"
    except tarfile.TarError as error:
        found = str(error)
    found = tape.damage or found
    if found and not tape.is_told:
        raise Damaged(f"damaged tar: {found}")


class _Tape:
    """Just enough of a file for tarfile, read from front to back; where its chunks are damaged it ends."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks, self.held, self.position = chunks, b"", 0
        self.damage, self.is_told = "", False  # by the content of a member

    def read(self, size: int) -> bytes:
        try:
            while len(self.held) < size and (chunk := next(self.chunks, b"")):
                self.held += chunk
        except Damaged as error:
            self.damage, self.chunks = str(error), iter(())
        data, self.held = self.held[:size], self.held[size:]
        self.position += len(data)
        return data

    def tell(self) -> int:
        return self.position

    def seek(self, position: int) -> None:
        while self.position < position and self.read(min(CHUNK_BYTES, position - self.position)):
            pass

    def content(self, size: int) -> Iterator[bytes]:
        while size > 0:
            data = self.read(min(size, CHUNK_BYTES))
            if not data:
                raise self.cut()
            size -= len(data)
            yield data

    def cut(self) -> Damaged:
        self.is_told = True
        return Damaged(f"damaged tar: {self.damage or 'it ends within a member'}")


def _sparse(tape: _Tape, file: Any) -> Iterator[bytes]:
    """The content of a member with holes, which tarfile fills."""
    try:
        yield from iter(lambda: file.read(CHUNK_BYTES), b"")
    except tarfile.TarError:
        raise tape.cut() from None


class _Member(tarfile.TarInfo):
    """A member of a tar; by itself tarfile takes a broken header that is not the first for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Member":
        """Read a header; raises ReadError for one that is neither whole nor the empty one at the end."""
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if bytes(buf).strip(b"\0"):
                raise tarfile.ReadError(str(error)) from None
            raise
