"""What a file would become, as people read it in a terminal or in a pipe."""

import json
from collections.abc import Iterator
from typing import Any

from tasks.formats.forms import FIRST_RECORDS
from tasks.formats.read import Reject
from tasks.formats.rows import Row

MOST_WIDTH = 40  # of the column of names
MOST_CHARS = 300  # of a turn, of what is said of a reject


class FieldMap:
    """What the columns of the first records become: roles of turns, `tools` or `meta`."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def watch(self, stream: Iterator[Row | Reject]) -> Iterator[Row | Reject]:
        """The same rows; the first ones are looked at."""
        n_left = FIRST_RECORDS
        for row in stream:
            if isinstance(row, Row) and n_left:
                n_left -= 1
                for name, value in row.record.fields.items():
                    self.found.setdefault(name, []).extend(_becomes(name, value, row))
            yield row

    def becomes(self) -> dict[str, str]:
        """By column."""
        return {name: ", ".join(dict.fromkeys(found)) or "nothing" for name, found in self.found.items()}


def _becomes(name: str, value: Any, row: Row) -> list[str]:
    if any(name in conversation.meta for conversation in row.conversations):
        return ["meta"]
    if name == "tools" and any(conversation.tools for conversation in row.conversations):
        return ["tools"]
    turns = [turn for conversation in row.conversations for turn in conversation.messages]
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return [turn["role"] for turn in turns]
    texts = [_spelled(item) for item in (value if isinstance(value, list) else [value]) if item not in (None, "")]
    return [turn["role"] for turn in turns if any(text and text in turn["content"] for text in texts)]


def _spelled(value: Any) -> str:
    return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).strip()


def shown(result: dict[str, Any]) -> Iterator[str]:
    """The lines of what `tasks.ingest.check` found."""
    kinds = [f"{file}: {kind}, {result['encodings'].get(file, 'binary')}" for file, kind in result["files"].items()]
    n_rejects = sum(result["rejects"].values())
    yield f"format   {result['format']}"
    yield f"files    {_some(kinds)}"
    yield f"records  {result['records']:,}, of which {n_rejects:,} would be rejected"
    yield "fields"
    fields = {_cut(name): becomes for name, becomes in result["fields"].items()}
    width = min(MOST_WIDTH, max(map(len, fields), default=0))
    yield from (f"  {name:{width}}  -> {becomes}" for name, becomes in fields.items())
    for number, example in enumerate(result["examples"], start=1):
        yield f"example {number}, from {example['source_row']}"
        if example.get("tools"):
            yield f"  {'tools:':10} {_cut(example['tools'])}"
        yield from (f"  {turn['role'] + ':':10} {_cut(turn['content'])}" for turn in example["messages"])
    if n_rejects:
        yield "rejects"
        yield from (f"  {reason}: {n:,}" for reason, n in result["rejects"].items())
        alike: dict[tuple[str, str], list[str]] = {}
        for reject in result["first_rejects"]:
            alike.setdefault((reject["error"], reject["detail"]), []).append(reject["row"])
        yield from (f"  {_some(places)}: {error}: {_cut(detail)}" for (error, detail), places in alike.items())
        if more := n_rejects - len(result["first_rejects"]):
            yield f"  and {more:,} more"


def _some(items: list[str]) -> str:
    more = f" and {len(items) - 5:,} more" if len(items) > 5 else ""
    return "; ".join(map(_cut, items[:5])) + more


def _cut(text: str) -> str:
    """The text on one line, without characters that would command the terminal."""
    begin = "".join(c if c.isprintable() else " " for c in text[:MOST_CHARS].replace("\n", "⏎"))
    return f"{begin}… ({len(text):,} characters)" if len(text) > MOST_CHARS else begin
