"""The case file of near-duplicate removal, proven from the definitions, and what the step does with it.

tests/data/dedup_cases.jsonl is for every tool, ours among them; dedup_cases.md says what its fields mean. The first
half of this file is the definitions once more, in plain Python that shares no code with the step: all pairs, exact
fractions. It proves the groups, levels, similarities and conflicts that each case states. The second half runs the step
on each case alone and on all cases in one table.
"""

import json
import unicodedata
from collections import Counter, defaultdict
from fractions import Fraction
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from tasks.core.params import DedupParams, Source
from tasks.core.schema import examples_frame
from tasks.dedup import merge_repeats

FILE = Path(__file__).parent / "data" / "dedup_cases.jsonl"
DESCRIPTION = FILE.with_suffix(".md").read_text(encoding="utf-8")
THRESHOLD, N = Fraction(8, 10), 3
STATED = 0.5  # a pair as similar as this, or more, has its similarities in the file
APART = Fraction(1, 2)  # no two rows of different cases are as similar as this
LANGUAGES = {"zh", "en", "mixed", "none"}
NEEDED = {"name", "why", "language", "rows", "groups"}
OPTIONAL = {"levels", "similarity", "conflicts", "or_groups", "disputed"}
LEVELS = ("exact", "normalised", "near", "prefix")

Case = dict[str, Any]
CASES: list[Case] = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
EACH = pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])

# ---- The definitions, without the step's code ----

HAN = (  # the characters whose script is Han
    (0x2E80, 0x2FD5), (0x3005, 0x3005), (0x3007, 0x3007), (0x3021, 0x3029), (0x3038, 0x303B),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAD9), (0x20000, 0x323AF),
)  # fmt: skip
SIGNS = set("+*/%^=<>|&#@$~\\-[](){}")
TURN = ("turn",)  # not a string: equal to no token of a text


def kind(character: str) -> str:
    """han, number, word, sign, or nothing for spaces and the punctuation of prose."""
    if any(first <= ord(character) <= last for first, last in HAN):
        return "han"
    category = unicodedata.category(character)
    if category[0] in "NLM":
        return "number" if category[0] == "N" else "word"
    return "sign" if character in SIGNS or category in ("Sm", "Sc", "So") else ""


def tokens_of(turn: str) -> list[str]:
    """The tokens of one turn, read from left to right."""
    half_width = "".join(
        chr(ord(c) - 0xFEE0) if "\uff01" <= c <= "\uff5e" else " " if c == "\u3000" else c for c in turn
    )
    text = half_width.lower().strip()
    kinds = [kind(c) for c in text] + ["", ""]
    found, i = [], 0
    while i < len(text):
        end = i + 1
        if kinds[i] == "number" or (text[i] in "-−" and kinds[end] == "number"):
            while kinds[end] == "number" or (text[end : end + 1] in set(".,:/'-") and kinds[end + 1] == "number"):
                end += 1
        elif kinds[i] == "word":
            while kinds[end] == "word":
                end += 1
        elif text[i : i + 2] == "!=":
            end = i + 2
        elif not kinds[i]:
            i = end
            continue
        found.append(text[i:end])
        i = end
    return found or ([text] if text else [])


def shingles(sequence: tuple[Any, ...]) -> frozenset[tuple[Any, ...]]:
    """The set of runs of N tokens; of a shorter text the text."""
    return frozenset(sequence[i : i + N] for i in range(max(1, len(sequence) - N + 1)))


def jaccard(one: frozenset[Any], other: frozenset[Any]) -> Fraction:
    shared = len(one & other)
    return Fraction(shared, len(one) + len(other) - shared)


class Row(NamedTuple):
    """A row as the definitions see it."""

    id: str
    roles: tuple[str, ...]
    turns: tuple[tuple[str, ...], ...]
    tools: str
    contents: tuple[str, ...]
    text: tuple[Any, ...]
    text_shingles: frozenset[Any]
    answer_shingles: frozenset[Any]
    units: int

    @property
    def prompt(self) -> tuple[Any, ...]:
        return (*joined(self.turns[:-1]), self.tools)


