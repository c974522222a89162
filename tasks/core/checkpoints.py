"""A model's weights, and the state of a training, in files that hold no code: safetensors and JSON."""

import logging
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tasks.core.devices import choose_device
from tasks.core.errors import SourceError
from tasks.core.files import read_json, unreadable, whole_folder, write_json
from tasks.core.model import ModelConfig, Transformer

log = logging.getLogger(__name__)

Weights = dict[str, Tensor]


def save_checkpoint(model: Transformer, folder: Path) -> None:
    """Write config.json and model.safetensors into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    write_json(asdict(model.config), folder / "config.json")


def load_checkpoint(folder: Path, device: str = "cpu", section: str = "evaluate") -> Transformer:
    """Read the model that `save_checkpoint` left.

    Raises SourceError when it is not there, ParamsError naming the device of params' `section` when that is not there.
    """
    if not (folder / "config.json").is_file():
        raise SourceError(
            f"{folder}: no checkpoint here; expected config.json and model.safetensors, of the step train"
        )
    try:
        model = Transformer(ModelConfig(**read_json(folder / "config.json")))
        model.load_state_dict(load_file(folder / "model.safetensors"))
    except (OSError, SafetensorError, TypeError, RuntimeError) as error:
        raise unreadable(folder, error) from None
    return model.to(choose_device(device, section)).eval()


def save_state(work: Path, step: int, tensors: dict[str, Weights], progress: dict[str, Any], keep: int) -> None:
    """Write the state after `step` into a folder of its own in `work`, whole or not at all; the last `keep` stay."""
    with whole_folder(work / f"step-{step:08d}") as folder:
        for name, named in tensors.items():
            save_file(named, folder / f"{name}.safetensors")
        write_json(progress, folder / "progress.json")
    for old in states(work)[:-keep]:
        shutil.rmtree(old)


def load_state(work: Path, names: tuple[str, ...]) -> tuple[dict[str, Weights], dict[str, Any]] | None:
    """Read the newest state in `work` that can be read; None where there is none."""
    for folder in reversed(states(work)):
        try:
            return {name: load_file(folder / f"{name}.safetensors") for name in names}, read_json(
                folder / "progress.json"
            )
        except (OSError, SafetensorError, ValueError) as error:
            log.warning("%s: cannot be read (%s); trying the state before it", folder, error)
    return None


def states(work: Path) -> list[Path]:
    """The folders of states in `work`, the oldest first."""
    return sorted(work.glob("step-*[0-9]"))
