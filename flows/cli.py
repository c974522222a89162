"""The command `instructflow`. Exit codes: 0 done, 1 the data failed a gate or a check, 2 usage or params."""

import atexit
import importlib
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn, cast, get_args

import typer
from rich.console import Console

from flows.model_commands import MODEL_COMMANDS
from flows.options import DataOption, JsonOption, ParamsOption, check_free_build
from flows.runners import Runner
from flows.server import DEFAULT_PORT, serve_ui, use_server
from flows.show import show_funnel, show_preview
from tasks.core.errors import GateError, ParamsError, SourceError
from tasks.core.funnel import funnel
from tasks.core.params import Format, Source
from tasks.core.params_file import load_params
from tasks.core.project import find_project
from tasks.dag import check_step

app = typer.Typer(
    help="Raw instruction data in, a release one can trust out.", no_args_is_help=True, pretty_exceptions_enable=False
)
annotate = typer.Typer(help="Exchange rows with annotation tools.", no_args_is_help=True)
app.add_typer(annotate, name="annotate")


@app.command()
def build(
    params: ParamsOption = None,
    data: DataOption = None,
    only: Annotated[str | None, typer.Option(help="run this step alone")] = None,
    force: Annotated[bool, typer.Option(help="run what is up to date too")] = False,
    train: Annotated[bool, typer.Option("--train/--no-train", help="train and judge the model too")] = True,
    runner: Annotated[Runner, typer.Option(help="where shards run: one, processes, threads or ray")] = "processes",
    as_json: JsonOption = False,
) -> None:
    """Build a release (and the model) from the sources; only what is stale runs."""
    project = find_project(Path.cwd())
    check_free_build(params, data)
    if only:
        check_step(only)
    chosen = load_params(params) if params else None
    folder = data.resolve() if data else project / "data"
    from flows.versions import anything_stale

    if chosen is None and not force and not only and not anything_stale(project, train):
        Console(stderr=True).print("Everything is up to date.")
    else:
        address = use_server(project)
        from flows.build import build_dataset

        flow_data = str(folder) if chosen else None
        build_dataset(chosen, flow_data, only, force, train, runner)
        address = address or "run `make ui` (http://127.0.0.1:4200)"
        Console(stderr=True).print(f"Prefect UI: {address}")
    if not only and as_json:
        typer.echo(json.dumps([vars(report) for report in funnel(folder)], ensure_ascii=False, indent=1))
    elif not only:
        show_funnel(folder)


@app.command()
def ui(port: Annotated[int, typer.Option(envvar="PORT", help="where the UI listens")] = DEFAULT_PORT) -> None:
    """Run the Prefect server and its UI over the history of this project."""
    raise typer.Exit(serve_ui(find_project(Path.cwd()), port))


@annotate.command("export")
def annotate_export(target: Annotated[Path, typer.Argument(help="folder to write")], data: DataOption = None) -> None:
    """Write the rows that people should look at first, for Doccano and Prodigy."""
    project = find_project(Path.cwd())
    use_server(project)
    from flows.annotate import export_for_annotation

    export_for_annotation(str(target.resolve()), str(data.resolve()) if data else None)


@annotate.command("import")
def annotate_import(file: Annotated[Path, typer.Argument(help="what the annotation tool exported")]) -> None:
    """Check a tool's export and copy it to annotations/, where the next build reads it."""
    project = find_project(Path.cwd())
    use_server(project)
    from flows.annotate import import_from_annotation

    import_from_annotation(str(file.resolve()))


@app.command()
def serve(
    cron: Annotated[str | None, typer.Option(help="when to build; default: serve.cron of params.yaml")] = None,
) -> None:
    """Register the schedule and run it until stopped."""
    project = find_project(Path.cwd())
    from flows.serve import serve_schedules

    serve_schedules(project, cron)


@app.command()
def explain(id: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Tell the life of one row, also of one that was dropped; ID may be cut to its first 6 characters or more."""
    from tasks.core.explain import explain as life_of
    from tasks.core.explain import render

    life = life_of(data or find_project(Path.cwd()) / "data", id)
    typer.echo(json.dumps(life, ensure_ascii=False, indent=1) if as_json else render(life))


@app.command()
def check(files: list[Path], as_json: JsonOption = False) -> None:
    """Sniff files: format, field map, first rows, and what would be rejected and why. Writes nothing."""
    from tasks.formats.show import shown
    from tasks.ingest import check as sniff

    results = {str(file): sniff(file, Source(path=str(file))) for file in files}
    if as_json:
        typer.echo(json.dumps(results, ensure_ascii=False, indent=1))
    else:
        typer.echo("\n\n".join("\n".join([file, *shown(result)]) for file, result in results.items()))
    if any(result["rejects"] for result in results.values()):
        raise typer.Exit(1)


@app.command()
def fingerprint(
    files: list[Path],
    out: Annotated[Path, typer.Option(help="the file to write, as in exam.parquet")],
    name: Annotated[str | None, typer.Option(help="the benchmark's name (default: the first file's)")] = None,
    format: Annotated[str, typer.Option(help="the format of the files, where it cannot be told")] = "auto",
    salt: Annotated[str, typer.Option(help="key of the hashes; it is written into the file")] = "instructflow",
) -> None:
    """Write a benchmark as hashed n-grams without its texts, a file for decontaminate (`format: fingerprint`)."""
    from flows.fingerprint import fingerprint as write

    if format not in get_args(Format):
        raise ParamsError(f"--format {format}: no such format; expected one of {', '.join(get_args(Format))}")
    written = write(files, out, name or files[0].name.split(".")[0], cast(Format, format), salt)
    typer.echo(f"{out}: {written.n_items} items, {written.parts['ngrams'].list.len().sum()} n-grams")


@app.command()
def preview(
    step: str,
    changes: Annotated[list[str], typer.Option("--set", help="step.param=value, as often as needed")],
    params: Annotated[Path | None, typer.Option("--params", help="the params of a free build")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what other thresholds would drop, merge or flag, from stored measures, without a rerun."""
    from tasks.core.preview import change_of, compare, with_changes

    check_step(step)
    check_free_build(params, data)
    module = importlib.import_module(f"tasks.{step}")
    if not hasattr(module, "preview"):
        raise ParamsError(f"preview {step}: this step keeps no measures to answer from; expected clean, dedup or score")
    folder = data or find_project(Path.cwd()) / "data"
    base = load_params(params or find_project(Path.cwd()) / "params.yaml")
    chosen = with_changes(base, step, [change_of(text) for text in changes], module.PREVIEWED)
    result = compare(folder, step, *module.preview(folder, getattr(chosen, step)))
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, indent=1))
    else:
        show_preview(result)


for command in MODEL_COMMANDS:
    app.command()(command)


def main() -> None:
    """Run the command; turn our errors into one message and an exit code."""
    status = [1]  # of an error that is none of ours
    atexit.register(lambda: _leave(status[0]))  # registered first, so it runs when all others have cleaned up
    status[0] = _exit_code(app)


def _leave(status: int) -> NoReturn:
    """End the process as it is: where threads of libraries still live, taking modules apart prints pages of leaks."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _exit_code(run: Callable[[], Any]) -> int:
    try:
        run()
    except SystemExit as end:  # Typer ends every command so, and tells wrong usage by itself
        return end.code if isinstance(end.code, int) else 0
    except ParamsError as error:
        logging.getLogger("instructflow").error(str(error))
        return 2
    except (SourceError, GateError, OSError) as error:
        logging.getLogger("instructflow").error(str(error))
        return 1
    return 0
