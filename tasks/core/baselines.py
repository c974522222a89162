"""What a model without attention says of answer tokens: a unigram, and an interpolated Kneser-Ney n-gram model.

Both learn from the answer tokens of train only, and give nats for each answer token of other rows.

    unigram  p(w) = (n(w) + 1) / (N + V), for N answer tokens and a vocabulary of V
    n-gram   p(w | c) = (max(n(c w) - D, 0) + D · n(c ·) · p(w | c')) / n(c) where c was seen, else p(w | c')

c is the tokens ahead of w in its row, at most order - 1 of them, the prompt's and the roles' too; c' is c without its
first token, and below the shortest c lies 1 / V, so that every token has a probability. At the highest order n(c w)
counts occurrences, at a lower one the different tokens that were seen ahead of c w (the continuation counts of Kneser
and Ney 1995, "Improved backing-off for M-gram language modeling"). n(c ·) is how many different w were seen after c,
n(c) the sum of n(c w) over them. Each order has its discount D = n1 / (n1 + 2 n2), where n1 and n2 n-grams have the
count 1 and 2; interpolation and D as in Chen and Goodman 1999, "An empirical study of smoothing techniques for language
modeling", Computer Speech and Language 13, 359-394. Where no n-gram has the count 1 (as when every row is there
twice) that D is 0 and would leave nothing for what was never seen: FALLBACK_DISCOUNT then takes its place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.core.errors import ParamsError, SourceError
from tasks.core.tokens import TokenRows

U64 = NDArray[np.uint64]
F64 = NDArray[np.float64]
FALLBACK_DISCOUNT = 0.5
BLOCK = 1 << 20  # tokens read at once: bounds memory, changes no figure
KEY_BITS = 63  # of an n-gram; the 64th is spare, so that the key behind the last one is a number too


@dataclass(frozen=True)
class Unigram:
    """Nats of every token of the vocabulary, whatever stands ahead of it."""

    nats_of_token: F64  # (vocab_size,)

    def nats(self, rows: TokenRows) -> F64:
        """(answer tokens,) nats of each, in reading order; raises SourceError for a token outside the vocabulary."""
        blocks = [self.nats_of_token[tokens] for tokens in _answer_tokens(rows, len(self.nats_of_token))]
        return np.concatenate([np.empty(0), *blocks])


def unigram(train: TokenRows, vocab_size: int) -> Unigram:
    """Learn how often each token is among the answer tokens of `train`, each counted once more than it is there.

    Raises SourceError for a token outside the vocabulary.
    """
    counts = np.ones(vocab_size, np.int64)
    for tokens in _answer_tokens(train, vocab_size):
        counts += np.bincount(tokens, minlength=vocab_size)
    return Unigram(np.log(counts.sum()) - np.log(counts))


@dataclass(frozen=True)
class Order:
    """The n-grams of one length, by key, so that those of one context stand together."""

    keys: U64  # (n-grams,) ascending
    before: NDArray[Any]  # (n-grams + 1,) unsigned; sum of the counts of all n-grams ahead of this one
    discount: float

    def interpolate(self, wanted: U64, lower: F64, bits: int) -> F64:
        """(wanted,) the probability of each n-gram's last token, given `lower`, that of the next lower order."""
        shift = np.uint64(bits)
        distinct, place = np.unique(wanted, return_inverse=True)  # a search in order is ten times as fast
        context = distinct >> shift
        first = np.searchsorted(self.keys, context << shift)
        behind = np.searchsorted(self.keys, (context + np.uint64(1)) << shift)
        at = np.searchsorted(self.keys, distinct)
        count = self.before[np.searchsorted(self.keys, distinct, side="right")] - self.before[at]
        total = self.before[behind] - self.before[first]
        divisor = np.maximum(total, 1)
        seen = np.maximum(count - self.discount, 0) / divisor
        share = np.where(total > 0, self.discount * (behind - first) / divisor, 1)
        probability: F64 = seen[place] + share[place] * lower
        return probability


@dataclass(frozen=True)
class Ngram:
    """An interpolated Kneser-Ney model."""

    orders: tuple[Order, ...]  # from unigrams up
    vocab_size: int

    def nats(self, rows: TokenRows) -> F64:
        """(answer tokens,) nats of each, in reading order; raises SourceError for a token outside the vocabulary."""
        bits = self.vocab_size.bit_length()
        found = [np.empty(0)]
        for keys in _keys(rows, self.vocab_size, len(self.orders)):
            probability = np.full(len(keys), 1 / self.vocab_size)
            for length, order in enumerate(self.orders, start=1):
                probability = order.interpolate(keys & _mask(length * bits), probability, bits)
            found.append(-np.log(probability))
        return np.concatenate(found)


