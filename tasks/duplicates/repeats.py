"""Find what repeats among rows: pairs at every level, who stays for whom, conflicting answers, families."""

import glob
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb
import polars as pl

from tasks.core.database import database
from tasks.core.errors import ParamsError
from tasks.core.files import ROW_GROUP_ROWS, read_table
from tasks.core.params import DedupParams, Source
from tasks.core.schema import EXAMPLE
from tasks.core.text import NUMBER, TURN
from tasks.duplicates.conflicts import settle
from tasks.duplicates.families import families
from tasks.duplicates.near import near_pairs, similarities, without_common
from tasks.duplicates.prefixes import prefix_pairs
from tasks.duplicates.rows import KEEP_ORDER, NEEDED, Compared, compared
from tasks.duplicates.survivors import PAIRS, holding

# What of texts that wait on disk is read at once: a query holds their tokens in memory.
ROW_GROUP_BYTES, LEAST_ROWS = 4_000_000, 64
BOILERPLATE_PROMPTS = 20  # an n-gram in no more prompts than this is never boilerplate

# `told` has the normalised texts of all rows (row, prompt, answer, tools), `numbered` their keys. Each view is what one
# question compares: the whole conversations, the answers, the prompts.
TURN_SQL = f"' ' || chr({ord(TURN)}) || ' '"
VIEWS = {
    "wholes": f"""
        create or replace temp view texts as
        select key, concat_ws({TURN_SQL}, prompt, answer, tools) as text
        from told join numbered using (row) where is_first_text
    """,
    "answers": """
        create or replace temp view texts as
        select key, answer as text from told join numbered using (row)
    """,
    "prompts": f"""
        create or replace temp view texts as
        select key, replace(prompt, {TURN_SQL}, ' ') as text
        from told join numbered using (row) where is_first_prompt
    """,
}
CALCULATION = rf"{NUMBER}|[+*/×÷=<>^%]"
NUMBERED_TEXTS = "select key, prompt, answer from told join numbered using (row) semi join wanted using (key)"


class Found(NamedTuple):
    """What repeats among rows; a key is a row's place in the keep order."""

    rows: pl.DataFrame  # key, id, source, family; in the order of keys
    pairs: pl.DataFrame  # the columns PAIRS, near ones down to the floor
    fate: pl.DataFrame  # key, survivor, level, similarity of the rows that are merged
    in_conflict: pl.DataFrame  # key, other, is_best, similarity of the two answers
    counts: dict[str, int]


