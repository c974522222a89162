"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

ParamsOption = Annotated[Path | None, typer.Option("--params", help="a params file: makes a free build, with --data")]
DataOption = Annotated[Path | None, typer.Option("--data", help="the data folder (default: data/ of the project)")]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]
