"""Find rows that overlap with a benchmark: what a model is to be judged on must not be in its training data.

A benchmark item's prompt and answer are looked for separately, as n-grams of tokens, anywhere in a row's turns. The
score is the share of the item's n-grams that the row holds (containment; Broder 1997), as in Brown et al. 2020,
"Language Models are Few-Shot Learners", appendix C, arXiv:2005.14165 (n from 8 to 13); Han items take more tokens, for
a Han character says less than a word. N-grams that many rows have are boilerplate and do not count. A row whose whole
prompt is normalised equal to an item's is a hit however many rows have it; for an item shorter than one n-gram it is
the only way.
"""

from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.database import database, ngram_hash
from tasks.core.files import read_examples, whole_folder
from tasks.core.ledger import LEDGER, Outcome
from tasks.core.params import DecontaminateParams
from tasks.core.report import Report, leave
from tasks.core.schema import answer_text, prompt_text
from tasks.core.text import HAN, TURN, normalised
from tasks.formats.rows import benchmark_items

REASONS = ("benchmark_overlap",)
BOILERPLATE_ROWS = 20  # an n-gram in no more rows than this is never boilerplate
SPAN_CHARS = 300  # of each text shown as evidence
N_STRONGEST = 20  # hits shown in the report

# All texts are normalised: tokens joined by one space.
ITEM_NGRAMS = """
create or replace temp table item_ngrams as
with hashed as (
    select part, n, list_transform(string_split(text, ' '), lambda token: hash(token)) as h from items where n = $n
)
select distinct part, unnest(list_transform(range(1, len(h) - $n + 2), lambda i: {ngram})) as ngram from hashed
"""

ROW_NGRAMS = """
create or replace temp table found as
with hashed as (
    select key, list_transform(string_split(text, ' '), lambda token: hash(token)) as h from rows
),
exploded as (
    select key, unnest(list_transform(range(1, len(h) - $n + 2), lambda i: {ngram})) as ngram
    from hashed where len(h) >= $n
)
select distinct key, ngram from exploded semi join item_ngrams using (ngram)
"""

CONTAINMENT = """
with boilerplate as (select ngram from found group by ngram having count(*) > $max_rows),
telling as (select part, ngram from item_ngrams anti join boilerplate using (ngram)),
sizes as (select part, count(*) as size from telling group by part),
shared as (select key, part, count(*) as n_shared from found join telling using (ngram) group by key, part)
select key, part, n_shared / size as share from shared join sizes using (part) where n_shared >= $threshold * size
"""


def item_parts(items: pl.DataFrame, params: DecontaminateParams) -> pl.DataFrame:
    """The texts to look for: part, name (benchmark/item), kind (prompt or answer), text (normalised), n.

    `items` has benchmark, item, prompt, answer. n is 0 for a part that is too short for n-grams.
    """
    long = items.unpivot(on=["prompt", "answer"], index=["benchmark", "item"], variable_name="kind", value_name="raw")
    text = long.select(
        name=pl.concat_str("benchmark", "item", separator="/"), kind="kind", raw="raw", text=normalised(pl.col("raw"))
    ).filter(pl.col("text") != "")
    n_tokens = pl.col("text").str.count_matches(" ").cast(pl.Int64) + 1
    n = (
        pl.when(pl.col("text").str.count_matches(f"[{HAN}]") * 2 > n_tokens)
        .then(params.ngram_han)
        .otherwise(params.ngram)
    )
    least = pl.when(pl.col("kind") == "answer").then(params.min_answer_ngrams).otherwise(1)
    return (
        text.with_columns(n=pl.when(n_tokens - n + 1 >= least).then(n).otherwise(0))
        .filter((pl.col("n") > 0) | (pl.col("kind") == "prompt"))
        .unique(["kind", "text"], keep="first", maintain_order=True)
        .with_row_index("part")
    )


def hits(examples: pl.DataFrame, parts: pl.DataFrame, params: DecontaminateParams) -> pl.DataFrame:
    """The strongest hit of every row that has one: id, name, kind, share, raw (the item's text), text (the row's)."""
    rows = (
        examples.select(
            "id",
            text=normalised(pl.col("messages").list.eval(pl.element().struct.field("content")).list.join(TURN)),
            prompt=normalised(prompt_text()),
        )
        .with_row_index("key")
    )  # fmt: skip
    prompts = parts.filter(kind="prompt").select("part", prompt="text")
    found = [rows.join(prompts, on="prompt").select("key", "part", share=pl.lit(1.0))]
    with database(params) as db:
        db.register("rows", rows.select("key", "text").to_arrow())
        db.register("items", parts.select("part", "n", "text").to_arrow())
        max_rows = max(BOILERPLATE_ROWS, int(params.max_rows_ratio * len(rows)))
        for n in sorted(set(parts["n"].to_list()) - {0}):
            db.execute(ITEM_NGRAMS.format(ngram=ngram_hash(n)), {"n": n})
            db.execute(ROW_NGRAMS.format(ngram=ngram_hash(n)), {"n": n})
            found.append(db.sql(CONTAINMENT, params={"max_rows": max_rows, "threshold": params.threshold}).pl())
    return (
        pl.concat([f.select(pl.col("key").cast(pl.UInt32), pl.col("part").cast(pl.UInt32), "share") for f in found])
        .join(parts, on="part")
        .sort("key", "share", "name", "kind", descending=[False, True, False, True])
        .unique("key", keep="first", maintain_order=True)
        .join(rows.select("key", "id", row_text="text"), on="key", maintain_order="left")
    )


