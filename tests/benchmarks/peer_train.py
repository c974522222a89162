"""Train a small decoder as others do, and say how fast it went as one line of JSON: see test_training_speed.py.

`peer_train.py NAME ROWS RESULT` reads the folder ROWS: tokens.npy and labels.npy (N,), offsets.npy (rows + 1,),
shape.json (of our model) and hf/ (config and tokenizer, of the same shape); the line is left in RESULT too.

plain    a loop in plain PyTorch in the manner of nanoGPT's train.py (https://github.com/karpathy/nanoGPT), for
         examples instead of a stream: our model, one example a row, rows of random order padded on the right, the
         logits of every token, AdamW fused, betas (0.9, 0.95), decay 0.1 of matrices, gradients clipped at 1
trainer  transformers' Trainer on a LlamaForCausalLM, DataCollatorForSeq2Seq, nothing logged or saved; every other
         setting is its default (AdamW fused, gradients clipped at 1). trainer-grouped puts rows of like length
         together, trainer-bf16 multiplies in bfloat16
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

OPTIONS = {
    "trainer": {},
    "trainer-grouped": {"train_sampling_strategy": "group_by_length"},
    "trainer-bf16": {"bf16": True},
}


class Rows(torch.utils.data.Dataset):
    """One example a row, cut at `block_size` tokens; the arrays stay on disk."""

    def __init__(self, folder: Path, block_size: int) -> None:
        self.tokens, self.labels = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("tokens", "labels"))
        self.offsets = np.load(folder / "offsets.npy")
        self.block_size = block_size

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        start = self.offsets[index]
        here = slice(start, min(start + self.block_size, self.offsets[index + 1]))
        n = here.stop - here.start
        return {
            "input_ids": self.tokens[here].tolist(),
            "labels": self.labels[here].tolist(),
            "attention_mask": [1] * n,
        }


class Seen:
    """What went by: the tokens of each batch, with and without padding, and when each step was over."""

    def __init__(self) -> None:
        self.n_tokens: list[int] = []
        self.n_places: list[int] = []
        self.ends = [time.perf_counter()]

    def counted(self, collate: Callable[[Any], dict[str, Tensor]]) -> Callable[[Any], dict[str, Tensor]]:
        """The same `collate`, each of whose batches is counted."""

        def counting(rows: Any) -> dict[str, Tensor]:
            batch = collate(rows)
            self.n_tokens.append(int(batch["attention_mask"].sum()))
            self.n_places.append(batch["input_ids"].numel())
            return batch

        return counting

    def over(self) -> None:
        """A step is."""
        self.ends.append(time.perf_counter())

    def told(self, n_warmup: int) -> dict[str, Any]:
        """Of all steps but the first `n_warmup`; a batch may have been made of which no step came."""
        steps = slice(n_warmup, len(self.ends) - 1)
        return {
            "rows_out": sum(self.n_tokens[steps]),
            "places": sum(self.n_places[steps]),
            "steps": steps.stop - steps.start,
            "seconds": self.ends[-1] - self.ends[n_warmup],
            "seconds_before": self.ends[n_warmup] - self.ends[0],
        }


def plain(folder: Path, args: argparse.Namespace, seen: Seen) -> None:
    """The loop that one would write first."""
    from tasks.core.model import IGNORE_INDEX, ModelConfig, Transformer

    config = ModelConfig(**json.loads((folder / "shape.json").read_text()))
    model = Transformer(config)
    weights = list(model.parameters())
    groups = [
        {"params": [weight for weight in weights if weight.dim() >= 2], "weight_decay": 0.1},
        {"params": [weight for weight in weights if weight.dim() < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), fused=True)
    padding = {"input_ids": 0, "labels": IGNORE_INDEX, "attention_mask": 0}

    def padded(rows: list[dict[str, list[int]]]) -> dict[str, Tensor]:
        return {
            name: torch.nn.utils.rnn.pad_sequence([torch.tensor(row[name]) for row in rows], True, value)
            for name, value in padding.items()
        }

    batches = torch.utils.data.DataLoader(
        Rows(folder, config.block_size), args.batch_size, shuffle=True, collate_fn=seen.counted(padded)
    )
    for step, batch in enumerate(batches, start=1):
        logits = model(batch["input_ids"])  # (B, T, vocab_size)
        loss = torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten(), ignore_index=IGNORE_INDEX
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seen.over()
        if step == args.warmup + args.steps:
            break


def trainer(folder: Path, args: argparse.Namespace, seen: Seen) -> None:
    """As its page says, with the settings of `OPTIONS`."""
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoTokenizer,
        DataCollatorForSeq2Seq,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            seen.over()

    config = AutoConfig.from_pretrained(folder / "hf")
    quiet = {"report_to": "none", "logging_strategy": "no", "save_strategy": "no", "disable_tqdm": True}
    settings = TrainingArguments(
        output_dir=str(folder / "trainer"),
        per_device_train_batch_size=args.batch_size,
        max_steps=args.warmup + args.steps,
        use_cpu=True,
        seed=args.seed,
        **quiet,
        **OPTIONS[args.name],
    )
    collate = DataCollatorForSeq2Seq(AutoTokenizer.from_pretrained(folder / "hf"))
    Trainer(
        AutoModelForCausalLM.from_config(config),
        settings,
        data_collator=seen.counted(collate),
        train_dataset=Rows(folder, config.max_position_embeddings),
        callbacks=[Clock()],
    ).train()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=["plain", *OPTIONS])
    parser.add_argument("rows", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    seen = Seen()
    (plain if args.name == "plain" else trainer)(args.rows, args, seen)
    told = json.dumps(seen.told(args.warmup))
    args.result.write_text(told)
    print(told)


if __name__ == "__main__":
    main()
