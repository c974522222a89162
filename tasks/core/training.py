"""The training loop: next-token prediction on all text first, then on answers only.

Cross-entropy with teacher forcing, meaned over a step's labelled tokens, by their weights; AdamW without decay on what
is no matrix (Loshchilov & Hutter 2019, arXiv:1711.05101); the rate rises linearly and falls along a cosine (2017,
arXiv:1608.03983); gradients are clipped by their global norm (Pascanu et al. 2013, arXiv:1211.5063). Matrices are
multiplied in bfloat16 where the device does so natively; weights, moments and losses are float32.

On a CPU, with as many threads, a run that goes on from a saved state does what an uninterrupted one does, bit by bit;
on CUDA the gradient of attention is summed in no fixed order, so that they differ by rounding.
"""

import math
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tasks.core.checkpoints import Weights, load_state, save_state
from tasks.core.dataset import Batch, Plan, fill, packed_batches
from tasks.core.devices import autocast, choose_blocks, choose_device, choose_dtype, reproducible
from tasks.core.errors import GateError
from tasks.core.files import file_hash
from tasks.core.judging import answer_loss
from tasks.core.model import IGNORE_INDEX, SIZES, ModelConfig, Transformer
from tasks.core.params import TrainParams
from tasks.core.schema import stable_hash
from tasks.core.tokens import TokenRows

BETAS = (0.9, 0.99)  # of AdamW; 0.95 forgets too fast for batches of some thousand tokens: 0.5 % more bits per byte
TENSORS = ("model", "best", "optimizer")  # the files of a state

Line = dict[str, Any]


@dataclass
class Progress:
    """How far a run is: the part of its state that is no tensor."""

    step: int = 0
    n_tokens: int = 0  # read, padding not counted
    best_step: int = 0
    best_loss: float | None = None  # on val
    is_over: bool = False  # stopped early
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

    `on_step` gets a line each step: step, phase, learning_rate, train_loss, grad_norm, n_tokens (of all steps so far),
    n_labels (of this one); each eval_every steps val_loss too. Then the state is saved in `work`, where given; a run
    that finds a state there goes on from it.
    Raises GateError naming the step when the loss is not finite.
    """
    with reproducible(params.seed, params.threads, params.compile):
        run = Run(Transformer(config).to(choose_device(params.device)), params)
        if work:
            run.load(work)
        plans = packed_batches(train, params.batch_size * params.accumulate, config.block_size, params.seed)
        for plan in islice(plans, run.progress.step, run.n_steps):
            if run.progress.is_over:
                break
            is_pretraining = run.progress.step < params.pretrain_steps
            alone = drawn(plan, params.instruction_dropout, [params.seed, run.progress.step])
            line = run.learn(micro_batches(train, plan, config.block_size, params.batch_size, is_pretraining, alone))
            line["phase"] = "pretrain" if is_pretraining else "finetune"
            if run.progress.step % params.eval_every == 0 or run.progress.step == run.n_steps:
                run.judge(line, val)
                if work:
                    run.save(work)
            on_step(line)
        if params.keep == "best":
            run.model.load_state_dict(run.best)
        run.model.in_blocks = False
        return Fitted(run.model.eval(), run.progress)


def model_config(vocab_size: int, params: TrainParams) -> ModelConfig:
    """The shape that `params` name."""
    return ModelConfig(vocab_size, block_size=params.block_size, **SIZES[params.size])


def code_hash() -> str:
    """A hash of what trains besides data and params: the code in this folder, and torch's version."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return stable_hash(torch.__version__, [file_hash(file, "blake2b") for file in files])


def micro_batches(
    rows: TokenRows, plan: Plan, block_size: int, batch_size: int, all_text: bool, alone: Collection[int] = ()
) -> list[Batch]:
    """The batches of one step, `batch_size` rows in each; of one width, so that a compiled model is compiled once."""
    parts = [plan[start : start + batch_size] for start in range(0, len(plan), batch_size)]
    return [fill(rows, part, block_size, all_text=all_text, width=block_size, alone=alone) for part in parts]


def drawn(plan: Plan, ratio: float, seed: list[int]) -> set[int]:
    """About `ratio` of the examples of `plan`, by chance: those that are shown without their instruction.

    A model that never saw an answer alone cannot say how likely one is, and ifd compares with just that. As classifier-
    free guidance trains its unconditional half: Ho & Salimans 2022, arXiv:2207.12598, algorithm 1 (p of 0.1 to 0.2).
    """
    examples = [index for members in plan for index in members]
    chance = np.random.default_rng(seed).random(len(examples))
    return {index for index, value in zip(examples, chance, strict=True) if value < ratio}


