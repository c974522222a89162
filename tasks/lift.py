"""Does curation help? Train the same small model on raw and on curated rows, and compare bits per byte on test.

Arms: `curated` is the train split of the release, children of augment too; `raw` is every row as ingest read it, before
anything was repaired, merged or dropped. Both have the same tokenizer (which saw curated text only), the same seeds, so
the same first weights, and the same steps of the same batch shape; no pretraining, the last weights, so no use of val.
Held out are the rows of test that are no children and fit the block; bits per byte as in tasks/evaluate.py. The verdict
is that of tasks/core/verdict.py on curated - raw, so negative is better; `examples.parquet` has what it is made of.

What must not be in `raw`, lest it knows the answers. A raw row is left out when, the first that is true:
    held_out       it was itself released in val or test
    merged         the dedup ledger merged it, maybe by way of others, into a row whose family is in val or test
    family         dedup put it into such a family
    source_family  ingest put it into one family (`family_key`, or one record) with a row of the above
    equal_prompt   its normalised prompt is that of a released row of val or test, or the raw one of a row of the above
The last two look at raw rows, for a row that clean dropped never reached dedup and has no family there. That such a row
*nearly* repeats a held-out one is not seen; if it matters, it helps `raw`. What decontaminate, score or people took out
later stays in `raw`: that is what raw is.

With a `baseline` the curated arm must not be worse than the one that was accepted: tasks/core/accepted.py.

The rows that judge are curated themselves: what curation changed in every row, raw rows do not teach. That is what lift
measures, and it favours curation by as much.
"""

import logging
import shutil
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from tokenizers import Tokenizer

from tasks.core.accepted import against_accepted, in_common, lost_most, read_accepted
from tasks.core.errors import GateError, SourceError
from tasks.core.files import read_examples, scan_examples, whole_folder, write_json, write_parquet
from tasks.core.ledger import read_ledgers
from tasks.core.params import LiftParams, TokenizeParams, TrainParams
from tasks.core.report import Report, rounded
from tasks.core.schema import SPLITS, prompt_text
from tasks.core.text import normalised
from tasks.core.tokens import TokenRows, answer_bytes, encode_examples, load_tokenizer, read_released
from tasks.core.verdict import JUDGED, WORSE, Words, bits_by_seed, interval_over_rows, judge

log = logging.getLogger(__name__)

ARMS = ("curated", "raw")
REASONS = ("held_out", "merged", "family", "source_family", "equal_prompt")
WORDS = Words(
    better="Curation helps: after curated rows a model needs fewer bits per byte of test than after raw rows",
    worse="Curation hurts: after curated rows a model needs more bits per byte of test than after raw rows",
    unclear="No significant lift: what curated and raw rows differ by in bits per byte of test may be chance",
    unclear_verdict="no significant lift",
)


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

    `deduped` has id and family of what a dedup left, `ledger` is that dedup's; it may have merged held-out rows too.
    """
    merges = survivors(dict(ledger.filter(action="merge").select("id", "other_id").iter_rows()))
    known = raw.select("id", "family", prompt=normalised(prompt_text()), survivor=pl.col("id").replace(merges)).join(
        deduped.select(survivor="id", joined="family"), on="survivor", how="left", maintain_order="left"
    )
    is_held_out = pl.col("id").is_in(held_out["id"].implode())
    stays = pl.col("id").is_in(held_out["id"].replace(merges).implode())
    families = deduped.filter(stays)["family"]  # split may have joined them to others
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


def dedup_of(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What `exclusions` asks of the folder that a dedup left: id and family of its rows, and its ledger."""
    return scan_examples(folder).select("id", "family").collect(), read_ledgers(folder)


def of_arm(train: TrainParams, params: LiftParams, seed: int) -> TrainParams:
    """How one model of any arm is trained: as `train` says, but for what `params` say and without val."""
    return train.model_copy(
        update={
            "seed": seed,
            "batch_size": params.batch_size,
            "accumulate": 1,
            "pretrain_steps": 0,
            "max_steps": params.max_steps,
            "eval_every": params.max_steps,
            "keep": "last",
        }
    )


class Held(NamedTuple):
    """What all arms are judged on."""

    rows: TokenRows
    nothing: TokenRows  # stands for val, which chooses nothing here
    answers: pl.DataFrame  # id, family, n_bytes of the answers


