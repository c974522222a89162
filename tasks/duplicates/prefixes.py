"""Conversations that are the beginning of a longer one: the same roles, turns (normalised) and tools up to a point."""

import polars as pl


def prefix_pairs(openings: pl.DataFrame) -> pl.DataFrame:
    """Every pair (a, b, similarity): b is the beginning of a; similarity is b's share of a's turns; sorted.

    `openings` has key, n_turns, is_whole, opening (see tasks/duplicates/rows.py), of one row for each text.
    """
    whole = openings.filter("is_whole").select("opening", b="key", n="n_turns")
    begun = openings.filter(~pl.col("is_whole")).join(whole, on="opening")
    of_longer = openings.filter("is_whole").select("key", n_longer="n_turns")
    return (
        begun.join(of_longer, on="key")
        .select(a="key", b="b", similarity=pl.col("n") / pl.col("n_longer"))
        .sort("a", "b")
    )
