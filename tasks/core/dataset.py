"""Instruction data for torch: text pairs or token ids with labels, and batches with hardly any padding.

Labels lie over the input ids, `IGNORE_INDEX` where there is no loss; the shift by one is in the model's loss.

Training rows are packed: several examples in one row of block_size tokens, best fit decreasing, which leaves about 1 %
empty (Krell et al. 2021, "Efficient Sequence Packing without Cross-contamination", arXiv:2107.02027, section 3).
"""

from bisect import bisect_left, insort
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from tasks.core.errors import SourceError
from tasks.core.model import IGNORE_INDEX
from tasks.core.schema import answer_text, examples_frame, prompt_text
from tasks.core.tokens import TokenRows, encode_examples, read_released, without_special_text

PADDING = 0  # any token would do: nothing sees it and it has no label
WINDOW_ROWS = 8192  # rows that are packed together: bounds the work before the first batch


class InstructionDataset(Dataset[Any]):
    """(instruction, output) pairs of text; with a tokenizer {"input_ids", "labels"} of the whole conversation.

    `data` is a list of {"instruction", "input"?, "output"}, or a release folder, of which `split` is read. The
    tokenizer is one that the step tokenize made, as `tokenizers` or as `transformers` loads it. `collate` pads a batch:
    `DataLoader(dataset, batch_size=2, collate_fn=dataset.collate)`; pairs of text need none.
    Raises SourceError when there is no such split or a row lacks a field.
    """

    def __init__(
        self,
        data: Sequence[dict[str, str]] | Path | str,
        tokenizer: Any = None,
        *,
        split: str = "train",
        block_size: int | None = None,
    ) -> None:
        examples = read_released(Path(data), split) if isinstance(data, (str, Path)) else _from_pairs(data)
        self.block_size = block_size
        self.pairs = examples.select(prompt_text().alias("instruction"), answer_text().alias("output")).rows()
        self.encoded = encode_examples(examples, without_special_text(tokenizer)) if tokenizer is not None else None

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Any:
        """The pair, or its tokens and labels, each (T,), cut at block_size."""
        if self.encoded is None:
            return self.pairs[index]
        tokens, weights = self.encoded[range(len(self))[index]]
        input_ids = torch.from_numpy(tokens[: self.block_size].astype(np.int64))
        is_judged = torch.from_numpy(weights[: self.block_size] > 0)
        return {"input_ids": input_ids, "labels": input_ids.where(is_judged, IGNORE_INDEX)}

    @staticmethod
    def collate(rows: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Pad on the right to the longest row: {"input_ids", "labels"}, each (B, T)."""
        fill = {"input_ids": PADDING, "labels": IGNORE_INDEX}
        return {
            name: torch.nn.utils.rnn.pad_sequence([row[name] for row in rows], batch_first=True, padding_value=value)
            for name, value in fill.items()
        }


def _from_pairs(rows: Sequence[dict[str, str]]) -> pl.DataFrame:
    examples = []
    for index, row in enumerate(rows):
        if missing := {"instruction", "output"} - set(row):
            raise SourceError(f"row {index}: lacks {sorted(missing)}; expected instruction, output and maybe input")
        prompt = "\n".join(filter(None, (row["instruction"], row.get("input"))))
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": row["output"]}]
        examples.append({"id": str(index), "messages": turns})
    return examples_frame(examples)


class Batch(NamedTuple):
    """Tensors of (B, T): what the model reads, what it is to say, the example a token belongs to, its loss's weight."""

    input_ids: Tensor
    labels: Tensor
    segments: Tensor  # 1, 2, …; 0 is padding
    weights: Tensor  # 0 where there is no label

    def to(self, device: torch.device) -> "Batch":
        """The same batch on `device`."""
        return Batch(*(tensor.to(device) for tensor in self))


Plan = list[list[int]]  # for each row of a batch, the examples that lie in it


def fill(
    rows: TokenRows,
    plan: Plan,
    block_size: int,
    *,
    all_text: bool = False,
    width: int = 0,
    alone: Collection[int] = (),
) -> Batch:
    """The batch that `plan` describes, at least `width` tokens wide; examples are cut at block_size.

    `all_text` labels what users say too, and weighs every token the same. Of the rows in `alone` only the answers are
    there, as `TokenRows.answer_alone` gives them.
    """
    of_plan = [[rows.answer_alone(i) if i in alone else rows[i] for i in members] for members in plan]
    lengths = [[min(len(tokens), block_size) for tokens, _ in members] for members in of_plan]
    shape = len(plan), max(width, *map(sum, lengths))
    input_ids, labels, segments = np.full(shape, PADDING), np.full(shape, IGNORE_INDEX), np.zeros(shape, np.int64)
    weights = np.zeros(shape, np.float32)
    for b, members in enumerate(of_plan):
        start = 0
        for segment, (example, length) in enumerate(zip(members, lengths[b], strict=True), start=1):
            tokens, loss_weights = (array[:length] for array in example)
            here = slice(start, start + length)
            input_ids[b, here] = tokens
            weights[b, here] = 1 if all_text else loss_weights
            weights[b, start] = 0  # nothing stands before it: the example to its left does not count
            labels[b, here] = np.where(weights[b, here] > 0, input_ids[b, here], IGNORE_INDEX)
            segments[b, here] = segment
            start += length
    return Batch(*map(torch.from_numpy, (input_ids, labels, segments, weights)))


def trainable(rows: TokenRows, block_size: int) -> NDArray[np.int64]:
    """The rows that have a token with loss among their first block_size tokens."""
    has_answer = (rows.rows["n_answer_tokens"] > 0).to_numpy().copy()
    for index in np.flatnonzero(has_answer & (rows.lengths > block_size)).tolist():
        has_answer[index] = (rows[index][1][:block_size] > 0).any()
    return np.flatnonzero(has_answer)


def packed_batches(rows: TokenRows, batch_size: int, block_size: int, seed: int) -> Iterator[Plan]:
    """Plan batches of packed rows, epoch after epoch, without end; the order depends on (seed, epoch) only.

    In each epoch a row comes `weight` times, its fraction by chance. Raises SourceError when no row can be trained on.
    """
    members = trainable(rows, block_size)
    weights = rows.rows["weight"].to_numpy()[members]
    if not weights.sum() > 0:
        raise SourceError("train: no row has a weight and an answer within block_size; expected at least one")
    plan: Plan = []
    epoch = 0
    while True:
        chance = np.random.default_rng([seed, epoch])
        times = np.floor(weights + chance.random(len(weights))).astype(np.int64)
        order = chance.permutation(np.repeat(members, times))
        for start in range(0, len(order), WINDOW_ROWS):
            packed = best_fit(order[start : start + WINDOW_ROWS], np.minimum(rows.lengths, block_size), block_size)
            for position in chance.permutation(len(packed)):
                plan.append(packed[position])
                if len(plan) == batch_size:
                    yield plan
                    plan = []
        epoch += 1


def best_fit(members: NDArray[np.int64], lengths: NDArray[np.int64], block_size: int) -> Plan:
    """Lay rows of `lengths` tokens, the longest first, each where it leaves the least room."""
    packed: Plan = []
    room: list[tuple[int, int]] = []  # (tokens free, place in `packed`), sorted
    for index in members[np.argsort(-lengths[members], kind="stable")]:
        length = int(lengths[index])
        at = bisect_left(room, (length, 0))
        free, place = room.pop(at) if at < len(room) else (block_size, len(packed))
        if place == len(packed):
            packed.append([])
        packed[place].append(int(index))
        insort(room, (free - length, place))
    return packed


def bucketed_batches(rows: TokenRows, members: NDArray[np.int64], max_tokens: int) -> Iterator[Plan]:
    """Plan batches of one example a row, of like length, at most `max_tokens` with padding (but one row at least)."""
    plan: Plan = []
    for index in members[np.argsort(rows.lengths[members], kind="stable")]:
        if plan and (len(plan) + 1) * int(rows.lengths[index]) > max_tokens:
            yield plan
            plan = []
        plan.append([int(index)])
    if plan:
        yield plan