def joined(turns: tuple[tuple[str, ...], ...]) -> tuple[Any, ...]:
    """All tokens, with TURN between the turns."""
    return tuple(token for turn in turns for token in (TURN, *turn))[1:]


def units_of(answer: str) -> int:
    """Han characters and spaced words, by which the longer answer is known."""
    spaced = "".join(" 字 " if kind(c) == "han" else c for c in answer)
    return len(spaced.split())


def tools_of(row: dict[str, Any]) -> str | None:
    return json.dumps(row["tools"], ensure_ascii=False, sort_keys=True) if row.get("tools") else None


def read(row: dict[str, Any]) -> Row:
    contents = tuple(message["content"] for message in row["messages"])
    turns = tuple(tuple(tokens_of(content)) for content in contents)
    tools = tools_of(row) or ""
    text = joined(turns) + ((TURN, ("tools", tools)) if tools else ())
    return Row(
        row["id"], tuple(message["role"] for message in row["messages"]), turns, tools, contents,
        text, shingles(text), shingles(turns[-1]), units_of(contents[-1]),
    )  # fmt: skip


def level_between(goes: Row, stays: Row) -> tuple[int, Fraction] | None:
    """As which of LEVELS a row goes into one that stays, and how similar they are; None: it does not."""
    if (goes.roles, goes.contents, goes.tools) == (stays.roles, stays.contents, stays.tools):
        return 0, Fraction(1)
    if goes.text == stays.text:
        return 1, Fraction(1)
    similarity = jaccard(goes.text_shingles, stays.text_shingles)
    near = min(similarity, jaccard(goes.answer_shingles, stays.answer_shingles)) >= THRESHOLD
    if near and not are_number_variants(goes, stays):
        return 2, similarity
    if is_beginning(goes, stays):
        return 3, Fraction(len(goes.turns), len(stays.turns))
    return None


def are_number_variants(one: Row, other: Row) -> bool:
    """Whether the prompts differ in numbers, their order or what is done with them, and the answers in numbers."""
    prompts, answers = slice(None, -1), slice(-1, None)
    return (
        numbers_of(one.turns[prompts], "+*/×÷=<>^%") != numbers_of(other.turns[prompts], "+*/×÷=<>^%")
        and numbers_of(one.turns[answers]) != numbers_of(other.turns[answers])
    )  # fmt: skip


def numbers_of(turns: tuple[tuple[str, ...], ...], signs: str = "") -> list[str]:
    """The number tokens of some turns, and the signs among them, in their order."""
    tokens = (token for turn in turns for token in turn)
    return [token for token in tokens if token in signs or any(kind(c) == "number" for c in token)]


def is_beginning(short: Row, long: Row) -> bool:
    """The roles and turns of `short` are the first ones of `long`, which has more, with the same tools."""
    n = len(short.turns)
    return (
        n < len(long.turns)
        and (short.roles, short.turns, short.tools) == (long.roles[:n], long.turns[:n], long.tools)
    )  # fmt: skip


class Found(NamedTuple):
    """What the definitions say of a case: groups (the row that stays first), level of each row that goes, conflicts."""

    groups: list[list[str]]
    levels: dict[str, str]
    conflicts: list[list[str]]


def decide(rows: list[Row]) -> Found:
    """By comparing every row, best first, with all rows that stay."""
    has_longer = {row.id: any(is_beginning(row, other) for other in rows) for row in rows}
    order = sorted(rows, key=lambda r: (has_longer[r.id], len(r.turns) * -has_longer[r.id], -r.units, r.id))
    stays: list[Row] = []
    groups: dict[str, list[str]] = {}
    levels = {}
    for row in order:
        found = [(level, -similarity, n) for n, kept in enumerate(stays) if (between := level_between(row, kept))
                 for level, similarity in [between]]  # fmt: skip
        if found:
            level, _, n = min(found)
            levels[row.id] = LEVELS[level]
            groups[stays[n].id].append(row.id)
        else:
            stays.append(row)
            groups[row.id] = [row.id]
    by_prompt = defaultdict(list)
    for row in stays:
        by_prompt[row.prompt].append(row)
    conflicts = [sorted(row.id for row in same) for same in by_prompt.values() if len({r.turns[-1] for r in same}) > 1]
    return Found(in_order(groups.values()), levels, sorted(conflicts))


