"""What `clean` finds of the defects in tests/data/defects, and what it takes for a defect that is none.

Every defect of `clean` is planted in 12 Chinese and 12 English rows or more, and 60 rows of either language have none
though they look like it. `pytest -s tests/test_defects.py` prints recall and false alarms as Markdown.
In the file the first character of each key is escaped, so that no scanner takes it for a leaked one.
"""

import sys
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from tasks.clean import clean
from tasks.core.params import CleanParams, IngestParams, Source
from tasks.core.schema import answer_text
from tasks.core.shards import in_process
from tasks.core.text import tokens
from tasks.ingest import ingest

DEFECTS = Path(__file__).parent / "data" / "defects"
LANGUAGES = ("zh", "en")
FEWEST_PLANTED, FEWEST_CLEAN = 12, 60  # of each reason and language, of each language
ALWAYS_FOUND = {"empty_answer", "empty_prompt", "special_tokens", "html"}
LEAST_RECALL, LEAST_RECALL_PII = 0.95, 0.98
MOST_ALARMS_ON_CLEAN_ROWS = 1
LIMIT = 0.5  # 3-gram Jaccard similarity that no two answers reach
KINDS = {"char_repetition": "repetition"}  # two measures of one defect

TRUTH = (
    pl.read_csv(DEFECTS / "truth.csv", infer_schema=False)
    .with_columns(pl.col("line").cast(pl.Int64), language=pl.col("note").str.tail(2))
    .with_columns(pl.col("action", "reason").fill_null("").replace(KINDS))
)
REASONS = sorted(set(TRUTH["reason"]) - {""})


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


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("defects") / "ingested"
    path = DEFECTS / "defects.jsonl"
    ingest(path, folder, IngestParams(), name="defects", source=Source(path=path.name))
    return folder


@pytest.fixture(scope="module")
def examples(ingested: Path) -> pl.DataFrame:
    line = pl.col("source_row").str.extract(r"#(\d+)$").cast(pl.Int64)
    return pl.read_parquet(ingested / "examples" / "*.parquet").with_columns(line=line)


@pytest.fixture(scope="module")
def cleaned(ingested: Path) -> Path:
    clean(ingested, ingested.parent / "cleaned", CleanParams(), in_process)
    return ingested.parent / "cleaned"


@pytest.fixture(scope="module")
def rows(examples: pl.DataFrame, cleaned: Path) -> list[Row]:
    found = defaultdict[str, set[tuple[str, str]]](set)
    for id, action, reason in pl.read_parquet(cleaned / "ledger.parquet").select("id", "action", "reason").iter_rows():
        found[id].add((action, KINDS.get(reason, reason)))
    ids = dict(examples.select("line", "id").iter_rows())
    return [
        Row(line, language, (action, reason), found[ids[line]])
        for line, language, action, reason in TRUTH.select("line", "language", "action", "reason").iter_rows()
    ]


@pytest.fixture(scope="module", autouse=True)
def table(rows: list[Row]) -> None:
    """Print recall and false alarms of every reason, then each row that was missed or taken for another."""
    lines = ["", "| reason | zh found | en found | recall | alarms on other rows |", "|---|---|---|---|---|"]
    for reason in REASONS:
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


def recall(rows: list[Row], reason: str) -> float:
    planted = [row for row in rows if row.expected[1] == reason]
    return sum(row.is_found for row in planted) / len(planted)


def alarms_on_clean_rows(rows: list[Row]) -> list[Row]:
    return [row for row in rows if not row.expected[1] and row.found]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_defect_is_planted_and_hard_clean_rows_stand_beside_it(language):
    n = dict(TRUTH.filter(language=language).group_by("reason").len().iter_rows())
    assert n.pop("") >= FEWEST_CLEAN
    assert min(n.values()) >= FEWEST_PLANTED, n
    assert set(n) == set(REASONS)


@pytest.mark.parametrize("reason", REASONS)
def test_what_is_planted_is_found(rows, reason):
    least = LEAST_RECALL_PII if reason.startswith("pii_") else LEAST_RECALL
    missed = [row.line for row in rows if row.expected[1] == reason and not row.is_found]
    assert recall(rows, reason) >= (1 if reason in ALWAYS_FOUND else least), missed


def test_clean_rows_are_left_alone(rows):
    alarms = alarms_on_clean_rows(rows)
    assert len(alarms) <= MOST_ALARMS_ON_CLEAN_ROWS, alarms


def test_no_two_planted_answers_are_alike(examples):
    lines = TRUTH.filter(pl.col("reason") != "empty_answer")["line"]  # those are nothing but marks
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
