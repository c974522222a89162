"""The commands round the model: train it, ask it, and ask what the data did for it."""

import json
import logging
from pathlib import Path
from typing import Annotated

import typer

from flows.arm_results import told_by_lift
from flows.options import DataOption, JsonOption, ParamsOption, check_free_build
from flows.server import use_server
from flows.show import show_arms
from tasks.core.errors import SourceError
from tasks.core.files import read_json
from tasks.core.params_file import load_params
from tasks.core.project import find_project
from tasks.core.report import Report


def train(data: DataOption = None, params: ParamsOption = None) -> None:
    """Train, evaluate and measure the lift on the release that is there."""
    project = find_project(Path.cwd())
    use_server(project)
    from flows.train import train_model

    train_model(load_params(params) if params else None, str(data.resolve()) if data else None)


def generate(prompt: str, data: DataOption = None) -> None:
    """Answer with the latest checkpoint."""
    from tasks.train import generate as answer

    folder = data or find_project(Path.cwd()) / "data"
    typer.echo(answer(folder / "train" / "checkpoint", folder / "tokenize" / "tokenizer.json", prompt))


def tune(
    data: DataOption = None,
    params: Annotated[Path | None, typer.Option(help="a params file (default: params.yaml of the project)")] = None,
    trials: Annotated[int, typer.Option(min=1, help="trials in all, those of earlier calls counted")] = 20,
    steps: Annotated[int | None, typer.Option(min=1, help="steps of a trial (default: those of the params)")] = None,
    study: Annotated[str, typer.Option(help="name of the study; another one begins anew")] = "train",
    out: Annotated[Path | None, typer.Option(help="the best as a params file (default: run/tune/best.yaml)")] = None,
    ray: Annotated[bool, typer.Option("--ray", help="search with Ray Tune, which begins anew each time")] = False,
) -> None:
    """Search the params of training with the lowest loss on val, and write them as a params file."""
    project = find_project(Path.cwd())
    logging.basicConfig(format="%(message)s")
    logging.getLogger("flows").setLevel(logging.INFO)
    from flows.tune import show_search
    from flows.tune import tune as search

    chosen = load_params(params or project / "params.yaml").train
    folder = data.resolve() if data else project / "data"
    show_search(search(folder, chosen, trials=trials, steps=steps, study=study, out=out, on_ray=ray))


def export(
    format: Annotated[str, typer.Argument(help="huggingface, onnx or gguf")],
    target: Annotated[Path, typer.Argument(help="the folder to write; for gguf the file")],
    data: DataOption = None,
    int8: Annotated[bool, typer.Option("--int8", help="onnx: matrices as bytes, about a quarter of the size")] = False,
    dtype: Annotated[str, typer.Option(help="gguf: float32 or float16")] = "float32",
) -> None:
    """Write the latest checkpoint in a form that others load: transformers, ONNX runtimes, llama.cpp."""
    from flows.export import export as write

    n_bytes = write(format, target, data or find_project(Path.cwd()) / "data", int8=int8, dtype=dtype)
    typer.echo(f"{target}: {format}, {n_bytes / 1e6:.1f} MB")


def lift(
    without: Annotated[list[str] | None, typer.Option(help="a step to leave out, as often as needed")] = None,
    without_source: Annotated[list[str] | None, typer.Option(help="a source to leave out, as often as needed")] = None,
    data: DataOption = None,
    params: ParamsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what curation, single steps and single sources bring: train without them, equal tokens, and compare."""
    project = find_project(Path.cwd())
    check_free_build(params, data)
    chosen, folder = load_params(params) if params else None, data.resolve() if data else project / "data"
    use_server(project)
    if without or without_source:
        from flows.arms import arms_of, compare_arms

        steps, sources = without or [], without_source or []
        arms_of(steps, sources, chosen or load_params(project / "params.yaml"))  # before a server starts for nothing
        compare_arms(steps, sources, chosen, str(folder) if data else None)
        told = read_json(folder / "run" / "arms" / "report.json")
    else:
        from flows.versions import Versions, stale_stages

        stale = [] if chosen else stale_stages(Versions(project), train=True)
        if others := [name for name in stale if name not in ("lift", "report")]:
            raise SourceError(f"data: {', '.join(others)} would run again; run `instructflow build` first")
        if chosen or stale:
            from flows.build import build_dataset

            build_dataset(chosen, str(folder) if data else None, only="lift")
        told = told_by_lift(Report.read(folder / "lift"))
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        show_arms(told)


def accept(data: DataOption = None, params: ParamsOption = None) -> None:
    """Keep the figures of this build in baseline/, for later builds to be held against."""
    project = find_project(Path.cwd())
    check_free_build(params, data)
    if params is None:
        from flows.versions import anything_stale

        if anything_stale(project, train=True):
            raise SourceError("data: not what params.yaml and the sources give now; run `instructflow build` first")
    from flows.accept import accept as keep

    kept = keep(data or project / "data", load_params(params or project / "params.yaml"), project / "baseline")
    test = kept["figures"]["test"]
    typer.echo(
        f"{project / 'baseline'}: {test['rows']} rows of test, {test['bits_per_byte']} bits per byte; add it to git"
    )


MODEL_COMMANDS = (train, generate, tune, export, lift, accept)
