"""What is looked for of a benchmark, as hashes; and the file that holds no more than that, to be shipped in its place.

A part is an item's prompt or its answer. It is looked for by its n-grams of words, n by its length, and a prompt also
as a whole. An n-gram is found by its first few words, its head: one pass over the rows finds the heads of all lengths.

The file is Parquet with the columns COLUMNS, a row a part (docs/decontamination.md says what is in them). It is no
cipher: whoever has it can test whether a text that he has is in it, and so can guess.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core.errors import ParamsError, SourceError
from tasks.core.files import unreadable, whole_file
from tasks.core.hashes import VERSION, Runs, hashed, run_starts, seal
from tasks.core.params import DecontaminateParams
from tasks.core.schema import stable_hash
from tasks.core.text import HAN, TURN

FORMAT = "instructflow-fingerprint"
HASH = "siphash-2-4 of polynomial-9e3779b97f4a7c15 of blake2b-64"
_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "item": pl.String,
    "kind": pl.String,  # prompt or answer
    "n": pl.UInt8,  # words in an n-gram; 0: too short for one, to be found as a whole alone
    "whole": pl.UInt64,  # of all tokens; 0: not looked for as a whole
    "ngrams": pl.List(pl.UInt64),
    "heads": pl.List(pl.UInt64),  # of the first words of the n-grams
}
COLUMNS = pl.Schema(_COLUMNS)
MARKS = {"format": FORMAT, "hash": HASH, "tokens": VERSION}  # what a file must say of itself to be read


class Benchmark(NamedTuple):
    """What to look for: `parts` has COLUMNS and `text`, which is null where the hashes are sealed, with `salt`."""

    name: str
    parts: pl.DataFrame
    head_words: int
    n_items: int
    salt: str | None = None


def texts_of(item: dict[str, str]) -> list[tuple[str, str, str, bool]]:
    """What of an item is looked for by itself: item, kind, text, and whether the text is looked for as a whole too.

    Each turn of the prompt, for training data often has the first one alone; of a multiple choice also the question
    without its choices; all of the answer. As a whole only the first turn: others ("Continue.") say little alone.
    """
    turns = item["prompt"].split(TURN)
    prompts = [(text, i == 0) for i, turn in enumerate(turns) for text in dict.fromkeys((turn, question_of(turn)))]
    answer = item["answer"].replace(TURN, "\n")
    return [(item["item"], "prompt", *prompt) for prompt in prompts] + [(item["item"], "answer", answer, False)]


def question_of(text: str) -> str:
    """The text before its choices, as `tasks/formats/multiple_choice.py` writes them; all of it where it has none."""
    return text.split("\nA. ", 1)[0]


def benchmark_of(name: str, items: list[dict[str, str]], params: DecontaminateParams) -> Benchmark:
    """The parts of `items` (item, prompt, answer; turns joined by TURN): of equal texts the first, no empty ones."""
    schema = {"item": pl.String, "kind": pl.String, "text": pl.String, "is_whole": pl.Boolean}
    parts = pl.DataFrame([text for item in items for text in texts_of(item)], schema=schema, orient="row")
    texts = hashed(parts["text"])
    first, last = texts.turns[:, 1], texts.turns[:, 2]
    begins, lengths = texts.word_starts[:-1], np.diff(texts.word_starts)
    parts = (
        parts.with_row_index("part")
        .with_columns(whole=pl.Series(Runs(texts.tokens).hashes(first, last - first)), n_words=pl.Series(lengths))
        .with_columns(n=ngram_size(params))
    )
    head_words, n = min(params.ngram_min, params.ngram_han_min), parts["n"].to_numpy()
    number, starts = run_starts(begins, np.where(n > 0, lengths, 0), np.maximum(n, 1))
    runs = Runs(texts.words)
    ngrams = (
        pl.DataFrame({"part": number, "ngrams": runs.hashes(starts, n[number])}, schema_overrides={"part": pl.UInt32})
        .with_columns(heads=pl.Series(runs.hashes(starts, head_words)))
        .group_by("part")
        .agg(pl.all())
        .with_columns(pl.col("ngrams", "heads").list.unique())
    )
    parts = (
        parts.filter(pl.col("whole") != 0)
        .sort("is_whole", descending=True, maintain_order=True)
        .unique(["kind", "whole"], keep="first", maintain_order=True)
        .filter(pl.col("is_whole") | (pl.col("n") > 0))
        .join(ngrams, on="part", how="left", maintain_order="left")
        .with_columns(pl.col("ngrams", "heads").fill_null([]), whole=pl.col("whole") * pl.col("is_whole"))
    )
    parts = parts.select(*(pl.col(name).cast(dtype) for name, dtype in COLUMNS.items()), "text")
    return Benchmark(name, parts, head_words, len(items))


def ngram_size(params: DecontaminateParams) -> pl.Expr:
    """Half the words of a part, within the bounds of its script; 0 where it has fewer words than the lower bound."""
    is_han = pl.col("text").str.count_matches(f"[{HAN}]") * 2 > pl.col("n_words")
    low = pl.when(is_han).then(params.ngram_han_min).otherwise(params.ngram_min)
    high = pl.when(is_han).then(params.ngram_han_max).otherwise(params.ngram_max)
    half = pl.col("n_words") // 2
    return pl.when(pl.col("n_words") < low).then(0).otherwise(pl.min_horizontal(pl.max_horizontal(half, low), high))


def sealed(benchmark: Benchmark, salt: str) -> Benchmark:
    """The benchmark without its texts, each hash sealed with `salt`; the hashes of a part in no order of the text."""

    def seals(column: str) -> pl.Series:
        lists = benchmark.parts[column]
        flat = pl.DataFrame({"hash": seal(lists.explode().drop_nulls().to_numpy(), salt)})
        number = np.repeat(np.arange(len(lists)), lists.list.len().to_numpy())
        by_part = flat.with_columns(part=pl.Series(number)).group_by("part").agg(pl.col("hash").sort())
        every = pl.DataFrame({"part": np.arange(len(lists))}).join(by_part, "part", how="left", maintain_order="left")
        return every["hash"].fill_null([]).alias(column)

    whole = pl.when(pl.col("whole") == 0).then(0).otherwise(pl.Series(seal(benchmark.parts["whole"].to_numpy(), salt)))
    columns = [whole.alias("whole"), seals("ngrams"), seals("heads"), pl.lit(None, pl.String).alias("text")]
    return benchmark._replace(parts=benchmark.parts.with_columns(columns), salt=salt)


def write_fingerprint(benchmark: Benchmark, path: Path, salt: str) -> None:
    """Write what `read_fingerprint` reads; the salt is in the file, for without it nothing can be looked for."""
    table = sealed(benchmark, salt).parts.select(COLUMNS.keys()).to_arrow(compat_level=pl.CompatLevel.oldest())
    numbers = {"head_words": str(benchmark.head_words), "items": str(benchmark.n_items)}
    marks = MARKS | numbers | {"name": benchmark.name, "salt": salt}
    marks |= {"digest": _digest(table, marks)}
    with whole_file(path) as temporary:
        pq.write_table(table.replace_schema_metadata(marks), temporary, compression="zstd", write_page_checksum=True)


def read_fingerprint(path: Path, name: str) -> Benchmark:
    """The benchmark in a fingerprint, under the name that params give it.

    Raises ParamsError when there is no file, SourceError when it is damaged, no fingerprint, or made by other tokens or
    another hash.
    """
    if not path.is_file():
        raise ParamsError(f"{path}: no such file; expected what `instructflow fingerprint` writes")
    try:
        table = pq.ParquetFile(path, page_checksum_verification=True).read()
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, error) from None
    found = {k.decode(errors="replace"): v.decode(errors="replace") for k, v in (table.schema.metadata or {}).items()}
    for mark, expected in MARKS.items():
        if found.get(mark) != expected:
            raise SourceError(f"{path}: {mark} is {found.get(mark)}; expected a fingerprint with {mark} {expected}")
    numbers = [int(found[mark]) for mark in ("head_words", "items") if found.get(mark, "").isdecimal()]
    parts = pl.DataFrame(pl.from_arrow(table))
    if parts.schema != COLUMNS or len(numbers) < 2 or "salt" not in found:
        expected = f"the columns {', '.join(COLUMNS)}, a salt, head_words and items"
        raise SourceError(f"{path}: a damaged fingerprint: {', '.join(parts.columns)}; expected {expected}")
    if found.pop("digest", None) != _digest(table, found):
        raise SourceError(f"{path}: a damaged fingerprint: its digest is another; expected the file as it was written")
    head_words, n_items = numbers
    return Benchmark(name, parts.with_columns(text=pl.lit(None, pl.String)), head_words, n_items, found["salt"])


def _digest(table: pa.Table, marks: dict[str, str]) -> str:
    """BLAKE2b of all values and marks: of a column its values as JSON, whatever library reads them."""
    content = {name: table.column(name).to_pylist() for name in table.column_names}
    return stable_hash(content, marks)
