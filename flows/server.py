"""Which Prefect server a command talks to: the one that is up, or an ephemeral one over the same history.

The history is `.prefect/` in the project. Call `use_server` before anything imports prefect's settings.
"""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",  # the first start migrates the database too
    "PREFECT_CLI_PROMPT": "false",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
}
DEFAULT_PORT = 4200


def use_server(project: Path) -> str | None:
    """Point Prefect at the project's history; returns the address of a server that is up, or None for an ephemeral one.

    An address in PREFECT_API_URL is the user's choice and stays.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    home = Path(os.environ.setdefault("PREFECT_HOME", str(project / ".prefect")))
    home.mkdir(parents=True, exist_ok=True)
    if url := os.environ.get("PREFECT_API_URL"):
        return url.removesuffix("/api")
    if (address := _known_address(home)) and is_up(address):
        os.environ["PREFECT_API_URL"] = f"{address}/api"
        return address
    return None


def is_up(address: str) -> bool:
    """Whether a Prefect server answers at `address`."""
    try:
        with urllib.request.urlopen(f"{address}/api/health", timeout=2) as answer:
            return bool(json.load(answer) is True)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def serve_ui(project: Path, port: int) -> int:
    """Run the server with its UI until it is stopped; returns its exit code, or 0 where one is up already."""
    if use_server(project):
        return 0
    return subprocess.call([sys.executable, "-m", "prefect", "server", "start"], env=server_environment(project, port))


def server_environment(project: Path, port: int) -> dict[str, str]:
    """The environment of a server at `port`, which is noted so that builds find it."""
    (project / ".prefect").mkdir(exist_ok=True)
    (project / ".prefect" / "port").write_text(str(port), encoding="utf-8")
    # by environment, not by flag: with --port the UI would go on calling 4200
    return os.environ | {"PREFECT_SERVER_API_PORT": str(port)}


def _known_address(home: Path) -> str | None:
    """Where `make ui` of this project said its server is."""
    note = home / "port"
    return f"http://127.0.0.1:{note.read_text(encoding='utf-8').strip()}" if note.exists() else None
