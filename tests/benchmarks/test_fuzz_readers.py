"""Damaged files of every kind: INSTRUCTFLOW_FUZZ_SECONDS=600 pytest tests/benchmarks/test_fuzz_readers.py -s

Ingest gives each record as examples or as a reject, or refuses the source with one sentence. Anything else is a
finding: another exception, a hang, a line that is lost. The file that was read last is in pytest's tmp_path.
"""

import bz2
import gzip
import io
import json
import lzma
import os
import signal
import tarfile
import time
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.core.errors import GateError, ParamsError, SourceError
from tasks.core.params import IngestParams, Source
from tasks.formats.encoding import is_old_mac
from tasks.ingest import ingest

SECONDS = float(os.environ.get("INSTRUCTFLOW_FUZZ_SECONDS", "0"))
MOST_SECONDS = 10  # for one file
TINY = Path(__file__).parents[1] / "data"
ROWS = [
    {"instruction": f"第 {i} 问：为什么天是蓝的？ Why?", "input": "", "output": f"因为散射。\nRayleigh {i}.", "id": i}
    for i in range(30)
]
LINES = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in ROWS)
TABLE = pl.DataFrame(ROWS)


def tar_of(files, mode):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def arrow_of(new):
    buffer = io.BytesIO()
    table = TABLE.to_arrow()
    with new(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def parquet():
    buffer = io.BytesIO()
    TABLE.write_parquet(buffer)
    return buffer.getvalue()


def files():
    """Names and contents of small whole files."""
    array, quoted = json.dumps(ROWS, ensure_ascii=False, indent=1), TABLE.write_csv()
    made = {
        "a.jsonl": LINES.encode(), "a.json": array.encode(), "b.json": json.dumps({"data": ROWS}).encode(),
        "c.json": json.dumps({f"k{i}": row for i, row in enumerate(ROWS)}).encode(), "a.csv": quoted.encode(),
        "a.tsv": TABLE.select("instruction", "id").write_csv(separator="\t").encode(), "mac.csv": quoted.replace(
            "\n", "\r").encode(), "w.jsonl": LINES.encode("utf-16"), "w.csv": quoted.encode("utf-16-le"),
        "g.jsonl": LINES.encode("gb18030"), "g.json": array.encode("gb18030"), "a.jsonl.gz": gzip.compress(
            LINES.encode()), "a.json.zst": zstandard.compress(array.encode()), "a.csv.bz2": bz2.compress(
            quoted.encode()), "a.jsonl.xz": lzma.compress(LINES.encode()), "a.parquet": parquet(),
        "a.parquet.gz": gzip.compress(parquet()), "a.arrow": arrow_of(pa.ipc.new_file),
        "s.arrow": arrow_of(pa.ipc.new_stream), 
        "a.yml": "categories:\n- 问候\nconversations:\n- - 你好\n  - Hi\n".encode(),
    }  # fmt: skip
    inner = {"一.jsonl": LINES.encode(), "b/b.json": array.encode(), "c.csv.gz": gzip.compress(quoted.encode())}
    made |= {"a.tar": tar_of(inner, "w"), "a.tar.gz": tar_of(inner, "w:gz"), "p.tar": tar_of(
        {"a.parquet": parquet(), "a.yml": made["a.yml"], "t.tar": tar_of(inner, "w")}, "w")}  # fmt: skip
    return made | {file.name: file.read_bytes() for file in sorted(TINY.rglob("*")) if file.is_file()}


FILES = files()
PIECES = [
    b"\0", b"\xff", b"\xfe\xff", b"\r", b"\n", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\t", b"null", b"NaN",
    b"1e999", b"\\ud800", b"\xef\xbb\xbf", b"[" * 3000, b'{"a":' * 3000, b"\xe4\xbd", b"&a [*a]", b"- " * 300,
    b'"instruction"', b"9" * 5000, b" " * 70_000, bytes(1024), b"\xed\xa0\x80", b"\x85", b"\xe2\x80\xa8", b"PAR1",
]  # fmt: skip
PLACE = st.floats(0, 1)
EDIT = st.one_of(
    st.tuples(st.just("flip"), PLACE, st.integers(1, 255)),
    st.tuples(st.just("cut"), PLACE, st.none()),
    st.tuples(st.just("insert"), PLACE, st.sampled_from(PIECES) | st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("replace"), PLACE, st.sampled_from(PIECES) | st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("delete"), PLACE, st.integers(1, 400)),
    st.tuples(st.just("repeat"), PLACE, st.integers(1, 400)),
    st.tuples(st.just("splice"), PLACE, st.tuples(st.sampled_from(sorted(FILES)), PLACE)),
)


def edited(content, edits):
    for kind, share, value in edits:
        at = int(share * len(content))
        before, after = content[:at], content[at:]
        if kind == "flip" and after:
            content = before + bytes([after[0] ^ value]) + after[1:]
        elif kind == "cut":
            content = before
        elif kind == "insert":
            content = before + value + after
        elif kind == "replace":
            content = before + value + after[len(value) :]
        elif kind == "delete":
            content = before + after[value:]
        elif kind == "repeat":
            content = before + after[:value] + after
        elif kind == "splice":
            other = FILES[value[0]]
            content = before + other[int(value[1] * len(other)) :]
    return content


def hanging(*_):
    raise TimeoutError(f"more than {MOST_SECONDS} s")


def n_lines(content):
    head = content[: 1 << 18]
    lines = content.replace(b"\r", b"\n") if is_old_mac(head) else content
    return sum(1 for line in lines.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip())


def read(folder, name, content):
    """What became of a damaged file: "read" or "refused"; raises for anything else."""
    path = folder / name
    path.write_bytes(content)
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
    try:
        report = ingest(path, folder / "out", IngestParams(max_record_bytes=65_536), name="x", source=Source())
    except (SourceError, ParamsError, GateError) as error:
        return "refused" if "\n" not in str(error) else f"refused with more than a sentence: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    rejects = pl.read_parquet(folder / "out" / "rejects.parquet")
    measures = report.measures
    assert measures["records"] == measures["records_with_example"] + len(rejects)
    if measures["files"] == {"lines": 1} and measures["encodings"] == {"utf-8": 1} and not name.endswith("z"):
        assert measures["records"] == n_lines(content)
    return "read"


@pytest.mark.timeout(SECONDS + 600)
@pytest.mark.skipif(not SECONDS, reason="INSTRUCTFLOW_FUZZ_SECONDS says for how long")
def test_damaged_files_of_every_kind_are_read_or_refused_and_lose_nothing(tmp_path):
    signal.signal(signal.SIGALRM, hanging)
    done = {"read": 0, "refused": 0}

    @settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(name=st.sampled_from(sorted(FILES)), edits=st.lists(EDIT, min_size=1, max_size=4))
    def damage(name, edits):
        done[read(tmp_path, name, edited(FILES[name], edits))] += 1

    for name, content in FILES.items():
        read(tmp_path, name, content)
    begin = time.monotonic()
    while time.monotonic() < begin + SECONDS:
        damage()
    print(f"\n{sum(done.values()):,} damaged files of {len(FILES)} in {time.monotonic() - begin:.0f} s: {done}")
