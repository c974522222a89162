"""What two arms need per held-out row becomes bits per byte a seed, and these a verdict: is it more than chance?

A paired t-test over seeds: the mean of first - second is significant where its 95 % interval,
mean +- t(n - 1) * s / sqrt(n), leaves out 0. Fewer bits are better. It speaks of chance in training, not in the choice
of the rows that both were judged on.
"""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import Any, NamedTuple

import polars as pl

from tasks.core.tokens import bits_per_byte

DIGITS = 6  # of every float in a report
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
    interval: tuple[float, float] | None = None  # 95 %; None with one seed

    def measures(self) -> dict[str, Any]:
        """The verdict as a report holds it, rounded: verdict, sentence, difference, interval_95."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "difference": rounded(self.difference),
            "interval_95": self.interval and [rounded(bound) for bound in self.interval],
        }


def rounded(value: float | None) -> float | None:
    """A float as a report holds it."""
    return None if value is None else round(value, DIGITS)


def bits_by_seed(judged: pl.DataFrame, seeds: Sequence[int]) -> list[float]:
    """Bits per byte of one arm's rows (JUDGED), one a seed in the order of `seeds`; none where there are no rows."""
    of_seeds = (judged.filter(seed=seed) for seed in seeds)
    bits = (bits_per_byte(float(rows["nats"].sum()), int(rows["n_bytes"].sum())) for rows in of_seeds)
    return [value for value in bits if value is not None]


def judge(first: Sequence[float], second: Sequence[float], words: Words) -> Verdict:
    """Compare bits per byte in pairs, one of each arm a seed; none at all is where no row could be judged."""
    differences = [a - b for a, b in zip(first, second, strict=True)]
    if not differences:
        return Verdict(words.unclear_verdict, "No row of test could be judged, so nothing is known of the difference.")
    mean, n = fmean(differences), len(differences)
    if n == 1:
        told = f"One seed gives {mean:+.4f} bits per byte but no interval; nothing is proven."
        return Verdict(words.unclear_verdict, told, mean)
    margin = T_95[min(n - 1, len(T_95)) - 1] * stdev(differences) / sqrt(n)
    low, high = mean - margin, mean + margin
    verdict, said = words.unclear_verdict, words.unclear
    if high < 0:
        verdict, said = BETTER, words.better
    elif low > 0:
        verdict, said = WORSE, words.worse
    share = mean / fmean(second)
    sentence = f"{said} ({mean:+.4f}, {share:+.1%}; 95 % interval {low:+.4f} to {high:+.4f}; {n} seeds)."
    return Verdict(verdict, sentence, mean, (low, high))
