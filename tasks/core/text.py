"""What text is made of, in Chinese and English alike: units, languages, code.

A unit is one Han character or one spaced word: how length is counted before there is a tokenizer.
"""

import re
import unicodedata

import polars as pl

HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\x{20000}-\x{323af}"  # as polars' (Rust) regex spells it
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # as Python's re spells it
UNIT = re.compile(rf"[{_HAN}]|[^\s{_HAN}]+")
CODE_BLOCK = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)


def n_units(text: str) -> int:
    """How many Han characters and spaced words `text` has."""
    return len(UNIT.findall(text))


def units_of(text: pl.Expr) -> pl.Expr:
    """`n_units` of a whole column."""
    return text.str.count_matches(rf"[{HAN}]|[^\s{HAN}]+")


def normalise(text: str) -> str:
    """Take out case, width, spacing and punctuation; letters and digits of any script and signs with a meaning stay.

    Two texts are "normalised equal" when this is equal. A text of punctuation alone is only folded in width and case.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(c for c in folded if c.isalnum() or unicodedata.category(c) in {"Sm", "Sc", "So", "Mn", "Mc"})
    return kept or folded.strip()