def ngram(train: TokenRows, vocab_size: int, order: int = 3) -> Ngram:
    """Learn the n-grams that end in an answer token of `train`.

    Takes at most about 30 bytes of memory an answer token. Raises ParamsError for an `order` below 1, or too high for
    the vocabulary (an n-gram has 63 bits), and SourceError for a token outside the vocabulary.
    """
    bits = vocab_size.bit_length()  # holds vocab_size itself, too: it stands for what is ahead of a row
    if order < 1 or order * bits > KEY_BITS:
        raise ParamsError(
            f"order: {order} with a vocabulary of {vocab_size}; expected 1 to {KEY_BITS // bits} ({bits} bits a token, "
            f"{KEY_BITS} an n-gram)"
        )
    keys = np.empty(np.count_nonzero(train.has_loss), np.uint64)
    filled = 0
    for block in _keys(train, vocab_size, order):
        keys[filled : filled + len(block)] = block
        filled += len(block)
    found: list[Order] = []
    for length in range(order, 0, -1):
        found.append(_counted(keys))
        shorter = keys[: len(found[-1].keys)]  # their place is free: a new one would be as large
        keys = np.bitwise_and(found[-1].keys, _mask((length - 1) * bits), out=shorter)
    return Ngram(tuple(reversed(found)), vocab_size)


Baseline = Unigram | Ngram


def row_losses(rows: TokenRows, nats: F64) -> pl.DataFrame:
    """id, loss: the mean of `nats` (answer tokens,) over those of each row; NaN for a row that has none.

    In the order of `rows`. Raises ValueError when `nats` are not as many as the answer tokens.
    """
    ends = np.searchsorted(np.flatnonzero(rows.has_loss), rows.offsets)
    if len(nats) != ends[-1]:
        raise ValueError(f"nats: {len(nats)} of them; expected one for each of {ends[-1]} answer tokens")
    n_tokens = np.diff(ends)
    sums = np.bincount(np.repeat(np.arange(len(rows)), n_tokens), weights=nats, minlength=len(rows))
    return rows.rows.select("id", loss=pl.Series(sums, dtype=pl.Float64) / pl.Series(n_tokens, dtype=pl.Float64))


def _counted(keys: U64) -> Order:
    """The different keys and how often each is there. Sorts `keys` in place: a copy would double the memory."""
    keys.sort()
    is_first = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    # the narrowest integer that holds them: there are as many as n-grams
    before = np.full(np.count_nonzero(is_first) + 1, len(keys), np.min_scalar_type(len(keys)))
    before[:-1] = np.flatnonzero(is_first)
    counts = np.diff(before)
    once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    return Order(keys[is_first], before, float(once / (once + 2 * twice)) if once else FALLBACK_DISCOUNT)


def _keys(rows: TokenRows, vocab_size: int, order: int) -> Iterator[U64]:
    """Blocks of the n-grams that end in an answer token, in reading order: the last token in the lowest bits."""
    bits, offsets = vocab_size.bit_length(), rows.offsets
    for at in _answer_positions(rows):
        row_start = offsets[np.searchsorted(offsets, at, side="right") - 1]
        keys = np.zeros(len(at), np.uint64)
        for back in range(order):
            inside = at - back >= row_start
            tokens = _known(rows.tokens[np.where(inside, at - back, at)], vocab_size)
            keys |= np.where(inside, tokens, vocab_size).astype(np.uint64) << np.uint64(back * bits)
        yield keys


def _answer_tokens(rows: TokenRows, vocab_size: int) -> Iterator[NDArray[Any]]:
    """Blocks of the answer tokens, in reading order."""
    for at in _answer_positions(rows):
        yield _known(rows.tokens[at], vocab_size)


def _answer_positions(rows: TokenRows) -> Iterator[NDArray[np.int64]]:
    has_loss = rows.has_loss
    for start in range(0, len(has_loss), BLOCK):
        yield np.flatnonzero(has_loss[start : start + BLOCK]) + start


def _known(tokens: NDArray[Any], vocab_size: int) -> NDArray[Any]:
    if len(tokens) and (highest := int(tokens.max())) >= vocab_size:
        raise SourceError(f"tokens: the id {highest}; expected ids below {vocab_size}, the tokenizer's vocabulary size")
    return tokens


def _mask(bits: int) -> np.uint64:
    return np.uint64((1 << bits) - 1)
