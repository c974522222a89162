"""Train the small Transformer on the token files: all text of the train split first, then answers only.

    checkpoint/    config.json, model.safetensors: the weights that evaluate and generate load
    hf/            the same model for AutoModelForCausalLM and AutoTokenizer

A run that was killed goes on from its state under run/train beside the target, and leaves the same bytes.
"""

import logging
import shutil
import time
from collections.abc import Callable
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


def train(tokens: Path, target: Path, params: TrainParams) -> Report:
    """Train on what tokenize left in `tokens`; leave checkpoint, Hugging Face folder and report in `target`.

    Raises GateError naming the step when the loss is not finite.
    """
    from tasks.core.checkpoints import save_checkpoint
    from tasks.core.dataset import trainable
    from tasks.core.trackers import curves
    from tasks.core.training import fit, model_config
    from tasks.exporters.huggingface import export

    rows, val = (TokenRows.read(tokens / "tokens" / split) for split in ("train", "val"))
    tokenizer_file = tokens / "tokenizer.json"
    config = model_config(load_tokenizer(tokenizer_file).get_vocab_size(), params)
    run = target.parent / "run"
    work = run / "train" / fingerprint(tokens, params)
    with curves(run, target.name, params) as plot:
        fitted = fit(rows, val, config, params, work=work, on_step=observer(plot, config, params))
    model, progress = fitted.model, fitted.progress
    n_trainable = len(trainable(rows, params.block_size))
    with whole_folder(target) as folder:
        save_checkpoint(model, folder / "checkpoint")
        export(model, tokenizer_file, folder / "hf")
        measures = {
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
    import torch

    files = sorted(path for path in tokens.rglob("*") if path.is_file())
    digests = [file_hash(path, "blake2b") for path in [*files, *sorted(Path(__file__).parent.glob("core/*.py"))]]
    return stable_hash(params.model_dump(), torch.__version__, digests)


def observer(
    plot: Callable[[dict[str, Any]], None], config: "ModelConfig", params: TrainParams
) -> Callable[[dict[str, Any]], None]:
    """Plot each line, and log those with a loss on val, with the speed (which goes into no artifact).

    MFU is the share of the card's bf16 peak that the model's own operations come to, where the card is one we know.
    """
    from tasks.core.devices import choose_device, flops_per_token, peak_flops

    peak = peak_flops(choose_device(params.device))
    last = {"seconds": time.monotonic(), "n_tokens": 0}

    def observe(line: dict[str, Any]) -> None:
        plot(line)
        if "val_loss" in line:
            seconds = time.monotonic()
            speed = (line["n_tokens"] - last["n_tokens"]) / max(seconds - last["seconds"], 1e-9)
            log.info(
                "step %d (%s): train %.3f, val %s nats per token; %.0f tokens/s%s",
                line["step"],
                line["phase"],
                line["train_loss"],
                "none" if line["val_loss"] is None else f"{line['val_loss']:.3f}",
                speed,
                f", MFU {speed * flops_per_token(config) / peak:.1%}" if peak else "",
            )
            last.update(seconds=time.monotonic(), n_tokens=line["n_tokens"])

    return observe
