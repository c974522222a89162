"""`instructflow serve`: register the schedule and run it; a scheduled build ends with a version."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.server import DEFAULT_PORT, server_environment, use_server
from tasks.core.params_file import load_params

STARTUP_SECONDS = 180


def serve_schedules(project: Path, cron: str | None) -> None:
    """Serve `build-dataset` on the schedule of params.yaml (or `cron`) until stopped; starts a server if none is up."""
    params = load_params(project / "params.yaml").serve
    with a_server(project):
        from prefect.schedules import Cron

        from flows.scheduled import scheduled_build

        schedule = Cron(cron or params.cron, timezone=params.timezone)
        scheduled_build.serve(name="scheduled", schedule=schedule, limit=1)


@contextmanager
def a_server(project: Path) -> Iterator[str]:
    """The address of the server that is up, or of one that runs as long as the block."""
    if address := use_server(project):
        yield address
        return
    port = int(os.environ.get("PORT", DEFAULT_PORT))
    command = [sys.executable, "-m", "prefect", "server", "start"]
    server = subprocess.Popen(command, env=server_environment(project, port), stdout=subprocess.DEVNULL)
    try:
        yield _wait_until_up(project, server)
    finally:
        server.terminate()
        server.wait()


def _wait_until_up(project: Path, server: "subprocess.Popen[Any]") -> str:
    for _ in range(STARTUP_SECONDS * 2):
        if address := use_server(project):
            return address
        if server.poll() is not None:
            break
        time.sleep(0.5)
    raise RuntimeError(f"the Prefect server did not come up (exit code {server.poll()}); is the port taken? set PORT=")
