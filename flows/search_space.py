"""What a search over the training's params may change, and the loss that judges a choice; for Optuna as for Ray Tune.

Rates are searched by orders of magnitude, shares evenly (Bengio 2012, arXiv:1206.5533, section 3.1). The batch size is
not searched: with the same steps it would give trials different numbers of tokens. val chooses; test is never read.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.core.errors import SourceError
from tasks.core.files import file_hash
from tasks.core.params import TrainParams
from tasks.core.schema import stable_hash
from tasks.core.tokens import TokenRows, load_tokenizer


@dataclass(frozen=True)
class Range:
    """The values from `low` to `high`, both among them; on a log scale where `is_log`."""

    low: float
    high: float
    is_log: bool = False


Space = dict[str, Range]
Values = dict[str, float]
Report = Callable[[int, float], None]  # gets step and val loss at each evaluation; ends a trial by an exception

SPACE: Space = {
    "learning_rate": Range(3e-4, 1e-2, is_log=True),  # AdamW's peak rate
    "embedding_lr_ratio": Range(1.0, 30.0, is_log=True),  # multiple of learning_rate
    "weight_decay": Range(0.0, 0.3),  # a step takes learning_rate * weight_decay of a matrix away
    "warmup_ratio": Range(0.0, 0.2),  # share of the steps
    "min_lr_ratio": Range(0.0, 0.3),  # share of the peak rate
}
# What a trial's loss does not hang on: float sums of other threads are noise, all else is what a run leaves behind.
NOT_OF_TRIALS = {"threads", "keep_states", "tensorboard", "wandb"}
# No trial is ended before this share of its steps: for a fifth of them its rate may still rise, and as long again lets
# one that rose slowly catch up.
PATIENT_RATIO = 0.4


@dataclass(frozen=True)
class Judged:
    """A trial that came to an end."""

    number: int
    values: Values
    state: str  # complete, pruned, diverged
    val_loss: float | None  # as `Objective.loss_of` its losses, nats per answer token; None of one that diverged
    step: int | None  # the last that was judged
    reason: str | None = None  # why it diverged


@dataclass(frozen=True)
class Objective:
    """Training as `params` say, but for the sampled values, on the token files that tokenize left in `tokens`."""

    tokens: Path
    params: TrainParams

    @property
    def n_steps(self) -> int:
        """Steps of a whole trial."""
        return self.params.pretrain_steps + self.params.max_steps

    @property
    def patient_steps(self) -> int:
        """Steps before which no trial is ended."""
        return math.ceil(PATIENT_RATIO * self.n_steps)

    @property
    def first(self) -> Values:
        """The values of the params as they are."""
        return {name: getattr(self.params, name) for name in SPACE}

    @property
    def space(self) -> Space:
        """The ranges, widened where the params as they are lie outside."""
        return {
            name: Range(min(found.low, self.first[name]), max(found.high, self.first[name]), found.is_log)
            for name, found in SPACE.items()
        }

    def fingerprint(self) -> str:
        """A hash of all that makes two trials comparable: tokens of train and val, ranges, fixed params and code."""
        from tasks.core.training import code_hash

        files = [self.tokens / "tokenizer.json"]
        for split in ("train", "val"):
            files += sorted(path for path in (self.tokens / "tokens" / split).iterdir() if path.is_file())
        ranges = {name: asdict(found) for name, found in self.space.items()}
        fixed = self.params.model_dump(exclude={*SPACE, *NOT_OF_TRIALS})
        return stable_hash(fixed, ranges, code_hash(), [file_hash(path, "blake2b") for path in files])

    def loss_of(self, losses: Sequence[float]) -> float:
        """The loss on val of the weights that `train.keep` would leave after these evaluations."""
        return losses[-1] if self.params.keep == "last" else min(losses)

    def __call__(self, values: Values, report: Report) -> float:
        """Train with `values`; `loss_of` the losses on val, in nats per answer token.

        Raises GateError where the loss is not finite, SourceError where there are no tokens or val judges nothing.
        """
        from tasks.core.training import fit, model_config

        train, val = (TokenRows.read(self.tokens / "tokens" / split) for split in ("train", "val"))
        vocab_size = load_tokenizer(self.tokens / "tokenizer.json").get_vocab_size()
        params = self.params.model_copy(update=values)
        losses: list[float] = []

        def observe(line: dict[str, Any]) -> None:
            if "val_loss" not in line:
                return
            if line["val_loss"] is None:
                raise SourceError(
                    f"{self.tokens / 'tokens' / 'val'}: no answer that fits train.block_size {params.block_size}; "
                    "expected rows of val, for they choose"
                )
            losses.append(line["val_loss"])
            report(line["step"], line["val_loss"])

        fit(train, val, model_config(vocab_size, params), params, on_step=observe)
        return self.loss_of(losses)


def scaled(params: TrainParams, steps: int | None) -> TrainParams:
    """`params` with `steps` in all, pretraining, finetuning and evaluations in the same proportion; None leaves all."""
    if steps is None:
        return params
    ratio = steps / (params.pretrain_steps + params.max_steps)
    pretrain_steps = min(round(params.pretrain_steps * ratio), steps - 1)
    return params.model_copy(
        update={
            "pretrain_steps": pretrain_steps,
            "max_steps": steps - pretrain_steps,
            "eval_every": max(1, round(params.eval_every * ratio)),
        }
    )
