"""Does curation help? Train the same small model on raw and on curated rows, and compare bits per byte on test.

Arms: `curated` is the train split of the release, children of augment too; `raw` is every row as ingest read it, before
anything was repaired, merged or dropped. Both have the same tokenizer (which saw curated text only), the same seeds, so
the same first weights, and the same steps of the same batch shape; no pretraining, the last weights, so no use of val.
Held out are the rows of test that are no children and fit the block; bits per byte as in tasks/evaluate.py.

What must not be in `raw`, lest it knows the answers. A raw row is left out when, the first that is true:
    held_out       it was itself released in val or test
    merged         the dedup ledger merged it, maybe by way of others, into a row whose family is in val or test
    family         dedup put it into such a family
    source_family  ingest put it into one family (`family_key`, or one record) with a row of the above
    equal_prompt   its normalised prompt is that of a released row of val or test, or the raw one of a row of the above
The last two look at raw rows, for a row that clean dropped never reached dedup and has no family there. That such a row
*nearly* repeats a held-out one is not seen; if it matters, it helps `raw`. What decontaminate, score or people took out
later stays in `raw`: that is what raw is.

The verdict is a paired t-test over seeds: the mean of curated - raw is significant where its 95 % interval,
mean +- t(n - 1) * s / sqrt(n), leaves out 0. Negative is better. It speaks of chance in training, not in the choice of
test rows.
"""

import logging
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

import polars as pl
from tokenizers import Tokenizer

from tasks.core.files import read_examples, scan_examples, whole_folder
from tasks.core.ledger import read_ledgers
from tasks.core.params import LiftParams, TrainParams
from tasks.core.report import Report
from tasks.core.schema import SPLITS, prompt_text
from tasks.core.text import normalised
from tasks.core.tokens import TokenRows, answer_bytes, bits_per_byte, encode_examples, load_tokenizer, read_released

log = logging.getLogger(__name__)

ARMS = ("curated", "raw")
REASONS = ("held_out", "merged", "family", "source_family", "equal_prompt")
DIGITS = 6  # of every float in the report
# Student's t, two-sided 95 %, by degrees of freedom 1 … 30 (https://www.itl.nist.gov/div898/handbook/eda/section3/eda3672.htm)
T_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
BETTER, WORSE, NO_LIFT = "better", "worse", "no significant lift"


class Verdict(NamedTuple):
    """What the seeds say together."""

    verdict: str  # better, worse, no significant lift
    sentence: str
    difference: float | None = None  # mean of curated - raw, bits per byte
    interval: tuple[float, float] | None = None  # 95 %; None with one seed


def survivors(merges: dict[str, str]) -> dict[str, str]:
    """For every merged id the row that stays in the end; `merges` is id to the row it was merged into."""
    found = {}
    for merged, into in merges.items():
        while into in merges:
            into = merges[into]
        found[merged] = into
    return found


def exclusions(raw: pl.DataFrame, deduped: pl.DataFrame, ledger: pl.DataFrame, held_out: pl.DataFrame) -> pl.DataFrame:
    """id, reason of the `raw` rows that are related to a `held_out` one (see the module), in the order of `raw`.

    `deduped` has id and family of what dedup left, `ledger` is dedup's.
    """
    merges = survivors(dict(ledger.filter(action="merge").select("id", "other_id").iter_rows()))
    known = raw.select("id", "family", prompt=normalised(prompt_text()), survivor=pl.col("id").replace(merges)).join(
        deduped.select(survivor="id", joined="family"), on="survivor", how="left", maintain_order="left"
    )
    is_held_out = pl.col("id").is_in(held_out["id"].implode())
    families = deduped.filter(is_held_out)["family"]  # split may have joined them to others
    is_related = pl.col("joined").is_in(pl.concat([families, held_out["family"]]).implode())
    reached = known.filter(is_held_out | is_related)
    prompts = pl.concat([reached["prompt"], held_out.select(prompt=normalised(prompt_text()))["prompt"]])
    reason = (
        pl.when(is_held_out).then(pl.lit("held_out"))
        .when(is_related & (pl.col("survivor") != pl.col("id"))).then(pl.lit("merged"))
        .when(is_related).then(pl.lit("family"))
        .when(pl.col("family").is_in(reached["family"].implode())).then(pl.lit("source_family"))
        .when(pl.col("prompt").is_in(prompts.implode())).then(pl.lit("equal_prompt"))
    )  # fmt: skip
    return known.select("id", reason=reason).drop_nulls("reason")


def judge_lift(curated: Sequence[float], raw: Sequence[float]) -> Verdict:
    """The paired comparison of bits per byte, one of each arm a seed."""
    differences = [a - b for a, b in zip(curated, raw, strict=True)]
    if not differences:
        return Verdict(NO_LIFT, "No row of test could be judged, so nothing is known of the lift.")
    mean, n = fmean(differences), len(differences)
    if n == 1:
        return Verdict(NO_LIFT, f"One seed gives {mean:+.4f} bits per byte but no interval; nothing is proven.", mean)
    margin = T_95[min(n - 1, len(T_95)) - 1] * stdev(differences) / sqrt(n)
    low, high = mean - margin, mean + margin
    verdict = BETTER if high < 0 else WORSE if low > 0 else NO_LIFT
    words = {
        BETTER: "Curation helps: after curated rows a model needs fewer bits per byte of test than after raw rows",
        WORSE: "Curation hurts: after curated rows a model needs more bits per byte of test than after raw rows",
        NO_LIFT: "No significant lift: what curated and raw rows differ by in bits per byte of test may be chance",
    }
    share = mean / fmean(raw)
    sentence = f"{words[verdict]} ({mean:+.4f}, {share:+.1%}; 95 % interval {low:+.4f} to {high:+.4f}; {n} seeds)."
    return Verdict(verdict, sentence, mean, (low, high))


