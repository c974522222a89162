"""Reasons to refuse a child: what no change of names or wording may do to a text.

`pairs` has one row a child: `before` and `after` (lists of texts, turn by turn), `old` and `new` (lists of names).
"""

import re

import polars as pl

from tasks.augmenters.names import is_han
from tasks.core.language import language_of_turn
from tasks.core.text import TURN, normalised

GUARDS = ("guard_numbers", "guard_language", "guard_copy", "guard_leak")
NUMBER = r"\d+|[零〇一二三四五六七八九十百千万亿两]"
LEAST_SUBSTRING = 5  # letters from which a spaced name is also looked for inside words: nolan.com, DNOLAN


def first_refusals(pairs: pl.DataFrame) -> list[str | None]:
    """For each child the first guard that refuses it, or None."""
    before, after = pl.col("before"), pl.col("after")
    found = pairs.select(
        guard_numbers=_numbers(before) != _numbers(after),
        guard_language=_languages(before) != _languages(after),
        guard_copy=_tokens(before) == _tokens(after),
        guard_leak=pl.Series(
            [leaks(*row) for row in pairs.select("before", "after", "old", "new").iter_rows()], dtype=pl.Boolean
        ),
    )
    return [next((guard for guard in GUARDS if row[guard]), None) for row in found.iter_rows(named=True)]


def _numbers(texts: pl.Expr) -> pl.Expr:
    """All digit runs and Chinese numerals, sorted."""
    return texts.list.join("\n").str.extract_all(NUMBER).list.sort()


def _languages(texts: pl.Expr) -> pl.Expr:
    return texts.list.eval(language_of_turn(pl.element()))


def _tokens(texts: pl.Expr) -> pl.Expr:
    return normalised(texts.list.join(TURN))


def leaks(before: list[str], after: list[str], old: list[str], new: list[str]) -> bool:
    """Whether an old name still stands in the child, or a new one stood in the parent already."""
    return any(_stands(name, after) for name in old) or any(_stands(name, before) for name in new)


def _stands(name: str, texts: list[str]) -> bool:
    """Whether a name is in the texts, in whatever case; a short spaced one as a word only: Tom is not in tomorrow."""
    inside = is_han(name) or len(name) >= LEAST_SUBSTRING
    pattern = re.escape(name) if inside else rf"(?<![^\W\d_]){re.escape(name)}(?![^\W\d_])"
    return re.search(pattern, "\n".join(texts), re.IGNORECASE) is not None