def in_order(groups: Any) -> list[list[str]]:
    """Sorted, but for the first id of each group, which is the row that stays."""
    return sorted([group[0], *sorted(group[1:])] for group in groups)


def similarities(rows: list[Row]) -> list[list[Any]]:
    """[id, id, Jaccard of the texts, of the answers], of all pairs that are not much less than similar."""
    measured = [
        [a.id, b.id, float(jaccard(a.text_shingles, b.text_shingles)), jaccard(a.answer_shingles, b.answer_shingles)]
        for a, b in combinations(sorted(rows, key=lambda row: row.id), 2)
        if a.text != b.text
    ]
    return [[a, b, round(text, 4), round(float(answer), 4)] for a, b, text, answer in measured if text >= STATED]


def subsets(rows: list[Row]) -> list[set[str]]:
    """All sets of ids but the empty one."""
    return [set(chosen) for n in range(1, len(rows) + 1) for chosen in combinations([row.id for row in rows], n)]


def right_survivors(rows: list[Row]) -> list[set[str]]:
    """Every set of rows that may stay, whatever the keep order: none goes into another, and all others go into one."""
    ids = {row.id for row in rows}
    goes_into = {(a.id, b.id) for a in rows for b in rows if a is not b and level_between(a, b)}
    return [
        stays
        for stays in subsets(rows)
        if not any((a, b) in goes_into for a in stays for b in stays)
        and all(any((a, b) in goes_into for b in stays) for a in ids - stays)
    ]


# ---- The file ----


def is_right(case: Case, kept: set[str]) -> bool:
    """The judge that the description gives, as it stands there."""
    return described()["is_right"](case, kept)


@cache
def described() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(DESCRIPTION.split("```python\n")[1].split("```")[0], names)
    return names


def test_the_file_has_what_its_description_says():
    languages = [case["language"] for case in CASES]
    n = Counter(languages)
    counts = f"{n['zh']} Chinese, {n['mixed']} mixed, {n['en']} English, {n['none']} in neither"
    assert f"has {len(CASES)} small cases" in DESCRIPTION
    assert counts in DESCRIPTION
    assert len(CASES) >= 80
    assert 2 * (n["zh"] + n["mixed"]) >= len(CASES)
    assert set(languages) == LANGUAGES
    assert len({case["name"] for case in CASES}) == len(CASES)
    assert {level for case in CASES for level in case.get("levels", {}).values()} == set(LEVELS)
    for case in CASES:
        assert set(case) - OPTIONAL == NEEDED, case["name"]
        ids = [row["id"] for row in case["rows"]]
        assert ids == sorted(set(ids)), case["name"]
        assert all(row["messages"][-1]["role"] == "assistant" for row in case["rows"]), case["name"]
        assert all(set(row) <= {"id", "messages", "tools"} for row in case["rows"]), case["name"]
        for partition in (case["groups"], *case.get("or_groups", [])):
            assert sorted(id for group in partition for id in group) == ids, case["name"]


@pytest.mark.parametrize(
    ("turn", "tokens"),
    [
        ("请用Python写一个Hello，World！", ["请", "用", "python", "写", "一", "个", "hello", "world"]),
        ("１２：３０ 到 -3.5 度，x1！=２", ["12:30", "到", "-3.5", "度", "x", "1", "!=", "2"]),
        ("C++ (5 - 3) 😀…", ["c", "+", "+", "(", "5", "-", "3", ")", "😀"]),
        (" ？！\n", ["?!"]),
        ("", []),
    ],
)
def test_the_tokens_of_a_turn_are_what_the_definitions_say(turn, tokens):
    assert tokens_of(turn) == tokens


