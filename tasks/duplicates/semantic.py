"""Pairs of conversations that say the same in other words, by the cosine of their embeddings (wordllama, offline).

The model is a bag of words: a text's vector is the mean of its tokens' vectors, so order, numbers and a single "not"
hardly move it, and two rows of one template with other material in it are near. A cosine alone is no proof.
`similarity` is therefore the least cosine of the whole conversation and of each of its turns, and these must be equal:

- the language (unless `semantic_across_languages`) and the number of turns;
- in each turn, in order: numbers (five = 5 = 五; the marks of a list aside), signs (+ / % = < > [ ] { } and the like)
  and negations (not, without, 不, 没 …);
- in each turn but the last, all that follows its first line or colon, word for word: it is what a request is about, and
  the model sees little of it (Sort by colour: carrot, tomato);
- a turn of fewer than `LEAST_TOKENS` tokens, word for word: 继续 and 谢谢, Yes and No. A row whose last turn is that
  short is in no pair: a label says little, and its prompt differs from another in the one word that counts.

Two turns with the same words in another order are no pair either (A beats B, B beats A), nor is a row of one turn.

Measured: 198,571 rows of public instruction data and of Tatoeba, half of them Chinese. Pairs that are not near anyway
(Jaccard of 3-grams below 0.8) were drawn at random and read; right = the same is asked, and either answer would do:

| right of those read | 0.85 to 0.9 | 0.9 to 0.95 | from 0.95 |
|---|---|---|---|
| English, prompt and answer | 36 of 40 | 58 of 60 | 17 of 18 (all) |
| Chinese, prompt and answer | 30 of 30 | 60 of 60 | 30 of 30 |
| English, one sentence alone | - | 27 of 40 | 31 of 40 |
| Chinese, one sentence alone | - | 20 of 40 | 27 of 40 |

Nearly all the Chinese pairs are two translations of one row: at 0.9, 38 % of a second translation's rows are found.
Within one source (52,000 rows of each language) they are rarer and less sure: at 0.9 11 English pairs (10 right) and 3
Chinese (3), at 0.85 52 (3 in 4 right) and 24 (19). With the model's own vectors and the cosine of the whole alone 1,386
English pairs were found at 0.9, 9 of 28 of them right, and 6 million Chinese. Hence 0.9, in both languages.
It stands for what is said again nearly in the same words, not for every paraphrase. Across languages the model sees
little: a row and its translation have a cosine of 0.26 (median), and 2 of 5,000 are a pair at 0.9. 103,905 rows take
14 CPU seconds with one thread and 0.8 GiB; the cells of 20,000 rows missed none of 1,615 English and 3,067 Chinese
pairs of whole conversations at 0.85 (tests/benchmarks/test_semantic_real.py).
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.core.errors import ParamsError
from tasks.core.text import TURN, normalised

LANGUAGES = ("en", "zh")  # for which precision was measured; rows in others are in no pair
LEAST_TOKENS = 6  # of a turn, as tasks/core/text.py counts them
DECIMALS = 6  # of a similarity

# A unit vector times SCALE, rounded, has a norm of at most SCALE + 8 (256 dimensions, each off by half at most), so all
# sums of products of two of them are whole numbers below 2^24, and float32 holds each of these: the matrix product is
# exact, in whatever order and by however many threads it is summed.
SCALE = 4000
MOST_ERROR = 0.0042  # of a cosine of two such vectors: (2 * 8 * SCALE + 8 * 8) / SCALE^2, and the rounding to DECIMALS
ALL_WITH_ALL = 8192  # rows up to which all are compared with all; more are parted into cells
ROWS_PER_CELL = 512
PROBES = 12  # cells in which a row is looked for
BLOCK = 2**23  # values of a matrix product that are held at once
BATCH = 2**14  # texts, or pairs, that are worked on at once

PAIRS = pl.Schema({"a": pl.UInt32, "b": pl.UInt32, "similarity": pl.Float64})
Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

# What must be equal, as it stands in a normalised text: one space between tokens, each Han character a token.
NUMBER_WORDS = {  # one, 一 and first are left out: half of the time they count nothing
    **{"zero": "0", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8"},
    **{"nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "twenty": "20", "thirty": "30", "forty": "40"},
    **{"fifty": "50", "hundred": "100", "thousand": "1000"},
    **{"零": "0", "〇": "0", "二": "2", "两": "2", "兩": "2", "三": "3", "四": "4", "五": "5", "六": "6", "七": "7"},
    **{"八": "8", "九": "9", "十": "10", "百": "100", "千": "1000", "万": "10000", "萬": "10000", "億": "亿"},
    **{word: word for word in ("million", "billion", "half", "twice", "亿", "半", "倍")},
}
NEGATIONS = ("no", "not", "never", "none", "nothing", "neither", "nor", "without", "cannot", "except")
NEGATIONS_ZH = "不没沒无無非未勿别別莫"
SAYS_NOT = dict.fromkeys((*NEGATIONS, "n t", *NEGATIONS_ZH), "not")  # don't is two tokens
NO_NEGATION = r"非 常|[特区區差类類级級性识識分告辨个個] [别別]|[别別] 人|未 [来來]|[无無] [论論]|不 [仅僅断斷同]"
FACT = "|".join(
    (
        r"[-−]?\p{N}+(?:[.,:/'-]\p{N}+)*",
        rf"\b(?:{'|'.join((*NEGATIONS, *NUMBER_WORDS))})\b|n t\b|[{NEGATIONS_ZH}]",
        r"!=|[+/%^=<>|&@$~\\\[\]{}]|\p{Sm}|\p{Sc}",
    )
)
MATERIAL = r"(?s)\A[^\n:：]*[\n:：](.*)"  # of a turn that is answered: what follows its first line or colon
LIST_MARK = r"(?m)^[ \t]*\d{1,3}[.、)）．][ \t]*([^\s\d])"


class SemanticParams(Protocol):
    """What is needed of the params of dedup."""

    @property
    def semantic_across_languages(self) -> bool:
        """Whether rows of two languages may be a pair."""


class Model(NamedTuple):
    """Token vectors (n_tokens, 256) and the tokenizer whose ids are their rows."""

    vectors: Floats
    tokenizer: Any


def semantic_pairs(rows: pl.DataFrame, threshold: float, params: SemanticParams) -> pl.DataFrame:
    """All pairs of `rows` that say the same: a, b (keys, a < b), similarity >= `threshold`, sorted by a and b.

    `rows` has key (u32), text (the contents of the messages as they are, TURN between them) and language; `threshold`
    is above 0 and at most 1. The pairs depend neither on the order of `rows` nor on the number of threads: candidates
    are found by exact arithmetic (see SCALE), and the cosine of each is summed in float64 without BLAS and rounded to
    DECIMALS before it is compared.
    Rows that must be equal in something are compared with all that are; where that makes more than ALL_WITH_ALL rows,
    some pairs are missed.

    Raises ParamsError where wordllama is not installed.
    """
    model = load_model()
    turns = turns_of(rows)
    groups = ["must_match"] if params.semantic_across_languages else ["must_match", "language"]
    texts = (
        rows.join(must_match(turns), on="key")
        .filter(pl.len().over(groups) > 1)
        .sort(*groups, "key")
        .select("key", "text", group=pl.struct(groups).rle_id())
    )
    if texts.is_empty():
        return pl.DataFrame(schema=PAIRS)
    vectors = embedded(texts["text"].str.replace_all(TURN, " ", literal=True), model)
    sizes = texts["group"].rle().struct.field("len").to_list()
    a, b, whole = candidates(vectors, sizes, threshold)
    del vectors
    in_pairs = np.unique(np.concatenate([a, b]))
    compared = texts.with_row_index("row")[in_pairs].join(turns, on="key").sort("row", "place")
    similarity = np.minimum(
        whole, least_of_turns(compared, np.searchsorted(in_pairs, a), np.searchsorted(in_pairs, b), model)
    )
    keys = texts["key"].to_numpy()
    pairs = pl.DataFrame({"a": keys[a], "b": keys[b], "similarity": similarity}, schema=PAIRS)
    return pairs.filter(pl.col("similarity") >= threshold).sort("a", "b")


def load_model() -> Model:
    """The model that the package wordllama ships; nothing is downloaded.

    Llama's tokenizer knows 700 Han characters and spells the others in three bytes, so unrelated Chinese texts have a
    cosine of 0.57 to 0.60 (median of 200,000 random pairs; English: 0.02 to 0.04). Two things are done about that: what
    all Han characters, and all bytes, have in common is taken out of their vectors, and the first byte, which says
    nothing but "Han", counts nothing: 0.20 to 0.22.

    Raises ParamsError where the package is missing.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        import wordllama
    except ModuleNotFoundError as error:
        raise ParamsError(
            f"dedup.semantic: true needs wordllama, not installed here ({error}); expected the extra semantic "
            "(pip install 'instructflow[semantic]') or dedup.semantic: false"
        ) from None
    root.handlers[:], root.level = handlers, level  # its import sets up logging for the whole program
    loaded = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    tokenizer, vectors = loaded.tokenizer, loaded.embedding
    tokenizer.no_padding()
    vocabulary = [tokenizer.id_to_token(i) for i in range(len(vectors))]
    for kind in ("<0x[89A-F][0-9A-F]>", "▁?[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+"):
        ids = [i for i, token in enumerate(vocabulary) if re.fullmatch(kind, token)]
        vectors[ids] -= vectors[ids].mean(axis=0)
    vectors[[i for i, token in enumerate(vocabulary) if re.fullmatch("<0xE[0-9A-F]>", token)]] = 0
    return Model(vectors, tokenizer)


