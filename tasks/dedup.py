"""Merge examples that repeat or nearly repeat one that stays, and join families.

The conversation is the unit. Each level is its own reason in the ledger:

exact       the same roles, contents and tools, byte for byte
normalised  the same tokens: case, width, spacing and the punctuation of prose left out, never numbers or signs
near        Jaccard similarity of token n-grams >= `threshold`, of the whole conversation and of the last answer too:
            one passage with two questions and two short answers is two examples, and so are two problems whose
            prompts differ in their numbers and whose answers do (`number_variants`)
prefix      the beginning of a longer conversation
semantic    embeddings with a cosine >= `semantic_threshold` (by choice)

Every pair is verified. Which row stays (the keep order): written by people, a stated licence, a larger score that its
source supplies (`score_field`), the source's weight, the longer answer, the smallest id. A row goes only if it is
within the threshold of a row that stays: no chains. Rows that stay with equal prompts and different answers are flagged
as `conflicting_answers`, or dropped.

A family is what must never be in two splits: one family at ingest (parallel translations), merged rows, equal prompts,
near prompts.
"""

from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.database import scratch_folder
from tasks.core.errors import GateError, ParamsError, SourceError
from tasks.core.files import (
    example_files,
    read_columns,
    read_table,
    remove_others,
    scan_examples,
    whole_folder,
    write_parquet,
)
from tasks.core.kept import write_kept
from tasks.core.ledger import Outcome, read_ledgers
from tasks.core.params import DedupParams, Source
from tasks.core.report import Report, leave_beside
from tasks.duplicates.overlap import overlap
from tasks.duplicates.repeats import Found, check_scores, find_repeats, read_compared
from tasks.duplicates.rows import compared
from tasks.duplicates.survivors import LEVELS, decide, holding

REASONS = (*LEVELS, "conflicting_answers")
STORED = ("a", "b", "level", "similarity", "answer_similarity", "key_a", "key_b")  # the columns of pairs.parquet
PREVIEWED = ("threshold", "semantic_threshold")  # answered from the pairs that are kept
FOUND_BY = ("ngram", "number_variants", "floor", "semantic", "semantic_across_languages", "sketch", "max_bucket")


def judge(found: Found, params: DedupParams) -> pl.DataFrame:
    """The ledger: one line for each row that goes, and one for each row that stays with a conflicting answer."""
    policy, ids = params.conflicting_answers, found.rows["id"]
    merged = found.fate.select("key", "similarity", reason="level", other="survivor", action=pl.lit("merge"))
    told = pl.lit(policy != "off") & (pl.lit(policy != "keep_best") | ~pl.col("is_best"))
    said = found.in_conflict.filter(told).select(
        "key", "similarity", "other", reason=pl.lit(REASONS[-1]), action=pl.lit("flag" if policy == "flag" else "drop")
    )
    lines = pl.concat([merged, said], how="diagonal_relaxed")
    return lines.select(
        step=pl.lit("dedup"), id=ids.gather(lines["key"]), action="action", reason="reason", measure="similarity",
        threshold=threshold_of(params), other_id=ids.gather(lines["other"]),
    )  # fmt: skip


def clusters_of(found: Found, ledger: pl.DataFrame) -> pl.DataFrame:
    """One line a merged example and one a survivor: family, kept, member, similarity, level; sorted."""
    merged = ledger.filter(action="merge").select(member="id", kept="other_id", similarity="measure", level="reason")
    survivors = merged.select(member="kept", kept="kept", similarity=1.0, level=pl.lit("kept")).unique()
    lines = pl.concat([merged, survivors]).join(found.rows.select("family", member="id"), on="member")
    return lines.select("family", "kept", "member", "similarity", "level").sort("family", "kept", "member")


