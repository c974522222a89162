"""What is measured of an example, and which measure drops or flags it.

Measures are taken of the repaired text and kept for every row, also for those that go: other thresholds are answered
from them, without a rerun. A pattern that is found or not measures 1 or 0.
"""

from pathlib import Path
from typing import NamedTuple

import polars as pl

from tasks.cleaners.cutoffs import cutoff_in
from tasks.cleaners.echo import echo_ratio
from tasks.cleaners.empty import says_nothing
from tasks.cleaners.identity import identity_in
from tasks.cleaners.languages import answer_language_differs, source_language_differs
from tasks.cleaners.lengths import n_tokens
from tasks.cleaners.missing_input import missing_input_in
from tasks.cleaners.own_words import own_words
from tasks.cleaners.refusals import HEAD_CHARS, refusal_in
from tasks.cleaners.repetition import measure_repetition
from tasks.cleaners.templates import unfilled_in
from tasks.cleaners.toxic import load, toxic_words
from tasks.cleaners.truncated import truncated_in
from tasks.core.ledger import SPAN_CHARS
from tasks.core.params import CleanParams
from tasks.core.text import units_of


class Check(NamedTuple):
    """One reason to drop or flag a row: which measure is held against which threshold."""

    name: str  # the reason in the ledger
    measure: str  # a column of the measures
    threshold: str | float  # a param, or a number
    action: str | None = None  # the param that says drop, flag or off; None drops always
    is_least: bool = False  # the threshold is the least that is right, not the most
    shown: str | None = None  # the column of `texts` that the ledger quotes

    def bound(self, params: CleanParams) -> float | None:
        """The threshold as params have it; None: there is none."""
        value = getattr(params, self.threshold) if isinstance(self.threshold, str) else self.threshold
        return None if value is None else float(value)

    def fate(self, params: CleanParams) -> str:
        """What happens to a row that fails: drop, flag, or off."""
        return "drop" if self.action is None else getattr(params, self.action)


# In this order: the first that drops a row is its reason.
CHECKS = (
    Check("empty_prompt", "question_units", 1, is_least=True),
    Check("empty_answer", "answer_units", "min_answer_units", is_least=True),
    Check("echo", "echo", "max_echo_ratio", "echo", shown="head"),
    Check("missing_input", "missing_input", 0, "missing_input", shown="missing_input_found"),
    Check("refusal", "refusal", 0, "refusal", shown="refusal_found"),
    Check("identity", "identity", 0, "identity", shown="identity_found"),
    Check("knowledge_cutoff", "knowledge_cutoff", 0, "knowledge_cutoff", shown="knowledge_cutoff_found"),
    Check("truncated", "truncated", 0, "truncated", shown="truncated_found"),
    Check("repetition", "token_repetition", "max_repetition_ratio", "repetition", shown="head"),
    Check("char_repetition", "char_repetition", "max_char_repetition_ratio", "repetition", shown="head"),
    Check("too_long", "units", "max_units", "too_long"),
    Check("too_many_tokens", "n_tokens", "max_tokens", "too_long"),
    Check("source_language", "source_language", 0, "source_language", shown="head"),
    Check("answer_language", "answer_language", 0, "answer_language", shown="head"),
    Check("template_unfilled", "template_unfilled", 0, "template_unfilled", shown="template_unfilled_found"),
    Check("toxic", "toxic_words", "max_toxic_words", "toxic", shown="toxic"),
)
REASONS = tuple(check.name for check in CHECKS)
SETTINGS = {
    *(check.threshold for check in CHECKS if isinstance(check.threshold, str)),
    *(check.action for check in CHECKS if check.action),
}  # the params that change what is judged and nothing that is measured
KEPT: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "source": pl.String,
    "language": pl.String,
    "languages": pl.List(pl.String),
}
MEASURES = pl.Schema({**KEPT, **{check.measure: pl.Float64 for check in CHECKS}})


