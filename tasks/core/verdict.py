"""What two arms need per held-out row becomes bits per byte a seed, and these a verdict: is it more than chance?

Two intervals of 95 % must leave out 0, for there is chance in training and in the choice of the rows that judge:

    over seeds     a paired t-test: the mean of first - second +- t(n - 1) * s / sqrt(n)
    over rows      a bootstrap over families of the rows' differences, meaned over seeds (tasks/core/bootstrap.py)

Fewer bits are better. What both were judged on was cleaned, so an arm of raw text has to say what it did not read.
"""

from collections.abc import Sequence
from math import log, sqrt
from statistics import fmean, stdev
from typing import Any, NamedTuple

import polars as pl

from tasks.core.bootstrap import interval
from tasks.core.report import rounded
from tasks.core.tokens import bits_per_byte

Interval = tuple[float, float]
# Student's t, two-sided 95 %, by degrees of freedom 1 … 30 (https://www.itl.nist.gov/div898/handbook/eda/section3/eda3672.htm)
T_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
BETTER, WORSE = "better", "worse"
# What one model says of one row: n_bytes of its answers, and the nats of all their tokens.
JUDGED = pl.Schema({"seed": pl.Int64, "id": pl.String, "n_bytes": pl.Int64, "nats": pl.Float64})


class Words(NamedTuple):
    """How a comparison says what it found; the numbers follow in brackets."""

    better: str  # the first arm needs fewer bits
    worse: str
    unclear: str
    unclear_verdict: str = "no significant difference"


class Verdict(NamedTuple):
    """What the seeds say together."""

    verdict: str  # better, worse or the unclear verdict of the words
    sentence: str
    difference: float | None = None  # mean of first - second, bits per byte
    over_seeds: Interval | None = None  # 95 %; None with one seed
    over_rows: Interval | None = None  # 95 %; None with one family

    def measures(self) -> dict[str, Any]:
        """The verdict as a report holds it, rounded: verdict, sentence, difference, interval_95 (seeds) and …_rows."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "difference": rounded(self.difference),
            "interval_95": self.over_seeds and [rounded(bound) for bound in self.over_seeds],
            "interval_95_rows": self.over_rows and [rounded(bound) for bound in self.over_rows],
        }


def bits_by_seed(judged: pl.DataFrame, seeds: Sequence[int]) -> list[float]:
    """Bits per byte of one arm's rows (JUDGED), one a seed in the order of `seeds`; none where there are no rows."""
    of_seeds = (judged.filter(seed=seed) for seed in seeds)
    bits = (bits_per_byte(float(rows["nats"].sum()), int(rows["n_bytes"].sum())) for rows in of_seeds)
    return [value for value in bits if value is not None]


def interval_over_rows(first: pl.DataFrame, second: pl.DataFrame, families: pl.DataFrame) -> Interval | None:
    """95 % of first - second in bits per byte, of two arms' rows (JUDGED), by resampling families.

    `families` has id and family. None where there are fewer than two families.
    """
    both = first.join(second, on=["seed", "id"], suffix="_second")
    of_rows = both.group_by("id").agg(
        bits=(pl.col("nats") - pl.col("nats_second")).mean() / log(2), n_bytes=pl.col("n_bytes").first()
    )
    of_families = of_rows.join(families, on="id").group_by("family").agg(pl.col("bits", "n_bytes").sum()).sort("family")
    return interval(of_families["bits"], of_families["n_bytes"], seed=0)


def judge(first: Sequence[float], second: Sequence[float], over_rows: Interval | None, words: Words) -> Verdict:
    """Compare bits per byte in pairs, one of each arm a seed; none at all is where no row could be judged."""
    differences = [a - b for a, b in zip(first, second, strict=True)]
    if not differences:
        return Verdict(words.unclear_verdict, "No row of test could be judged, so nothing is known of the difference.")
    mean, n = fmean(differences), len(differences)
    if n == 1:
        told = f"One seed gives {mean:+.4f} bits per byte but no interval; nothing is proven."
        return Verdict(words.unclear_verdict, told, mean)
    margin = T_95[min(n - 1, len(T_95)) - 1] * stdev(differences) / sqrt(n)
    over_seeds = mean - margin, mean + margin
    verdict, said = words.unclear_verdict, words.unclear
    if over_rows and max(over_seeds[1], over_rows[1]) < 0:
        verdict, said = BETTER, words.better
    elif over_rows and min(over_seeds[0], over_rows[0]) > 0:
        verdict, said = WORSE, words.worse
    rows = f"{over_rows[0]:+.4f} to {over_rows[1]:+.4f} over test rows" if over_rows else "too few test rows to tell"
    sentence = (
        f"{said} ({mean:+.4f}, {mean / fmean(second):+.1%}; 95 % interval {over_seeds[0]:+.4f} to {over_seeds[1]:+.4f} "
        f"over {n} seeds, {rows})."
    )
    return Verdict(verdict, sentence, mean, over_seeds, over_rows)
