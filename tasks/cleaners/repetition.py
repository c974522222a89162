"""Answers that say the same again and again."""

import polars as pl

from tasks.core.text import ngrams, tokens

REPEATED_TOKENS = 4  # an answer's repetition is the share of its token 4-grams that occurred before in it
LEAST_NGRAMS = 24  # with fewer 4-grams a ratio says nothing
# Lines that repeat by right, also outside a fence: rows of tables, markup, statements, lists of numbers.
NO_PROSE = r"(?m)^.*(?:\||</?[a-zA-Z][^<>\n]*>|&lt;|[{};]\s*$).*$|^[^\p{L}\n]*$|\[[^\p{L}\n]*\]"


def repetition(answer: pl.Expr) -> pl.Expr:
    """Share of token 4-grams that occurred before in the same text, 0 to 1; code, markup and tables are left out.

    Tokens are words or Han characters, so it is right for both. After the duplicate n-gram fractions of Rae et al.
    2021, arXiv:2112.11446, table A1, with one n and a laxer threshold: answers are short and lists repeat by right.
    """
    prose = answer.str.replace_all(r"(?s)```.*?(?:```|\z)", " ").str.replace_all(NO_PROSE, " ")
    found = ngrams(tokens(prose), REPEATED_TOKENS)
    n = found.list.len()
    return pl.when(n >= LEAST_NGRAMS).then(1 - found.list.n_unique() / n).otherwise(0.0)
