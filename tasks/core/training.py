"""The training loop: next-token prediction on all text first, then on answers only.

Cross-entropy with teacher forcing, meaned over the batch's labelled tokens; AdamW without decay on what is no matrix
(Loshchilov & Hutter 2019, arXiv:1711.05101); the rate rises linearly and falls along a cosine (2017, arXiv:1608.03983);
gradients are clipped by their global norm (Pascanu et al. 2013, arXiv:1211.5063).

The state between two steps is in files that hold no code: weights and AdamW's moments as safetensors, the rest as JSON.
A run that goes on from them does what an uninterrupted one does, bit by bit.
"""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tasks.core.dataset import Batch, bucketed_batches, fill, packed_batches, trainable
from tasks.core.errors import GateError, ParamsError, SourceError
from tasks.core.files import read_json, unreadable, whole_folder, write_json
from tasks.core.model import IGNORE_INDEX, SIZES, ModelConfig, Transformer
from tasks.core.params import TrainParams
from tasks.core.tokens import TokenRows

BETAS = (0.9, 0.99)  # of AdamW; 0.95 forgets too fast for batches of some thousand tokens: 0.5 % more bits per byte
EVAL_TOKENS = 8192  # in one forward pass without gradients, padding counted

Weights = dict[str, Tensor]
Line = dict[str, Any]


@dataclass
class Progress:
    """How far a run is: the part of its state that is no tensor."""

    step: int = 0
    n_tokens: int = 0  # read, padding not counted
    best_step: int = 0
    best_loss: float | None = None  # on val
    recent: list[float] = field(default_factory=list)  # training losses since the last line of the history
    history: list[Line] = field(default_factory=list)  # a line each eval_every steps


@dataclass(frozen=True)
class Fitted:
    """What training gives: the model, with the weights that `params.keep` chooses, and how it came about."""

    model: Transformer
    progress: Progress


def fit(
    train: TokenRows,
    val: TokenRows,
    config: ModelConfig,
    params: TrainParams,
    *,
    work: Path | None = None,
    on_step: Callable[[Line], None] = lambda line: None,
) -> Fitted:
    """Train a fresh model on `train`; `val`, which may have no rows, chooses among the weights.

    `on_step` gets a line each step: step, phase, learning_rate, train_loss, grad_norm, n_tokens; each eval_every steps
    val_loss too. Then the state is saved in `work`, where given; a run that finds a state there goes on from it.
    Raises GateError naming the step when the loss is not finite.
    """
    with reproducible(params.seed, params.threads):
        run = Run(Transformer(config).to(choose_device(params.device)), params)
        if work:
            run.load(work)
        plans = packed_batches(train, params.batch_size, config.block_size, params.seed)
        for plan in islice(plans, run.progress.step, run.n_steps):
            is_pretraining = run.progress.step < params.pretrain_steps
            line = run.learn(fill(train, plan, config.block_size, all_text=is_pretraining))
            line["phase"] = "pretrain" if is_pretraining else "finetune"
            if run.progress.step % params.eval_every == 0 or run.progress.step == run.n_steps:
                run.judge(line, val)
                if work:
                    run.save(work)
            on_step(line)
        if params.keep == "best":
            run.model.load_state_dict(run.best)
        return Fitted(run.model.eval(), run.progress)


def model_config(vocab_size: int, params: TrainParams) -> ModelConfig:
    """The shape that `params` name."""
    return ModelConfig(vocab_size, block_size=params.block_size, **SIZES[params.size])


class Run:
    """A model in training, with its optimizer and progress."""

    def __init__(self, model: Transformer, params: TrainParams) -> None:
        self.model, self.params = model, params
        self.optimizer = adamw(model, params)
        self.progress = Progress()
        self.best: Weights = {}
        self.n_steps = params.pretrain_steps + params.max_steps

    def learn(self, batch: Batch) -> Line:
        """Go one step down the gradient of the batch's loss."""
        progress = self.progress
        rate = learning_rate(progress.step, self.n_steps, self.params)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["ratio"]
        progress.step += 1
        loss = self.model.loss(*batch.to(self.model.cos.device))
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.params.grad_clip)
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            raise GateError(
                f"train: loss {loss.item()} and gradient norm {norm.item()} at step {progress.step}; expected finite "
                f"numbers; a train.learning_rate lower than {self.params.learning_rate} may give them"
            )
        self.optimizer.step()
        progress.n_tokens += int((batch.segments > 0).sum())
        progress.recent.append(loss.item())
        return {
            "step": progress.step,
            "learning_rate": rate,
            "train_loss": loss.item(),
            "grad_norm": norm.item(),
            "n_tokens": progress.n_tokens,
        }

    def judge(self, line: Line, val: TokenRows) -> None:
        """Add the loss on `val` to `line` and to the history; keep the weights where it is the lowest so far."""
        progress = self.progress
        loss = line["val_loss"] = answer_loss(self.model, val, self.params.eval_rows)
        progress.history.append(
            {name: line[name] for name in ("step", "phase", "learning_rate", "n_tokens", "val_loss")}
            | {"train_loss": sum(progress.recent) / len(progress.recent)}
        )
        progress.recent = []
        if loss is None or progress.best_loss is None or loss < progress.best_loss:  # without val the last is the best
            progress.best_step, progress.best_loss = progress.step, loss
            self.best = {name: weight.clone() for name, weight in self.model.state_dict().items()}

    def save(self, work: Path) -> None:
        """Write the whole state into `work`, in the place of an older one."""
        named = dict(self.model.named_parameters())
        moments = {f"{n}/{k}": v for n, weight in named.items() for k, v in self.optimizer.state[weight].items()}
        with whole_folder(work) as folder:
            for name, tensors in (("model", self.model.state_dict()), ("best", self.best), ("optimizer", moments)):
                save_file(tensors, folder / f"{name}.safetensors")
            write_json(asdict(self.progress), folder / "progress.json")

    def load(self, work: Path) -> None:
        """Go on from the state in `work`, if there is one."""
        if not (work / "progress.json").is_file():
            return
        device = self.model.cos.device
        self.model.load_state_dict(load_file(work / "model.safetensors"))
        self.best = {name: weight.to(device) for name, weight in load_file(work / "best.safetensors").items()}
        moments = load_file(work / "optimizer.safetensors")
        for name, weight in self.model.named_parameters():
            of_weight = {k.rsplit("/", 1)[1]: v for k, v in moments.items() if k.rsplit("/", 1)[0] == name}
            self.optimizer.state[weight] = {k: v.to(device) for k, v in of_weight.items()}
        self.progress = Progress(**read_json(work / "progress.json"))