def read_compared(files: list[Path], scratch: Path, sources: dict[str, Source], threads: int) -> Compared:
    """What is compared of all examples in `files`; the texts go to `scratch`, one Parquet file for each of `files`."""
    n_rows = [len(read_table(file, columns=["id"], schema=EXAMPLE)) for file in files]
    starts = [sum(n_rows[:i]) for i in range(len(files))]

    def read(part: int) -> Compared:
        examples = read_table(files[part], columns=list(NEEDED), schema=EXAMPLE)
        table = compared(examples, sources, starts[part])
        size = int(table.texts.estimated_size()) // max(1, len(table.texts))  # bytes of a row
        rows = min(ROW_GROUP_ROWS, max(LEAST_ROWS, ROW_GROUP_BYTES // max(1, size)))
        table.texts.write_parquet(scratch / f"{part:05}.parquet", compression="lz4", row_group_size=rows)
        return table._replace(texts=table.texts.clear())

    with ThreadPoolExecutor(threads) as pool:
        tables = list(pool.map(read, range(len(files))))
    return Compared(*(pl.concat(parts) for parts in zip(*tables, strict=True)))


def check_scores(rows: pl.DataFrame, sources: dict[str, Source]) -> None:
    """Raise ParamsError where a source has rows, but no number under its `score_field`."""
    for name, source in sources.items():
        scores = rows.filter(source=name)["minus_score"]
        if source.score_field is not None and len(scores) and scores.is_null().all():
            raise ParamsError(f"sources.{name}: score_field {source.score_field!r} is no column with numbers")


def find_repeats(table: Compared, params: DedupParams, examples: pl.LazyFrame, texts: Path | None = None) -> Found:
    """Find the pairs among the rows of `table`, decide what stays, join families.

    `texts` is the folder of Parquet files with `table.texts`, where it is too large to hold. `examples` are read again
    where semantic pairs are wanted.
    """
    rows = table.rows.sort(KEEP_ORDER, nulls_last=True).with_row_index("key")
    rows = rows.with_columns(
        pl.col("key").min().over(name).alias(f"first_{name}") for name in ("exact", "text", "prompt")
    )
    with comparing(rows, table.texts, texts, params) as db:
        near, n_verified = near_rows(db, params)
        pairs = pl.concat(
            [
                pl.DataFrame(schema=PAIRS),
                same_pairs(rows),
                near.with_columns(level=pl.lit("near")),
                prefix_pairs(openings_of(rows, table.openings)).with_columns(level=pl.lit("prefix")),
                meant_alike(rows, examples, params),
            ],
            how="diagonal_relaxed",
        ).sort("a", "b", "level")
        held = holding(pairs, params.threshold, params.semantic_threshold)
        fate, in_conflict = settle(rows, held, params.conflicting_answers)
        in_conflict = with_similarity(db, in_conflict, params)
        prompts, n_verified_prompts = near_prompts(db, rows["prompt"].n_unique(), params)
    joined = families(rows, fate, prompts, params)
    counts = {
        "verified_pairs": n_verified,
        "verified_prompt_pairs": n_verified_prompts,
        "near_pairs": len(near),
        "near_prompt_pairs": len(prompts),
    }
    return Found(rows.select("key", "id", "source", family=joined["family"]), pairs, fate, in_conflict, counts)


@contextmanager
def comparing(
    rows: pl.DataFrame, texts: pl.DataFrame, folder: Path | None, params: DedupParams
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the tables that VIEWS read."""
    with database(params) as db:
        numbered = rows.select(
            "row", "key",
            is_first_text=pl.col("first_text") == pl.col("key"),
            is_first_prompt=(pl.col("first_prompt") == pl.col("key")) & pl.col("prompt").is_not_null(),
        )  # fmt: skip
        db.register("numbered", numbered.to_arrow())
        if folder is None:
            db.register("told", texts.to_arrow())
        else:
            db.read_parquet(f"{glob.escape(str(folder))}/*.parquet").create_view("told")
        yield db


def near_rows(db: duckdb.DuckDBPyConnection, params: DedupParams) -> tuple[pl.DataFrame, int]:
    """The near pairs of conversations and of their answers: a, b, similarity, answer_similarity; and how many verified.

    Unless number variants are merged, those are left out whose prompts differ in numbers, their order or what is
    done with them, and whose answers differ in numbers.
    """
    least = min(params.floor, params.threshold)
    db.execute(VIEWS["wholes"])
    near, n_verified = near_pairs(db, least, params)
    db.execute(VIEWS["answers"])
    answers = similarities(db, near, least, params).rename({"similarity": "answer_similarity"})
    near = near.join(answers, on=["a", "b"], maintain_order="left")
    if params.number_variants == "merge":
        return near, n_verified
    db.register("wanted", pl.concat([near["a"], near["b"]]).unique().rename("key").to_frame().to_arrow())
    texts = db.sql(NUMBERED_TEXTS).pl()
    numbers = texts.select(
        "key", prompt=pl.col("prompt").str.extract_all(CALCULATION), answer=pl.col("answer").str.extract_all(NUMBER)
    )
    both = near.join(numbers, left_on="a", right_on="key").join(numbers, left_on="b", right_on="key", suffix="_b")
    is_variant = pl.col("prompt").ne_missing(pl.col("prompt_b")) & (pl.col("answer") != pl.col("answer_b"))
    return near.join(both.filter(is_variant), on=["a", "b"], how="anti", maintain_order="left"), n_verified


def with_similarity(db: duckdb.DuckDBPyConnection, in_conflict: pl.DataFrame, params: DedupParams) -> pl.DataFrame:
    """`in_conflict` (key, other, is_best) with the similarity of the two answers."""
    db.execute(VIEWS["answers"])
    measured = similarities(db, in_conflict.select(a="key", b="other"), 0.0, params)
    measured = measured.rename({"a": "key", "b": "other"})
    joined = in_conflict.join(measured, on=["key", "other"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("similarity").fill_null(0.0))


def near_prompts(db: duckdb.DuckDBPyConnection, n_prompts: int, params: DedupParams) -> tuple[pl.DataFrame, int]:
    """The near pairs of different prompts (a, b, similarity), boilerplate aside; how many were verified."""
    db.execute(VIEWS["prompts"])
    prompts, n_verified = near_pairs(db, params.prompt_threshold, params)
    max_prompts = max(BOILERPLATE_PROMPTS, int(params.max_rows_ratio * n_prompts))
    return without_common(db, prompts, max_prompts, params.prompt_threshold, params), n_verified


def same_pairs(rows: pl.DataFrame) -> pl.DataFrame:
    """Each row whose text another row had first, with that row: a, b, level, similarity 1."""
    level = pl.when(pl.col("first_exact") == pl.col("first_text")).then(pl.lit("exact")).otherwise(pl.lit("normalised"))
    return rows.filter(pl.col("first_text") != pl.col("key")).select(
        a="first_text", b="key", level=level, similarity=1.0
    )


def openings_of(rows: pl.DataFrame, openings: pl.DataFrame) -> pl.DataFrame:
    """The openings of the rows that stand for their text, with their keys."""
    firsts = rows.filter(pl.col("first_text") == pl.col("key")).select("row", "key")
    return openings.join(firsts, on="row")


def meant_alike(rows: pl.DataFrame, examples: pl.LazyFrame, params: DedupParams) -> pl.DataFrame:
    """The semantic pairs among the rows that stand for their text: a, b, level, similarity; none unless asked for."""
    if not params.semantic:
        return pl.DataFrame(schema=PAIRS)
    from tasks.duplicates.semantic import semantic_pairs

    turns = pl.col("messages").list.eval(pl.element().struct.field("content")).list.join(TURN)
    texts = examples.select("id", "language", "tools", text=turns).collect()
    firsts = rows.filter(pl.col("first_text") == pl.col("key")).select("key", "id")
    told = firsts.join(texts, on="id", maintain_order="left")
    pairs = semantic_pairs(told, params.semantic_threshold, params)
    tools = told.select("key", "tools")
    both = pairs.join(tools, left_on="a", right_on="key").join(tools, left_on="b", right_on="key", suffix="_b")
    return both.filter(pl.col("tools").eq_missing(pl.col("tools_b"))).select(
        "a", "b", "similarity", level=pl.lit("semantic")
    )
