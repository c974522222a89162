"""Families: rows that must never be in different splits."""

import polars as pl

from tasks.core.families import Families
from tasks.core.params import DedupParams


def families(rows: pl.DataFrame, fate: pl.DataFrame, prompts: pl.DataFrame, params: DedupParams) -> pl.DataFrame:
    """The family of every row: key, family (the smallest id in it).

    `rows` has key, id, family (as ingested), prompt (a key, or null), in the order of keys from 0. Rows of one ingested
    family, merged rows (`fate`), equal prompts and near prompts are joined. `prompts` are near pairs (a, b, similarity)
    of keys that first have a prompt. Near prompts that would make a family of more than `max_family` rows, a
    template's, join only from the middle between `prompt_threshold` and 1 on.
    """
    first = rows.select(
        "key",
        family=pl.col("key").min().over("family"),
        prompt=pl.when(pl.col("prompt").is_not_null()).then(pl.col("key").min().over("prompt")),
    )
    sure = Families(len(rows))
    for column in ("family", "prompt"):
        linked = first.filter(pl.col(column) != pl.col("key"))
        sure.join(linked["key"], linked[column])
    sure.join(fate["key"], fate["survivor"])
    joined = sure.copy()
    joined.join(prompts["a"], prompts["b"])
    roots = joined.roots()
    sizes = roots.value_counts()
    too_large = sizes.filter(pl.col("count") > params.max_family)[roots.name]
    in_large = roots.gather(prompts["a"]).is_in(too_large.implode())
    if in_large.any():
        middle = (1 + params.prompt_threshold) / 2
        joined = sure
        kept = prompts.filter(~in_large | (pl.col("similarity") >= middle))
        joined.join(kept["a"], kept["b"])
        roots = joined.roots()
    return rows.select("key", "id").with_columns(root=roots).select("key", family=pl.col("id").min().over("root"))