def learning_rate(step: int, n_steps: int, params: TrainParams) -> float:
    """The rate of step 0, 1, …: up to the peak over the first warmup_ratio of the steps, then down along a cosine."""
    warmup = round(params.warmup_ratio * n_steps)
    if step < warmup:
        return params.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, n_steps - warmup)  # 0 … 1
    floor = params.min_lr_ratio
    return params.learning_rate * (floor + (1 - floor) * (1 + math.cos(math.pi * done)) / 2)


def adamw(model: Transformer, params: TrainParams) -> torch.optim.AdamW:
    """AdamW in one fused kernel; norms and the embedding are not pulled to zero, and the embedding learns faster.

    A matrix's rate has to fall with its width, an embedding's does not: Yang et al. 2022, arXiv:2203.03466, table 8.
    """
    named = dict(model.named_parameters())
    embedding = named.pop("embedding.weight")
    matrices = [weight for weight in named.values() if weight.dim() == 2]
    norms = [weight for weight in named.values() if weight.dim() != 2]
    groups = [
        {"params": matrices, "weight_decay": params.weight_decay, "ratio": 1.0},
        {"params": norms, "weight_decay": 0.0, "ratio": 1.0},
        {"params": [embedding], "weight_decay": 0.0, "ratio": params.embedding_lr_ratio},
    ]
    return torch.optim.AdamW(groups, lr=params.learning_rate, betas=BETAS, fused=True)


@torch.no_grad()
def row_losses(model: Transformer, rows: TokenRows, max_rows: int | None = None) -> pl.DataFrame:
    """id, n_tokens (answer tokens), loss (mean nats per answer token) of each row that fits block_size whole.

    Rows that are longer, or have no answer token, are left out. In the order of `rows`; `max_rows` takes the first.
    """
    block_size, device = model.config.block_size, model.cos.device
    members = trainable(rows, block_size)
    members = members[(rows.lengths[members] <= block_size) & (members < (max_rows or len(rows)))]
    found: list[tuple[int, int, float]] = []
    for plan in bucketed_batches(rows, members, EVAL_TOKENS):
        input_ids, labels, _ = fill(rows, plan, block_size).to(device)
        n_tokens = (labels != IGNORE_INDEX).sum(dim=1)
        losses = -model.sequence_log_probability(input_ids, labels) / n_tokens
        found += zip((index for [index] in plan), n_tokens.tolist(), losses.tolist(), strict=True)
    table = pl.DataFrame(found, {"index": pl.Int64, "n_tokens": pl.Int32, "loss": pl.Float64}, orient="row")
    table = table.sort("index")
    return table.select(rows.rows["id"].gather(table["index"]), "n_tokens", "loss")


def answer_loss(model: Transformer, rows: TokenRows, max_rows: int | None = None) -> float | None:
    """Mean nats per answer token over all rows that `row_losses` gives; None where there are none."""
    table = row_losses(model, rows, max_rows)
    return float(np.average(table["loss"], weights=table["n_tokens"])) if len(table) else None


def save_checkpoint(model: Transformer, folder: Path) -> None:
    """Write config.json and model.safetensors into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    write_json(asdict(model.config), folder / "config.json")


def load_checkpoint(folder: Path, device: str = "cpu") -> Transformer:
    """Read the model that `save_checkpoint` left; raises SourceError when it is not there."""
    if not (folder / "config.json").is_file():
        raise SourceError(
            f"{folder}: no checkpoint here; expected config.json and model.safetensors, of the step train"
        )
    try:
        model = Transformer(ModelConfig(**read_json(folder / "config.json")))
        model.load_state_dict(load_file(folder / "model.safetensors"))
    except (OSError, SafetensorError, TypeError, RuntimeError) as error:
        raise unreadable(folder, error) from None
    return model.to(choose_device(device)).eval()


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one; raises ParamsError when `cuda` is asked for and there is none."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ParamsError("train.device: cuda is not available here; expected auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


@contextmanager
def reproducible(seed: int, threads: int) -> Iterator[None]:
    """Fix what the result depends on: seed, number of threads, kernels; afterwards all is as it was."""
    before = torch.get_num_threads(), torch.get_rng_state(), torch.are_deterministic_algorithms_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS sums in one order only with this
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)  # on CUDA the gradient of attention has no such kernel
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.set_rng_state(before[1])
        torch.use_deterministic_algorithms(before[2])
