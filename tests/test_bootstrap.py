"""Intervals hold the truth as often as they say, and widen where rows repeat one another."""

import numpy as np
import polars as pl
import pytest

from tasks.core import bootstrap
from tasks.core.bootstrap import interval, ratio_intervals

RATE = 2.0  # the truth of `families`


def families(n: int, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Nats and bytes of n families, of about 20 rows each and with rates that vary by a third."""
    sizes = np.ceil(chance.lognormal(3, 0.3, n))
    return sizes * RATE * chance.gamma(8, 1 / 8, n), sizes


def examples(n: int = 60) -> pl.DataFrame:
    chance = np.random.default_rng(5)
    return pl.DataFrame(
        {
            "language": [("中文", "en")[i % 2] for i in range(n)],
            "family": [f"家{i // 6}" if i % 2 == 0 else f"f{i // 6}" for i in range(n)],
            "nats": chance.gamma(2, 3, n),
            "n_bytes": chance.integers(1, 30, n),
        }
    )


def intervals(rows: pl.DataFrame, by: str | None = "language", cluster: str = "family", seed: int = 0):
    return ratio_intervals(rows, by, "nats", "n_bytes", cluster, seed)


def width(bounds: tuple[float, float] | None) -> float:
    assert bounds is not None
    return bounds[1] - bounds[0]


def test_nineteen_of_twenty_intervals_hold_the_truth():
    chance = np.random.default_rng(1)
    found = [interval(*families(80, chance), seed=i) for i in range(400)]
    n_held = sum(low <= RATE <= high for low, high in found)
    n_below = sum(high < RATE for _, high in found)
    assert 0.90 <= n_held / 400 <= 0.98
    assert 0.25 < n_below / (400 - n_held) < 0.9  # it misses on both sides


def test_a_lower_level_is_narrower():
    above, below = families(80, np.random.default_rng(2))
    half, most = interval(above, below, 0, level=0.5), interval(above, below, 0, level=0.95)
    assert width(half) < 0.5 * width(most)
    assert most[0] < half[0] < above.sum() / below.sum() < half[1] < most[1]


def test_rows_that_repeat_widen_the_interval_of_their_families():
    rows = examples().with_columns(row=pl.int_range(pl.len()))
    repeated = pl.concat([rows.with_columns(row=pl.col("row") + 100 * copy, family="row") for copy in range(9)])
    one_each = width(intervals(rows, None, "row")["overall"])
    as_rows = width(intervals(repeated, None, "row")["overall"])
    as_families = width(intervals(repeated, None, "family")["overall"])
    assert as_rows == pytest.approx(one_each / 3, rel=0.15)
    assert as_families == pytest.approx(one_each, rel=0.15)


def test_the_seed_alone_decides():
    above, below = families(50, np.random.default_rng(3))
    assert interval(above, below, seed=7) == interval(above, below, seed=7)
    assert interval(above, below, seed=7) != interval(above, below, seed=8)
    assert intervals(examples(), seed=7) != intervals(examples(), seed=8)


def test_blocks_change_nothing(monkeypatch):
    above, below = families(50, np.random.default_rng(4))
    whole = interval(above, below, seed=7)
    monkeypatch.setattr(bootstrap, "BLOCK", 333)
    assert interval(above, below, seed=7) == whole
    monkeypatch.setattr(bootstrap, "BLOCK", 1)  # fewer draws than there are clusters
    assert interval(above, below, seed=7) == whole


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_rows_changes_no_bit(seed):
    rows = examples(600).with_columns(family=pl.col("family").str.slice(0, 2))
    assert intervals(rows.sample(fraction=1, shuffle=True, seed=seed)) == intervals(rows)


def test_other_groups_change_nothing():
    rows = examples()
    both = intervals(rows)
    assert list(both) == ["en", "中文"]
    for language, found in both.items():
        assert intervals(rows.filter(language=language)) == {language: found}
    more = pl.concat([rows.with_columns(language=pl.lit("aa")), rows])
    assert intervals(more) == {"aa": intervals(more)["aa"], **both}


def test_equal_rows_under_another_name_are_drawn_anew():
    rows = examples()
    found = intervals(pl.concat([rows.with_columns(language=pl.lit(name)) for name in ("数学", "代码")]))
    assert found["数学"] != found["代码"]
    assert width(found["数学"]) == pytest.approx(width(found["代码"]), rel=0.15)


def test_a_group_of_one_family_has_no_interval():
    rows = examples().with_columns(family=pl.when(language="中文").then(pl.lit("一")).otherwise("family"))
    found = intervals(rows)
    assert found["中文"] is None
    assert found["en"] is not None
    assert intervals(rows.clear()) == {}
    assert intervals(rows.clear(), None) == {"overall": None}
    assert interval([], [], 0) is interval([1.0], [2.0], 0) is None


def test_clusters_without_a_denominator_are_drawn_but_give_no_ratio_alone():
    assert interval([0, 0], [0, 0], 0) is None
    assert interval([0, 6], [0, 3], 0) == (2.0, 2.0)
    assert interval([6, 6], [0, 3], 0) == (2.0, 4.0)  # never the pair whose denominators come to 0


@pytest.mark.parametrize(
    ("above", "below", "message"),
    [
        ([1, 2], [1], r"numerators \(2,\), denominators \(1,\); expected both \(clusters,\)"),
        ([1, float("nan")], [1, 2], "numerators: 1 of 2 are not finite"),
        ([1, 2], [1, float("inf")], "denominators: 1 of 2 are not finite"),
        ([1, 2], [1, -2], "denominators: -2.0; expected none below 0"),
    ],
)
def test_numbers_that_make_no_ratio_are_refused(above, below, message):
    with pytest.raises(ValueError, match=message):
        interval(above, below, 0)


@pytest.mark.parametrize(("n_resamples", "level"), [(0, 0.95), (10, 0.0), (10, 1.0)])
def test_resamples_and_levels_that_make_no_interval_are_refused(n_resamples, level):
    with pytest.raises(ValueError, match=f"n_resamples {n_resamples}, level {level}"):
        interval([1, 2], [1, 2], 0, n_resamples, level)


@pytest.mark.parametrize(("column", "name"), [("family", "cluster"), ("language", "group")])
def test_a_row_without_family_or_group_is_refused(column, name):
    rows = examples(4).with_columns(pl.when(pl.int_range(pl.len()) > 0).then(column).alias(column))
    with pytest.raises(ValueError, match=f"{column}: null in 1 of 4 rows; expected a {name} for each"):
        intervals(rows)
