"""Keep of a build what later builds are held against, in the tracked `baseline/`: its model's figures on every row.

    manifest.json      sha256 of each split of the release and of the files below, figures of val and test, and the
                       params and the dtype that they hang on
    examples.parquet   id, split, text, n_tokens, loss, loss_alone, ifd of every row judged: `score` reads them
    lift.parquet       seed, id, n_bytes, nats of the curated arm: the gate of `lift` reads them

Rows that this build dropped for their ifd were not judged again; they keep the figures that they were dropped for, or
the next build would take them back.

It is a command and no step: what a build makes would otherwise hang on itself.
"""

from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.accepted import accepted_table
from tasks.core.errors import SourceError
from tasks.core.files import file_hash, read_json, read_table, write_json, write_parquet
from tasks.core.ledger import read_ledgers
from tasks.core.params import NO_BASELINE, Params
from tasks.core.report import Report
from tasks.core.schema import SPLITS
from tasks.core.verdict import JUDGED

OF_EXAMPLES = ("id", "split", "text", "n_tokens", "loss", "loss_alone", "ifd")
SECTIONS = ("tokenize", "train", "lift")


def accept(data: Path, params: Params, baseline: Path) -> dict[str, Any]:
    """Write what the steps left below `data` under `params` into `baseline`; returns the manifest.

    Raises SourceError when a training step has not run, or on another release than the one that is there.
    """
    from tasks.core.devices import choose_device, choose_dtype

    for step in ("release", "tokenize", "train", "evaluate", "lift"):
        if not (data / step / "report.json").is_file():
            raise SourceError(f"{data / step}: no report here; expected a whole build, with its model; run one first")
    hashes = read_json(data / "release" / "manifest.json")["files"]
    release = {split: hashes[f"{split}.parquet"]["sha256"] for split in SPLITS}
    reports = {step: Report.read(data / step).measures for step in ("tokenize", "train", "evaluate", "lift")}
    for step, measures in reports.items():
        if measures.get("release") != release:
            raise SourceError(f"{data / step}: of another release than {data / 'release'}; run `instructflow train`")
    tables = {
        "examples.parquet": examples_of(data, params, baseline),
        "lift.parquet": read_table(data / "lift" / "examples.parquet").filter(arm="curated").select(list(JUDGED)),
    }
    (baseline / "manifest.json").unlink(missing_ok=True)  # written last: without it the other files are not believed
    for name, table in tables.items():
        write_parquet(table, baseline / name)
    manifest = {
        "release": release,
        "files": {name: file_hash(baseline / name, "sha256") for name in tables},
        "params": {section: getattr(params, section).model_dump(mode="json") for section in SECTIONS},
        "dtype": str(choose_dtype(params.train.dtype, choose_device(params.train.device))),
        "figures": {split: reports["evaluate"][split]["overall"] for split in ("val", "test")},
        "lift": {name: reports["lift"][name] for name in ("verdict", "difference", "interval_95", "bits_per_byte")},
    }
    write_json(manifest, baseline / "manifest.json")
    return manifest


def examples_of(data: Path, params: Params, baseline: Path) -> pl.DataFrame:
    """What was judged in this build, and of the baseline that it used the rows that it dropped for their ifd."""
    judged = read_table(data / "evaluate" / "examples.parquet").select(OF_EXAMPLES)
    tables = [judged.with_columns(pl.col("loss", "loss_alone", "ifd").cast(pl.Float32))]
    if params.score.baseline != NO_BASELINE and params.score.max_ifd is not None:
        dropped = read_ledgers(data / "score").filter(action="drop", reason="high_ifd")
        tables.append(accepted_table(baseline, "examples.parquet").join(dropped, on="id", how="semi"))
    return pl.concat(tables).unique("id", keep="first").sort("id")
