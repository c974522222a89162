"""The dataset card of a release: Hugging Face's YAML header, counts, licences, what was taken out, known limits."""

from typing import Any

import polars as pl
import yaml

from tasks.core.params import Params, ReleaseParams
from tasks.core.schema import SPLITS

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))

LIMITS = """\
- Facts in answers were not checked; rules find what looks broken, not what is wrong.
- Instruction types that no person gave come from rules; `type_confidence` says how sure they are.
- Personal data are found by patterns and checksums: names of people are not taken out.
- Near-duplicates are found by shared n-grams; the same content in other words stays.
"""


def card(
    examples: pl.DataFrame, life: pl.DataFrame, params: ReleaseParams, all_params: Params, left_out: dict[str, Any]
) -> str:
    """The card's text. `life` is the lineage, `left_out` the rows that a form cannot hold, by form and split."""
    sources = examples.group_by("source", "license").len("rows").sort("source", "license")
    licences = sources["license"].unique().to_list()
    only = licences[0].lower() if len(licences) == 1 and licences[0] else "other"  # rows without one are another's
    header = {
        "pretty_name": params.name,
        "license": params.license or only,
        "language": sorted(set(examples["language"].to_list()) & {"zh", "en"}),
        "task_categories": ["text-generation"],
        "size_categories": [next((name for bound, name in SIZES if len(examples) < bound), "n>1M")],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": _hub_split(split), "path": f"{split}.parquet"} for split in SPLITS],
            }
        ],
    }
    parts = [
        f"---\n{yaml.safe_dump(header, allow_unicode=True, sort_keys=False)}---\n",
        f"# {params.name}\n",
        f"{len(examples)} examples for fine-tuning, each a conversation that ends with an assistant turn.\n",
        _section("Rows by split and language", cross(examples, "language")),
        _section("Rows by split and instruction type", cross(examples, "instruction_type")),
        _section("Sources and licences", _table(sources.columns, [[*row] for row in sources.iter_rows()])),
        _section("From sources to release", _table(["step", "action", "reason", "rows"], _events(life))),
        "Every row's life is in `lineage.parquet`; no text of a row that was not released is in it.\n",
        _section("Forms", _forms(left_out)),
        _section("How rows were split", _split_note(all_params)),
        _section("Known limits", LIMITS),
    ]
    return "\n".join(parts)


def _hub_split(split: str) -> str:
    return "validation" if split == "val" else split


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}"


def cross(examples: pl.DataFrame, column: str) -> str:
    """Rows by `column` and split, as a Markdown table."""
    counted = examples.group_by(column, "split").len().sort(column, "split", nulls_last=True)
    n = {(value, split): rows for value, split, rows in counted.iter_rows()}
    values = counted[column].unique(maintain_order=True).to_list()
    lines = [[value, *(n.get((value, split), 0) for split in SPLITS)] for value in values]
    return _table([column, *SPLITS], lines)


def _events(life: pl.DataFrame) -> list[list[Any]]:
    counted = life.group_by("step", "action", "reason", maintain_order=True).len("rows")
    order = {step: place for place, step in enumerate(life["step"].unique(maintain_order=True).to_list())}
    lines = [list(row) for row in counted.iter_rows()]
    return sorted(lines, key=lambda line: (order[line[0]], line[1], line[2]))


def _forms(left_out: dict[str, dict[str, int]]) -> str:
    lines = [[form, *(by_split[split] for split in SPLITS)] for form, by_split in left_out.items()]
    return "Rows that a form cannot hold and that are left out of it:\n\n" + _table(["form", *SPLITS], lines)


def _split_note(params: Params) -> str:
    split = params.split
    return (
        f"Whole families (near-duplicates, equal prompts, a row and all derived from it) were shared out by language, "
        f"instruction type and length: {split.val_ratio:.0%} val, {split.test_ratio:.0%} test, seed {split.seed}. "
        f"val and test hold rows as their sources gave them; derived rows are in train only.\n"
    )


def _table(columns: list[str], lines: list[list[Any]]) -> str:
    cells = [[_cell(value) for value in line] for line in lines]
    rule = [" --- " if i == 0 else " ---: " for i in range(len(columns))]
    return "\n".join("|" + "|".join(f" {c} " for c in line) + "|" for line in [columns]) + (
        "\n|" + "|".join(rule) + "|\n" + "".join("|" + "|".join(f" {c} " for c in line) + "|\n" for line in cells)
    )


def _cell(value: Any) -> str:
    """A value that cannot break out of a Markdown table."""
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