def measures_of(found: Found, ledger: pl.DataFrame, clusters: pl.DataFrame, params: DedupParams) -> dict[str, Any]:
    """Counts of pairs, families and clusters; the share of its rows that a source keeps; who overlaps with whom."""
    gone = ledger.filter(pl.col("action") != "flag")
    kept = found.rows.join(gone, on="id", how="anti")
    sizes = kept.group_by("family").len()["len"]
    sources = found.rows.select("id", "source")
    rows_in = dict(sources["source"].value_counts().sort("source").iter_rows())
    rows_out = dict(kept["source"].value_counts().iter_rows())
    return {
        **found.counts,
        "found_with": found_with(params),
        "stored_from": stored_from(params),
        "families": len(sizes),
        "largest_family": sizes.max() or 0,
        "families_above_max": (sizes > params.max_family).sum(),
        "largest_cluster": clusters["kept"].value_counts()["count"].max() or 0,
        "retention": {name: rows_out.get(name, 0) / n for name, n in rows_in.items()},
        "overlap": overlap(clusters, sources).to_dicts(),
    }


def check_budgets(found: Found, measures: dict[str, Any], clusters: pl.DataFrame, params: DedupParams) -> None:
    """Raise GateError when a source keeps less than `min_retention`, or a cluster is above `max_cluster`.

    The error has the largest clusters of what is wrong.
    """
    of_source = clusters.join(found.rows.select("source", member="id"), on="member")
    for name, share in measures["retention"].items():
        if share < params.min_retention:
            mine = of_source.filter((pl.col("source") == name).any().over("kept"))
            raise GateError(
                f"dedup: source {name} keeps {share:.4%} of its rows, min_retention is {params.min_retention:.4%}; "
                f"its largest clusters: {_largest(mine)}"
            )
    if params.max_cluster is not None and measures["largest_cluster"] > params.max_cluster:
        raise GateError(
            f"dedup: the largest cluster has {measures['largest_cluster']} rows, max_cluster is {params.max_cluster}; "
            f"the largest clusters: {_largest(of_source)}"
        )


def _largest(clusters: pl.DataFrame) -> str:
    """The three largest of `clusters` (kept, member, source), with a few members each."""
    some = pl.concat_str("member", "source", separator=" of ").head(3)
    largest = clusters.group_by("kept").agg(pl.len(), some=some).sort("len", "kept", descending=[True, False]).head(3)
    return "; ".join(f"{n} rows as {kept} ({', '.join(members)}, …)" for kept, n, members in largest.iter_rows())


def merge_repeats(
    examples: pl.DataFrame, params: DedupParams, sources: dict[str, Source]
) -> tuple[Outcome, pl.DataFrame, dict[str, Any]]:
    """Merge repeats and join families; returns the outcome, the clusters and the measures."""
    table = compared(examples, sources)
    check_scores(table.rows, sources)
    found = find_repeats(table, params, examples.lazy())
    ledger = judge(found, params)
    gone = ledger.filter(pl.col("action") != "flag")
    kept = examples.join(gone, on="id", how="anti").drop("family").join(found.rows.select("id", "family"), on="id")
    clusters = clusters_of(found, ledger)
    measures = measures_of(found, ledger, clusters, params)
    return Outcome(kept.select(examples.columns), ledger), clusters, measures


def dedup(examples: Path, target: Path, params: DedupParams, *, sources: dict[str, Source]) -> Report:
    """Read all cleaned sources, merge repeats, write `target`; what a removed source left behind is deleted first.

    Raises ParamsError where no source is listed, rather than delete them all, and GateError when a budget is broken.
    """
    if not sources:
        raise ParamsError("sources: none is listed; expected at least one (nothing was deleted)")
    data = examples.parent
    for folder in (data / "ingest", examples, data / "validate" / "ingest", data / "validate" / "clean"):
        remove_others(folder, keep=sources)
    with scratch_folder(params) as scratch:
        table = read_compared(example_files(examples), scratch, sources, params.threads)
        check_scores(table.rows, sources)
        found = find_repeats(table, params, scan_examples(examples), scratch)
    del table
    ledger = judge(found, params)
    clusters = clusters_of(found, ledger)
    measures = measures_of(found, ledger, clusters, params)
    check_budgets(found, measures, clusters, params)
    kept = found.rows.join(ledger.filter(pl.col("action") != "flag"), on="id", how="anti").select("id", "family")
    with whole_folder(target) as folder:
        write_parquet(clusters, folder / "clusters.parquet")
        write_parquet(stored(found), folder / "pairs.parquet")
        rows_out = write_kept(example_files(examples), kept, folder / "examples", params.rows_per_shard, params.threads)
        return leave_beside(folder, "dedup", len(found.rows), rows_out, ledger, measures)


