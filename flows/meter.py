"""Seconds and peak memory of a stage: they go to `data/run/` and to Prefect, never into an artifact."""

import threading
import time
from types import TracebackType

import psutil

INTERVAL_SECONDS = 0.05


class Meter:
    """Measure a block: wall `seconds` and `peak_mib`, the largest resident memory of this process and its children."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.peak_mib = 0.0
        self._process = psutil.Process()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Meter":
        self._start = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.perf_counter() - self._start
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak_mib = max(self.peak_mib, self._resident() / 2**20)
            if self._done.wait(INTERVAL_SECONDS):
                return

    def _resident(self) -> int:
        total = 0
        for process in (self._process, *self._process.children(recursive=True)):
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:  # it ended between the two calls
                continue
        return total
