"""What `clean` finds of planted defects, and what it takes for a defect that is none.

tests/data/defects has sets by whose misses the operations were mended (`defects`, `more_defects`), and `held_out`,
which nothing was fitted to: its recall is the honest one. Every defect is planted in 12 (8) Chinese rows and as many
English ones or more, and 60 rows of either language have none though they look like it. `pytest -s
tests/test_defects.py` prints recall and false alarms as Markdown. In the files the first character of each key is
escaped, so that no scanner takes it for a leaked one.
"""

import sys
from collections import defaultdict
from functools import cache
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import polars as pl
import pytest

from tasks.clean import clean
from tasks.core.params import CleanParams, IngestParams, Source
from tasks.core.schema import answer_text
from tasks.core.shards import in_process
from tasks.core.text import tokens
from tasks.ingest import ingest

FOLDER = Path(__file__).parent / "data" / "defects"
LANGUAGES = ("zh", "en")
SETS = {"defects": 12, "more_defects": 8, "held_out": 8}  # rows of each defect and language, at least
FEWEST_CLEAN = 60  # rows without a defect, of each language
ALWAYS_FOUND = {"empty_answer", "empty_prompt", "special_tokens", "html"}
LEAST_RECALL, LEAST_RECALL_PII = 0.95, 0.98
MOST_ALARMS_ON_CLEAN_ROWS = 2
LEAST_HELD_OUT = 0.88
LIMIT = 0.5  # 3-gram Jaccard similarity that no two answers reach
KINDS = {"char_repetition": "repetition"}  # two measures of one defect


@cache
def truth_of(name: str) -> pl.DataFrame:
    truth = pl.read_csv(FOLDER / f"{name}_truth.csv", infer_schema=False)
    reason = pl.col("action", "reason").fill_null("").replace(KINDS)
    return truth.with_columns(reason, pl.col("line").cast(pl.Int64), language=pl.col("note").str.tail(2))


def reasons_of(name: str) -> list[str]:
    return sorted(set(truth_of(name)["reason"]) - {""})


class Row(NamedTuple):
    """A line of the planted file: what is wrong with it, and what the ledger says."""

    line: int
    language: str
    expected: tuple[str, str]  # action and reason; both empty: nothing is wrong
    found: set[tuple[str, str]]

    @property
    def is_found(self) -> bool:
        return self.expected in self.found

    @property
    def alarms(self) -> set[str]:
        """Reasons in the ledger that are not planted; neither the whitespace that a repair leaves is one nor the
        repair that leaves nothing of a turn of marks."""
        if self.expected[1] in {"empty_prompt", "empty_answer"}:
            return {reason for action, reason in self.found - {self.expected} if action != "edit"}
        others = {reason for _, reason in self.found - {self.expected}}
        is_repaired = any(action == "edit" and reason != "whitespace" for action, reason in self.found)
        return others - {"whitespace"} if is_repaired else others


@cache
def cleaned(name: str) -> tuple[pl.DataFrame, list[Row]]:
    """The rows of a set as ingested, and what the ledger of clean says of each."""
    with TemporaryDirectory() as folder:
        path, ingested, target = FOLDER / f"{name}.jsonl", Path(folder, "ingested"), Path(folder, "cleaned")
        ingest(path, ingested, IngestParams(), name=name, source=Source(path=path.name))
        clean(ingested, target, CleanParams(), in_process)
        line = pl.col("source_row").str.extract(r"#(\d+)$").cast(pl.Int64)
        examples = pl.read_parquet(ingested / "examples" / "*.parquet").with_columns(line=line)
        ledger = pl.read_parquet(target / "ledger.parquet")
    found = defaultdict[str, set[tuple[str, str]]](set)
    for id, action, reason in ledger.select("id", "action", "reason").iter_rows():
        found[id].add((action, KINDS.get(reason, reason)))
    ids = dict(examples.select("line", "id").iter_rows())
    rows = [
        Row(line, language, (action, reason), found[ids[line]])
        for line, language, action, reason in truth_of(name).select("line", "language", "action", "reason").iter_rows()
    ]
    return examples, rows