def hold_out(test: pl.DataFrame, tokenizer: Tokenizer, block_size: int, max_rows: int | None) -> Held:
    """The rows of `test` that came from a source and fit `block_size` whole, of the first `max_rows`."""
    rows = test.filter(made_by="source").sort("id").head(len(test) if max_rows is None else max_rows)
    encoded = encode_examples(rows, tokenizer)
    fits = pl.Series(encoded.lengths <= block_size, dtype=pl.Boolean)
    held = rows.filter(fits)
    return Held(
        picked(encoded, fits.arg_true(), held),
        picked(encoded, fits.arg_true().head(0), held.head(0)),
        held.select("id", "family", n_bytes=answer_bytes(held)),
    )


def encode_arms(examples: dict[str, pl.DataFrame], tokenizer: Tokenizer) -> dict[str, TokenRows]:
    """Every arm's rows as `encode_examples` gives them; what several rows say is encoded once, as arms share most."""
    rows = pl.concat(list(examples.values())).with_row_index("at")
    first = rows.select(pl.col("at").min().over("messages", "tools", "meta"))["at"]
    encoded = encode_examples(rows.filter(rows["at"] == first), tokenizer)
    places = first.unique().sort().search_sorted(first)
    arms, start = {}, 0
    for arm, of_arm in examples.items():
        arms[arm] = picked(encoded, places.slice(start, len(of_arm)), of_arm)
        start += len(of_arm)
    return arms


def picked(encoded: TokenRows, at: pl.Series, examples: pl.DataFrame) -> TokenRows:
    """The rows of `encoded` at these places, as those of `examples`, which say the same."""
    counts = (encoded.rows[name].gather(at) for name in ("n_tokens", "n_answer_tokens"))
    found = [encoded[place] for place in at]
    tokens = np.concatenate([encoded.tokens[:0], *(tokens for tokens, _ in found)])
    weights = np.concatenate([encoded.loss_weights[:0], *(weights for _, weights in found)])
    return TokenRows(examples.select("id", "language", "weight").with_columns(*counts), tokens, weights)


def nats_of(rows: TokenRows, held: Held, vocab_size: int, params: TrainParams) -> tuple[pl.DataFrame, int]:
    """Train on `rows`; id, n_bytes and nats of the held-out rows that fit, and how many tokens training read."""
    from tasks.core.devices import reproducible
    from tasks.core.judging import row_losses
    from tasks.core.training import fit, model_config

    fitted = fit(rows, held.nothing, model_config(vocab_size, params), params)
    with reproducible(params.seed, params.threads):
        judged = row_losses(fitted.model, held.rows).join(held.answers, on="id", maintain_order="left")
    return judged.select("id", "n_bytes", nats=pl.col("loss") * pl.col("n_tokens")), fitted.progress.n_tokens


