"""Find rows that overlap with a benchmark: what a model is to be judged on must not be in its training data.

An item's prompt and answer are looked for separately, as n-grams of words, anywhere in a row's turns. The score is the
share of the item's n-grams that the row holds (containment; Broder 1997). n is half the item's words, from 8 to 13
(Brown et al. 2020, "Language Models are Few-Shot Learners", appendix C, arXiv:2005.14165); Han items take more, for a
character says less than a word. N-grams that many rows have, other than as copies of the item, are boilerplate and do
not count. A row of which a whole turn, or all turns before the answer, are normalised equal to an item's prompt is a
hit however many rows have it; for an item shorter than one n-gram it is the only way.

Every row is read once, and all of it is looked up only for the first words of n-grams (heads, all of one length); where
one is an item's, the n-grams of all lengths that begin there are. A benchmark may be a fingerprint: hashes, no text.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from tasks.core.database import database
from tasks.core.errors import ParamsError, SourceError
from tasks.core.excerpts import SPAN_CHARS, excerpts
from tasks.core.files import example_files, read_table, scan_examples, whole_folder
from tasks.core.fingerprint import Benchmark, benchmark_of, read_fingerprint
from tasks.core.hashes import U64, Runs, hashed, seal, whole_prompts
from tasks.core.kept import write_kept
from tasks.core.params import DecontaminateParams
from tasks.core.report import Report, leave_beside
from tasks.core.schema import EXAMPLE
from tasks.core.text import TURN
from tasks.formats.rows import benchmark_items

REASONS = ("benchmark_overlap",)
COPY_SHARE = 0.9  # of an item's n-grams, from which a row is a copy of it
BOILERPLATE_ROWS = 20  # an n-gram in no more rows than this is never boilerplate
N_STRONGEST = 20  # hits of each benchmark shown in the report
PIECE_ROWS = 5_000  # hashed at once
UNKNOWN = "(a fingerprint: the item's text is not known)"

# Benchmarks whose hashes are sealed alike are one group: a row is sealed once for it.
TABLES = """
create table parts (part uinteger, benchmark varchar, item varchar, kind varchar, whole ubigint, grp utinyint);
create table ngrams (part uinteger, n utinyint, ngram ubigint, grp utinyint);
create table heads (head ubigint, grp utinyint);
create table found (id varchar, grp utinyint, n utinyint, ngram ubigint, place uinteger); -- an item's n-grams in rows
create table whole_hits (id varchar, part uinteger, first uinteger, last uinteger); -- words of the row that are it
"""

PARTS = "insert into parts select part, $benchmark, item, kind, whole, $grp from loaded"
NGRAMS = "insert into ngrams select part, n, unnest(ngrams), $grp from loaded"
HEADS = "insert into heads select distinct unnest(heads), $grp from loaded"

WHOLE_HITS = """
insert into whole_hits
select rows.id, part, first, last
from turns join rows using (row) join parts using (whole)
where grp = $grp
"""

ROW_HEADS = """
select position
from row_heads semi join (select head from heads where grp = $grp) as wanted using (head)
order by position
"""

FOUND = """
insert into found
select rows.id, $grp, n, ngram, place
from row_ngrams join rows using (row)
    semi join (select n, ngram from ngrams where grp = $grp) as wanted using (n, ngram)
