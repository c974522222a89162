"""A source's files, in order of their names, uncompressed and unpacked; nothing is written to disk.

Compression and tar are told by their first bytes, never by the name, and may be nested three deep.
"""

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import chain
from pathlib import Path

from tasks.core.errors import ParamsError, SourceError
from tasks.core.params import Source
from tasks.formats.packed import CHUNK_BYTES, DECOMPRESSORS, decompressed, members, raising
from tasks.formats.packed import Damaged as Damaged  # most modules that read files meet it

HEAD_BYTES = 1 << 18  # seen before it is decided what a file is
MAX_NESTING = 3


@dataclass(frozen=True)
class Input:
    """One file: its name within the source, its first bytes and a stream of all of them, to be read once."""

    name: str
    head: bytes
    chunks: Iterator[bytes]
    path: Path | None  # where it lies, if it lies uncompressed on disk


def inputs(path: Path, source: Source) -> Iterator[Input]:
    """Every file of the source. Raises ParamsError when it is not there, SourceError when it cannot be read."""
    root = _package_path(source.package) if source.package else path
    try:
        is_there = root.exists()
    except OSError as error:  # a folder above it that may not be entered, a name that is too long
        raise SourceError(f"{root}: cannot be read: {error.strerror}") from None
    if not is_there:
        raise ParamsError(f"{root}: no such file or folder; expected the source's data")
    if not (root.is_file() or root.is_dir()):  # a pipe: it cannot be read twice
        raise SourceError(f"{root}: neither a file nor a folder")
    for file in _files(root, source):
        name = file.relative_to(root).as_posix() if root.is_dir() else file.name
        yield from _opened(_as_text(name), _bytes_of(file), file, source.include, MAX_NESTING)


def _package_path(package: str) -> Path:
    module, _, inside = package.partition(":")
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ParamsError(f"package {package}: {module!r} is not an installed package; try `make install`")
    root = Path(next(iter(spec.submodule_search_locations)))
    if not (root / inside).resolve().is_relative_to(root.resolve()) or not (root / inside).exists():
        raise ParamsError(f"package {package}: {module} has no {inside!r}; expected a path within the package")
    return root / inside


def _files(root: Path, source: Source) -> list[Path]:
    if not root.is_dir():
        return [root]
    code = {".py", ".pyc"} if source.package else set()
    found = [
        file
        for file in _below(root)
        if file.suffix not in code and _is_wanted(file.relative_to(root).as_posix(), source.include)
    ]
    if not found:
        raise SourceError(f"{root.name}: no file in this folder matches include {source.include!r}")
    saved = {file.parent for file in found if file.name == "state.json"}  # of Hugging Face's save_to_disk
    found = [f for f in found if f.suffix == ".arrow" or not (f.parent in saved or f.name == "dataset_dict.json")]
    return sorted(found, key=lambda file: file.relative_to(root).as_posix())


def _below(root: Path) -> Iterator[Path]:
    """Every file below a folder, also a link to nothing, which cannot be read: what is there is read or said."""
    for folder, folders, files in os.walk(root, onerror=_unreadable):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        for link in (Path(folder, name) for name in folders):
            if link.is_symlink():
                raise SourceError(f"{link}: a link to a folder, which is not followed; expected the folder itself")
        found = (Path(folder, name) for name in files)
        yield from (file for file in found if file.is_file() or file.is_symlink())


def _unreadable(error: OSError) -> None:
    raise SourceError(f"{error.filename}: cannot be read: {error.strerror}")


def _is_hidden(part: str) -> bool:
    return part.startswith(".") or part == "__pycache__"


def _is_wanted(name: str, include: str) -> bool:
    parts = name.split("/")
    return not any(map(_is_hidden, parts)) and (fnmatch(name, include) or fnmatch(parts[-1], include))


def _as_text(name: str) -> str:
    """A file's name with the bytes that are no UTF-8 spelled out; GBK names are common in Chinese archives."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _bytes_of(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as stream:
            yield from iter(lambda: stream.read(CHUNK_BYTES), b"")
    except OSError as error:
        raise SourceError(f"{file}: cannot be read: {error.strerror}") from None


def _opened(name: str, chunks: Iterator[bytes], path: Path | None, include: str, nesting: int) -> Iterator[Input]:
    head, chunks = _peek(chunks)
    for magic, new in DECOMPRESSORS:
        if head.startswith(magic) and nesting:
            yield from _opened(name, decompressed(chunks, new), None, include, nesting - 1)
            return
    if head[257:262] == b"ustar" and nesting:
        yield from _members(name, chunks, include, nesting - 1)
        return
    yield Input(name, head, chunks, path)


def _peek(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    held: list[bytes] = []
    try:
        while sum(map(len, held)) < HEAD_BYTES:
            held.append(next(chunks))
    except StopIteration:
        pass
    except Damaged as error:
        chunks = raising(error)
    return b"".join(held)[:HEAD_BYTES], chain(held, chunks)


def _members(name: str, chunks: Iterator[bytes], include: str, nesting: int) -> Iterator[Input]:
    try:
        for member, content in members(chunks):
            inside = member.removeprefix("./")
            if _is_wanted(inside, include):
                yield from _opened(f"{name}/{_as_text(inside)}", content, None, include, nesting)
    except Damaged as error:
        yield Input(name, b"", raising(error), None)