@EACH
def test_every_case_follows_from_the_definitions(case):
    rows = [read(row) for row in case["rows"]]
    groups, levels, conflicts = decide(rows)
    assert in_order(case["groups"]) == groups
    assert case.get("levels", {}) == levels
    assert case.get("conflicts", []) == conflicts
    assert case.get("similarity", []) == similarities(rows)


@EACH
def test_the_described_judge_takes_what_some_keep_order_gives_and_nothing_else(case):
    rows = [read(row) for row in case["rows"]]
    right = right_survivors(rows)
    for partition in (case["groups"], *case.get("or_groups", [])):
        assert {group[0] for group in partition} in right
    assert [stays for stays in subsets(rows) if is_right(case, stays)] == right


def test_no_case_touches_another():
    rows = [(case["name"], read(row)) for case in CASES for row in case["rows"]]
    for (name, a), (other, b) in combinations(rows, 2):
        if name != other:
            assert jaccard(a.text_shingles, b.text_shingles) < APART, (name, other)
            assert a.turns[:-1] != b.turns[:-1], (name, other)
            assert not is_beginning(a, b), (name, other)
            assert not is_beginning(b, a), (name, other)


# ---- The step ----

SMALL = 13  # cases in a small table: one table a case would take 20 seconds, nearly all of it to open databases


class Result(NamedTuple):
    """What the step left: ids that stay, (reason, the row that stays, measure) of each merge, ids in a conflict."""

    kept: set[str]
    merged: dict[str, tuple[str, str, float]]
    in_conflict: set[str]


@cache
def run(first: int, n: int) -> Result:
    """The step on the `n` cases from `first` in one table; the id of a row is that of its case, then its own."""
    rows = [
        {"id": f"{case['name']}/{row['id']}", "messages": row["messages"], "tools": tools_of(row), "source": "cases"}
        for case in CASES[first : first + n]
        for row in case["rows"]
    ]
    outcome, _, _ = merge_repeats(examples_frame(rows), DedupParams(), {"cases": Source()})
    ledger = outcome.ledger
    merged = ledger.filter(action="merge").select("id", "reason", "other_id", "measure")
    conflicts = ledger.filter(reason="conflicting_answers")
    return Result(
        set(outcome.examples["id"]),
        {id: (reason, other, measure) for id, reason, other, measure in merged.iter_rows()},
        set(pl.concat([conflicts["id"], conflicts["other_id"]]).drop_nulls()),
    )


def check(case: Case, result: Result) -> None:
    """That the step did with the rows of `case` what the case says."""
    prefix = f"{case['name']}/"
    ids = {row["id"] for row in case["rows"]}
    stays = {group[0] for group in case["groups"]}
    kept = {id for id in ids if prefix + id in result.kept}
    merged = {id: result.merged[prefix + id] for id in ids if prefix + id in result.merged}
    assert kept == stays
    assert {id: reason for id, (reason, _, _) in merged.items()} == case.get("levels", {})
    rows = {row["id"]: read(row) for row in case["rows"]}
    for id, (reason, other, measure) in merged.items():
        assert other.startswith(prefix)
        assert other.removeprefix(prefix) in stays
        between = level_between(rows[id], rows[other.removeprefix(prefix)])
        assert between is not None
        assert LEVELS[between[0]] == reason
        assert measure == pytest.approx(float(between[1]))
    in_conflict = {id for id in ids if prefix + id in result.in_conflict}
    assert in_conflict == {id for group in case.get("conflicts", []) for id in group}


@EACH
def test_the_step_does_what_the_case_says_in_a_small_table(case):
    check(case, run(CASES.index(case) // SMALL * SMALL, SMALL))


@EACH
def test_the_step_does_what_the_case_says_among_all_cases(case):
    check(case, run(0, len(CASES)))
