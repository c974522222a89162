"""What is measured of an example, and which measure drops or flags it.

Measures are taken of the repaired text and kept for every row, also for those that go: other thresholds are answered
from them, without a rerun. A pattern that is found or not measures 1 or 0.
"""

from typing import NamedTuple

import polars as pl

from tasks.cleaners.refusals import HEAD_CHARS, refuses
from tasks.cleaners.repetition import repetition
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
    Check("empty_prompt", "prompt_units", 1, is_least=True),
    Check("empty_answer", "answer_units", "min_answer_units", is_least=True),
    Check("refusal", "refusal", 0, "refusal", shown="refusal_found"),
    Check("repetition", "token_repetition", "max_repetition_ratio", "repetition", shown="head"),
    Check("too_long", "units", "max_units", "too_long"),
    Check("too_many_tokens", "n_tokens", "max_tokens", "too_long"),
)
REASONS = tuple(check.name for check in CHECKS)
SETTINGS = {
    *(check.threshold for check in CHECKS if isinstance(check.threshold, str)),
    *(check.action for check in CHECKS if check.action),
}  # the params that change what is judged and nothing that is measured
KEPT = {"id": pl.String, "source": pl.String, "language": pl.String, "languages": pl.List(pl.String)}
MEASURES = pl.Schema({**KEPT, **{check.measure: pl.Float64 for check in CHECKS}})


def measure(texts: pl.DataFrame, params: CleanParams) -> pl.DataFrame:
    """The columns of MEASURES, and beside them the spans that the ledger quotes.

    `texts` has id, source, language, languages, prompt (all before the last answer), answer and text (all turns).
    """
    prompt, answer, text = pl.col("prompt"), pl.col("answer"), pl.col("text")
    quoted = texts.with_columns(
        head=answer.str.slice(0, HEAD_CHARS),
        refusal_found=pl.when(refuses(answer)).then(answer.str.slice(0, HEAD_CHARS)),
    )
    return quoted.with_columns(
        prompt_units=units_of(prompt).cast(pl.Float64),
        answer_units=units_of(answer).cast(pl.Float64),
        units=units_of(text).cast(pl.Float64),
        n_tokens=pl.lit(None, pl.Float64),
        token_repetition=repetition(answer),
        refusal=pl.col("refusal_found").is_not_null().cast(pl.Float64),
    )


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
    return lines.join(pl.concat(quotes), on=["id", "reason"], how="left", maintain_order="left")