@pytest.fixture(scope="module", params=SETS)
def name(request: pytest.FixtureRequest) -> str:
    """Of the set; prints recall and false alarms of every reason, then each row that was missed or mistaken."""
    _, rows = cleaned(request.param)
    lines = [f"\n| {request.param} | zh found | en found | recall | alarms on other rows |", "|---|---|---|---|---|"]
    for reason in reasons_of(request.param):
        cells = []
        for language in LANGUAGES:
            planted = [row for row in rows if row.expected[1] == reason and row.language == language]
            cells.append(f"{sum(row.is_found for row in planted)}/{len(planted)}")
        n_alarms = sum(reason in row.alarms for row in rows)
        lines.append(f"| {reason} | {' | '.join(cells)} | {recall(rows, reason):.3f} | {n_alarms} |")
    clean_rows = [[row for row in rows if not row.expected[1] and row.language == language] for language in LANGUAGES]
    cells = [f"{sum(not row.found for row in those)}/{len(those)}" for those in clean_rows]
    lines += [f"| none: rows left alone | {' | '.join(cells)} | | {len(alarms_on_clean_rows(rows))} |", ""]
    for row in rows:
        if row.alarms or (row.expected[1] and not row.is_found):
            missed = "" if row.is_found or not row.expected[1] else "missed; "
            lines.append(f"- line {row.line}, {row.language}: {row.expected[1] or 'none'}: {missed}{sorted(row.found)}")
    sys.stdout.write("\n".join(lines) + "\n")
    return request.param


def recall(rows: list[Row], reason: str = "") -> float:
    """Of one reason; without one of all."""
    planted = [row for row in rows if row.expected[1] and reason in ("", row.expected[1])]
    return sum(row.is_found for row in planted) / len(planted)


def alarms_on_clean_rows(rows: list[Row]) -> list[Row]:
    return [row for row in rows if not row.expected[1] and row.found]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_defect_is_planted_and_hard_clean_rows_stand_beside_it(name, language):
    n = dict(truth_of(name).filter(language=language).group_by("reason").len().iter_rows())
    assert n.pop("") >= FEWEST_CLEAN
    assert min(n.values()) >= SETS[name], n
    assert set(n) == set(reasons_of(name))


@pytest.mark.parametrize("reason", reasons_of("defects"))
def test_what_is_planted_is_found(reason):
    _, rows = cleaned("defects")
    least = LEAST_RECALL_PII if reason.startswith("pii_") else LEAST_RECALL
    missed = [row.line for row in rows if row.expected[1] == reason and not row.is_found]
    assert recall(rows, reason) >= (1 if reason in ALWAYS_FOUND else least), missed


def test_most_of_what_nothing_was_fitted_to_is_found():
    _, rows = cleaned("held_out")
    assert recall(rows) >= LEAST_HELD_OUT


def test_clean_rows_are_left_alone(name):
    alarms = alarms_on_clean_rows(cleaned(name)[1])
    assert len(alarms) <= MOST_ALARMS_ON_CLEAN_ROWS, alarms


def test_no_two_planted_answers_are_alike(name):
    examples, _ = cleaned(name)
    lines = truth_of(name).filter(pl.col("reason") != "empty_answer")["line"]  # those are nothing but marks
    answers = examples.filter(pl.col("line").is_in(lines.implode()))
    shingles = [
        {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))}
        for words in answers.select(tokens(answer_text()))[:, 0].to_list()
    ]
    lines = answers["line"].to_list()
    near = [
        (lines[i], lines[j])
        for (i, a), (j, b) in combinations(enumerate(shingles), 2)
        if a and b and len(a & b) / len(a | b) >= LIMIT
    ]
    assert near == []