def of_arm(train: TrainParams, params: LiftParams, seed: int) -> TrainParams:
    """How one model of either arm is trained: as `train` says, but for what `params` say and without val."""
    return train.model_copy(
        update={
            "seed": seed,
            "batch_size": params.batch_size,
            "pretrain_steps": 0,
            "max_steps": params.max_steps,
            "eval_every": params.max_steps,
            "keep": "last",
        }
    )


class Held(NamedTuple):
    """What both arms are judged on."""

    rows: TokenRows
    nothing: TokenRows  # stands for val, which chooses nothing here
    n_bytes: pl.DataFrame  # id, n_bytes of the answers


def bits(rows: TokenRows, held: Held, vocab_size: int, params: TrainParams) -> tuple[float | None, int]:
    """Train on `rows`; bits per byte of the held-out rows that fit (None where there are none), and tokens read."""
    from tasks.core.training import fit, model_config, reproducible, row_losses

    fitted = fit(rows, held.nothing, model_config(vocab_size, params), params)
    with reproducible(params.seed, params.threads):
        judged = row_losses(fitted.model, held.rows).join(held.n_bytes, on="id", maintain_order="left")
    nats = float((judged["loss"] * judged["n_tokens"]).sum())
    return bits_per_byte(nats, int(judged["n_bytes"].sum())), fitted.progress.n_tokens


def compare(
    arms: dict[str, TokenRows], held: Held, vocab_size: int, params: LiftParams, train: TrainParams
) -> dict[str, Any]:
    """Train both `arms` with every seed; the runs, their means and the verdict, rounded."""
    runs: list[dict[str, Any]] = []
    n_read = dict.fromkeys(arms, 0)
    for seed in params.seeds:
        found: dict[str, Any] = {"seed": seed}
        for arm, rows in arms.items():
            found[arm], n_tokens = bits(rows, held, vocab_size, of_arm(train, params, seed))
            n_read[arm] += n_tokens
        log.info("%s", found)
        runs.append(found)
    judged = [found for found in runs if found["curated"] is not None]
    said = judge_lift(*([found[arm] for found in judged] for arm in ARMS))
    for found in judged:
        found["difference"] = round(found["curated"] - found["raw"], DIGITS)
        found |= {arm: round(found[arm], DIGITS) for arm in ARMS}
    return {
        "verdict": said.verdict,
        "sentence": said.sentence,
        "difference": None if said.difference is None else round(said.difference, DIGITS),
        "interval_95": None if said.interval is None else [round(bound, DIGITS) for bound in said.interval],
        "bits_per_byte": {
            arm: round(fmean(found[arm] for found in judged), DIGITS) if judged else None for arm in ARMS
        },
        "runs": runs,
        "tokens_read": n_read,
    }


def lift(data: Path, target: Path, params: LiftParams, *, train_params: TrainParams) -> Report:
    """Compare the arms on what the steps left below `data`; leave report.json in `target`."""
    release = data / "release"
    train, val, test = (read_released(release, split) for split in SPLITS)
    raw = read_examples(data / "ingest")
    deduped = scan_examples(data / "dedup").select("id", "family").collect()
    ledger = read_ledgers(data / "dedup")
    excluded = exclusions(raw, deduped, ledger, pl.concat([val, test]))
    tokenizer = load_tokenizer(data / "tokenize" / "tokenizer.json")
    examples = {"curated": train, "raw": raw.join(excluded, on="id", how="anti", maintain_order="left")}
    arms = {arm: encode_examples(rows, tokenizer) for arm, rows in examples.items()}
    held = hold_out(test, tokenizer, train_params.block_size)
    measures = compare(arms, held, tokenizer.get_vocab_size(), params, train_params)
    measures["tokens_per_run"] = params.max_steps * params.batch_size * train_params.block_size  # padding counted
    measures["held_out"] = {
        "rows": len(held.rows),
        "rows_too_long": len(test.filter(made_by="source")) - len(held.rows),
        "answer_tokens": int(held.rows.has_loss.sum()),
        "n_bytes": int(held.n_bytes["n_bytes"].sum()),
    }
    counts = {
        "rows": {arm: len(rows) for arm, rows in arms.items()},
        "tokens": {arm: len(rows.tokens) for arm, rows in arms.items()},
        "answer_tokens": {arm: int(rows.has_loss.sum()) for arm, rows in arms.items()},
        "excluded": {reason: excluded.filter(reason=reason).height for reason in REASONS},
    }
    with whole_folder(target) as folder:
        return Report("lift", len(raw), len(examples["raw"]), counts=counts, measures=measures).write(folder)


def hold_out(test: pl.DataFrame, tokenizer: Tokenizer, block_size: int) -> Held:
    """The rows of `test` that came from a source and fit `block_size` whole."""
    rows = test.filter(made_by="source")
    fits = pl.Series(encode_examples(rows, tokenizer).lengths <= block_size, dtype=pl.Boolean)
    rows = rows.filter(fits)
    return Held(
        encode_examples(rows, tokenizer),
        encode_examples(rows.head(0), tokenizer),
        rows.select("id", n_bytes=answer_bytes(rows)),
    )