def matched_span(row: str, item: str, n: int) -> str:
    """The longest run of tokens that row and item (both normalised) share, cut to `SPAN_CHARS`; all of a short item."""
    if n == 0:
        return item[:SPAN_CHARS]
    wanted, tokens = item.split(" "), row.split(" ")
    ngrams = {tuple(wanted[i : i + n]) for i in range(len(wanted) - n + 1)}
    best, start = (0, 0), None
    for i in range(len(tokens) - n + 2):
        if tuple(tokens[i : i + n]) in ngrams:
            start = i if start is None else start
        elif start is not None:
            best, start = max(best, (i - 1 + n - start, -start)), None
    length, begin = best[0], -best[1]
    return " ".join(tokens[begin : begin + length])[:SPAN_CHARS]


def drop_overlaps(
    examples: pl.DataFrame, items: pl.DataFrame, params: DecontaminateParams
) -> tuple[Outcome, dict[str, Any]]:
    """Drop (or flag) the rows that overlap with `items` (benchmark, item, prompt, answer); also gives the measures."""
    parts = item_parts(items, params)
    found = hits(examples, parts, params)
    spans = [matched_span(*row) for row in found.select("row_text", "text", "n").iter_rows()]
    found = found.with_columns(span=pl.Series(spans, dtype=pl.String))
    ledger = found.select(
        step=pl.lit("decontaminate"), id="id", action=pl.lit(params.action), reason=pl.lit(REASONS[0]),
        measure="share", threshold=pl.lit(params.threshold), other_id="name", after="span",
    )  # fmt: skip
    kept = examples.join(found, on="id", how="anti") if params.action == "drop" else examples
    outcome = Outcome(kept, pl.concat([pl.DataFrame(schema=LEDGER), ledger], how="diagonal_relaxed"))
    return outcome, {"benchmarks": by_benchmark(items, found), "strongest": strongest(examples, found)}


def by_benchmark(items: pl.DataFrame, found: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Per benchmark: its items, and how many items and rows are in `found`, where a row has its strongest hit only."""
    of = found.select("name", benchmark=pl.col("name").str.split("/").list.first())
    counts = {}
    for benchmark, n_items in items.group_by("benchmark").len().sort("benchmark").iter_rows():
        mine = of.filter(benchmark=benchmark)["name"]
        counts[benchmark] = {"items": n_items, "items_hit": mine.n_unique(), "rows_hit": len(mine)}
    return counts


def strongest(examples: pl.DataFrame, found: pl.DataFrame) -> list[dict[str, Any]]:
    """The hits with the largest share, both texts cut to `SPAN_CHARS`."""
    part = pl.when(pl.col("kind") == "prompt").then(prompt_text()).otherwise(answer_text())
    shown = {"item": pl.col("raw").str.slice(0, SPAN_CHARS), "row": part.str.slice(0, SPAN_CHARS)}
    return (
        found.sort("share", "id", descending=[True, False])
        .head(N_STRONGEST)
        .join(examples.select("id", "messages"), on="id", maintain_order="left")
        .select("id", "name", "kind", "share", **shown)
        .to_dicts()
    )


def decontaminate(examples: Path, target: Path, params: DecontaminateParams, *, paths: dict[str, Path]) -> Report:
    """Read `examples`, find what overlaps with the benchmarks in `params` (read from `paths`), write `target`."""
    items = pl.DataFrame(
        [
            {"benchmark": name, **item}
            for name, source in params.benchmarks.items()
            for item in benchmark_items(paths[name], source, name)
        ],
        schema={"benchmark": pl.String, "item": pl.String, "prompt": pl.String, "answer": pl.String},
    )
    rows = read_examples(examples)
    outcome, measures = drop_overlaps(rows, items, params)
    with whole_folder(target) as folder:
        return leave(folder, "decontaminate", len(rows), outcome, params.rows_per_shard, measures)
