"""What a group of judged rows comes to: loss, perplexity, bits per byte with intervals, beside the baselines."""

import math
from typing import Any

import polars as pl

from tasks.core.bootstrap import ratio_intervals
from tasks.core.report import rounded
from tasks.core.tokens import bits_per_byte

GROUPS = ("language", "instruction_type", "source", "length")
BASELINES = ("unigram", "ngram")


def breakdown(rows: pl.DataFrame, seed: int = 0) -> dict[str, Any]:
    """The figures of all judged rows as `overall`, and of every value of each of GROUPS.

    `rows` has GROUPS, family, n_tokens, n_bytes, loss, loss_alone and `<baseline>_loss` of each baseline, the losses in
    mean nats per answer token. Intervals are 95 %, from resampled families.
    """
    rows = rows.with_columns(bits=pl.col("loss") * pl.col("n_tokens") / math.log(2))
    found: dict[str, Any] = {}
    for group in (None, *GROUPS):
        intervals = ratio_intervals(rows, group, "bits", "n_bytes", "family", seed) if len(rows) else {}
        parts = {"overall": rows} if group is None else _parts(rows, group)
        of_group = {name: figures(part, intervals.get(name)) for name, part in parts.items()}
        found |= of_group if group is None else {group: of_group}
    return found


def figures(rows: pl.DataFrame, interval: tuple[float, float] | None = None) -> dict[str, Any]:
    """What judged rows come to, `interval` of their bits per byte given; only counts where there are no rows."""
    n_tokens, n_bytes = int(rows["n_tokens"].sum()), int(rows["n_bytes"].sum())
    found: dict[str, Any] = {"rows": len(rows), "n_tokens": n_tokens, "n_bytes": n_bytes}
    if not n_tokens:
        return found
    nats, alone = (float((rows[name] * rows["n_tokens"]).sum()) for name in ("loss", "loss_alone"))
    found |= {
        "loss": rounded(nats / n_tokens),
        "perplexity": rounded(math.exp(nats / n_tokens)),
        "bits_per_byte": rounded(bits_per_byte(nats, n_bytes)),
        "bits_per_byte_95": None if interval is None else [rounded(bound) for bound in interval],
        "ifd": rounded(nats / alone),
    }
    for baseline in BASELINES:
        of_baseline = float((rows[f"{baseline}_loss"] * rows["n_tokens"]).sum())
        found |= {
            f"{baseline}_bits_per_byte": rounded(bits_per_byte(of_baseline, n_bytes)),
            f"saving_over_{baseline}": rounded(1 - nats / of_baseline),
        }
    return found


def _parts(rows: pl.DataFrame, group: str) -> dict[str, pl.DataFrame]:
    return {str(value): part for (value,), part in sorted(rows.partition_by(group, as_dict=True).items())}
