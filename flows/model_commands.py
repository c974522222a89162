"""The commands round the model: train it, ask it, and ask what the data did for it."""

from pathlib import Path

import typer

from flows.options import DataOption, ParamsOption
from flows.server import use_server
from tasks.core.params_file import load_params
from tasks.core.project import find_project


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


MODEL_COMMANDS = (train, generate)
