"""What a whole process costs: seconds, seconds of CPU and memory of it and all it starts; and tables of that."""

import json
import os
import resource
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import psutil

PROJECT = Path(__file__).parents[2]
CORES = 2
COLUMNS = ("rows out", "s", "s without start", "CPU s", "MiB, all", "MiB, largest")


class Cost(NamedTuple):
    """Of one run: seconds in all, without start and imports, of CPU; peak MiB of all processes, of the largest."""

    rows_out: float
    seconds: float
    seconds_inside: float
    seconds_cpu: float
    mib: float
    mib_largest: float

    def cells(self) -> list[str]:
        """As cells of `COLUMNS`."""
        seconds = (f"{value:.2f}" for value in (self.seconds, self.seconds_inside, self.seconds_cpu))
        return [f"{self.rows_out:,.0f}", *seconds, f"{self.mib:,.0f}", f"{self.mib_largest:,.0f}"]


def measured(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Cost:
    """Run `command` on `CORES` cores; the last line it prints is JSON with `rows_out` and `seconds` (inside).

    Memory is resident memory, looked at ten times a second; what processes share counts for each of them. The largest
    process is known by its own high-water mark. CPU seconds are of what this process has started and waited for, so
    that nothing else may run beside it from here.
    """
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    begin, cpu_before, peak, peak_largest = time.perf_counter(), _cpu_of_children(), 0, 0
    with (
        TemporaryFile("w+", encoding="utf-8") as said,
        TemporaryFile("w+", encoding="utf-8") as log,
        subprocess.Popen(
            [str(part) for part in command],
            cwd=PROJECT,
            env=os.environ | (env or {}),
            stdout=said,
            stderr=log,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        ) as run,
    ):
        process = psutil.Process(run.pid)
        while run.poll() is None:
            sizes = [_resident(p) for p in _tree(process)]
            peak = max(peak, sum(size for size, _ in sizes))
            peak_largest = max(peak_largest, *(most for _, most in sizes), 0)
            time.sleep(0.1)
        seconds = time.perf_counter() - begin
        said.seek(0)
        log.seek(0)
        assert run.returncode == 0, log.read()[-4000:]
        result = json.loads(said.read().splitlines()[-1])
    seconds_cpu = _cpu_of_children() - cpu_before
    peak = max(peak, peak_largest)
    return Cost(result["rows_out"], seconds, result["seconds"], seconds_cpu, peak / 2**20, peak_largest / 2**20)


def _cpu_of_children() -> float:
    """Seconds of CPU of all processes that were started from here and have ended: other load changes them little."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _tree(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _resident(process: psutil.Process) -> tuple[int, int]:
    """Bytes that `process` has now and has had at most since its program was started; 0 of one that has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0, 0
    kib = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in status.splitlines())
           if name in ("VmRSS", "VmHWM")}  # fmt: skip
    return kib.get("VmRSS", 0) * 1024, kib.get("VmHWM", 0) * 1024


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(*(median(values) for values in zip(*costs, strict=True)))


def ratios(mine: Cost, theirs: Cost) -> str:
    """What of theirs is mine, in words."""
    shares = {
        "time": mine.seconds / theirs.seconds,
        "CPU time": mine.seconds_cpu / theirs.seconds_cpu,
        "memory": mine.mib / theirs.mib,
    }
    return ", ".join(f"{share:.2f} of the {what}" for what, share in shares.items())


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A Markdown table, with the load of the machine under it: others may have shared its cores."""
    print(f"\n### {title}\n")
    for cells in (columns, ["---"] * len(columns), *rows):
        print(f"| {' | '.join(map(str, cells))} |")
    print(f"\nLoad {', '.join(f'{load:.1f}' for load in os.getloadavg())} (1, 5, 15 minutes), {CORES} cores.")