def stored(found: Found) -> pl.DataFrame:
    """The pairs as they are kept for previews: PAIRS by ids, and the keys of both."""
    ids = found.rows["id"]
    return found.pairs.select(
        a=ids.gather(found.pairs["a"]), b=ids.gather(found.pairs["b"]), level="level", similarity="similarity",
        answer_similarity="answer_similarity", key_a="a", key_b="b",
    )  # fmt: skip


def stored_from(params: DedupParams) -> dict[str, float]:
    """From which similarity on pairs are stored, by level."""
    return {"near": min(params.floor, params.threshold), "semantic": params.semantic_threshold}


def found_with(params: DedupParams) -> dict[str, Any]:
    """The params that the stored pairs depend on."""
    return params.model_dump(include=set(FOUND_BY))


def preview(data: Path, params: DedupParams) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every row that came in (id, source, language), and the lines of the ledger under other thresholds.

    Which row stays is decided by the keep order of that build. Conflicting answers are not looked for again: a row that
    stays keeps the line that it has.
    """
    file = data / "dedup" / "pairs.parquet"
    pairs, told = read_table(file), Report.read(data / "dedup").measures
    if missing := sorted(set(STORED) - set(pairs.columns)) or sorted({"found_with", "stored_from"} - set(told)):
        raise SourceError(f"{file}: no {missing[0]} here; expected what dedup writes; run `instructflow build` first")
    check_answerable(file, told, params)
    ids = pl.concat([pairs.select(key="key_a", id="a"), pairs.select(key="key_b", id="b")]).unique()
    held = holding(pairs.drop("a", "b"), params.threshold, params.semantic_threshold)
    merges = (
        decide(held.rename({"key_a": "a", "key_b": "b"}))
        .join(ids, on="key")
        .join(ids.select(survivor="key", other_id="id"), on="survivor")
        .select("id", "other_id", action=pl.lit("merge"), reason="level", measure="similarity")
        .with_columns(threshold=threshold_of(params))
    )
    others = read_ledgers(data / "dedup").filter(pl.col("action") != "merge").join(merges, on="id", how="anti")
    rows = read_columns(data / "clean", ["id", "source", "language"])
    return rows, pl.concat([merges, others.select(merges.columns)]).sort("id")


def check_answerable(file: Path, told: dict[str, Any], params: DedupParams) -> None:
    """Raise SourceError or ParamsError where pairs stored with the measures `told` cannot answer for `params`."""
    built, wanted = told["found_with"], found_with(params)
    if other := [name for name in FOUND_BY if built.get(name) != wanted[name]]:
        raise SourceError(f"{file}: found with another dedup.{other[0]}; run `instructflow build` first")
    if params.conflicting_answers in ("keep_best", "drop"):
        raise ParamsError(
            f"dedup.conflicting_answers: {params.conflicting_answers} drops rows by what stays; "
            "a preview knows only flag and off"
        )
    least = told["stored_from"]
    if params.threshold < least["near"]:
        raise ParamsError(
            f"dedup.threshold={params.threshold}: expected at least {least['near']}, from where on pairs are stored; "
            "build with a lower dedup.floor to look further down"
        )
    if params.semantic and params.semantic_threshold < least["semantic"]:
        raise ParamsError(
            f"dedup.semantic_threshold={params.semantic_threshold}: expected at least {least['semantic']}, "
            "from where on pairs are stored"
        )


def threshold_of(params: DedupParams) -> pl.Expr:
    """The threshold of a line's `reason`, null where there is none."""
    thresholds = {"near": params.threshold, "semantic": params.semantic_threshold}
    return pl.col("reason").replace_strict(thresholds, default=None, return_dtype=pl.Float64)
