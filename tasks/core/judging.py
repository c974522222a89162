"""What a trained model says of rows: how likely each answer is, after its instruction and without it.

Only rows that fit block_size whole are judged, so that no answer is judged by half of it.
"""

import numpy as np
import polars as pl
import torch

from tasks.core.dataset import bucketed_batches, fill, trainable
from tasks.core.model import IGNORE_INDEX, Transformer
from tasks.core.tokens import TokenRows, is_of_answer

EVAL_TOKENS = 8192  # in one forward pass without gradients, padding counted


@torch.no_grad()
def row_losses(model: Transformer, rows: TokenRows, max_rows: int | None = None) -> pl.DataFrame:
    """id, n_tokens (answer tokens), loss (mean nats per answer token) of each row that fits block_size whole.

    Rows that are longer, or have no answer token, are left out. In the order of `rows`; `max_rows` takes the first.
    A token counts as 1 whatever its loss weight, as long as it has one.
    """
    block_size, device = model.config.block_size, model.cos.device
    members = trainable(rows, block_size)
    members = members[(rows.lengths[members] <= block_size) & (members < (max_rows or len(rows)))]
    found: list[tuple[int, int, float]] = []
    for plan in bucketed_batches(rows, members, EVAL_TOKENS):
        batch = fill(rows, plan, block_size).to(device)
        n_tokens = (batch.labels != IGNORE_INDEX).sum(dim=1)
        losses = -model.sequence_log_probability(batch.input_ids, batch.labels) / n_tokens
        found += zip((index for [index] in plan), n_tokens.tolist(), losses.tolist(), strict=True)
    table = pl.DataFrame(found, {"index": pl.Int64, "n_tokens": pl.Int32, "loss": pl.Float64}, orient="row")
    table = table.sort("index")
    return table.select(rows.rows["id"].gather(table["index"]), "n_tokens", "loss")


def answer_loss(model: Transformer, rows: TokenRows, max_rows: int | None = None) -> float | None:
    """Mean nats per answer token over all rows that `row_losses` gives; None where there are none."""
    table = row_losses(model, rows, max_rows)
    return float(np.average(table["loss"], weights=table["n_tokens"])) if len(table) else None


def without_instructions(rows: TokenRows) -> TokenRows:
    """Every row as `TokenRows.answer_alone` gives it."""
    kept = is_of_answer(rows.loss_weights)
    kept[rows.offsets[:-1][rows.lengths > 0]] = True
    row_of_token = np.repeat(np.arange(len(rows)), rows.lengths)
    n_kept = pl.Series("n_tokens", np.bincount(row_of_token[kept], minlength=len(rows)), dtype=pl.Int32)
    return TokenRows(rows.rows.with_columns(n_kept), rows.tokens[kept], rows.loss_weights[kept])
