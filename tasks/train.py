"""Train the small Transformer on the token files: all text of the train split first, then answers only.

    checkpoint/    config.json, model.safetensors: the weights that evaluate and generate load
    hf/            the same model for AutoModelForCausalLM and AutoTokenizer

A run that was killed goes on from its state under run/train beside the target; on a CPU it leaves the same bytes.
"""

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.errors import ParamsError
from tasks.core.files import file_hash, whole_folder
from tasks.core.params import TrainParams
from tasks.core.report import Report
from tasks.core.schema import stable_hash
from tasks.core.tokens import TokenRows, encode, load_tokenizer, special_ids

if TYPE_CHECKING:
    from tasks.core.model import ModelConfig

log = logging.getLogger(__name__)

# What no weight hangs on; device and dtype count as what they come to here.
NOT_OF_WEIGHTS = {"keep_states", "tensorboard", "wandb", "device", "dtype"}


def train(tokens: Path, target: Path, params: TrainParams) -> Report:
    """Train on what tokenize left in `tokens`; leave checkpoint, Hugging Face folder and report in `target`.

    Raises GateError naming the step when the loss is not finite.
    """
    from tasks.core.checkpoints import save_checkpoint
    from tasks.core.dataset import trainable
    from tasks.core.devices import card_name, choose_device, peak_flops
    from tasks.core.trackers import curves
    from tasks.core.training import fit, model_config
    from tasks.exporters.huggingface import export

    rows, val = (TokenRows.read(tokens / "tokens" / split) for split in ("train", "val"))
    tokenizer_file = tokens / "tokenizer.json"
    config = model_config(load_tokenizer(tokenizer_file).get_vocab_size(), params)
    run = target.parent / "run"
    of_run = fingerprint(tokens, params)
    peak = peak_flops(card_name(choose_device(params.device)))
    with curves(run, f"{target.name}-{of_run[:8]}", params) as plot:
        fitted = fit(rows, val, config, params, work=run / "train" / of_run, on_step=observer(plot, config, peak))
    model, progress = fitted.model, fitted.progress
    n_trainable = len(trainable(rows, params.block_size))
    with whole_folder(target) as folder:
        save_checkpoint(model, folder / "checkpoint")
        export(model, tokenizer_file, folder / "hf")
        measures = {
            "release": Report.read(tokens).measures.get("release"),
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "best_step": progress.best_step,
            "best_val_loss": progress.best_loss,
            "steps": progress.step,
            "stopped_early": progress.is_over,
            "tokens_read": progress.n_tokens,
            "rows_cut_at_block_size": int((rows.lengths > params.block_size).sum()),
            "rows_without_answer_in_block": len(rows) - n_trainable,
            "history": progress.history,
        }
        report = Report("train", len(rows), n_trainable, measures=measures).write(folder)
    shutil.rmtree(run / "train")
    return report


def generate(
    checkpoint: Path, tokenizer_file: Path, prompt: str, *, max_new_tokens: int = 256, temperature: float = 0.0
) -> str:
    """The model's answer to `prompt`; raises ParamsError when that leaves no room in the block or is no UTF-8."""
    from tasks.core.chat import END, render
    from tasks.core.checkpoints import load_checkpoint

    if any("\ud800" <= char <= "\udfff" for char in prompt):
        raise ParamsError("prompt: not UTF-8; expected a terminal, or a file, in UTF-8")
    model, tokenizer = load_checkpoint(checkpoint), load_tokenizer(tokenizer_file)
    [(input_ids, _)] = encode([render([{"role": "user", "content": prompt}], for_answer=True)], tokenizer)
    if len(input_ids) >= model.config.block_size:
        raise ParamsError(
            f"prompt: {len(input_ids)} tokens; expected fewer than {model.config.block_size}, the block size"
        )
    answer = model.generate(input_ids, special_ids(tokenizer)[END], max_new_tokens, temperature)
    return str(tokenizer.decode(list(answer)))


def fingerprint(tokens: Path, params: TrainParams) -> str:
    """A hash of all that the weights depend on, the code too; a state under another one is of another run."""
    from tasks.core.devices import choose_device, choose_dtype
    from tasks.core.training import code_hash

    device = choose_device(params.device)
    chosen = [device.type, str(choose_dtype(params.dtype, device))]
    files = sorted(path for path in tokens.rglob("*") if path.is_file())
    digests = [file_hash(path, "blake2b") for path in files]
    return stable_hash(params.model_dump(exclude=NOT_OF_WEIGHTS), chosen, code_hash(), digests)


@dataclass
class Pace:
    """What the steps took since it was last told, by their own time: of a step that was also evaluated none is known.

    Nor is that of the first step of a process, which also reads, loads and compiles.
    """

    seconds: float = 0.0
    n_tokens: int = 0
    n_labels: int = 0

    def add(self, line: dict[str, Any], before: dict[str, Any], seconds: float) -> None:
        """Count a step: its line, the line of the step before, and the seconds between."""
        self.seconds += seconds
        self.n_tokens += line["n_tokens"] - before["n_tokens"]
        self.n_labels += line["n_labels"]

    def text(self, config: "ModelConfig", peak: float | None) -> str:
        """`; N tokens/s, MFU P%`: the model's own operations as a share of `peak`, both where they are known.

        MFU is train_flops / seconds / peak: Chowdhery et al. 2022, arXiv:2204.02311, appendix B.
        """
        from tasks.core.devices import train_flops

        if not self.seconds:
            return ""
        told = f"; {self.n_tokens / self.seconds:.0f} tokens/s"
        if peak:
            told += f", MFU {train_flops(config, self.n_tokens, self.n_labels) / self.seconds / peak:.1%}"
        return told


def observer(
    plot: Callable[[dict[str, Any]], None],
    config: "ModelConfig",
    peak: float | None,
    clock: Callable[[], float] = time.monotonic,
) -> Callable[[dict[str, Any]], None]:
    """Plot each line, and log those with a loss on val, with the speed (which goes into no artifact).

    `peak` is the bf16 FLOP/s of the card, None where that is not known; `clock` gives seconds.
    """
    pace = Pace()
    before: tuple[dict[str, Any], float] | None = None  # the last line, and when the step after it began

    def observe(line: dict[str, Any]) -> None:
        nonlocal pace, before
        is_evaluated = "val_loss" in line
        if before and not is_evaluated:
            pace.add(line, before[0], clock() - before[1])
        plot(line)
        if is_evaluated:
            log.info(
                "step %d (%s): train %.3f, val %s nats per token%s",
                line["step"],
                line["phase"],
                line["train_loss"],
                "none" if line["val_loss"] is None else f"{line['val_loss']:.3f}",
                pace.text(config, peak),
            )
            pace = Pace()
        before = line, clock()

    return observe
