"""Equal prompts with different answers: what a model cannot learn, unless the question is open."""

import polars as pl

from tasks.duplicates.survivors import decide


def settle(rows: pl.DataFrame, pairs: pl.DataFrame, policy: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What goes: the fate of merged rows (see `decide`), and the rows in conflict (see `conflicts`) among the others.

    `rows` has key, asked, answer, best first; `pairs` are those that hold. Where the policy is to drop (`keep_best`:
    all but the best, `drop`: all), a row that is dropped stands for no other: who would have been merged into it is
    looked at again, as is whether it is in conflict itself.
    """
    dropped = pl.Series("key", [], dtype=pl.UInt32)
    while True:
        left = pairs.filter(~pl.col("a").is_in(dropped.implode()), ~pl.col("b").is_in(dropped.implode()))
        fate = decide(left)
        found = conflicts(rows.join(fate, on="key", how="anti", maintain_order="left"))
        goes = {"keep_best": ~pl.col("is_best"), "drop": pl.lit(True)}.get(policy, pl.lit(False))
        fresh = found.filter(goes, ~pl.col("key").is_in(dropped.implode()))["key"]
        if fresh.is_empty():
            return fate, found
        dropped = pl.concat([dropped, fresh])


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