class Run:
    """A model in training, with its optimizer and progress."""

    def __init__(self, model: Transformer, params: TrainParams) -> None:
        self.model, self.params = model, params
        self.device = model.cos.device
        self.dtype = choose_dtype(params.dtype, self.device)
        model.in_blocks = choose_blocks(params.attention, self.device, params.compile)
        self.hidden = torch.compile(model.hidden) if params.compile else model.hidden  # what follows has odd shapes
        self.optimizer = adamw(model, params)
        self.progress = Progress()
        self.best: Weights = {}
        self.n_steps = params.pretrain_steps + params.max_steps

    def learn(self, batches: list[Batch]) -> Line:
        """Go one step down the gradient of the mean loss of all labelled tokens of `batches`."""
        progress = self.progress
        rate = learning_rate(progress.step, self.n_steps, self.params)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["ratio"]
        progress.step += 1
        self.optimizer.zero_grad()
        total = sum(float(batch.weights.sum()) for batch in batches)
        train_loss = 0.0
        for batch in batches:
            share = float(batch.weights.sum()) / total  # a mean of the batches' means would favour short answers
            if not share:
                continue
            with autocast(self.device, self.dtype):
                here = batch.to(self.device)
                x = self.hidden(here.input_ids, here.segments)
                loss = self.model.loss_of(x, here.labels, here.weights) * share
            loss.backward()  # type: ignore[no-untyped-call]
            train_loss += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.params.grad_clip).item()
        if not (math.isfinite(train_loss) and math.isfinite(norm)):
            raise GateError(
                f"train: loss {train_loss} and gradient norm {norm} at step {progress.step}; expected finite "
                f"numbers; a train.learning_rate lower than {self.params.learning_rate} may give them"
            )
        self.optimizer.step()
        progress.n_tokens += sum(int((batch.segments > 0).sum()) for batch in batches)
        progress.recent.append(train_loss)
        return {
            "step": progress.step,
            "learning_rate": rate,
            "train_loss": train_loss,
            "grad_norm": norm,
            "n_tokens": progress.n_tokens,
            "n_labels": sum(int((batch.labels != IGNORE_INDEX).sum()) for batch in batches),
        }

    def judge(self, line: Line, val: TokenRows) -> None:
        """Add the loss on `val` to `line` and to the history; keep the weights where it is the lowest so far."""
        progress, patience = self.progress, self.params.patience
        loss = line["val_loss"] = answer_loss(self.model, val, self.params.eval_rows)
        progress.history.append(
            {name: line[name] for name in ("step", "phase", "learning_rate", "n_tokens", "val_loss")}
            | {"train_loss": sum(progress.recent) / len(progress.recent)}
        )
        progress.recent = []
        if loss is None or progress.best_loss is None or loss < progress.best_loss:  # without val the last is the best
            progress.best_step, progress.best_loss = progress.step, loss
            self.best = {name: weight.clone() for name, weight in self.model.state_dict().items()}
        in_vain = [old for old in progress.history if old["phase"] == "finetune" and old["step"] > progress.best_step]
        progress.is_over = patience is not None and len(in_vain) >= patience

    def save(self, work: Path) -> None:
        """Write the whole state into `work`; the last `keep_states` stay."""
        named = dict(self.model.named_parameters())
        moments = {f"{n}/{k}": v for n, weight in named.items() for k, v in self.optimizer.state[weight].items()}
        tensors = dict(zip(TENSORS, (self.model.state_dict(), self.best, moments), strict=True))
        save_state(work, self.progress.step, tensors, asdict(self.progress), self.params.keep_states)

    def load(self, work: Path) -> None:
        """Go on from the newest state in `work`, if there is one."""
        if (found := load_state(work, TENSORS)) is None:
            return
        tensors, progress = found
        self.model.load_state_dict(tensors["model"])
        self.best = {name: weight.to(self.device) for name, weight in tensors["best"].items()}
        for name, weight in self.model.named_parameters():
            of_weight = {k.rsplit("/", 1)[1]: v for k, v in tensors["optimizer"].items() if k.rsplit("/", 1)[0] == name}
            self.optimizer.state[weight] = {k: v.to(self.device) for k, v in of_weight.items()}
        self.progress = Progress(**progress)


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
