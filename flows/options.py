"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from tasks.core.errors import ParamsError

ParamsOption = Annotated[Path | None, typer.Option("--params", help="a params file: makes a free build, with --data")]
DataOption = Annotated[Path | None, typer.Option("--data", help="the data folder (default: data/ of the project)")]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]


def check_free_build(params: Path | None, data: Path | None) -> None:
    """Raise ParamsError where only one of the two is given."""
    if (params is None) != (data is None):
        raise ParamsError("--params and --data: a free build needs both; a build of the project needs neither")
