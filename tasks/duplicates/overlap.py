"""Which source repeats which: whether a source is worth its place beside the others."""

import polars as pl

from tasks.duplicates.survivors import LEVELS


def overlap(clusters: pl.DataFrame, sources: pl.DataFrame) -> pl.DataFrame:
    """How many rows of a source are found in another, or once more in itself: source, other, level, rows; sorted.

    `clusters` has kept, member, level (`kept` for the row that stays), `sources` id and source. A row is found in a
    source that has another row of its cluster, whichever of them stays. The level is that of the closest such row, or
    the row's own where that is the weaker one, for the two meet in the row that stays.
    """
    ranks = {level: rank for rank, level in enumerate(("kept", *LEVELS))}
    rank = pl.col("level").replace_strict(ranks, return_dtype=pl.Int64)
    rows = clusters.join(sources, left_on="member", right_on="id").select("kept", "member", "source", rank=rank)
    closest = rows.group_by("kept", other="source").agg(
        first=pl.col("rank").min(), second=pl.col("rank").sort().slice(1, 1).first()
    )
    met = rows.join(closest, on="kept").with_columns(
        beside=pl.when(pl.col("source") != pl.col("other"))
        .then("first")
        .otherwise(pl.when(pl.col("rank") == pl.col("first")).then("second").otherwise("first"))
    )
    level = pl.max_horizontal("rank", "beside").replace_strict(
        {rank: level for level, rank in ranks.items()}, return_dtype=pl.String
    )
    found = met.filter(pl.col("beside").is_not_null()).with_columns(level=level)
    return found.group_by("source", "other", "level").len("rows").sort("source", "other", "level")
