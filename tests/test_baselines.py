"""The unigram and the n-gram model say what their formulas say, and never more than all of the probability."""

import math
from collections import Counter, defaultdict

import numpy as np
import polars as pl
import pytest

from tasks.core import baselines
from tasks.core.baselines import FALLBACK_DISCOUNT, ngram, row_losses, unigram
from tasks.core.errors import ParamsError, SourceError
from tasks.core.schema import examples_frame
from tasks.core.tokens import TokenRows, encode_examples, train_tokenizer

PAIRS = [
    ("中国的首都是哪里？", "北京是中国的首都。"),
    ("把“谢谢”译成英文", "Thank you."),
    ("写一句祝福", "愿你平安喜乐，万事胜意，万事如意。"),
    ("What is the capital of France?", "Paris is the capital of France."),
    ("Translate 'cat' into Chinese", "猫"),
    ("Say hello", "Hello! How can I help you today?"),
]
OTHERS = [("北京是哪里的首都？", "北京是中国的首都，平安。"), ("Who is in Paris?", "You! 谢谢 the cat."), ("空", "")]
VOCAB_SIZE = 300


def encoded(pairs: list[tuple[str, str]]) -> TokenRows:
    """Byte-level, for the tokenizer has room for few merges."""
    rows = [
        {
            "id": f"r{i}",
            "language": "zh" if question > "一" else "en",
            "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
        }
        for i, (question, answer) in enumerate(pairs)
    ]
    return encode_examples(examples_frame(rows), train_tokenizer([str(PAIRS)] * 2, VOCAB_SIZE))


def token_rows(*rows: tuple[list[int], list[int]]) -> TokenRows:
    """Each row: its tokens, and the weight of the loss of each."""
    table = pl.DataFrame({"id": [f"r{i}" for i in range(len(rows))], "n_tokens": [len(tokens) for tokens, _ in rows]})
    tokens, flags = ([value for row in rows for value in row[part]] for part in (0, 1))
    return TokenRows(table, np.array(tokens, np.uint16), np.array(flags, np.float16))


def grams(rows: TokenRows, n: int) -> list[tuple[int, ...]]:
    """The n-grams that end in an answer token; -1 stands for what is ahead of a row."""
    padded = [([-1] * (n - 1) + tokens.tolist(), has_loss) for tokens, has_loss in (rows[i] for i in range(len(rows)))]
    return [tuple(tokens[at : at + n]) for tokens, has_loss in padded for at in range(len(has_loss)) if has_loss[at]]


def by_hand(train: TokenRows, order: int, vocab_size: int):
    """Interpolated Kneser-Ney as in the textbook: dictionaries, sets and recursion."""
    counts = {order: Counter(grams(train, order))}
    for n in range(order - 1, 0, -1):
        ahead = defaultdict(set)
        for gram in counts[n + 1]:
            ahead[gram[1:]].add(gram[0])
        counts[n] = Counter({gram: len(tokens) for gram, tokens in ahead.items()})

    def probability(gram: tuple[int, ...]) -> float:
        if not gram:
            return 1 / vocab_size
        of_order = counts[len(gram)]
        followers = {g: count for g, count in of_order.items() if g[:-1] == gram[:-1]}
        if not followers:
            return probability(gram[1:])
        n1, n2 = (sum(count == times for count in of_order.values()) for times in (1, 2))
        discount = n1 / (n1 + 2 * n2) if n1 else FALLBACK_DISCOUNT
        own = max(of_order.get(gram, 0) - discount, 0)
        return (own + discount * len(followers) * probability(gram[1:])) / sum(followers.values())

    return probability


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_an_ngram_model_says_what_a_plain_one_of_dictionaries_says(order):
    train, others = encoded(PAIRS), encoded(OTHERS)
    model, probability = ngram(train, VOCAB_SIZE, order), by_hand(train, order, VOCAB_SIZE)
    for rows in (train, others):
        expected = [-math.log(probability(gram)) for gram in grams(rows, order)]
        assert model.nats(rows) == pytest.approx(expected, abs=1e-9)
    assert others.has_loss.sum() > 30


def test_a_unigram_adds_one_to_each_count():
    model = unigram(token_rows(([3, 1, 1, 2], [0, 1, 1, 1]), ([1, 3], [1, 0])), vocab_size=4)
    assert np.exp(-model.nats_of_token) == pytest.approx([1 / 8, 4 / 8, 2 / 8, 1 / 8])
    assert model.nats(token_rows(([1, 2, 0], [0, 1, 1]))) == pytest.approx([math.log(4), math.log(8)])


CONTEXTS = {
    "seen": ([1, 2], True),
    "whose last token alone was seen": ([3, 2], True),
    "never seen": ([4, 4], True),
    "at the beginning of a row": ([], True),
    "one token behind the beginning": ([1], True),
}