def embedded(texts: pl.Series, model: Model) -> Floats:
    """Unit vectors (n, 256); a text without a token has zeros. Tokens are summed in their order: no thread matters."""
    vectors = np.zeros((len(texts), model.vectors.shape[1]), np.float32)
    for begin in range(0, len(texts), BATCH):
        encoded = model.tokenizer.encode_batch_fast(texts[begin : begin + BATCH].to_list(), add_special_tokens=False)
        for i, text in enumerate(encoded, begin):
            vectors[i] = model.vectors[text.ids].sum(axis=0)
    norms = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    unit: Floats = vectors / np.maximum(norms, np.float32(1e-6))
    return unit


def turns_of(rows: pl.DataFrame) -> pl.DataFrame:
    """One line a turn: key, place, turn (as it is), words (normalised, without list marks), must_match, is_short."""
    last = pl.col("place") == pl.col("place").max().over("key")
    listed = pl.col("turn").str.replace_all(LIST_MARK, "$1")
    material = pl.when(last).then(pl.lit("")).otherwise(listed.str.extract(MATERIAL))
    fact = pl.element().replace(NUMBER_WORDS | SAYS_NOT).str.replace_all(r",(\d{3})\b", "$1")
    facts = pl.col("words").str.replace_all(NO_NEGATION, "").str.extract_all(FACT).list.eval(fact).list.join(" ")
    is_short = pl.col("words").str.count_matches(" ") + 1 < LEAST_TOKENS
    return (
        rows.filter(pl.col("language").is_in(LANGUAGES))
        .select("key", turn=pl.col("text").str.split(TURN))
        .with_columns(place=pl.int_ranges(pl.col("turn").list.len()))
        .explode("turn", "place")
        .with_columns(words=normalised(listed), material=normalised(material.fill_null("")))
        .with_columns(
            is_short=is_short,
            must_match=pl.when(is_short).then("= " + pl.col("words")).otherwise(facts + " : " + pl.col("material")),
        )
        .drop("material")
    )


