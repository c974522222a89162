"""The Example: one row, one training conversation that ends with an assistant turn.

The columns are public (see the README's table). Everything a source row carried and no column holds is in `meta`.
"""

import json
from hashlib import blake2b
from typing import Any, TypedDict

import polars as pl

ROLES = ("system", "user", "assistant", "tool")
SPLITS = ("train", "val", "test")


class Message(TypedDict):
    """One turn. A tool call is an assistant turn that holds `<tool_call>{"name": …, "arguments": …}</tool_call>`."""

    role: str
    content: str


MESSAGES = pl.List(pl.Struct({"role": pl.String, "content": pl.String}))
_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "messages": MESSAGES,
    "tools": pl.String,
    "language": pl.String,
    "instruction_type": pl.String,
    "type_confidence": pl.Float32,
    "source": pl.String,
    "source_row": pl.String,
    "license": pl.String,
    "family": pl.String,
    "parent": pl.String,
    "made_by": pl.String,
    "split": pl.String,
    "weight": pl.Float32,
    "meta": pl.String,
}
EXAMPLE = pl.Schema(_COLUMNS)


def canonical(value: Any) -> str:
    """JSON with sorted names and no spaces: equal values give equal text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def stable_hash(*parts: Any) -> str:
    """32 hex digits of BLAKE2b over the canonical JSON of `parts`; the same on every machine and in every version."""
    return blake2b(canonical(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def source_id(source: str, messages: list[Message], tools: str | None, n_before: int) -> str:
    """The id of a row at ingest; `n_before` equal rows came before it in the same source."""
    return stable_hash(source, messages, tools, n_before)


def child_id(parent: str, operation: str, messages: list[Message]) -> str:
    """The id of a row that `operation` derived from `parent`."""
    return stable_hash(parent, operation, messages)


def text_hashes(examples: pl.DataFrame) -> pl.Series:
    """A hash of what each example says, messages and tools: equal ones say the same. 16 hex digits."""
    rows = zip(examples["messages"].to_list(), examples["tools"].to_list(), strict=True)
    return pl.Series("text", [stable_hash(messages, tools)[:16] for messages, tools in rows], dtype=pl.String)


def unit_interval(*parts: Any) -> float:
    """A uniform number in [0, 1) that depends on `parts` only: randomness per row, whatever the row order."""
    return int(stable_hash(*parts)[:13], 16) / 16**13


def prompt_text() -> pl.Expr:
    """All turns before the last one, one a line."""
    turns = pl.col("messages")
    return turns.list.head(turns.list.len() - 1).list.eval(pl.element().struct.field("content")).list.join("\n")


def answer_text() -> pl.Expr:
    """The last assistant turn."""
    return pl.col("messages").list.last().struct.field("content")


def conversation_text() -> pl.Expr:
    """All turns, one a line."""
    return pl.col("messages").list.eval(pl.element().struct.field("content")).list.join("\n")


def examples_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as an Example table; a column that a row lacks gets its empty value, an unknown one raises ValueError."""
    if unknown := sorted({name for row in rows for name in row} - set(EXAMPLE)):
        raise ValueError(f"not columns of an Example: {unknown}; expected some of {list(EXAMPLE)}")
    empty = {"language": "und", "made_by": "source", "weight": 1.0, "meta": "{}"}
    full = [{name: row.get(name, empty.get(name)) for name in EXAMPLE} for row in rows]
    for row in full:
        row["family"] = row["family"] or row["id"]
    return pl.DataFrame(full, schema=EXAMPLE)
