"""A benchmark's fingerprint: what decontaminate looks for of it, as hashes, so that its texts need not be shipped."""

from pathlib import Path

from tasks.core.errors import ParamsError, SourceError
from tasks.core.fingerprint import Benchmark, benchmark_of, read_fingerprint, write_fingerprint
from tasks.core.params import DecontaminateParams, Format, Source
from tasks.core.text import TURN
from tasks.formats.rows import benchmark_items


def fingerprint(files: list[Path], out: Path, name: str, format: Format, salt: str) -> Benchmark:
    """Write the fingerprint of all items of `files` to `out`; n-grams are as long as decontaminate's defaults say.

    Raises ParamsError or SourceError when a file cannot be read as `format`.
    """
    if any(out.resolve().is_relative_to(file.resolve()) for file in files):
        raise ParamsError(f"--out {out}: is one of the files to read, or lies among them; expected another path")
    if out.is_dir():
        raise ParamsError(f"--out {out}: is a folder; expected a file to write")
    if out.exists():
        try:
            read_fingerprint(out, name)
        except SourceError:
            raise ParamsError(f"--out {out}: exists and is no fingerprint; expected another path") from None
    items = [
        item
        for file in files
        for item in benchmark_items(file, Source(path=str(file), format=format), file.name, between=TURN)
    ]
    benchmark = benchmark_of(name, items, DecontaminateParams())
    write_fingerprint(benchmark, out, salt)
    return benchmark
