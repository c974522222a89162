"""The Prefect door: schedules, retries, concurrency and what one sees. The steps themselves are in `tasks`."""

import logging
import os

from tasks.core.errors import GateError, ParamsError, SourceError

# Threads of torch that wait by spinning starve each other where cores are shared: 8 times slower under load, measured.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

logging.getLogger("tasks").setLevel(logging.INFO)  # Prefect shows the steps' own logs at this level


def without_traceback(record: logging.LogRecord) -> bool:
    """Let every record pass; an error that says all itself needs no traceback of Prefect's engine."""
    if record.exc_info and isinstance(record.exc_info[1], (GateError, ParamsError, SourceError)):
        record.exc_info = None
    return True


for _name in ("prefect.flow_runs", "prefect.task_runs"):
    logging.getLogger(_name).addFilter(without_traceback)