"""

# Every hit. What a row has of a part is counted twice: of all its n-grams, and of the telling ones, boilerplate aside.
# Boilerplate is what many rows have that are no copy of the part ($copy of its n-grams or more), so an item does not
# hide behind its own copies. A row is a hit when it is a copy, has the whole as a turn, or has $threshold of the
# telling n-grams; where these are fewer than half, of all n-grams too.
HITS = """
create table hits as
with sizes as (
    select part, count(*) as size from ngrams group by part
),
raw as (
    select id, part, count(distinct ngram) as n from found join ngrams using (grp, n, ngram) group by id, part
),
shares as (
    select id, part, n / size as share from raw join sizes using (part)
),
copied as (
    select distinct id, grp, n, ngram from shares join ngrams using (part) where share >= $copy
),
boilerplate as (
    select grp, n, ngram from found anti join copied using (id, grp, n, ngram)
    group by all having count(distinct id) > $max_rows
),
telling as (
    select * from ngrams anti join boilerplate using (grp, n, ngram)
),
telling_sizes as (
    select part, count(*) as telling_size from telling group by part
),
shared as (
    select id, part, count(distinct ngram) as n_telling from found join telling using (grp, n, ngram) group by id, part
),
contained as (
    select id, part, n_telling / telling_size as share
    from shared join telling_sizes using (part) join sizes using (part) join shares using (id, part)
    where n_telling >= $threshold * telling_size and (2 * telling_size >= size or shares.share >= $threshold)
),
every as (
    from contained
    union all select id, part, share from shares where share >= $copy
    union all select id, part, 1.0 from whole_hits
)
select id, part, benchmark, item, kind, max(share) as share from every join parts using (part) group by all
"""

# The longest run of words of a row that is in its hit, boilerplate too: first word, and behind the last.
SPANS = """
with places as (
    select distinct id, part, n, place from shown join ngrams using (part) join found using (id, grp, n, ngram)
),
runs as (
    select *, place - row_number() over (partition by id, part order by place) as run from places
),
lengths as (
    select id, part, min(place) as first, max(place) + any_value(n) as last from runs group by id, part, run
    union all
    select id, part, first, last from whole_hits
)
select id, part, first, last from lengths
qualify row_number() over (partition by id, part order by last - first desc, first) = 1
order by id, part
"""


def read_benchmarks(params: DecontaminateParams, paths: dict[str, Path]) -> list[Benchmark]:
    """The benchmarks that params name, from their texts or their fingerprints."""
    benchmarks = []
    for name, source in params.benchmarks.items():
        if source.format == "fingerprint":
            benchmarks.append(read_fingerprint(paths[name], name))
            continue
        try:
            items = benchmark_items(paths[name], source, name, between=TURN)
        except (ParamsError, SourceError) as error:  # to a reader of rows it is a source
            where = f"decontaminate.benchmarks.{name}"
            raise type(error)(str(error).replace(f"sources.{name}", where)) from None
        benchmarks.append(benchmark_of(name, items, params))
    return benchmarks


class Group(NamedTuple):
    """Benchmarks that are looked for alike: hashes sealed with `salt` (or not), heads of so many words, these n."""

    number: int
    salt: str | None
    head_words: int
    sizes: set[int]


def load(db: duckdb.DuckDBPyConnection, benchmarks: list[Benchmark], params: DecontaminateParams) -> list[Group]:
    """Put the benchmarks into the tables, without answers that are too short to be looked for; gives their groups."""
    db.execute(TABLES)
    groups: dict[tuple[str | None, int], Group] = {}
    n_parts = 0
    for benchmark in benchmarks:
        key = (benchmark.salt, benchmark.head_words)
        group = groups.setdefault(key, Group(len(groups), *key, set()))
        is_long = pl.col("ngrams").list.len() >= params.min_answer_ngrams
        parts = benchmark.parts.with_row_index("part", n_parts).filter((pl.col("kind") == "prompt") | is_long)
        db.register("loaded", parts.to_arrow())
        db.execute(PARTS, {"benchmark": benchmark.name, "grp": group.number})
        db.execute(NGRAMS, {"grp": group.number})
        db.execute(HEADS, {"grp": group.number})
        group.sizes.update(set(parts["n"]) - {0})
        n_parts += len(benchmark.parts)
    return list(groups.values())


def search(db: duckdb.DuckDBPyConnection, rows: pl.DataFrame, groups: list[Group]) -> None:
    """Put what `rows` (id, text: turns joined by `TURN`) have of the benchmarks into `found` and `whole_hits`."""
    texts = hashed(rows["text"])
    words, begins, questions = Runs(texts.words), texts.word_starts[:-1], whole_prompts(texts)
    row, first, behind = questions[:, :3].T
    wholes = Runs(texts.tokens).hashes(first, behind - first)
    first_word, last_word = questions[:, 3] - begins[row], questions[:, 4] - begins[row]
    db.register("rows", rows.select("id").with_row_index("row").to_arrow())
    for group in groups:

        def sealed(values: U64, salt: str | None = group.salt) -> U64:
            return values if salt is None else seal(values, salt)

        turns = {"row": row, "whole": sealed(wholes), "first": first_word, "last": last_word}
        db.register("turns", pa.table(turns))
        db.execute(WHOLE_HITS, {"grp": group.number})
        heads = sealed(words.every(group.head_words))
        db.register("row_heads", pa.table({"position": np.arange(len(heads)), "head": heads}))
        at = db.sql(ROW_HEADS, params={"grp": group.number}).pl()["position"].to_numpy()
        starts, n = (grid.ravel() for grid in np.meshgrid(at, np.array(sorted(group.sizes), dtype=np.int64)))
        of = np.searchsorted(texts.word_starts, starts, side="right") - 1
        fits = starts + n <= texts.word_starts[of + 1]  # not so where a head reaches into the next row
        of, starts, n = of[fits], starts[fits], n[fits]
        ngrams = {"row": of, "n": n, "ngram": sealed(words.hashes(starts, n)), "place": starts - begins[of]}
        db.register("row_ngrams", pa.table(ngrams))
        db.execute(FOUND, {"grp": group.number})


def find_hits(
    db: duckdb.DuckDBPyConnection, files: list[Path], benchmarks: list[Benchmark], params: DecontaminateParams
) -> pl.DataFrame:
    """Every hit of every row of the shards: id, part, benchmark, item, kind, share; the strongest of a row first."""
    groups = load(db, benchmarks, params)

    def search_shard(file: Path) -> int:
        rows = read_table(file, columns=["id", "messages"], schema=EXAMPLE)
        with db.cursor() as cursor:
            for piece in rows.iter_slices(PIECE_ROWS):
                search(cursor, piece.select("id", text=turns_joined()), groups)
        return len(rows)

    with ThreadPoolExecutor(params.threads) as pool:
        n_rows = sum(pool.map(search_shard, files))
    max_rows = max(BOILERPLATE_ROWS, int(params.max_rows_ratio * n_rows))
    copy = max(COPY_SHARE, params.threshold)
    db.execute(HITS, {"max_rows": max_rows, "threshold": params.threshold, "copy": copy})
    hits: pl.DataFrame = db.sql("from hits").pl()
    return hits.sort("id", "share", "benchmark", "item", "part", descending=[False, True, False, False, False])


def turns_joined() -> pl.Expr:
    """All turns of a row, with `TURN` between them."""
    return pl.col("messages").list.eval(pl.element().struct.field("content")).list.join(TURN)


def with_evidence(
    db: duckdb.DuckDBPyConnection, examples: Path, hits: pl.DataFrame, benchmarks: list[Benchmark]
) -> pl.DataFrame:
    """`hits` with what shows them: text (the item's; null if unknown) and, cut, span (of the row) and around (it)."""
    db.register("shown", hits.to_arrow())
    parts = pl.concat([pl.DataFrame(schema={"text": pl.String}), *(b.parts.select("text") for b in benchmarks)])
    ids = hits["id"].unique().to_list()
    rows = scan_examples(examples).filter(pl.col("id").is_in(ids)).select("id", row=turns_joined()).collect()
    found = (
        hits.join(rows, on="id", maintain_order="left")
        .join(db.sql(SPANS).pl(), on=["id", "part"], maintain_order="left")
        .join(parts.with_row_index("part"), on="part", maintain_order="left")
    )
    return found.select(*hits.columns, "text", *excerpts(found["row"], found["first"], found["last"]))


def by_benchmark(benchmarks: list[Benchmark], hits: pl.DataFrame, action: str) -> dict[str, dict[str, int]]:
    """Per benchmark: its items, how many of them are in rows, and how many rows have one and are dropped for it."""
    counts = {}
    for benchmark in benchmarks:
        mine = hits.filter(benchmark=benchmark.name)
        n_rows = mine["id"].n_unique()
        counts[benchmark.name] = {
            "items": benchmark.n_items,
            "items_hit": mine["item"].n_unique(),
            "rows_hit": n_rows,
            "rows_dropped": n_rows if action == "drop" else 0,
        }
    return counts


def decontaminate(examples: Path, target: Path, params: DecontaminateParams, *, paths: dict[str, Path]) -> Report:
    """Read `examples`, find what overlaps with the benchmarks in `params` (read from `paths`), write `target`."""
    benchmarks, files = read_benchmarks(params, paths), example_files(examples)
    ids = pl.concat([read_table(file, columns=["id"], schema=EXAMPLE) for file in files])["id"].sort()
    with database(params) as db:
        hits = find_hits(db, files, benchmarks, params)
        nearest = hits.sort("benchmark", "share", "id", "item", "part", descending=[False, True, False, False, False])
        nearest = nearest.unique(["benchmark", "id"], keep="first", maintain_order=True)
        nearest = nearest.group_by("benchmark", maintain_order=True).head(N_STRONGEST).select(hits.columns)
        of_rows = hits.unique("id", keep="first", maintain_order=True)
        shown = with_evidence(db, examples, pl.concat([of_rows, nearest]).unique(maintain_order=True), benchmarks)
    ledger = of_rows.join(shown, on=["id", "part"], maintain_order="left").select(
        step=pl.lit("decontaminate"), id="id", action=pl.lit(params.action), reason=pl.lit(REASONS[0]),
        measure="share", threshold=pl.lit(params.threshold), other_id=name_of_item(), after="span",
    )  # fmt: skip
    item = pl.col("text").str.slice(0, SPAN_CHARS).fill_null(UNKNOWN)
    measures = {
        "benchmarks": by_benchmark(benchmarks, hits, params.action),
        "rows_hit": len(of_rows),
        "strongest": nearest.join(shown, on=["id", "part"], maintain_order="left")
        .select("id", "kind", "share", name=name_of_item(), item=item, row="around")
        .to_dicts(),
    }
    kept = ids.filter(~ids.is_in(of_rows["id"].to_list())) if params.action == "drop" else ids
    with whole_folder(target) as folder:
        rows_out = write_kept(files, kept.to_frame(), folder / "examples", params.rows_per_shard, params.threads)
        return leave_beside(folder, "decontaminate", len(ids), rows_out, ledger, measures)


def name_of_item() -> pl.Expr:
    """How an item is named in ledger and report: benchmark/item."""
    return pl.concat_str("benchmark", "item", separator="/")
