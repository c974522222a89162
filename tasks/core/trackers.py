"""Where the curves of a training go: TensorBoard's files, wandb's, or none. No artifact hangs on them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from tasks.core.errors import ParamsError
from tasks.core.params import TrainParams

Plot = Callable[[dict[str, Any]], None]
CURVES = ("train_loss", "val_loss", "learning_rate", "grad_norm", "n_tokens")


@contextmanager
def curves(run: Path, name: str, params: TrainParams) -> Iterator[Plot]:
    """Give a function that adds a line of `fit` to the curves `name` below `run`, a folder for each tracker of params.

    wandb writes files and reaches no server, unless WANDB_MODE says `online`. Raises ParamsError where a tracker is
    wanted and its package is not there.
    """
    with _tensorboard(run / "tensorboard" / name, params.tensorboard) as first, _wandb(run, name, params) as second:

        def plot(line: dict[str, Any]) -> None:
            values = {curve: line[curve] for curve in CURVES if line.get(curve) is not None}
            first(values, line["step"])
            second(values, line["step"])

        yield plot


Writer = Callable[[dict[str, float], int], None]


def _nowhere(values: dict[str, float], step: int) -> None:
    pass


@contextmanager
def _tensorboard(folder: Path, is_wanted: bool) -> Iterator[Writer]:
    if not is_wanted:
        yield _nowhere
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise _missing("tensorboard", "train") from None
    with SummaryWriter(str(folder)) as writer:

        def write(values: dict[str, float], step: int) -> None:
            for name, value in values.items():
                writer.add_scalar(name, value, step)

        yield write


@contextmanager
def _wandb(run: Path, name: str, params: TrainParams) -> Iterator[Writer]:
    if not params.wandb:
        yield _nowhere
        return
    try:
        import wandb
    except ImportError:
        raise _missing("wandb", "wandb") from None
    (run / "wandb").mkdir(parents=True, exist_ok=True)
    session = wandb.init(
        project="instructflow",
        name=name,
        dir=str(run),
        mode=cast(Any, os.environ.get("WANDB_MODE", "offline")),
        config=params.model_dump(),
        settings=wandb.Settings(silent=True, console="off"),
    )
    try:
        yield lambda values, step: session.log(values, step=step)
    finally:
        session.finish()


def _missing(package: str, extra: str) -> ParamsError:
    expected = f"`pip install 'instructflow[{extra}]'`, or false"
    return ParamsError(f"train.{package}: true, but {package} is not installed; expected {expected}")
