"""Share whole families out over train, val and test, stratified, so that no test row has a relative in train.

A stratum is language x instruction type x length; a family belongs to the stratum of its smallest id. In each stratum
families stand in the order of a hash of (seed, family): row order and shards do not matter, a family keeps its place
when others come or go. First test, then val takes families from the front until its quota is met as closely as whole
families allow; what a stratum is over or under is carried to the next, but never more than half of the next one's
largest family. So, with m the largest family of a stratum and M of all, a stratum deviates from its quota by at most m
rows and test as a whole by at most M / 2 (val by at most M): rare strata take turns instead of all going to train.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks.core.families import Families
from tasks.core.files import read_examples, whole_folder
from tasks.core.ledger import Outcome, ledger_frame
from tasks.core.params import SplitParams
from tasks.core.report import Report, leave, length_bucket
from tasks.core.schema import answer_text, conversation_text, prompt_text, unit_interval
from tasks.core.text import TURN, normalised, units_of

STRATUM = ("language", "instruction_type", "length")


def joined_by_prompt(examples: pl.DataFrame) -> pl.DataFrame:
    """`examples` with the families joined whose rows have normalised equal prompts by now: people edit after dedup.

    The value of a family is the smallest of those that it is made of.
    """
    rows = examples.select("id", "family", prompt=normalised(prompt_text())).sort("id").with_row_index("at")
    first = rows.select(pl.col("at").min().over(column).alias(column) for column in ("family", "prompt"))
    joined = Families(len(rows))
    for column in first.columns:
        joined.join(rows["at"], first[column])
    of_root = rows.with_columns(root=joined.roots()).select("id", family=pl.col("family").min().over("root"))
    return examples.drop("family").join(of_root, on="id", how="left", maintain_order="left").select(examples.columns)


def family_table(examples: pl.DataFrame, seed: int) -> pl.DataFrame:
    """One row a family: family, rows, stratum; in the order in which families are taken."""
    families = (
        examples.sort("id")
        .with_columns(length=length_bucket(units_of(conversation_text())))
        .group_by("family", maintain_order=True)
        .agg(pl.len().alias("rows"), *(pl.col(name).first().fill_null("none") for name in STRATUM))
        .select("family", "rows", stratum=pl.concat_str(STRATUM, separator=" "))
    )
    place = [unit_interval(seed, "split", family) for family in families["family"]]
    return families.with_columns(place=pl.Series(place, dtype=pl.Float64)).sort("stratum", "place", "family")


def take(sizes: np.ndarray[Any, np.dtype[np.int64]], target: float) -> int:
    """How many of the first families make the sum of rows that is closest to `target` (the fewer of two as close)."""
    sums = np.concatenate([[0], np.cumsum(sizes)])
    return int(np.argmin(np.abs(sums - target)))


def assign(families: pl.DataFrame, params: SplitParams) -> pl.DataFrame:
    """Give every family its split: columns family, split."""
    splits = np.full(len(families), "train", dtype=object)
    sizes = families["rows"].to_numpy().astype(np.int64)
    bounds = families.with_row_index("at").group_by("stratum", maintain_order=True).agg(
        pl.col("at").min().alias("start"), pl.col("at").max().alias("last")
    )  # fmt: skip
    owed = {"test": 0.0, "val": 0.0}
    ratios = {"test": params.test_ratio, "val": params.val_ratio}
    for start, last in bounds.select("start", "last").iter_rows():
        end = last + 1
        rows, largest = int(sizes[start:end].sum()), int(sizes[start:end].max())
        for split, ratio in ratios.items():
            if ratio == 0:
                continue
            quota = ratio * rows
            carried = min(max(owed[split], -largest / 2), largest / 2)
            stop = start + take(sizes[start:end], quota + carried)
            owed[split] += quota - int(sizes[start:stop].sum())
            splits[start:stop] = split
            start = stop
    return families.select("family", split=pl.Series(splits, dtype=pl.String))


def split_examples(examples: pl.DataFrame, params: SplitParams) -> tuple[pl.DataFrame, dict[str, Any]]:
    """`examples` with their split, and the measures: rows, deviations from the quotas, the certificate."""
    examples = joined_by_prompt(examples)
    families = family_table(examples, params.seed)
    chosen = assign(families, params)
    done = examples.drop("split").join(chosen, on="family", how="left").select(examples.columns)
    return done, {
        "families": len(families),
        "largest_family": max(families["rows"].to_list(), default=0),
        "ratios": {name: n / len(done) for name, n in done["split"].value_counts().sort("split").iter_rows()},
        "strata": deviations(families, chosen, params),
        "certificate": certificate(done),
    }


def deviations(families: pl.DataFrame, chosen: pl.DataFrame, params: SplitParams) -> list[dict[str, Any]]:
    """Per stratum: rows, largest family, rows in val and test beyond the quota (below it where negative)."""
    rows = {name: pl.col("rows").filter(pl.col("split") == name).sum().cast(pl.Int64) for name in ("val", "test")}
    return (
        families.join(chosen, on="family", maintain_order="left")
        .group_by("stratum", maintain_order=True)
        .agg(
            pl.col("rows").sum().cast(pl.Int64).alias("all"), pl.col("rows").max().cast(pl.Int64).alias("largest"),
            val_over=rows["val"] - params.val_ratio * pl.col("rows").sum(),
            test_over=rows["test"] - params.test_ratio * pl.col("rows").sum(),
        )
        .rename({"all": "rows", "largest": "largest_family"})
        .to_dicts()
    )  # fmt: skip


def certificate(examples: pl.DataFrame) -> dict[str, int]:
    """What leaks between splits: families and normalised (prompt, answer) pairs that are in two. All are 0.

    Raises AssertionError naming the first that is not.
    """
    pairs = examples.select(
        "family", "split", pair=pl.concat_str(normalised(prompt_text()), normalised(answer_text()), separator=TURN)
    )
    found = {}
    for what in ("family", "pair"):
        in_two = pairs.group_by(what).agg(pl.col("split").n_unique()).filter(pl.col("split") > 1)
        if len(in_two):
            raise AssertionError(f"split: a {what} is in two splits: {in_two[what].sort()[0]}")
        found[f"{what}_in_two_splits"] = len(in_two)
    return found


def split(examples: Path, target: Path, params: SplitParams) -> Report:
    """Read `examples`, give each its split, write `target`; no text changes, so the ledger is empty."""
    rows = read_examples(examples)
    done, measures = split_examples(rows, params)
    with whole_folder(target) as folder:
        return leave(folder, "split", len(rows), Outcome(done, ledger_frame([])), params.rows_per_shard, measures)
