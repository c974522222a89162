"""The truth that dedup is held against: every pair, exactly, by an inverted index. It shares no code with the steps.

Tokens are made anew with `re` and `unicodedata`; similarities are fractions, never floats. A turn without any token
(punctuation alone) is one token: itself. A text shorter than n tokens is one shingle. Nothing here is approximate:
the prefix filter (Bayardo, Ma, Srikant 2007, "Scaling Up All Pairs Similarity Search", section 4) leaves out only pairs
that cannot reach the threshold, and a test compares it with the plain all-with-all.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

import polars as pl

N = 3  # tokens in a shingle
TURN = "\ue000"
HAN_NAMES = (
    "CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH", "CJK RADICAL", "KANGXI RADICAL", "HANGZHOU NUMERAL",
    "IDEOGRAPHIC ITERATION MARK", "VERTICAL IDEOGRAPHIC ITERATION MARK", "IDEOGRAPHIC NUMBER ZERO",
)  # fmt: skip
ASCII_SIGNS = "+*/%^=<>|&#@$~\\-[](){}"
HALF_WIDTH = {full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}

Tokens = tuple[str, ...]
Shingles = frozenset[int]


def is_han(char: str) -> bool:
    return unicodedata.name(char, "").startswith(HAN_NAMES)


def _character_classes() -> dict[str, str]:
    """What stands between the brackets of a class of `re`, for Han characters, letters and marks, numbers, signs."""
    members: dict[str, list[int]] = {"han": [], "letter": [], "number": [], "sign": [ord(char) for char in ASCII_SIGNS]}
    for code in range(0x110000):
        char = chr(code)
        category, han = unicodedata.category(char), is_han(char)
        if han:
            members["han"].append(code)
        if category[0] == "N":
            members["number"].append(code)
        elif category[0] in "LM" and not han:
            members["letter"].append(code)
        elif category in {"Sm", "Sc", "So"}:
            members["sign"].append(code)
    return {name: "".join(_ranges(sorted(codes))) for name, codes in members.items()}


def _ranges(codes: list[int]) -> Iterator[str]:
    starts = [code for n, code in enumerate(codes) if n == 0 or codes[n - 1] != code - 1]
    ends = [code for n, code in enumerate(codes) if n == len(codes) - 1 or codes[n + 1] != code + 1]
    for start, end in zip(starts, ends, strict=True):
        yield f"\\U{start:08x}-\\U{end:08x}"


_OF = _character_classes()
TOKEN = re.compile(
    f"{TURN}|[{_OF['han']}]|[-−]?[{_OF['number']}]+(?:[.,:/'-][{_OF['number']}]+)*|[{_OF['letter']}]+|!=|[{_OF['sign']}]"
)
UNIT = re.compile(f"[{_OF['han']}]|[^\\s{_OF['han']}]+")


def tokens(text: str) -> Tokens:
    """Han characters one by one, spaced words, numbers with sign and separators, signs; folded in case and width."""
    folded = text.translate(HALF_WIDTH).lower().strip()
    return tuple(TOKEN.findall(folded)) or (folded,)


class Row(NamedTuple):
    """An Example as dedup compares it."""

    id: str
    source: str
    bytes: tuple[Hashable, ...]  # roles and contents, and the tools
    turns: tuple[tuple[str, Tokens], ...]  # role, tokens
    tools: str | None
    text: Tokens  # of all turns, TURN between them; behind another TURN the tools, one token
    answer: Tokens
    answer_units: int
    said: str  # for people: the contents, one a line

    @property
    def order(self) -> tuple[int, str]:
        """Who is better, where the sources do not differ: the longer answer, then the smaller id."""
        return -self.answer_units, self.id


def rows_of(examples: pl.DataFrame) -> dict[str, Row]:
    """The rows of an Example table by id."""
    return {
        row.id: row for row in map(_row, examples.select("id", "source", "messages", "tools").iter_rows(named=True))
    }


def _row(example: dict) -> Row:
    said, tools = [(message["role"], message["content"]) for message in example["messages"]], example["tools"]
    turns = tuple((role, tokens(content)) for role, content in said)
    parts = [of_turn for _, of_turn in turns[:-1] if of_turn != ("",)] + [turns[-1][1]]  # an empty turn says nothing
    parts += [(f"tools {tools}",)] if tools is not None else []
    return Row(
        id=example["id"],
        source=example["source"],
        bytes=(tuple(said), tools),
        turns=turns,
        tools=tools,
        text=tuple(token for part in parts for token in (*part, TURN))[:-1],
        answer=turns[-1][1],
        answer_units=len(UNIT.findall(said[-1][1])),
        said="\n".join(content for _, content in said),
    )


class Vocabulary:
    """Shingles as numbers: equal shingles, equal numbers, without hashes."""

    def __init__(self, n: int = N) -> None:
        self.n = n
        self._numbers: dict[Tokens, int] = {}

    def shingles(self, text: Tokens) -> Shingles:
        runs = [text[i : i + self.n] for i in range(max(1, len(text) - self.n + 1))]
        return frozenset(self._numbers.setdefault(run, len(self._numbers)) for run in runs)


def jaccard(a: Shingles, b: Shingles) -> Fraction:
    shared = len(a & b)
    return Fraction(shared, len(a) + len(b) - shared)


def near_pairs(sets: dict[str, Shingles], threshold: Fraction) -> dict[tuple[str, str], Fraction]:
    """Every pair of `sets` with a Jaccard similarity >= `threshold`, and its similarity; in a pair the smaller first.

    Two sets that share `ceil(t * larger)` members share one among the first `len - ceil(t * len) + 1` of each, in any
    one order of all members: the rarest come first, so that few others have them.
    """
    document_frequency = Counter(member for members in sets.values() for member in members)
    having: dict[int, list[str]] = defaultdict(list)  # a member -> the sets so far that have it among their first
    found = {}
    for key in sorted(sets, key=lambda key: (len(sets[key]), key)):
        members = sets[key]
        needed = -(-threshold.numerator * len(members) // threshold.denominator)
        rarest = sorted(members, key=lambda member: (document_frequency[member], member))[: len(members) - needed + 1]
        for other in {other for member in rarest for other in having[member]}:
            if len(sets[other]) >= needed and (similarity := jaccard(sets[other], members)) >= threshold:
                found[min(key, other), max(key, other)] = similarity
        for member in rarest:
            having[member].append(key)
    return found


def near_pairs_all_with_all(sets: dict[str, Shingles], threshold: Fraction) -> dict[tuple[str, str], Fraction]:
    """`near_pairs`, without any thought."""
    compared = {(a, b): jaccard(sets[a], sets[b]) for a, b in combinations(sorted(sets), 2)}
    return {pair: similarity for pair, similarity in compared.items() if similarity >= threshold}


def is_beginning(short: Row, long: Row) -> bool:
    """Whether `short` is a whole conversation with which the longer `long` begins: roles, tokens of turns, tools."""
    n = len(short.turns)
    return n < len(long.turns) and short.tools == long.tools and short.turns == long.turns[:n]


def beginnings(rows: Iterable[Row]) -> dict[str, list[str]]:
    """The ids of the rows that are the beginning of others -> the ids of those others."""
    whole: dict[Hashable, list[str]] = defaultdict(list)
    longer: dict[Hashable, list[str]] = defaultdict(list)
    for row in rows:
        whole[row.tools, row.turns].append(row.id)
        for n in range(1, len(row.turns)):
            longer[row.tools, row.turns[:n]].append(row.id)
    return {id: longer[key] for key, ids in whole.items() if key in longer for id in ids}


def are_number_variants(a: Row, b: Row) -> bool:
    """Whether their prompts differ in numbers, their order or what is done with them, and their answers in numbers."""
    return _numbers(a.turns[:-1], "+*/×÷=<>^%") != _numbers(b.turns[:-1], "+*/×÷=<>^%") and _numbers(
        a.turns[-1:]
    ) != _numbers(b.turns[-1:])


def _numbers(turns: tuple[tuple[str, Tokens], ...], signs: str = "") -> list[str]:
    of_turns = (token for _, of_turn in turns for token in of_turn)
    return [token for token in of_turns if token in signs or any(unicodedata.category(c)[0] == "N" for c in token)]


class Truth:
    """What is true of some rows: their classes of equal text, all near pairs of these, the beginnings of others."""

    def __init__(self, rows: dict[str, Row], lowest: Fraction) -> None:
        """`lowest` is the threshold from which pairs are found; `near` takes any that is not lower."""
        self.rows, self.lowest, self.vocabulary = rows, lowest, Vocabulary()
        self.classes: dict[str, list[str]] = {}  # one id of a class -> all its ids
        one_of: dict[tuple[Tokens, Tokens], str] = {}
        for id in sorted(rows):
            one = one_of.setdefault((rows[id].text, rows[id].answer), id)
            self.classes.setdefault(one, []).append(id)
        self.class_of = {id: one for one, ids in self.classes.items() for id in ids}
        texts = {id: self.vocabulary.shingles(rows[id].text) for id in self.classes}
        of_pairs = near_pairs(texts, lowest)
        self._pairs = {
            (a, b): (similarity, self.of_answers(a, b))
            for (a, b), similarity in of_pairs.items()
            if not are_number_variants(rows[a], rows[b])
        }
        self.begins = beginnings(rows.values())

    def of_texts(self, a: str, b: str) -> Fraction:
        """J of two rows' whole texts."""
        return jaccard(self.vocabulary.shingles(self.rows[a].text), self.vocabulary.shingles(self.rows[b].text))

    def of_answers(self, a: str, b: str) -> Fraction:
        """J of two rows' answers."""
        return jaccard(self.vocabulary.shingles(self.rows[a].answer), self.vocabulary.shingles(self.rows[b].answer))

    def near(self, threshold: Fraction) -> list[tuple[str, str]]:
        """The pairs of classes whose texts and answers both reach `threshold`, and that are no number variants."""
        assert threshold >= self.lowest
        return [pair for pair, similarities in self._pairs.items() if min(similarities) >= threshold]

    def visits(self) -> list[str]:
        """The ids in the order in which they are visited: beginnings of others last, the longer ones of these first."""

        def order(id: str) -> tuple[bool, int, tuple[int, str]]:
            row = self.rows[id]
            return id in self.begins, -len(row.turns) if id in self.begins else 0, row.order

        return sorted(self.rows, key=order)

    def goes(self, threshold: Fraction) -> set[str]:
        """The ids of the rows that go, when each is held against all that stay before it."""
        near: dict[str, list[str]] = defaultdict(list)
        for a, b in self.near(threshold):
            near[a].append(b)
            near[b].append(a)
        stays: set[str] = set()
        classes_that_stay: set[str] = set()
        texts_that_stay: set[Tokens] = set()
        for id in self.visits():
            one = self.class_of[id]
            if (
                self.rows[id].text in texts_that_stay
                or not classes_that_stay.isdisjoint(near[one])
                or not stays.isdisjoint(self.begins.get(id, ()))
            ):
                continue
            stays.add(id)
            classes_that_stay.add(one)
            texts_that_stay.add(self.rows[id].text)
        return set(self.rows) - stays
