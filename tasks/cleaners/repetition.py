"""How much of an answer says again what it said before, by tokens and by characters.

Both measures are the share of n-grams that occurred before in the same text, 0 to 1, after the duplicate n-gram
fractions of Rae et al. 2021, arXiv:2112.11446, table A1, with one n each and laxer thresholds: answers are short, and
lists and poems repeat by right. Characters go with the n = 10 of Data-Juicer's character_repetition_filter (which sums
the most frequent n-grams instead): they see what has no words, such as one syllable without end.

A share says little of an answer that begins well and then goes round in circles. So one that ends in the same run of
tokens over and over counts as all but wholly repeated, whatever came before: code and tables, too.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.core.text import tokens

TOKEN_GRAM, LEAST_TOKEN_GRAMS = 4, 24  # with fewer n-grams a share says nothing
CHAR_GRAM, LEAST_CHAR_GRAMS = 10, 48
LEAST_CHARS = TOKEN_GRAM + LEAST_TOKEN_GRAMS - 1  # a token has a character or more: no shorter text is measured
# A loop: the last tokens say one thing of so many tokens at most, so often, over so many in all. It measures LOOP.
LONGEST_PERIOD, LEAST_TURNS, LEAST_LOOP_TOKENS = 40, 3, 36
LOOP = 0.99
TAIL_TOKENS, TAIL_CHARS = LONGEST_PERIOD * LEAST_TURNS + 1, 1500
NEAR_END, KEY_CHARS = 28, 8  # of a loop these characters near its end come again in each turn: few texts have such
CODE = r"(?s)```.*?(?:```|\z)"
# Lines that repeat by right, also outside a fence: rows of tables, markup, statements, lists of numbers. And the
# numbers of a list, which make items differ that say the same.
NO_PROSE = r"(?m)^.*(?:\||</?[a-zA-Z][^<>\n]*>|&lt;|[{};]\s*$).*$|^[^\p{L}\n]*$|\[[^\p{L}\n]*\]|^[ \t]*\d{1,3}[.)、）]"
IS_BLANK = np.array([chr(code).isspace() for code in range(0x3002)])  # by code point; there is none above U+3000
ROWS = 512  # measured at once: their n-grams and the table of `_repeats` stay in the cache
TABLE_BITS = 18
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd (Knuth, TAOCP vol. 3, 6.4)

Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


class Symbols(NamedTuple):
    """Tokens or characters of many texts, one after the other, each with the row that it is of."""

    hashes: Hashes
    rows: Rows  # ascending


def measure_repetition(answers: pl.Series) -> pl.DataFrame:
    """token_repetition (4-grams) and char_repetition (10-grams) of each text, in order; 0.0 where it is too short.

    token_repetition is 0.99 or more where the text ends in a loop.

    Code blocks, markup, tables, lines without a letter and the numbers of lists are left out. Tokens are those of
    `tasks.core.text.tokens`, characters are code points with whitespace folded to one blank: right for Chinese as
    well. N-grams are told apart by a 64-bit hash of them and their row: two that differ count as equal once in some
    10^19 pairs.
    """
    prose = pl.col("text").fill_null("").str.replace_all(CODE, " ").str.replace_all(NO_PROSE, " ")
    texts = answers.alias("text").to_frame().select(prose).with_row_index("row")
    long = texts.filter(pl.col("text").str.len_chars() >= LEAST_CHARS)
    rows = long["row"].cast(pl.Int64).to_numpy()
    by_token = _shares(_tokens(long["text"], rows), len(texts), TOKEN_GRAM, LEAST_TOKEN_GRAMS)
    by_char = _shares(_characters(long["text"], rows), len(texts), CHAR_GRAM, LEAST_CHAR_GRAMS)
    loops = _end_in_loop(answers)
    by_token[loops] = np.maximum(by_token[loops], LOOP)
    return pl.DataFrame({"token_repetition": by_token, "char_repetition": by_char})


def _end_in_loop(texts: pl.Series) -> Rows:
    """The rows whose last tokens, but for one that may be cut off, are one run with a letter in it, over and over."""
    text = pl.col("text")
    tails = (
        texts.alias("text").to_frame().with_row_index("row")
        .filter(text.str.len_chars() >= LEAST_CHARS)
        .with_columns(text.str.slice(-TAIL_CHARS))
        .filter(text.str.count_matches(text.str.slice(-NEAR_END, KEY_CHARS), literal=True) >= LEAST_TURNS)
        .with_columns(tokens(text).list.tail(TAIL_TOKENS))
        .filter(text.list.len() >= LEAST_LOOP_TOKENS)
    )  # fmt: skip
    found = [row for row, words in tails.iter_rows() if _is_loop(words) or _is_loop(words[:-1])]
    return np.array(found, dtype=np.int64)


def _is_loop(words: list[str]) -> bool:
    for period in range(1, min(LONGEST_PERIOD, len(words) // LEAST_TURNS) + 1):
        loop = words[-max(LEAST_LOOP_TOKENS, LEAST_TURNS * period) :]
        if len(loop) >= LEAST_LOOP_TOKENS and loop[period:] == loop[:-period]:
            return any(word.isalpha() for word in loop)
    return False


def _tokens(texts: pl.Series, rows: Rows) -> Symbols:
    found = texts.to_frame("text").select(tokens(pl.col("text"))).to_series()
    return Symbols(found.explode().hash().to_numpy(), np.repeat(rows, found.list.len().to_numpy()))


def _characters(texts: pl.Series, rows: Rows) -> Symbols:
    """Each run of whitespace is one blank."""
    codes = np.frombuffer("".join(texts.to_list()).encode("utf-32-le"), dtype=np.uint32)
    of = np.repeat(rows, texts.str.len_chars().to_numpy())
    is_blank = IS_BLANK[np.minimum(codes, len(IS_BLANK) - 1)]
    is_kept = np.ones(len(codes), dtype=bool)
    is_kept[1:] = ~(is_blank[1:] & is_blank[:-1] & (of[1:] == of[:-1]))
    folded = np.where(is_blank, np.uint32(ord(" ")), codes)
    return Symbols(_scramble(folded[is_kept].astype(np.uint64)), of[is_kept])


def _shares(symbols: Symbols, n_rows: int, n: int, least: int) -> Shares:
    """Of each row's n-grams the share that occurred before in it: (n_rows,)."""
    n_grams, n_repeats = np.zeros(n_rows, dtype=np.int64), np.zeros(n_rows, dtype=np.int64)
    for first in range(0, n_rows, ROWS):
        start, stop = np.searchsorted(symbols.rows, [first, first + ROWS])
        grams = _ngrams(Symbols(symbols.hashes[start:stop], symbols.rows[start:stop] - first), n)
        part = slice(first, first + ROWS)
        n_grams[part] = np.bincount(grams.rows, minlength=ROWS)[: n_rows - first]
        n_repeats[part] = np.bincount(_repeats(grams), minlength=ROWS)[: n_rows - first]
    return np.where(n_grams >= least, n_repeats / np.maximum(n_grams, 1), 0.0)


