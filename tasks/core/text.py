"""What text is made of, in Chinese and English alike: units, languages, code.

A unit is one Han character or one spaced word: how length is counted before there is a tokenizer.
"""

import re

import polars as pl

HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\x{20000}-\x{323af}"  # as polars' (Rust) regex spells it
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # as Python's re spells it
# Control, zero-width and bidi characters, annotation and object marks, private use: none of them says anything. Joiners
# and other marks with which emoji and some scripts are made are not among them. For polars and Python alike.
CONTROL = (
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u2028-\u202e\u2060-\u2064\u2066-\u206f"
    r"\ue000-\uf8ff\ufeff\ufff9-\ufffc]"
)
UNIT = re.compile(rf"[{_HAN}]|[^\s{_HAN}]+")
CODE_BLOCK = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)


def n_units(text: str) -> int:
    """How many Han characters and spaced words `text` has."""
    return len(UNIT.findall(text))


def units_of(text: pl.Expr) -> pl.Expr:
    """`n_units` of a whole column."""
    return text.str.count_matches(rf"[{HAN}]|[^\s{HAN}]+")


TURN = "\ue000"  # stands between the turns of a conversation: a token of its own, in no text
NUMBER = r"[-−]?\p{N}+(?:[.,:/'-]\p{N}+)*"  # with its sign and separators: 1,2 is not 12
_TOKEN = "|".join(
    (
        TURN,
        r"\p{Han}",
        NUMBER,
        r"[\p{L}\p{M}--\p{Han}]+",
        r"!=|[+*/%^=<>|&#@$~\\\-\[\](){}]|\p{Sm}|\p{Sc}|\p{So}",  # signs that carry meaning
    )
)
_NO_TOKEN = (
    rf"\A[^{TURN}\p{{Han}}\p{{L}}\p{{M}}\p{{N}}\p{{Sm}}\p{{Sc}}\p{{So}}+*/%^=<>|&#@$~\\\-\[\](){{}}]*\z"  # a whole text
)
_HALF_WIDTH = {chr(full): chr(full - 0xFEE0) for full in range(0xFF01, 0xFF5F)} | {"\u3000": " "}


def tokens(text: pl.Expr) -> pl.Expr:
    """The tokens of a column, by script within one text: Han characters, spaced words, numbers, signs.

    Case, width, spacing and the punctuation of prose are left out, so two texts are "normalised equal" when their
    tokens are equal. A text with no token at all (punctuation alone) is one token: itself.
    """
    folded = text.str.replace_many(_HALF_WIDTH).str.to_lowercase().str.strip_chars()
    return folded.str.extract_all(f"{_TOKEN}|{_NO_TOKEN}")


def ngrams(tokens: pl.Expr, n: int) -> pl.Expr:
    """All runs of `n` of a column's tokens, each joined by one space, in their order."""
    shifted = [pl.element().shift(-k) for k in range(n)]
    return tokens.list.eval(pl.concat_str(shifted, separator=" ").drop_nulls())


def normalised(text: pl.Expr) -> pl.Expr:
    """The tokens of a column joined by one space: equal for texts that differ in case, width, spacing, punctuation."""
    return tokens(text).list.join(" ")


def normalised_turns() -> pl.Expr:
    """The contents of `messages`, each normalised: what dedup compares. Of punctuation alone, a turn is that."""
    return pl.col("messages").list.eval(normalised(pl.element().struct.field("content")))


def normalise(text: str) -> str:
    """`normalised` of one text."""
    value: str = pl.select(normalised(pl.lit(text))).item()
    return value
