"""Hashes of tokens and of n-grams for whole columns of text: the same on every machine and in every version.

A token's hash is BLAKE2b of its UTF-8 bytes, 64 bits. The hash of tokens t0 … tk in a row is t0 + t1·B + … + tk·B^k
modulo 2^64 (Karp and Rabin 1987), so that any run of any length comes from two prefix sums. What is written to a file
is sealed: SipHash-2-4 of that number under a key (Aumasson and Bernstein 2012, "SipHash: a fast short-input PRF").

Words are what n-grams are made of: a token's letters, marks and digits in NFKC. Signs are no words, so neither Markdown
nor the brackets of a choice part an n-gram; whole texts are compared with their signs, for 5 - 3 is not 5 + 3 and C#
not C, but without Markdown's headings, list marks, quotes and bold.
"""

import unicodedata
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.core.text import TURN, tokens

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
VERSION = "1"  # of tokens and words: to be raised when a text gives other ones, for then old fingerprints find nothing
MULTIPLIER = 0x9E3779B97F4A7C15  # B: odd, so that it has an inverse; 2^64 / golden ratio
INVERSE = pow(MULTIPLIER, -1, 1 << 64)
MARKDOWN = r"\*\*|(?m:^[ \t]*(?:#{1,6}|[-*+>]) )"
BLOCK = 16_384  # values sealed at once: they stay in the processor's cache


class Hashed(NamedTuple):
    """Texts as hashes, one text behind the other; text i has values[starts[i] : starts[i + 1]]."""

    words: U64
    word_starts: I64  # (texts + 1,)
    tokens: U64  # signs too, without the marks between turns
    turns: I64  # (turns, 5): text, first token, behind the last token, first word, behind the last word


@lru_cache(maxsize=1 << 18)
def token_hashes(token: str) -> tuple[int, int]:
    """The hashes of a token and of its word; 0 where it is none. The mark between turns is a word only."""
    if token == TURN:
        return 0, _blake(token)
    composed = unicodedata.normalize("NFKC", token)
    word = composed if composed.isalnum() else "".join(c for c in composed if unicodedata.category(c)[0] in "LMN")
    of_token = _blake(token)
    return of_token, of_token if word == token else _blake(word)