@pytest.mark.parametrize("context", [tokens for tokens, _ in CONTEXTS.values()], ids=CONTEXTS)
@pytest.mark.parametrize("times", [1, 2])  # twice each: no n-gram of the highest order has the count 1
def test_the_probabilities_of_all_tokens_in_a_context_come_to_one(context, times):
    vocab_size = 6
    seen = [([1, 2, 3, 1, 2, 1], [0, 0, 1, 1, 1, 1]), ([1, 0, 2], [1, 1, 1]), ([0, 1, 2, 3], [0, 0, 1, 1])] * times
    every = token_rows(*(([*context, token], [0] * len(context) + [1]) for token in range(vocab_size)))
    train = token_rows(*seen)
    for model in (unigram(train, vocab_size), *(ngram(train, vocab_size, order) for order in (1, 2, 3))):
        assert np.exp(-model.nats(every)).sum() == pytest.approx(1, abs=1e-12)
        assert np.isfinite(model.nats(every)).all()


def test_the_context_is_of_the_same_row_and_may_be_the_prompt():
    train = token_rows(([1, 2, 3], [0, 0, 1]), ([4, 5], [0, 1]), ([1, 2, 3], [0, 0, 1]))
    model = ngram(train, 6, 3)
    after_prompt, at_start, after_other_row = (
        model.nats(token_rows(*rows))[-1]
        for rows in ([([1, 2, 3], [0, 0, 1])], [([3], [1])], [([1, 2], [0, 0]), ([3], [1])])
    )
    assert after_prompt < at_start - 0.5
    assert after_other_row == at_start


def test_what_follows_its_context_is_likelier_to_an_ngram_than_to_a_unigram():
    train = encoded(PAIRS)
    assert ngram(train, VOCAB_SIZE).nats(train).mean() < 0.5 * unigram(train, VOCAB_SIZE).nats(train).mean()


def test_blocks_change_nothing(monkeypatch):
    train, others = encoded(PAIRS), encoded(OTHERS)
    models = [unigram(train, VOCAB_SIZE), ngram(train, VOCAB_SIZE)]
    whole = [model.nats(others) for model in models]
    monkeypatch.setattr(baselines, "BLOCK", 7)
    models = [unigram(train, VOCAB_SIZE), ngram(train, VOCAB_SIZE)]
    for model, expected in zip(models, whole, strict=True):
        np.testing.assert_array_equal(model.nats(others), expected)


def test_memory_mapped_rows_give_the_same(tmp_path):
    train = encoded(PAIRS)
    train.write(tmp_path / "train")
    mapped = TokenRows.read(tmp_path / "train")
    for fit in (unigram, ngram):
        np.testing.assert_array_equal(fit(mapped, VOCAB_SIZE).nats(mapped), fit(train, VOCAB_SIZE).nats(train))


def test_without_answers_every_token_is_as_likely():
    nothing, rows = token_rows(([1, 2], [0, 0]), ([], [])), token_rows(([1, 2], [1, 1]))
    for model in (unigram(nothing, 8), ngram(nothing, 8), ngram(token_rows(), 8)):
        assert model.nats(rows) == pytest.approx([math.log(8)] * 2)
        assert len(model.nats(nothing)) == 0


def test_large_vocabularies_fit_an_order_of_three():
    rows = TokenRows(
        pl.DataFrame({"n_tokens": [4]}), np.array([199_999, 0, 199_999, 7], np.uint32), np.ones(4, np.float16)
    )
    probability = by_hand(rows, 3, 200_000)
    expected = [-math.log(probability(gram)) for gram in grams(rows, 3)]
    assert ngram(rows, 200_000, 3).nats(rows) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("order", [0, 4])
def test_an_order_that_fits_no_key_is_refused(order):
    with pytest.raises(ParamsError, match=f"order: {order} with a vocabulary of 200000; expected 1 to 3"):
        ngram(token_rows(([1], [1])), 200_000, order)


@pytest.mark.parametrize("tokens", [[9, 1], [1, 9]], ids=["in a context", "in an answer"])
def test_a_token_outside_the_vocabulary_is_refused(tokens):
    rows, known = token_rows((tokens, [0, 1])), token_rows(([1], [1]))
    with pytest.raises(SourceError, match="the id 9; expected ids below 9"):
        ngram(rows, 9)
    with pytest.raises(SourceError, match="the id 9; expected ids below 9"):
        ngram(known, 9).nats(rows)
    if tokens[1] == 9:
        with pytest.raises(SourceError, match="the id 9"):
            unigram(rows, 9)


def test_losses_of_rows_are_means_and_nan_where_a_row_has_no_answer():
    rows = token_rows(([1, 2, 3], [0, 1, 1]), ([], []), ([1, 2], [0, 0]), ([5, 1], [1, 0]))
    losses = row_losses(rows, np.array([1.0, 2.0, 0.25]))
    assert losses["id"].to_list() == ["r0", "r1", "r2", "r3"]
    np.testing.assert_array_equal(losses["loss"].to_numpy(), [1.5, math.nan, math.nan, 0.25])
    with pytest.raises(ValueError, match="2 of them; expected one for each of 3 answer tokens"):
        row_losses(rows, np.array([1.0, 2.0]))
