"""What dedup compares of each example: small keys, which stay in memory, and texts, which need not.

A key is 126 bits of polars' hash(). It is not stable over versions, so a key lives within one run and is never stored.
"""

import json
from typing import NamedTuple

import polars as pl

from tasks.core.params import Source
from tasks.core.schema import answer_text
from tasks.core.text import TURN, normalised_turns, units_of

NEEDED = ("id", "source", "family", "messages", "tools", "license", "meta")  # the columns of an Example that are read
# Which of two rows stays, most important first; each column sorts ascending.
KEEP_ORDER = ("not_human", "no_license", "minus_score", "minus_weight", "minus_answer_units", "id")


class Compared(NamedTuple):
    """Three tables of the same examples, numbered by `row`.

    rows: one line an example: row, id, source, family, the columns of KEEP_ORDER, and keys: `exact` (roles, contents
        and tools, byte for byte), `text` (normalised turns and tools), `prompt` (normalised turns before the last,
        wherever they end; null without any), `asked` (prompt and tools), `answer` (the last turn, normalised).
    texts: one line an example: row, prompt, answer (normalised, TURN between turns), tools (a token or null).
    openings: one line for every conversation and for every beginning of one that ends with an assistant turn: row,
        n_turns, is_whole, `opening` (a key of roles, normalised turns and tools).
    """

    rows: pl.DataFrame
    texts: pl.DataFrame
    openings: pl.DataFrame


def compared(examples: pl.DataFrame, sources: dict[str, Source], first_row: int = 0) -> Compared:
    """The tables of `examples`, which have the columns NEEDED and are numbered from `first_row`."""
    turns = examples.with_row_index("row", offset=first_row).with_columns(
        turns=normalised_turns(),
        # other tools make another text, but weigh little: one token
        tool=pl.lit("tools") + key_of(pl.col("tools")).cast(pl.String),
    )
    before_last = (
        pl.col("turns").list.head(pl.col("turns").list.len() - 1).list.eval(pl.element().filter(pl.element() != ""))
    )
    before_last = before_last.list.join(f" {TURN} ")  # an empty system turn says nothing
    told = turns.with_columns(prompt=pl.when(before_last != "").then(before_last), answer=pl.col("turns").list.last())
    role, content = pl.element().struct.field("role"), pl.element().struct.field("content")
    said = pl.col("messages").list.eval(pl.concat_str(role, content, separator=TURN)).list.join(TURN)
    asked = pl.col("prompt").str.replace_all(f" {TURN} ", " ", literal=True)
    rows = told.select(
        "row", "id", "source", "family",
        exact=key_of(pl.concat_str(said, "tools", separator=TURN, ignore_nulls=True)),
        text=key_of(pl.concat_str("prompt", "answer", "tool", separator=TURN, ignore_nulls=True)),
        prompt=key_of(asked),
        asked=pl.when(pl.col("prompt").is_not_null()).then(
            key_of(pl.concat_str(asked, "tool", separator=TURN, ignore_nulls=True))
        ),
        answer=key_of(pl.col("answer")),
        no_license=pl.col("license").is_null(),
        minus_answer_units=-units_of(answer_text()).cast(pl.Int64),
        **_of_sources(sources),
    )  # fmt: skip
    return Compared(rows, told.select("row", "prompt", "answer", tools="tool"), _openings(turns))


def key_of(value: pl.Expr) -> pl.Expr:
    """126 bits that stand for a value within one run; null for null."""
    key = value.hash(1).cast(pl.Int128) * 2**62 + (value.hash(2) // 4).cast(pl.Int128)
    return pl.when(value.is_not_null()).then(key)


def _of_sources(sources: dict[str, Source]) -> dict[str, pl.Expr]:
    """What the keep order takes from the params of a row's source; a row without a score is after all that have one."""
    human = {name: not source.human for name, source in sources.items()}
    weight = {name: -source.weight for name, source in sources.items()}
    minus_score = pl.lit(None, dtype=pl.Float64)
    for name, source in sources.items():
        if source.score_field is not None:
            paths = (f"$[{json.dumps(source.score_field)}]", f"$.{source.score_field}")  # a name, or a path
            values = (pl.col("meta").str.json_path_match(path).cast(pl.Float64, strict=False) for path in paths)
            minus_score = pl.when(source=name).then(-pl.coalesce(*values)).otherwise(minus_score)
    return {
        "not_human": pl.col("source").replace_strict(human, default=True, return_dtype=pl.Boolean),
        "minus_score": minus_score,
        "minus_weight": pl.col("source").replace_strict(weight, default=-1.0, return_dtype=pl.Float64),
    }


def _openings(turns: pl.DataFrame) -> pl.DataFrame:
    """An opening's key is made of the sum of a hash of each of its turns with its place and role."""
    roles = pl.col("messages").list.eval(pl.element().struct.field("role"))
    n_turns = pl.col("turns").list.len()
    each = turns.select("row", "tool", "turns", role=roles, place=pl.int_ranges(1, n_turns + 1), whole=n_turns).explode(
        "turns", "role", "place"
    )
    turn = pl.concat_str(pl.col("place").cast(pl.String), "role", "turns", separator=TURN)
    sums = each.with_columns(one=turn.hash(1), two=turn.hash(2)).with_columns(
        pl.col("one", "two").cum_sum().over("row")
    )
    return sums.filter(pl.col("role") == "assistant").select(
        "row",
        n_turns=pl.col("place").cast(pl.UInt32),
        is_whole=pl.col("place") == pl.col("whole"),
        opening=key_of(pl.struct("one", "two", "tool")),
    )