def measure(texts: pl.DataFrame, params: CleanParams) -> pl.DataFrame:
    """The columns of MEASURES, and beside them the spans that the ledger quotes.

    `texts` is what `texts_of` of tasks/clean.py gives.
    """
    answer, answers, text = pl.col("answer"), pl.col("answers"), pl.col("text")
    spoken = own_words(pl.col("question"), answer, pl.col("has_tools"))
    # A column of its own: within an expression it would be made anew wherever it is used.
    quoted = texts.with_columns(spoken=spoken).with_columns(
        head=answer.str.slice(0, HEAD_CHARS),
        missing_input_found=missing_input_in(pl.col("spoken"), pl.col("prompt")),
        refusal_found=refusal_in(pl.col("spoken")),
        identity_found=identity_in(answers),
        knowledge_cutoff_found=cutoff_in(answers),
        truncated_found=truncated_in(answer),
        template_unfilled_found=unfilled_in(text),
        toxic=toxic_words(text, load(Path(params.toxic_words)) if params.toxic_words else None),
    )
    found = {name.removesuffix("_found"): pl.col(name).is_not_null() for name in quoted.columns if "_found" in name}
    differs = answer_language_differs(pl.col("asked"), pl.col("answered"), pl.col("prompt"), answer)
    said = ~says_nothing(pl.col("prompt"), answer)
    units = {
        "question_units": units_of(pl.col("questions")),
        "prompt_units": units_of(pl.col("prompt")),
        "answer_units": units_of(answer) * said,
    }
    measured = quoted.with_columns(
        **{name: is_found.cast(pl.Float64) for name, is_found in found.items()},
        **{name: n.cast(pl.Float64) for name, n in units.items()},
        echo=echo_ratio(pl.col("question"), answer),
        n_tokens=pl.lit(None, pl.Float64) if params.tokenizer is None else n_tokens(quoted["text"], params.tokenizer),
        source_language=source_language_differs(pl.col("stated"), pl.col("found")).cast(pl.Float64),
        answer_language=differs.cast(pl.Float64),
        toxic_words=pl.col("toxic").list.len().cast(pl.Float64),
        toxic=pl.col("toxic").list.unique(maintain_order=True).list.join(", "),
    )
    both = pl.col("prompt_units") + pl.col("answer_units")
    return measured.with_columns(both.alias("units"), *measure_repetition(measured["answer"]))


def judge(measured: pl.DataFrame, params: CleanParams) -> pl.DataFrame:
    """Who fails: id, action, reason, measure, threshold. A row that is dropped has one line, another one for each flag.

    Needs nothing but MEASURES; a measure that was not taken fails nobody.
    """
    failed = [
        measured.filter(pl.col(check.measure) < bound if check.is_least else pl.col(check.measure) > bound).select(
            "id",
            action=pl.lit(check.fate(params)),
            reason=pl.lit(check.name),
            measure=check.measure,
            threshold=pl.lit(bound, pl.Float64),
        )
        for check in CHECKS
        if check.fate(params) != "off" and (bound := check.bound(params)) is not None
    ]
    lines = pl.concat(failed)
    drops = lines.filter(action="drop").unique("id", keep="first", maintain_order=True)
    return pl.concat([drops, lines.filter(action="flag").join(drops, on="id", how="anti", maintain_order="left")])


def quote(lines: pl.DataFrame, measured: pl.DataFrame) -> pl.DataFrame:
    """The lines of `judge` with `before`: what in the row made it fail, where that can be shown."""
    shown = {check.name: check.shown for check in CHECKS if check.shown}
    quotes = [measured.select("id", reason=pl.lit(name), before=pl.col(column)) for name, column in shown.items()]
    quoted = lines.join(pl.concat(quotes), on=["id", "reason"], how="left", maintain_order="left")
    return quoted.with_columns(pl.col("before").str.slice(0, SPAN_CHARS))
