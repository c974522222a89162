"""Choose the examples that people should look at first and write them for annotation tools.

First come those whose type the rules are least sure of, languages by turns; what a person labelled is not asked again.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.errors import ParamsError
from tasks.core.files import read_examples, whole_folder, write_text
from tasks.core.params import ExportAnnotationsParams, TypeDefinition
from tasks.core.report import Report
from tasks.core.schema import stable_hash
from tasks.formats.annotations import to_doccano, to_prodigy

BY_PERSON = 1.0
FILES = ("doccano.jsonl", "prodigy.jsonl", "doccano_labels.json", "README.md", "report.json")


def least_sure(examples: pl.DataFrame, n: int) -> pl.DataFrame:
    """The `n` examples to ask about: least confident first, of equals by a hash of the id, languages by turns."""
    confidence = pl.col("type_confidence").fill_null(0.0)
    shuffled = pl.col("id").map_elements(stable_hash, return_dtype=pl.String)
    return (
        examples.filter(confidence < BY_PERSON, made_by="source")
        .with_columns(shuffled=shuffled)
        .sort(confidence, "shuffled")
        .with_columns(turn=pl.int_range(pl.len()).over("language"))
        .sort("turn", "language")
        .head(n)
        .drop("shuffled", "turn")
    )


def export_annotations(
    examples: Path, target: Path, params: ExportAnnotationsParams, *, types: Mapping[str, TypeDefinition]
) -> Report:
    """Write doccano.jsonl, doccano_labels.json, prodigy.jsonl and README.md into `target`.

    Raises ParamsError when `target` is there and holds anything but an earlier export: it would be replaced.
    """
    if others := sorted(path.name for path in target.glob("*") if path.name not in FILES):
        raise ParamsError(f"{target}: holds {', '.join(others[:3])}; expected a new folder or an earlier export's")
    asked = least_sure(read_examples(examples), params.max_examples)
    rows = asked.to_dicts()
    english = {name: type_.en for name, type_ in types.items()}
    files = {
        "doccano.jsonl": _lines(to_doccano(row) for row in rows),
        "prodigy.jsonl": _lines(to_prodigy(row, english) for row in rows),
        "doccano_labels.json": json.dumps([{"text": name} for name in types], indent=1) + "\n",
        "README.md": guide(types),
    }
    with whole_folder(target) as folder:
        for name, text in files.items():
            write_text(text, folder / name)
        by_language = dict(asked["language"].value_counts().sort("language").iter_rows())
        return Report("export_annotations", rows_out=len(asked), counts={"language": by_language}).write(folder)


def _lines(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def guide(types: Mapping[str, TypeDefinition]) -> str:
    """What annotators read: the types with their definitions in both languages."""
    lines = "".join(f"| {name} | {type_.en} | {type_.zh} |\n" for name, type_ in types.items())
    return (
        "# Instruction types\n\nChoose the one type that says what the last user turn asks for. "
        "选择最能说明用户要求的一种类型。\n\n"
        f"| type | English | 中文 |\n| --- | --- | --- |\n{lines}"
    )