def must_match(turns: pl.DataFrame) -> pl.DataFrame:
    """For each row of two turns or more whose last is not short: key, must_match (of all its turns)."""
    rows = turns.group_by("key", maintain_order=True).agg("must_match", ends_short=pl.col("is_short").last())
    compared = rows.filter(~pl.col("ends_short") & (pl.col("must_match").list.len() > 1))
    return compared.select("key", pl.col("must_match").list.join(TURN))


def candidates(vectors: Floats, sizes: list[int], threshold: float) -> tuple[Indices, Indices, npt.NDArray[np.float64]]:
    """Pairs of rows a < b in one group (`sizes` in the order of `vectors`), cosine >= `threshold`; and that cosine."""
    found = []
    for begin, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
        for a, b in near(vectors[begin : begin + size], threshold):
            cosine = cosines(vectors, a + begin, b + begin)
            enough = cosine >= threshold
            found.append((a[enough] + begin, b[enough] + begin, cosine[enough]))
    a, b, cosine = (np.concatenate(each) for each in zip(*found, strict=True))
    _, first = np.unique(a * len(vectors) + b, return_index=True)
    return a[first], b[first], cosine[first]


def near(vectors: Floats, threshold: float) -> Iterator[tuple[Indices, Indices]]:
    """Pairs a < b of `vectors` (n, 256; unit) that may reach `threshold`; a pair may come twice."""
    whole_numbers = np.rint(vectors * np.float32(SCALE))
    for home, members in cells(whole_numbers):
        others = whole_numbers[members].T
        step = max(1, BLOCK // len(members))
        for begin in range(0, len(home), step):
            some = home[begin : begin + step]
            i, j = np.nonzero(whole_numbers[some] @ others >= (threshold - MOST_ERROR) * SCALE**2)
            a, b = some[i], members[j]
            yield np.minimum(a, b)[a != b], np.maximum(a, b)[a != b]


def cells(whole_numbers: Floats) -> Iterator[tuple[Indices, Indices]]:
    """Rows, and with which rows these are to be compared: with all, or with those that are near the same centre.

    Centres are rows, evenly spaced. A row is at home in the cell of its nearest centre and looked for in the cells of
    the PROBES nearest; a tie goes to the first.
    """
    n = len(whole_numbers)
    if n <= ALL_WITH_ALL:
        yield np.arange(n), np.arange(n)
        return
    k = n // ROWS_PER_CELL
    centres = whole_numbers[np.arange(k) * ROWS_PER_CELL].T
    probes = min(PROBES, k)
    cell_of = np.empty((n, probes), np.int64)
    for begin in range(0, n, step := max(1, BLOCK // k)):
        nearness = (whole_numbers[begin : begin + step] @ centres).astype(np.int64) * k - np.arange(
            k
        )  # no two are equal
        nearest = np.argpartition(nearness, -probes)[:, -probes:]
        by_nearness = np.argsort(-np.take_along_axis(nearness, nearest, 1))
        cell_of[begin : begin + step] = np.take_along_axis(nearest, by_nearness, 1)
    home, members = members_of(cell_of[:, :1], k), members_of(cell_of, k)
    yield from ((h, m) for h, m in zip(home, members, strict=True) if len(h))


def members_of(cell_of: Indices, k: int) -> list[Indices]:
    """The rows of each of `k` cells, ascending; `cell_of` (n, probes) has the cells of each row."""
    cell, row = cell_of.ravel(), np.repeat(np.arange(len(cell_of)), cell_of.shape[1])
    order = np.argsort(cell, kind="stable")
    return np.split(row[order], np.searchsorted(cell[order], np.arange(1, k)))


def cosines(vectors: Floats, a: Indices, b: Indices) -> npt.NDArray[np.float64]:
    """The cosine of each pair of rows of `vectors` (unit), rounded."""
    found = np.empty(len(a))
    for begin in range(0, len(a), BATCH):
        some = slice(begin, begin + BATCH)
        found[some] = (vectors[a[some]].astype(np.float64) * vectors[b[some]]).sum(axis=1)
    return np.round(found, DECIMALS)


def least_of_turns(turns: pl.DataFrame, a: Indices, b: Indices, model: Model) -> npt.NDArray[np.float64]:
    """The least cosine of the turns of each pair of rows; 0 where a turn has the other's words in another order.

    `turns` are those of row 0, 1, … one after the other, and two rows of a pair have equally many; equal turns have 1.
    """
    sorted_words = pl.col("words").str.split(" ").list.sort().list.join(" ")
    ids = turns.select(words=pl.col("words").rank("dense"), bag=sorted_words.rank("dense"))
    words, bag = ids["words"].to_numpy(), ids["bag"].to_numpy()
    vectors = embedded(turns["turn"], model)
    sizes = turns["row"].rle().struct.field("len").to_numpy().astype(np.int64)
    starts = np.cumsum(sizes) - sizes
    least = np.ones(len(a))
    for place in range(int(sizes.max(initial=0))):
        has = np.nonzero(sizes[a] > place)[0]
        one, other = starts[a[has]] + place, starts[b[has]] + place
        same = words[one] == words[other]
        cosine = np.where(bag[one] == bag[other], 0.0, cosines(vectors, one, other))
        least[has] = np.minimum(least[has], np.where(same, 1.0, cosine))
    return least
