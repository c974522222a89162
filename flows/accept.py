"""Keep of a build what later builds are held against, in the tracked `baseline/`: its model's figures on every row.

    manifest.json      sha256 of each split of the release, figures of val and test, the params that they hang on
    examples.parquet   id, split, n_tokens, n_bytes, loss, loss_alone, ifd of every row judged: `score` reads them
    lift.parquet       seed, id, n_bytes, nats of the curated arm: the gate of `lift` reads them

It is a command and no step: what a build makes would otherwise hang on itself.
"""

from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.errors import SourceError
from tasks.core.files import read_json, read_table, write_json, write_parquet
from tasks.core.params import Params
from tasks.core.report import Report
from tasks.core.schema import SPLITS
from tasks.core.verdict import JUDGED

OF_EXAMPLES = ("id", "split", "n_tokens", "n_bytes", "loss", "loss_alone", "ifd")
SECTIONS = ("tokenize", "train", "lift")


def accept(data: Path, params: Params, baseline: Path) -> dict[str, Any]:
    """Write what the steps left below `data` under `params` into `baseline`; returns the manifest.

    Raises SourceError when a training step has not run, or on another release than the one that is there.
    """
    for step in ("release", "tokenize", "train", "evaluate", "lift"):
        if not (data / step / "report.json").is_file():
            raise SourceError(f"{data / step}: no report here; expected a whole build, with its model; run one first")
    files = read_json(data / "release" / "manifest.json")["files"]
    release = {split: files[f"{split}.parquet"]["sha256"] for split in SPLITS}
    if Report.read(data / "tokenize").measures["release"] != release:
        raise SourceError(f"{data / 'tokenize'}: of another release than {data / 'release'}; run `instructflow train`")
    examples = read_table(data / "evaluate" / "examples.parquet").select(OF_EXAMPLES)
    lifted = read_table(data / "lift" / "examples.parquet").filter(arm="curated").select(list(JUDGED))
    of_model, of_lift = Report.read(data / "evaluate").measures, Report.read(data / "lift").measures
    manifest = {
        "release": release,
        "params": {section: getattr(params, section).model_dump(mode="json") for section in SECTIONS},
        "figures": {split: of_model[split]["overall"] for split in ("val", "test")},
        "lift": {name: of_lift[name] for name in ("verdict", "difference", "interval_95", "bits_per_byte")},
    }
    (baseline / "manifest.json").unlink(missing_ok=True)  # written last: without it the other files are not believed
    write_parquet(
        examples.with_columns(pl.col("loss", "loss_alone", "ifd").cast(pl.Float32)), baseline / "examples.parquet"
    )
    write_parquet(lifted, baseline / "lift.parquet")
    write_json(manifest, baseline / "manifest.json")
    return manifest