def _ngrams(symbols: Symbols, n: int) -> Symbols:
    """All runs of `n` symbols within a row; the hash of one tells its row, too."""
    hashes, rows = symbols
    ends = max(0, len(hashes) - n + 1)
    grams = hashes[:ends].copy()
    for k in range(1, n):
        grams *= MULTIPLIER
        grams += hashes[k : k + ends]
    whole = np.flatnonzero(rows[:ends] == rows[len(rows) - ends :])
    of = rows[whole]
    return Symbols(_scramble(grams[whole]) + _scramble(of.astype(np.uint64)), of)


def _scramble(values: Hashes) -> Hashes:
    """Spread over all bits, one to one."""
    values = (values ^ (values >> np.uint64(32))) * MULTIPLIER
    return values ^ (values >> np.uint64(29))


def _repeats(grams: Symbols) -> Rows:
    """The row of every n-gram that occurred before.

    Without sorting, which costs several times as much. All n-grams are written to a table, each at the place that some
    bits of its hash name, and the last one there stays. One that finds its equal there repeats it; one that finds
    another goes into the next round, where other bits count.
    """
    table = np.empty(1 << TABLE_BITS, dtype=np.int64)
    hashes, rows = grams
    found = []
    while len(hashes):
        place = (hashes >> np.uint64(64 - TABLE_BITS)).astype(np.int64)
        index = np.arange(len(hashes))
        table[place] = index
        last = table[place]
        overwritten = np.flatnonzero(last != index)
        is_repeat = hashes[overwritten] == hashes[last[overwritten]]
        found.append(rows[overwritten[is_repeat]])
        left = overwritten[~is_repeat]
        hashes, rows = hashes[left] * MULTIPLIER, rows[left]
    return np.concatenate([*found, np.empty(0, dtype=np.int64)])
