"""Equal prompts with different answers: what a model cannot learn, unless the question is open."""

import polars as pl


def conflicts(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of which another has the same prompt and tools and a different answer: key, other, is_best; by key.

    `rows` has key, asked (a key of prompt and tools, or null), answer (a key of the last turn, normalised), best first.
    `other` is the best row with a different answer; is_best is true of the first row of a prompt and its equals.
    """
    asked = (
        rows.filter(pl.col("asked").is_not_null())
        .sort("key")
        .select("key", "asked", "answer", best=pl.col("answer").first().over("asked"))
    )
    in_conflict = asked.filter((pl.col("answer") != pl.col("best")).any().over("asked"))
    is_best = pl.col("answer") == pl.col("best")
    second = pl.when(~is_best).then("key").min().over("asked")
    return in_conflict.select(
        "key", other=pl.when(is_best).then(second).otherwise(pl.col("key").first().over("asked")), is_best=is_best
    )
