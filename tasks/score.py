"""Measure signals of quality on every example, and drop below a threshold where one is set.

Every signal is in 0..1, 1 is good, and is right for short and for Chinese text: lengths are in units, n-grams are of
tokens (words or Han characters), and a text too short to measure counts as good. `scores.parquet` has them all.
They need no model. Where params name a baseline (flows/accept.py), the ifd that its model gave a row stands beside them
(tasks/core/suspects.py says what it means). It is null for a row that the model did not judge or that says something
else now, whose answer is too short for it, or that was in val or test: a model must not choose what it is judged on.
There is no compression ratio among them: its bytes depend on the zlib of the machine.
"""

import ast
import re
import warnings
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.accepted import accepted_table
from tasks.core.errors import ParamsError
from tasks.core.files import read_table, scan_examples
from tasks.core.language import language_of_turn
from tasks.core.ledger import LEDGER, Outcome
from tasks.core.params import ScoreParams
from tasks.core.report import Report
from tasks.core.schema import EXAMPLE, answer_text, prompt_text, text_hashes
from tasks.core.shards import RunShards, by_shards, in_processes, leave_shard
from tasks.core.suspects import LEAST_TOKENS
from tasks.core.text import HAN, ngrams, tokens, units_of

REASONS = ("low_score", "high_ifd")
PREVIEWED = {"min_score", "max_ifd"}  # answered from scores.parquet
SIGNALS = ("complete", "distinct", "own_words", "letters", "same_language", "code_parses")
LEAST_NGRAMS = 24  # with fewer n-grams a ratio says nothing
DISTINCT_ENOUGH = 0.6  # share of distinct bigrams from which an answer is not repetitive
LETTERS_ENOUGH = 0.5  # share of letters and digits from which prose is no noise
SHORT_UNITS = 12  # an answer as short as a label, a name or a number needs no full stop
COPIES_BY_RIGHT = ("rewriting", "extraction", "summarization", "classification", "code_generation", "translation")
CHANGES_LANGUAGE = ("translation", "code_generation")
PYTHON_BLOCK = re.compile(r"```(?:python|py)\s*\n(.*?)```", re.DOTALL)
# What a finished answer ends with: a stop, a closing bracket or quote, a fence, a cell or a mark (emoji, %).
COMPLETE = "|".join(
    (
        r"(?:[.!?…:。！？；：~～)\]}>\"'”’』」）】》`|]|\p{S}|\d)\s*\z",
        r"(?m)^\s*(?:[-*+•]|\d+[.)、]).{0,200}\z",  # the last item of a list
        rf"[{HAN}]\z",
    )
)


def signals(examples: pl.DataFrame) -> pl.DataFrame:
    """One row an example: id, lengths in units, the signals, their mean as `score`; code_parses is null without code.

    complete: the answer ends as a finished text does. distinct: share of distinct token bigrams (distinct-2 of Li et
    al. 2016, arXiv:1510.03055), full marks from 0.6. own_words: share of the answer's token trigrams that are not the
    prompt's. letters: share of letters and digits, full marks from 0.5. same_language: question and answer agree.
    """
    prompt, answer = prompt_text(), answer_text()
    asks_to_copy = pl.col("instruction_type").is_in(COPIES_BY_RIGHT).fill_null(False)
    may_change = pl.col("instruction_type").is_in(CHANGES_LANGUAGE).fill_null(False)
    asked = language_of_turn(pl.col("messages").list.eval(_content("user")).list.last().fill_null(""))
    answered = language_of_turn(answer)
    plain = asked.is_in(["zh", "en"]) & answered.is_in(["zh", "en"])
    visible = answer.str.count_matches(r"\S").cast(pl.Float64)
    measured = examples.select(
        "id",
        prompt_units=units_of(prompt),
        answer_units=units_of(answer),
        complete=((units_of(answer) <= SHORT_UNITS) | answer.str.contains(COMPLETE)).cast(pl.Float64),
        distinct=_distinct(tokens(answer)),
        own_words=pl.when(asks_to_copy).then(1.0).otherwise(_own_words(tokens(prompt), tokens(answer))),
        letters=(answer.str.count_matches(r"[\p{L}\p{N}]") / visible / LETTERS_ENOUGH).fill_nan(0.0).clip(0, 1),
        same_language=(may_change | ~plain | (asked == answered)).cast(pl.Float64),
    )
    scored = measured.join(_code_parses(examples), on="id", how="left", maintain_order="left")
    return scored.with_columns(pl.mean_horizontal(SIGNALS).alias("score"))


def _content(role: str) -> pl.Expr:
    turn = pl.element().struct
    return turn.field("content").filter(turn.field("role") == role)


def _distinct(answer: pl.Expr) -> pl.Expr:
    bigrams = ngrams(answer, 2)
    n = bigrams.list.len()
    share = bigrams.list.n_unique() / n / DISTINCT_ENOUGH
    return pl.when(n >= LEAST_NGRAMS).then(share.clip(0, 1)).otherwise(1.0)


def _own_words(prompt: pl.Expr, answer: pl.Expr) -> pl.Expr:
    trigrams = ngrams(answer, 3).list.unique()
    n = trigrams.list.len()
    own = trigrams.list.set_difference(ngrams(prompt, 3)).list.len()
    return pl.when(n >= LEAST_NGRAMS).then(own / n).otherwise(1.0)


