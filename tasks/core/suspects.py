"""Which rows look wrong to a trained model: answers that their instruction does not help, and answers unlike the rest.

    mismatch    the answer is no likelier after its instruction than without it: ifd = loss / loss_alone of 1 or more.
                The instruction-following difficulty of Li et al. 2024, "From Quantity to Quality", arXiv:2308.12032
                (4), there of a model of 7 billion weights; that small models rank alike is in Li et al. 2024,
                "Superfiltering", arXiv:2402.00530, which takes perplexities in place of losses
    outlier     its loss is far above the median of its split, language and type: a modified z-score over 3.5
                (Iglewicz & Hoaglin 1993, "How to Detect and Handle Outliers", chapter 3)

Both are hints, for a person to look at; a weak model has little to say of either.
"""

from typing import Any

import polars as pl

LEAST_TOKENS = 8  # of an answer: on fewer the ratio of two losses is chance
MISMATCH_IFD = 1.0
OUTLIER_Z = 3.5
MAD_TO_SIGMA = 0.6745  # the median absolute deviation of a normal distribution, in standard deviations
LEAST_ROWS = 20  # of a group: with fewer a median says nothing
KINDS = ("mismatch", "outlier")


def suspicion(judged: pl.DataFrame) -> pl.DataFrame:
    """id, kind and `measure` of every suspect, each kind's worst first; a row may be of both kinds.

    `judged` has id, split, language, instruction_type, n_tokens, loss and ifd.
    """
    rows = judged.filter(pl.col("n_tokens") >= LEAST_TOKENS)
    group = ("split", "language", "instruction_type")  # rows of train were seen: others always cost more
    deviation = pl.col("loss") - pl.col("loss").median().over(group)
    mad = deviation.abs().median().over(group)
    z = pl.when((pl.len().over(group) >= LEAST_ROWS) & (mad > 0)).then(MAD_TO_SIGMA * deviation / mad)
    measured = rows.select("id", mismatch="ifd", outlier=z)
    over = {"mismatch": pl.col("mismatch") >= MISMATCH_IFD, "outlier": pl.col("outlier") > OUTLIER_Z}
    return pl.concat(
        measured.filter(over[kind])
        .select("id", kind=pl.lit(kind), measure=pl.col(kind))
        .sort(pl.col("measure").round(9), "id", descending=[True, False])
        for kind in KINDS
    )


def shown(suspects: pl.DataFrame, judged: pl.DataFrame, texts: pl.DataFrame, most: int) -> list[dict[str, Any]]:
    """The `most` worst of each kind, with what they say; `texts` has id, prompt and answer."""
    worst = pl.concat(suspects.filter(kind=kind).head(most) for kind in KINDS)
    columns = ("id", "split", "source", "language", "instruction_type", "n_tokens", "loss", "loss_alone", "ifd")
    known = worst.join(judged.select(columns), on="id", maintain_order="left").join(
        texts, on="id", maintain_order="left"
    )
    return known.with_columns(pl.col("measure", "loss", "loss_alone", "ifd").round(4)).to_dicts()