def train_arms(
    arms: dict[str, TokenRows], held: Held, vocab_size: int, params: LiftParams, train: TrainParams
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Train every arm with every seed: arm, seed, id, n_bytes and nats, sorted, and the tokens that each arm read."""
    tables = [pl.DataFrame(schema={"arm": pl.String, **JUDGED})]
    n_read = dict.fromkeys(arms, 0)
    for seed in params.seeds:
        for arm, rows in arms.items():
            try:
                judged, n_tokens = nats_of(rows, held, vocab_size, of_arm(train, params, seed))
            except (GateError, SourceError) as error:
                raise type(error)(f"lift: {arm} rows, seed {seed}: {error}") from None
            n_read[arm] += n_tokens
            tables.append(judged.select(pl.lit(arm).alias("arm"), pl.lit(seed, pl.Int64).alias("seed"), pl.all()))
            told = ", ".join(f"{bits:.4f} bits per byte" for bits in bits_by_seed(tables[-1], [seed])) or "not judged"
            log.info("seed %d, %s: %s", seed, arm, told)
    return pl.concat(tables).sort("arm", "seed", "id"), n_read


def compare(judged: pl.DataFrame, families: pl.DataFrame, seeds: list[int]) -> dict[str, Any]:
    """The verdict on curated and raw rows, with the bits per byte of both, meaned and of every seed."""
    bits = {arm: bits_by_seed(judged.filter(arm=arm), seeds) for arm in ARMS}
    pairs = list(zip(*bits.values(), strict=True)) or [(None, None)] * len(seeds)
    runs = [
        {"seed": seed, "curated": rounded(curated), "raw": rounded(raw)}
        | ({} if curated is None else {"difference": rounded(curated - raw)})
        for seed, (curated, raw) in zip(seeds, pairs, strict=True)
    ]
    means = {arm: rounded(fmean(values)) if values else None for arm, values in bits.items()}
    of_curated, of_raw = (judged.filter(arm=arm) for arm in ARMS)
    over_rows = interval_over_rows(of_curated, of_raw, families)
    said = judge(bits["curated"], bits["raw"], over_rows, WORDS)
    return {**said.measures(), "bits_per_byte": means, "runs": runs}


def counts_of(arms: dict[str, TokenRows]) -> dict[str, dict[str, int]]:
    """Rows, tokens and answer tokens of every arm."""
    return {
        "rows": {arm: len(rows) for arm, rows in arms.items()},
        "tokens": {arm: len(rows.tokens) for arm, rows in arms.items()},
        "answer_tokens": {arm: int(rows.has_loss.sum()) for arm, rows in arms.items()},
    }


def lift(
    data: Path,
    target: Path,
    params: LiftParams,
    *,
    train_params: TrainParams,
    tokenize_params: TokenizeParams,
    baseline: Path | None = None,
) -> Report:
    """Compare the arms on what the steps left below `data`; leave report.json and examples.parquet in `target`.

    Where `baseline` is given, the curated arm is compared with the one accepted into it too; where it is worse,
    `data`/run/failed-lift.json has the evidence, nothing is left in `target` and GateError is raised.
    """
    from tasks.core.devices import choose_device, choose_dtype

    dtype = str(choose_dtype(train_params.dtype, choose_device(train_params.device)))
    accepted = read_accepted(baseline, params, train_params, tokenize_params, dtype) if baseline else None
    evidence = data / "run" / "failed-lift.json"
    evidence.unlink(missing_ok=True)
    release = data / "release"
    train, val, test = (read_released(release, split) for split in SPLITS)
    raw = read_examples(data / "ingest")
    excluded = exclusions(raw, *dedup_of(data / "dedup"), pl.concat([val, test]))
    tokenizer = load_tokenizer(data / "tokenize" / "tokenizer.json")
    examples = {"curated": train, "raw": raw.join(excluded, on="id", how="anti", maintain_order="left")}
    arms = encode_arms(examples, tokenizer)
    held = hold_out(test, tokenizer, train_params.block_size, params.max_rows)
    common = in_common(accepted, held.answers) if accepted else None
    judged, n_read = train_arms(arms, held, tokenizer.get_vocab_size(), params, train_params)
    measures = compare(judged, held.answers, params.seeds)
    measures["release"] = Report.read(data / "tokenize").measures.get("release")
    measures["tokens_read"] = n_read
    measures["tokens_per_run"] = params.max_steps * params.batch_size * train_params.block_size  # padding counted
    measures["held_out"] = {
        "rows": len(held.rows),
        "rows_left_out": len(test.filter(made_by="source")) - len(held.rows),  # too long, or beyond max_rows
        "answer_tokens": int(held.rows.has_loss.sum()),
        "n_bytes": int(held.answers["n_bytes"].sum()),
    }
    if common is not None:
        measures["baseline"] = hold_to(common, judged, held.answers, params, target, evidence)
    counts = counts_of(arms) | {"excluded": {reason: excluded.filter(reason=reason).height for reason in REASONS}}
    with whole_folder(target) as folder:
        write_parquet(judged, folder / "examples.parquet")
        return Report("lift", len(raw), len(examples["raw"]), counts=counts, measures=measures).write(folder)


def hold_to(
    common: pl.DataFrame,
    judged: pl.DataFrame,
    families: pl.DataFrame,
    params: LiftParams,
    target: Path,
    evidence: Path,
) -> dict[str, Any]:
    """Judge the curated arm on the rows in `common` with what was accepted; see `lift` for where it is worse."""
    curated = judged.filter(arm="curated")
    found = against_accepted(curated, common, families, params)
    if found["verdict"] == WORSE:
        shutil.rmtree(target, ignore_errors=True)  # of an earlier run
        write_json({**found, "rows": lost_most(curated, common)}, evidence)
        raise GateError(f"lift: {found['sentence']}\nevidence: {evidence}")
    return found