def _code_parses(examples: pl.DataFrame) -> pl.DataFrame:
    """Of examples whose answer has Python blocks: the share of blocks that parse."""
    answers = examples.select("id", answer=answer_text()).filter(pl.col("answer").str.contains(r"```(?:python|py)\s"))
    rows = []
    for id, answer in answers.iter_rows():
        if blocks := PYTHON_BLOCK.findall(answer):
            rows.append((id, sum(map(parses, blocks)) / len(blocks)))
    return pl.DataFrame(rows, schema={"id": pl.String, "code_parses": pl.Float64}, orient="row")


def parses(code: str) -> bool:
    """Whether a text is Python; a session at the prompt (>>>) is read without its prompts and results."""
    if ">>> " in code:
        code = "\n".join(line[4:] for line in code.splitlines() if line.startswith((">>> ", "... ")))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def ifd_of(examples: pl.DataFrame, baseline: Path) -> pl.DataFrame:
    """id, ifd of the examples that the accepted model was trained on and judged, as they are now.

    Raises SourceError where `baseline` is not what `instructflow accept` writes.
    """
    judged = accepted_table(baseline, "examples.parquet").filter(pl.col("n_tokens") >= LEAST_TOKENS, split="train")
    now = examples.select("id", text=text_hashes(examples))
    known = now.join(judged, on=["id", "text"], how="left", maintain_order="left")
    return known.select("id", pl.col("ifd").cast(pl.Float64))


def drops(scores: pl.DataFrame, params: ScoreParams) -> pl.DataFrame:
    """The ledger's lines of the rows below `min_score`, and of the others above `max_ifd`."""
    low = _lines(scores.filter(pl.col("score") < params.min_score), "low_score", "score", params.min_score)
    if params.max_ifd is None:
        return low
    others = scores.join(low, on="id", how="anti", maintain_order="left")
    high = _lines(others.filter(pl.col("ifd") > params.max_ifd), "high_ifd", "ifd", params.max_ifd)
    return pl.concat([low, high])


def _lines(rows: pl.DataFrame, reason: str, measure: str, threshold: float) -> pl.DataFrame:
    return rows.select(
        "id",
        step=pl.lit("score"),
        action=pl.lit("drop"),
        reason=pl.lit(reason),
        measure=measure,
        threshold=pl.lit(threshold, pl.Float64),
    )


def score_examples(
    examples: pl.DataFrame, params: ScoreParams, baseline: Path | None = None
) -> tuple[Outcome, pl.DataFrame]:
    """Measure all, drop what params say; the second table has the signals of every row that came in."""
    none = pl.DataFrame(schema={"id": pl.String, "ifd": pl.Float64})
    known = none if baseline is None else ifd_of(examples, baseline)
    scores = signals(examples).join(known, on="id", how="left", maintain_order="left")
    gone = drops(scores, params)
    ledger = pl.concat([pl.DataFrame(schema=LEDGER), gone], how="diagonal")
    kept = examples.join(gone, on="id", how="anti", maintain_order="left").select(list(EXAMPLE))
    return Outcome(kept, ledger), scores


def preview(data: Path, params: ScoreParams) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every row that came in (id, source, language), and who would be dropped under `params`."""
    rows = scan_examples(data / "classify").select("id", "source", "language").collect()
    return rows, drops(read_table(data / "score" / "scores.parquet"), params)


def score_shard(source_file: Path, target_file: Path, params: ScoreParams, baseline: Path | None) -> int:
    """Score one shard; returns the rows in."""
    examples = read_table(source_file, schema=EXAMPLE)
    outcome, scores = score_examples(examples, params, baseline)
    leave_shard(target_file, outcome, scores=scores)
    return len(examples)


def score(
    examples: Path,
    target: Path,
    params: ScoreParams,
    run_shards: RunShards = in_processes,
    *,
    baseline: Path | None = None,
) -> Report:
    """Score every shard below `examples` into `target`; `baseline` is the folder that params name, if they do.

    Raises ParamsError for a max_ifd without it.
    """
    if params.max_ifd is not None and baseline is None:
        raise ParamsError("score.max_ifd: no baseline was given; expected the folder that `instructflow accept` wrote")

    def measure(folder: Path) -> dict[str, Any]:
        scores = pl.read_parquet(folder / "scores.parquet")
        mean = {name: scores[name].mean() for name in (*SIGNALS, "score")}
        quantiles = {f"p{q:02d}": scores["score"].quantile(q / 100) for q in (1, 5, 25, 50)}
        found: dict[str, Any] = {"mean": _rounded(mean), "score_quantiles": _rounded(quantiles)}
        if baseline is not None:
            spread = {f"p{q:02d}": scores["ifd"].quantile(q / 100) for q in (5, 50, 95)}
            found |= {"ifd_known": len(scores) - scores["ifd"].null_count(), "ifd_quantiles": _rounded(spread)}
        return found

    inputs, tables = (baseline,), ("scores",)
    return by_shards("score", score_shard, examples, target, params, run_shards, inputs, tables, measure)


def _rounded(values: dict[str, Any]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items() if value is not None}