def _blake(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") if text else 0


def hashed(texts: pl.Series) -> Hashed:
    """The tokens of texts whose turns are joined by `TURN`, as hashes."""
    plain = pl.col("text").str.replace_all(MARKDOWN, " ")
    lists = texts.to_frame("text").select(tokens(plain))["text"]
    starts = _offsets(lists.list.len().to_numpy())
    flat = lists.explode().drop_nulls().cast(pl.Categorical)
    codes, distinct = flat.to_physical().to_numpy(), flat.unique()
    by_code = np.zeros((int(codes.max(initial=0)) + 1, 2), dtype=np.uint64)
    of_distinct = chain.from_iterable(map(token_hashes, distinct.cast(pl.String).to_list()))
    by_code[distinct.to_physical().to_numpy()] = np.fromiter(of_distinct, dtype=np.uint64).reshape(-1, 2)
    of_tokens, of_words = by_code[codes, 0], by_code[codes, 1]
    is_token, is_word = of_tokens != 0, of_words != 0
    is_turn = np.flatnonzero(of_words == np.uint64(token_hashes(TURN)[1]))
    token_at, word_at = _offsets(is_token), _offsets(is_word)
    begins, ends = (np.sort(np.concatenate(bounds)) for bounds in ((starts[:-1], is_turn + 1), (is_turn, starts[1:])))
    text = np.repeat(np.arange(len(texts)), np.diff(np.searchsorted(is_turn, starts)) + 1)
    turns = np.stack([text, token_at[begins], token_at[ends], word_at[begins], word_at[ends]], axis=1)
    return Hashed(of_words[is_word], word_at[starts], of_tokens[is_token], turns)


def whole_prompts(texts: Hashed) -> I64:
    """What of a row may be an item's whole prompt: each turn but the last, and all of these; bounds as in `turns`."""
    turns = texts.turns[:-1][texts.turns[:-1, 0] == texts.turns[1:, 0]]  # another turn of the row follows
    _, begins = np.unique(turns[:, 0], return_index=True)
    ends = np.append(begins[1:], len(turns)) - 1
    whole = np.where([True, True, False, True, False], turns[begins], turns[ends])
    several = whole[begins < ends]
    found = np.concatenate([turns, several])
    return found[found[:, 1] < found[:, 2]]


def _offsets(lengths: NDArray[np.generic]) -> I64:
    """Where each begins, and where the last ends."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)])


class Runs:
    """The hashes of runs of `values`, by prefix sums."""

    def __init__(self, values: U64) -> None:
        self.sums = np.zeros(len(values) + 1, dtype=np.uint64)
        np.cumsum(values * _powers(MULTIPLIER, len(values)), out=self.sums[1:])
        self.inverses = _powers(INVERSE, len(values) + 1)

    def hashes(self, starts: I64, n: int | I64) -> U64:
        """The hashes of the runs of `n` values that begin at `starts`."""
        result: U64 = (self.sums[starts + n] - self.sums[starts]) * self.inverses[starts]
        return result

    def every(self, n: int) -> U64:
        """The hashes of all runs of `n` values, by where they begin."""
        count = max(0, len(self.sums) - n)
        result: U64 = (self.sums[n:] - self.sums[:count]) * self.inverses[:count]
        return result


def _powers(base: int, count: int) -> U64:
    """base^0, base^1 … modulo 2^64, `count` of them."""
    factors = np.full(count, base, dtype=np.uint64)
    factors[:1] = 1
    return np.cumprod(factors)


def run_starts(begins: I64, lengths: I64, n: int | I64) -> tuple[I64, I64]:
    """All places where `n` values of one text stand in a row: the texts' numbers, and where the runs begin.

    A text begins at `begins` and has `lengths` values; `n` may differ by text.
    """
    counts = np.maximum(lengths - n + 1, 0)
    texts = np.repeat(np.arange(len(counts)), counts)
    return texts, np.arange(len(texts)) + np.repeat(begins - (np.cumsum(counts) - counts), counts)


def seal(values: U64, salt: str) -> U64:
    """SipHash-2-4 of each value (8 bytes, little-endian) under the first 16 bytes of BLAKE2b of `salt`."""
    key = blake2b(salt.encode(), digest_size=16).digest()
    return siphash(values, int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little"))


def siphash(values: U64, k0: int, k1: int) -> U64:
    """SipHash-2-4 of messages of 8 bytes each."""
    keys = (k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573)
    last = np.uint64(8 << 56)  # the block behind the message: its length in the highest byte
    sealed = np.empty_like(values)
    for begin in range(0, len(values), BLOCK):
        block = values[begin : begin + BLOCK]
        v0, v1, v2, v3 = (np.full_like(block, key) for key in keys)
        for message in (block, last):
            v3 = v3 ^ message
            v0, v1, v2, v3 = _rounds(2, v0, v1, v2, v3)
            v0 = v0 ^ message
        v0, v1, v2, v3 = _rounds(4, v0, v1, v2 ^ np.uint64(0xFF), v3)
        sealed[begin : begin + BLOCK] = v0 ^ v1 ^ v2 ^ v3
    return sealed


def _rounds(n: int, v0: U64, v1: U64, v2: U64, v3: U64) -> tuple[U64, U64, U64, U64]:
    for _ in range(n):
        v0, v2 = v0 + v1, v2 + v3
        v1, v3 = _rotated(v1, 13) ^ v0, _rotated(v3, 16) ^ v2
        v0, v2 = _rotated(v0, 32) + v3, v2 + v1
        v3, v1 = _rotated(v3, 21) ^ v0, _rotated(v1, 17) ^ v2
        v2 = _rotated(v2, 32)
    return v0, v1, v2, v3


def _rotated(values: U64, bits: int) -> U64:
    return (values << np.uint64(bits)) | (values >> np.uint64(64 - bits))
