"""Merge examples that repeat or nearly repeat one that stays, and join families.

The conversation is the unit. Three levels, each its own reason: `exact` (the same bytes), `normalised` (the same
tokens: case, width, spacing and the punctuation of prose left out, never numbers or signs), `near` (Jaccard similarity
of token n-grams >= `threshold`, of the whole conversation and of the last answer too: one passage with two questions
and two short answers is two examples). MinHash bands (Broder 1997, "On the resemblance and containment of documents")
only propose pairs; every pair is verified by its exact Jaccard similarity.

Which one stays (the keep order): written by people, a stated licence, the source's weight, the longer answer, the
smallest id. Rows are visited in that order, and a row goes only if it is within the threshold of a row that stays: no
chains. A text shorter than n tokens is one shingle, so short turns (继续, 谢谢, Yes, No) are never alike by accident.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.database import database, ngram_hash
from tasks.core.errors import ParamsError
from tasks.core.families import Families
from tasks.core.files import read_examples, remove_others, whole_folder, write_parquet
from tasks.core.ledger import LEDGER, Outcome
from tasks.core.params import DedupParams, Source
from tasks.core.report import Report, leave
from tasks.core.schema import answer_text, prompt_text
from tasks.core.text import TURN, normalised, units_of

REASONS = ("exact", "normalised", "near")

# Texts are normalised: tokens joined by one space. hash() is not stable over DuckDB versions: none of it is stored.
SHINGLES = """
create or replace temp table shingled as
with hashed as (
    select key, list_transform(string_split(text, ' '), lambda token: hash(token)) as h from texts
)
select key, list_distinct(
    case when len(h) < $n then [hash(h)] else list_transform(range(1, len(h) - $n + 2), lambda i: {ngram}) end
) as shingles
from hashed
"""

# One signature a text: the size of its shingle set, a bitmap of 4 x 64 bits, and k minima of k hash functions.
SIGNATURES = """
create or replace temp table signatures as
with exploded as (select key, unnest(shingles) as s from shingled)
select key, count(*) as n, {bitmap}, {minima} from exploded group by key
"""

# A bucket is all texts with equal minima in one band. A large bucket is compared as a star and a chain, not all with
# all, so that a template's thousand rows stay linear. A pair whose bitmaps differ in d bits shares too little when
# (n_a + n_b - d) < t * (n_a + n_b + d): the set difference is at least d.
CANDIDATES = """
create or replace temp table candidates as
with bands as (select key, unnest([{bands}]) as bucket from signatures),
members as (
    select bucket, key, count(*) over by_bucket as size, min(key) over by_bucket as first,
           lag(key) over (partition by bucket order by key) as previous
    from bands window by_bucket as (partition by bucket)
    qualify size > 1
),
pairs as (
    select a.key as a, b.key as b from members a join members b on a.bucket = b.bucket and a.key < b.key
    where a.size <= $max_bucket
    union
    select first, key from members where size > $max_bucket and key > first
    union
    select previous, key from members where size > $max_bucket and previous is not null
)
select a, b from pairs
join signatures sa on sa.key = a
join signatures sb on sb.key = b
where (sa.n + sb.n - {differing_bits}) >= $threshold * (sa.n + sb.n + {differing_bits})
"""

EDGES = """
with compared as (
    select a, b, len(list_intersect(sa.shingles, sb.shingles)) as shared, len(sa.shingles) + len(sb.shingles) as total
    from candidates
    join shingled sa on sa.key = a
    join shingled sb on sb.key = b
)
select a, b, shared / (total - shared) as similarity from compared
where shared >= $threshold * (total - shared)
order by a, b
"""


def near_pairs(texts: pl.DataFrame, threshold: float, params: DedupParams) -> tuple[pl.DataFrame, int]:
    """All found pairs of `texts` (key, text; text normalised and unique) with Jaccard similarity >= `threshold`.

    Returns the pairs (a < b, similarity; sorted) and how many candidates were verified to find them.
    """
    minima = [f"m{k}" for k in range(params.bands * params.band_rows)]
    bands = [
        f"hash({band}, {', '.join(minima[band * params.band_rows : (band + 1) * params.band_rows])})"
        for band in range(params.bands)
    ]
    bits = [f"bit_or(case when (s >> 6) & 3 = {w} then 1::ubigint << (s & 63) else 0 end) as w{w}" for w in range(4)]
    differing = "(" + " + ".join(f"bit_count(xor(sa.w{w}, sb.w{w}))::int" for w in range(4)) + ")"
    with database(params) as db:
        db.register("texts", texts.to_arrow())
        db.execute(SHINGLES.format(ngram=ngram_hash(params.ngram)), {"n": params.ngram})
        db.execute(
            SIGNATURES.format(
                bitmap=", ".join(bits), minima=", ".join(f"min(hash(s, {k})) as {m}" for k, m in enumerate(minima))
            )
        )
        db.execute(
            CANDIDATES.format(bands=", ".join(bands), differing_bits=differing),
            {"max_bucket": params.max_bucket, "threshold": threshold},
        )
        n_candidates = db.execute("select count(*) from candidates").fetchall()[0][0]
        return db.sql(EDGES, params={"threshold": threshold}).pl(), n_candidates


def still_near(pairs: pl.DataFrame, texts: pl.DataFrame, params: DedupParams) -> pl.DataFrame:
    """Those of `pairs` (a, b, similarity) whose other `texts` (key, text) reach the threshold too."""
    with database(params) as db:
        db.register(
            "texts", texts.filter(pl.col("key").is_in(pl.concat([pairs["a"], pairs["b"]]).implode())).to_arrow()
        )
        db.execute(SHINGLES.format(ngram=ngram_hash(params.ngram)), {"n": params.ngram})
        db.register("candidates", pairs.to_arrow())
        near = db.sql(EDGES, params={"threshold": params.threshold}).pl()
    return pairs.join(near, on=["a", "b"], how="semi", maintain_order="left")


def keep_order(examples: pl.DataFrame, sources: dict[str, Source]) -> pl.DataFrame:
    """`examples` sorted best first, with what dedup compares: exact and normalised conversation and prompt."""
    best = {name: (source.human, source.weight) for name, source in sources.items()}
    human = pl.col("source").replace_strict({n: b[0] for n, b in best.items()}, default=False, return_dtype=pl.Boolean)
    weight = pl.col("source").replace_strict({n: b[1] for n, b in best.items()}, default=1.0, return_dtype=pl.Float64)
    turns, contents = pl.col("messages"), pl.element().struct.field("content")
    with_roles = turns.list.eval(pl.concat_str(pl.element().struct.field("role"), contents, separator=TURN))
    # other tools make another text, but weigh little: one token
    tools_token = pl.when(pl.col("tools").is_not_null()).then(TURN + pl.col("tools").hash().cast(pl.String))
    return (
        examples.select(
            "id", "source", "family",
            exact=pl.concat_str(with_roles.list.join(TURN), TURN + pl.col("tools"), ignore_nulls=True),
            text=pl.concat_str(turns.list.eval(contents).list.join(TURN), tools_token, ignore_nulls=True),
            prompt=prompt_text(),  # wherever its turns end: split and its certificate know no more of it
            answer=answer_text(),
            order=pl.struct(
                ~human, pl.col("license").is_null().alias("no_license"), -weight.alias("weight"),
                -units_of(answer_text()).cast(pl.Int64).alias("answer_units"), pl.col("id").alias("by_id"),
            ),
        )
        .sort("order")
        .drop("order")
        .with_columns(normalised(pl.col(name)) for name in ("text", "prompt", "answer"))
        .with_row_index("key")
    )  # fmt: skip


def survivors(rows: pl.DataFrame, edges: pl.DataFrame) -> pl.DataFrame:
    """For every row of `rows` (key, exact, text; best first): the key that stays for it, at which level, how similar.

    `edges` are the near pairs between the first rows of each text. A row that stays is its own survivor.
    """
    first = rows.select("key", same_bytes=pl.col("key").min().over("exact"), same_text=pl.col("key").min().over("text"))
    stays_for: dict[int, tuple[int, float]] = {}  # a first row that goes -> (the row that stays, similarity)
    for b, neighbours in _neighbours(edges):
        near = [(-similarity, a) for a, similarity in neighbours if a not in stays_for]
        if near:
            similarity, a = min(near)
            stays_for[b] = (a, -similarity)
    moved = pl.DataFrame(
        [(b, a, s) for b, (a, s) in stays_for.items()],
        schema={"same_text": pl.UInt32, "survivor": pl.UInt32, "similarity": pl.Float64},
        orient="row",
    )
    joined = first.join(moved, on="same_text", how="left", maintain_order="left")
    level = (
        pl.when(pl.col("survivor").is_not_null()).then(pl.lit("near"))
        .when(pl.col("key") == pl.col("same_text")).then(None)
        .when(pl.col("same_bytes") == pl.col("same_text")).then(pl.lit("exact"))
        .otherwise(pl.lit("normalised"))
    )  # fmt: skip
    return joined.select(
        "key",
        level=level,
        survivor=pl.coalesce("survivor", "same_text"),
        similarity=pl.col("similarity").fill_null(1.0),
    )


def _neighbours(edges: pl.DataFrame) -> Iterable[tuple[int, list[tuple[int, float]]]]:
    """For each b, in the keep order, its better neighbours a with their similarity."""
    grouped = edges.group_by("b", maintain_order=True).agg("a", "similarity").sort("b")
    for b, near, similarities in grouped.iter_rows():
        yield b, list(zip(near, similarities, strict=True))


def families(rows: pl.DataFrame, merges: pl.DataFrame, prompts: pl.DataFrame, max_family: int) -> pl.DataFrame:
    """`rows` (key, id, family, prompt) with their families joined: by ingest, merges, equal prompts, near prompts.

    `prompts` are near pairs (a, b, similarity) of the keys that first have a prompt. Near prompts that would make a
    family of more than `max_family` rows (a template's) join only above the middle between similarity 1 and the lowest.
    The value of a family is its smallest id.
    """
    first_of = [pl.col("key").min().over(column).alias(f"first_{column}") for column in ("family", "prompt")]
    linked = rows.select("key", "id", *first_of)
    sure = Families(len(rows))
    for column in ("first_family", "first_prompt"):
        sure.join(linked["key"], linked[column])
    sure.join(merges["key"], merges["survivor"])
    joined = sure.copy()
    joined.join(prompts["a"], prompts["b"])
    roots = pl.Series(joined.roots())
    sizes = roots.value_counts()
    too_large = set(sizes.filter(pl.col("count") > max_family)[roots.name].to_list())
    if too_large:
        middle = (1 + (prompts["similarity"].min() or 1)) / 2  # type: ignore[operator]
        in_large = roots.gather(prompts["a"]).is_in(list(too_large))
        kept = prompts.filter(~in_large | (pl.col("similarity") >= middle))
        joined = sure
        joined.join(kept["a"], kept["b"])
        roots = pl.Series(joined.roots())
    return rows.select("key", "id").with_columns(root=roots).select("key", family=pl.col("id").min().over("root"))


def merge_repeats(
    examples: pl.DataFrame, params: DedupParams, sources: dict[str, Source]
) -> tuple[Outcome, pl.DataFrame, dict[str, Any]]:
    """Merge repeats and join families; returns the outcome, the clusters and the measures.

    Clusters have one row a merged example and one a survivor: family, kept, member, similarity, level.
    """
    rows = keep_order(examples, sources)
    edges, n_pairs = near_pairs(rows.select("key", "text").unique("text", keep="first"), params.threshold, params)
    edges = still_near(edges, rows.select("key", text="answer"), params)
    fate = survivors(rows, edges)
    near_prompts, n_prompt_pairs = near_pairs(
        rows.select("key", text="prompt").unique("text", keep="first"), params.prompt_threshold, params
    )
    joined = families(rows, fate, near_prompts, params.max_family)
    ids = rows["id"]
    table = fate.select(
        "level", "similarity", id=ids.gather(fate["key"]), kept=ids.gather(fate["survivor"]), family=joined["family"],
        source=rows["source"], kept_source=rows["source"].gather(fate["survivor"]),
    )  # fmt: skip
    gone = table.filter(pl.col("level").is_not_null())
    ledger = gone.select(
        step=pl.lit("dedup"), id="id", action=pl.lit("merge"), reason="level", measure="similarity",
        threshold=pl.when(pl.col("level") == "near").then(params.threshold), other_id="kept",
    )  # fmt: skip
    kept = (
        examples.join(gone, on="id", how="anti")
        .drop("family")
        .join(table.select("id", "family"), on="id", how="left")
        .select(examples.columns)
    )
    clusters = (
        table.filter(pl.col("kept").is_in(gone["kept"].implode()))
        .select("family", "kept", member="id", similarity="similarity", level=pl.col("level").fill_null("kept"))
        .sort("family", "kept", "member")
    )
    return (
        Outcome(kept, pl.concat([pl.DataFrame(schema=LEDGER), ledger], how="diagonal_relaxed")),
        clusters,
        {
            "verified_pairs": n_pairs,
            "verified_prompt_pairs": n_prompt_pairs,
            "near_pairs": len(edges),
            "near_prompt_pairs": len(near_prompts),
            **family_sizes(kept, params.max_family),
            "overlap": overlap(gone),
        },
    )


def family_sizes(kept: pl.DataFrame, max_family: int) -> dict[str, int]:
    """How many families there are, how large the largest is, how many are above `max_family`."""
    sizes = kept.group_by("family").len()["len"].to_list()
    return {
        "families": len(sizes),
        "largest_family": max(sizes, default=0),
        "families_above_max": sum(size > max_family for size in sizes),
    }


def overlap(gone: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows of one source merged into rows of a source, by level."""
    counted = gone.group_by("source", "kept_source", "level").len("rows")
    return counted.sort("source", "kept_source", "level").to_dicts()


def dedup(examples: Path, target: Path, params: DedupParams, *, sources: dict[str, Source]) -> Report:
    """Read all cleaned sources, merge repeats, write `target`; what a removed source left behind is deleted first.

    Raises ParamsError where no source is listed, rather than delete them all.
    """
    if not sources:
        raise ParamsError("sources: none is listed; expected at least one (nothing was deleted)")
    data = examples.parent
    for folder in (data / "ingest", examples, data / "validate" / "ingest", data / "validate" / "clean"):
        remove_others(folder, keep=sources)
    rows = read_examples(examples)
    outcome, clusters, measures = merge_repeats(rows, params, sources)
    with whole_folder(target) as folder:
        write_parquet(clusters, folder / "clusters.parquet")
        return leave(folder, "dedup", len(rows), outcome, params.rows_per_shard, measures)
