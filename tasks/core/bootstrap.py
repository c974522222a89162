"""How far a ratio of sums may be off: percentile bootstrap intervals over clusters of rows.

Rows of one family (tasks/split.py) say much the same, so they are not independent: what is drawn is a whole cluster.
From n clusters, n are drawn with replacement, `n_resamples` times; each time sum(numerators) / sum(denominators) is
taken anew, and the interval runs between the (1 - level) / 2 and (1 + level) / 2 quantiles of these ratios (Efron and
Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13; whole clusters: Davison and Hinkley 1997, "Bootstrap
Methods and their Application", sections 2.4 and 3.8). As the ends are quantiles, those of a rising function of the
ratio, such as exp(loss), are that function of the ends; of a falling one too, in the other order.

Its limits: it takes the clusters for independent of one another, and it is too narrow where they are few. In simulated
data whose families vary in rate by a third, intervals of 95 % held the truth in 75 % of 2,000 sets of 3 clusters, 83 %
of 5, 89 % of 10, 91 % of 20, 93 % of 50 and 95 % of 200; a little less where a few families are most of the rows.
"""

from hashlib import blake2b

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]
Interval = tuple[float, float]  # low, high
OVERALL = "overall"  # the group of all rows
BLOCK = 1 << 20  # draws held at once: bounds memory, changes no figure


def interval(
    numerators: ArrayLike, denominators: ArrayLike, seed: int, n_resamples: int = 1000, level: float = 0.95
) -> Interval | None:
    """Low and high end for sum(numerators) / sum(denominators), each (clusters,).

    None for fewer than two clusters, and where all denominators are 0. Resamples whose denominators come to 0 have no
    ratio and are left out. Draws are by place, so the order of the clusters matters. Raises ValueError when the shapes
    differ, a number is not finite, a denominator is below 0, `n_resamples` below 1 or `level` not between 0 and 1.
    """
    above, below = _checked(numerators, denominators)
    if n_resamples < 1 or not 0 < level < 1:
        raise ValueError(f"n_resamples {n_resamples}, level {level}; expected at least 1, and between 0 and 1")
    n = len(above)
    if n < 2 or not below.any():
        return None
    chance = np.random.default_rng(seed)
    sums = np.empty((2, n_resamples))
    at_once = max(1, BLOCK // n)
    for start in range(0, n_resamples, at_once):
        block = slice(start, min(start + at_once, n_resamples))
        drawn = chance.integers(n, size=(block.stop - start, n), dtype=np.uint32)
        sums[0, block] = above[drawn].sum(axis=1)
        sums[1, block] = below[drawn].sum(axis=1)
    above_sums, below_sums = sums[:, sums[1] > 0]
    if not len(below_sums):
        return None
    low, high = np.quantile(above_sums / below_sums, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def ratio_intervals(
    rows: pl.DataFrame,
    by: str | None,
    numerator: str,
    denominator: str,
    cluster: str,
    seed: int,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> dict[str, Interval | None]:
    """The `interval` of each value of the column `by`, in the order of their names; of OVERALL, where `by` is None.

    `numerator`, `denominator` and `cluster` are columns too. A cluster with rows in several groups is a cluster in
    each. What a group gets depends on its name and on its rows in any order, not on the other groups. Raises
    ValueError where `by` or `cluster` is null, and where `interval` does.
    """
    group = pl.lit(OVERALL) if by is None else pl.col(by).cast(pl.String)
    numbers = {"above": pl.col(numerator).cast(pl.Float64), "below": pl.col(denominator).cast(pl.Float64)}
    table = rows.select(cluster=pl.col(cluster), group=group, **numbers)
    for name, column in {"cluster": cluster, "group": by}.items():
        if n_nulls := table[name].null_count():
            raise ValueError(f"{column}: null in {n_nulls} of {len(rows)} rows; expected a {name} for each")
    found: dict[str, Interval | None] = {OVERALL: None} if by is None else {}  # is there even without rows
    # sorted by the numbers too: sums of floats depend on the order in which they are added
    for (name,), of_group in table.sort("group", "cluster", "above", "below").group_by("group", maintain_order=True):
        cluster_of_row = of_group["cluster"].rle_id().to_numpy()
        above, below = (np.bincount(cluster_of_row, weights=of_group[number].to_numpy()) for number in numbers)
        found[str(name)] = interval(above, below, _seed(seed, str(name)), n_resamples, level)
    return found


def _checked(numerators: ArrayLike, denominators: ArrayLike) -> tuple[F64, F64]:
    above, below = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    if above.ndim != 1 or above.shape != below.shape:
        raise ValueError(f"numerators {above.shape}, denominators {below.shape}; expected both (clusters,)")
    for name, numbers in (("numerators", above), ("denominators", below)):
        if n_wrong := np.count_nonzero(~np.isfinite(numbers)):
            raise ValueError(f"{name}: {n_wrong} of {len(numbers)} are not finite; expected numbers")
    if len(below) and below.min() < 0:
        raise ValueError(f"denominators: {below.min()}; expected none below 0")
    return above, below


def _seed(seed: int, group: str) -> int:
    return int.from_bytes(blake2b(f"{seed} {group}".encode(), digest_size=8).digest(), "little")
