"""Where the words of a text stand in it: n-grams are found by the numbers of words, and shown as the text has them."""

import polars as pl

from tasks.core.hashes import token_hashes
from tasks.core.text import TURN, tokens

SPAN_CHARS = 300  # of each text shown
CONTEXT_CHARS = 40  # shown before a span
HALF_WIDTH = {full: chr(full - 0xFEE0) for full in range(0xFF01, 0xFF5F)}


def excerpts(texts: pl.Series, firsts: pl.Series, lasts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """`span`: the words `first` up to, not including, `last` of each text, as it has them; `around`: from a bit before.

    Both are cut; the texts' turns are joined by `TURN`, which is shown as the end of a line.
    """
    of_texts = texts.to_frame("text").select(tokens(pl.col("text")))["text"]
    spans, around = [], []
    for text, its_tokens, first, last in zip(texts, of_texts.to_list(), firsts, lasts, strict=True):
        places = word_places(text, its_tokens)
        begin, end = (places[first][0], places[last - 1][1]) if first < last else (0, len(text))
        spans.append(text[begin : min(end, begin + SPAN_CHARS)].replace(TURN, "\n"))
        around.append(text[max(0, begin - CONTEXT_CHARS) :][:SPAN_CHARS].replace(TURN, "\n"))
    return pl.Series("span", spans, dtype=pl.String), pl.Series("around", around, dtype=pl.String)


def word_places(text: str, its_tokens: list[str]) -> list[tuple[int, int]]:
    """Where each word begins and ends, from the tokens of `text`: they stand in it in their order, folded.

    A word whose lower case has another length or depends on its neighbours is an empty span where it would begin.
    """
    folded = "".join(c.lower() if len(c.lower()) == 1 else c for c in text.translate(HALF_WIDTH))
    places, cursor, n_missed = [], 0, 0  # letters of the words that were not found since the last that was
    for token in its_tokens:
        begin = folded.find(token, cursor)
        if begin < 0 or sum(map(str.isalnum, folded[cursor:begin])) > n_missed:  # a later word that is equal
            begin, end, n_missed = cursor, cursor, n_missed + len(token)
        else:
            end = cursor = begin + len(token)
            n_missed = 0
        if token_hashes(token)[1]:
            places.append((begin, end))
    return places
