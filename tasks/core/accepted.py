"""What was accepted into `baseline/` (flows/accept.py), and the lift's gate: the curated arm of today against that one.

Both are judged on the test rows that they have in common, whose answers have equally many bytes. Only like is compared
with like: the params that an arm's training depends on, and the numbers it is done in, must be as they were; the code
and the version of torch are not compared.

    manifest.json   {"params": {"tokenize": {…}, "train": {…}, "lift": {…}}, "dtype": …, "files": {name: sha256}, …}
    lift.parquet    the curated arm's rows of data/lift/examples.parquet: seed, id, n_bytes, nats
"""

from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import polars as pl

from tasks.core.errors import ParamsError, SourceError
from tasks.core.files import file_hash, read_json, read_table, unreadable
from tasks.core.params import NO_BASELINE, LiftParams, TokenizeParams, TrainParams
from tasks.core.report import rounded
from tasks.core.verdict import JUDGED, Words, bits_by_seed, interval_over_rows, judge

WORDS = Words(
    better="Better than what was accepted: a model needs fewer bits per byte of the test rows that both have",
    worse="Worse than what was accepted: a model needs more bits per byte of the test rows that both have",
    unclear="Not shown to be worse than what was accepted: the difference in bits per byte of the test rows that both "
    "have may be chance",
)
OF_LIFT = {"seeds", "max_steps", "batch_size"}  # what an arm's training takes from lift
WAY_OUT = f"set lift.baseline to {NO_BASELINE}, build, and accept that"
# What an arm does not take from train (see of_arm in tasks/lift.py), and what changes the last digits at most; of the
# dtype what `auto` comes to is compared.
NOT_OF_TRAIN = {
    "seed", "batch_size", "accumulate", "pretrain_steps", "max_steps", "eval_every", "eval_rows", "patience",
    "keep", "keep_states", "threads", "device", "dtype", "attention", "compile", "tensorboard", "wandb",
}  # fmt: skip
EVIDENCE_ROWS = 20  # those that lost most


class Accepted(NamedTuple):
    """What was accepted of the curated arm, and where it lies."""

    file: Path
    judged: pl.DataFrame  # JUDGED


def accepted_table(baseline: Path, name: str) -> pl.DataFrame:
    """One of the Parquet files in `baseline`; raises SourceError where it is not there, or not the manifest's."""
    file, manifest = baseline / name, baseline / "manifest.json"
    for path in (manifest, file):
        if not path.is_file():
            raise SourceError(
                f"{path}: not there; expected what `instructflow accept` writes, of a build that you trust"
            )
    if read_json(manifest).get("files", {}).get(name) != file_hash(file, "sha256"):
        raise SourceError(f"{file}: not the one of manifest.json; expected what one `instructflow accept` wrote")
    return read_table(file)


def read_accepted(
    baseline: Path, params: LiftParams, train: TrainParams, tokenize: TokenizeParams, dtype: str
) -> Accepted:
    """Read what `instructflow accept` left.

    Raises SourceError where it is not there, and ParamsError naming the first param that differs from what it was.
    """
    judged = accepted_table(baseline, "lift.parquet")
    manifest = read_json(baseline / "manifest.json")
    here = {
        "lift": params.model_dump(mode="json", include=OF_LIFT),
        "train": train.model_dump(mode="json", exclude=NOT_OF_TRAIN),
        "tokenize": tokenize.model_dump(mode="json"),
    }
    try:
        then = {section: dict(manifest["params"][section]) for section in here}
        pairs = [
            (f"{s}.{name}", value, then[s].get(name)) for s, values in here.items() for name, value in values.items()
        ]
        pairs.append(("train.dtype", dtype, manifest["dtype"]))
        judged = judged.select(pl.col(name).cast(of) for name, of in JUDGED.items())
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise unreadable(baseline, error) from None
    for name, value, accepted in pairs:
        if value != accepted:
            raise ParamsError(
                f"{name}: {value} here, {accepted} when baseline/ was accepted; expected equal ones, or what is "
                f"compared is not the data; set it back, or {WAY_OUT}"
            )
    if set(judged["seed"]) != set(params.seeds):
        raise SourceError(f"{baseline}: rows of seeds {sorted(set(judged['seed']))}; expected {sorted(params.seeds)}")
    return Accepted(baseline / "lift.parquet", judged)


def in_common(accepted: Accepted, n_bytes: pl.DataFrame) -> pl.DataFrame:
    """The rows of `accepted` that are held out today too, with an equal text; `n_bytes` has id and n_bytes of today.

    Raises SourceError when there is none.
    """
    common = accepted.judged.join(n_bytes, on=["id", "n_bytes"], how="semi", maintain_order="left")
    if not common["n_bytes"].sum():
        raise SourceError(
            f"{accepted.file}: no row in common with the {len(n_bytes)} of today's test, so nothing can be compared; "
            f"expected ids with equal texts; {WAY_OUT}"
        )
    return common


def against_accepted(
    curated: pl.DataFrame, common: pl.DataFrame, families: pl.DataFrame, params: LiftParams
) -> dict[str, Any]:
    """Judge `curated` (JUDGED) on the rows of `common`: the verdict's measures, rows_common and bits_per_byte."""
    curated = curated.join(common, on=["seed", "id"], how="semi", maintain_order="left")
    now, then = (bits_by_seed(judged, params.seeds) for judged in (curated, common))
    return {
        **judge(now, then, interval_over_rows(curated, common, families), WORDS).measures(),
        "rows_common": common["id"].n_unique(),
        "bits_per_byte": {"curated": rounded(fmean(now)), "accepted": rounded(fmean(then))},
    }


def lost_most(curated: pl.DataFrame, common: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows of `common` whose nats rose most, meaned over seeds, with those of both: evidence for a gate."""
    both = curated.join(common, on=["seed", "id"], suffix="_accepted")
    means = both.group_by("id").agg(
        pl.col("n_bytes").first(), nats=pl.col("nats").mean().round(3), accepted=pl.col("nats_accepted").mean().round(3)
    )
    return means.sort(pl.col("accepted") - pl.col("nats"), "id").head(EVIDENCE_ROWS).to_dicts()
