"""Files of 2 GB in flat memory; `pytest tests/benchmarks/test_large_files.py -s` prints rows, seconds and peak memory.

INSTRUCTFLOW_LARGE_MIB makes them smaller. Each is made in pytest's tmp_path and removed after its test.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

MIB = 1 << 20
SIZE = int(os.environ.get("INSTRUCTFLOW_LARGE_MIB", "2048")) * MIB
MOST_MIB = 1536
INGEST = """
import sys
from pathlib import Path
from tasks.core.params import IngestParams, Source
from tasks.ingest import ingest
source, target = map(Path, sys.argv[1:])
ingest(source, target, IngestParams(), name="large", source=Source())
"""
ZH, EN = "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。寒来暑往，秋收冬藏。", "The quick brown fox jumps over the lazy dog. "
ROWS_IN_BLOCK = 1_000


def rows(number):
    """A block of rows in both languages, 0.1 to 4 KB each, no two of them equal in all blocks."""
    return [
        {"instruction": f"{number}-{i}：把这段话译成英文。{ZH * (1 + i % 20)}", "output": EN * (1 + i % 20)}
        if i % 2
        else {"instruction": f"Translate no. {number}-{i}. {EN * (1 + i % 40)}", "output": ZH * (1 + i % 20)}
        for i in range(ROWS_IN_BLOCK)
    ]


def write_lines(file):
    n_blocks = 0
    while file.tell() < SIZE:
        file.write("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows(n_blocks)).encode())
        n_blocks += 1
    return n_blocks * ROWS_IN_BLOCK, 0


def write_array(file):
    n_blocks = 0
    file.write(b"[")
    while file.tell() < SIZE:
        block = json.dumps(rows(n_blocks), ensure_ascii=False, indent=1)
        file.write((",\n" if n_blocks else "").encode() + block[1:-1].encode())
        n_blocks += 1
    file.write(b"]")
    return n_blocks * ROWS_IN_BLOCK, 0


def write_bad_lines(file):
    """A good line now and then; the others are cut within a string."""
    n_rows = n_good = 0
    while file.tell() < SIZE // 4:
        bad = "".join(f"{json.dumps(row, ensure_ascii=False)[:-9]}\n" for row in rows(n_rows))
        file.write(bad.encode() + f'{{"instruction": "第 {n_rows} 问", "output": "yes"}}\n'.encode())
        n_rows, n_good = n_rows + ROWS_IN_BLOCK + 1, n_good + 1
    return n_good, n_rows - n_good


def write_long_line(file):
    """A line of 100 MB between two rows."""
    file.write('{"instruction": "你好", "output": "Hello"}\n{"instruction": "'.encode())
    for _ in range(100):
        file.write(b"x" * MIB)
    file.write('", "output": "长"}\n{"instruction": "Bye", "output": "再见"}\n'.encode())
    return 2, 1


def measured(command):
    """Seconds and peak MiB of a process; the peak of its resident memory, looked at 50 times a second."""
    begin, peak = time.monotonic(), 0
    process = psutil.Popen([sys.executable, *command], cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True)
    while process.poll() is None:
        try:
            peak = max(peak, process.memory_info().rss)
        except psutil.Error:
            break
        time.sleep(0.02)
    assert process.wait() == 0, process.stderr.read()[-2000:]
    return time.monotonic() - begin, peak / MIB


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("write", [write_lines, write_array, write_bad_lines, write_long_line])
def test_a_large_file_is_ingested_in_flat_memory(tmp_path, write):
    source, target = tmp_path / "large.json", tmp_path / "ingest"
    try:
        with source.open("wb") as file:
            n_good, n_bad = write(file)
        size = source.stat().st_size
        seconds, peak = measured(["-c", INGEST, str(source), str(target)])
        report = json.loads((target / "report.json").read_text())
        print(
            f"\n{write.__name__}: {size / MIB:,.0f} MiB, {n_good:,} rows, {n_bad:,} rejects, "
            f"{seconds:.0f} s, {size / MIB / seconds:.1f} MiB/s, peak {peak:,.0f} MiB"
        )
        assert (report["rows_out"], sum(report["measures"]["rejects"].values())) == (n_good, n_bad)
        assert peak < MOST_MIB
    finally:
        source.unlink(missing_ok=True)
