"""Which row stays for which: no chains, so a row goes only if it is within the threshold of a row that stays."""

from collections import Counter, defaultdict

import polars as pl

LEVELS = ("exact", "normalised", "near", "prefix", "semantic")  # a merge's reason is the first that holds
PAIRS = pl.Schema(
    {"a": pl.UInt32, "b": pl.UInt32, "level": pl.String, "similarity": pl.Float64, "answer_similarity": pl.Float64}
)
FATE = pl.Schema({"key": pl.UInt32, "survivor": pl.UInt32, "level": pl.String, "similarity": pl.Float64})


def decide(pairs: pl.DataFrame) -> pl.DataFrame:
    """The rows that go (the columns FATE): key, the key that stays for it, level, similarity; sorted by key.

    `pairs` (the columns PAIRS) name rows by their place in the keep order. In an `exact` or `normalised` pair, a is the
    first row of its text and stands for all of them in the other pairs. In a `prefix` pair, b is the beginning of a.

    First rows are visited in the keep order; one that is a beginning after all that are none, and after all that it is
    the beginning of. A row goes if it is paired with a row that was visited and stays: with the most similar one at the
    first level of LEVELS that holds, or the first of equals. The other rows of its text go with it.
    """
    same = pairs.filter(pl.col("level").is_in(["exact", "normalised"]))
    alike = pairs.filter(~pl.col("level").is_in(["exact", "normalised"])).select("a", "b", "level", "similarity")
    partners: dict[int, list[tuple[int, float, int]]] = defaultdict(list)  # row -> level, minus similarity, other row
    n_longer: Counter[int] = Counter()
    for a, b, level, similarity in alike.iter_rows():
        for row, other in ((a, b), (b, a)):
            partners[row].append((LEVELS.index(level), -similarity, other))
        n_longer[b] += level == "prefix"
    gone: dict[int, tuple[int, float, int]] = {}
    stay: set[int] = set()
    for row in sorted(partners, key=lambda row: (n_longer[row], row)):
        if within := [partner for partner in partners[row] if partner[2] in stay]:
            gone[row] = min(within)
        else:
            stay.add(row)
    moved = pl.DataFrame(
        [(row, other, LEVELS[level], -minus) for row, (level, minus, other) in gone.items()], schema=FATE, orient="row"
    )
    copies = same.select(key="b", first="a", own="level").join(
        moved.rename({"key": "first"}), on="first", how="left", maintain_order="left"
    )
    with_first = copies.select(
        "key",
        survivor=pl.coalesce("survivor", "first"),
        level=pl.coalesce("level", "own"),
        similarity=pl.col("similarity").fill_null(1.0),
    )
    return pl.concat([moved, with_first]).sort("key")


def holding(pairs: pl.DataFrame, threshold: float, semantic_threshold: float) -> pl.DataFrame:
    """Those of the stored pairs that hold under these thresholds."""
    needed = pl.col("level").replace_strict(
        {"near": threshold, "semantic": semantic_threshold}, default=0.0, return_dtype=pl.Float64
    )
    return pairs.filter(pl.col("similarity") >= needed, pl.col("answer_similarity").fill_null(1.0) >= needed)
