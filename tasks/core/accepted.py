"""The lift's gate: the curated arm of today against the one that was accepted into `baseline/`.

Both are judged on the test rows that they have in common, whose text did not change: equal ids with equally many bytes
of answers. Only like is compared with like: what an arm's training depends on must be as it was.

    baseline/lift.parquet    the curated arm's rows of data/lift/examples.parquet: seed, id, n_bytes, nats
    baseline/manifest.json   {"params": {"train": {…}, "lift": {…}}, …}
"""

from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import polars as pl

from tasks.core.errors import ParamsError, SourceError
from tasks.core.files import read_json, read_table, unreadable
from tasks.core.params import LiftParams, TrainParams
from tasks.core.verdict import JUDGED, Words, bits_by_seed, judge, rounded

WORDS = Words(
    better="Better than what was accepted: a model needs fewer bits per byte of the test rows that both have",
    worse="Worse than what was accepted: a model needs more bits per byte of the test rows that both have",
    unclear="Not worse than what was accepted: the difference in bits per byte of the test rows that both have may be "
    "chance",
)
OF_LIFT = {"seeds", "max_steps", "batch_size"}  # what an arm's training takes from lift
# What an arm does not take from train (see of_arm in tasks/lift.py), and what changes the last digits at most.
NOT_OF_TRAIN = {
    "seed", "batch_size", "accumulate", "pretrain_steps", "max_steps", "eval_every", "eval_rows", "patience",
    "keep", "keep_states", "threads", "device", "attention", "compile", "tensorboard", "wandb",
}  # fmt: skip
EVIDENCE_ROWS = 20  # those that lost most


class Accepted(NamedTuple):
    """What was accepted of the curated arm, and where it lies."""

    file: Path
    judged: pl.DataFrame  # JUDGED


def read_accepted(baseline: Path, params: LiftParams, train: TrainParams) -> Accepted:
    """Read what `instructflow accept` left.

    Raises SourceError where it is not there, and ParamsError naming the first param that differs from what it was.
    """
    file, manifest = baseline / "lift.parquet", baseline / "manifest.json"
    for path in (manifest, file):
        if not path.is_file():
            raise SourceError(
                f"{path}: not there; lift.fail_if_worse compares with what was accepted; "
                "run `instructflow accept` on a build that you trust"
            )
    here = {
        "lift": params.model_dump(mode="json", include=OF_LIFT),
        "train": train.model_dump(mode="json", exclude=NOT_OF_TRAIN),
    }
    try:
        then = {section: dict(read_json(manifest)["params"][section]) for section in here}
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable(manifest, error) from None
    for section, values in here.items():
        for name, value in values.items():
            if then[section].get(name) != value:
                raise ParamsError(
                    f"{section}.{name}: {value} here, {then[section].get(name)} when baseline/ was accepted; "
                    "expected equal ones, or what is compared is not the data; set it back or accept anew"
                )
    judged = read_table(file, columns=list(JUDGED)).select(pl.col(name).cast(of) for name, of in JUDGED.items())
    if set(judged["seed"]) != set(params.seeds):
        raise SourceError(f"{file}: rows of seeds {sorted(set(judged['seed']))}; expected {sorted(params.seeds)}")
    return Accepted(file, judged)


def in_common(accepted: Accepted, n_bytes: pl.DataFrame) -> pl.DataFrame:
    """The rows of `accepted` that are held out today too, with an equal text; `n_bytes` has id and n_bytes of today.

    Raises SourceError when there is none.
    """
    common = accepted.judged.join(n_bytes, on=["id", "n_bytes"], how="semi", maintain_order="left")
    if not common["n_bytes"].sum():
        raise SourceError(
            f"{accepted.file}: no row in common with the {len(n_bytes)} of today's test, so nothing can be compared; "
            "expected ids with equal texts; run `instructflow accept` anew"
        )
    return common


def against_accepted(curated: pl.DataFrame, common: pl.DataFrame, params: LiftParams) -> dict[str, Any]:
    """Judge `curated` (JUDGED) on the rows of `common`: the verdict's measures, rows_common and bits_per_byte."""
    curated = curated.join(common, on=["seed", "id"], how="semi", maintain_order="left")
    now, then = (bits_by_seed(judged, params.seeds) for judged in (curated, common))
    return {
        **judge(now, then, WORDS).measures(),
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
