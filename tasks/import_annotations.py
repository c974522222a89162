"""Read people's labels and edits from `annotations/`: one verdict an example, by majority of annotators.

Exports of Doccano, Prodigy and LightTag and our own lines are known by their content. What people do not agree on is
counted and not used. A line that cannot be used stops the build: people's files are few and nothing of them is lost.
"""

import logging
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import polars as pl

from tasks.cleaners.pii import Redactor
from tasks.core.errors import SourceError
from tasks.core.files import whole_folder, write_parquet
from tasks.core.params import INSTRUCTION_TYPES, ImportAnnotationsParams
from tasks.core.report import Report
from tasks.core.schema import MESSAGES, Message, canonical
from tasks.formats.annotations import Label, read_labels

log = logging.getLogger(__name__)

_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "instruction_type": pl.String,
    "messages": MESSAGES,
    "n_votes": pl.Int32,
    "n_annotators": pl.Int32,
    "files": pl.String,
}
LABELS = pl.Schema(_COLUMNS)
ENDINGS = {".jsonl", ".json"}
NOTES = {"", ".md"}  # endings of what need not be read: README.md, .gitkeep


def verdicts(labels: list[Label], min_votes: int) -> tuple[pl.DataFrame, int]:
    """One row an example on which people agree, and how many they do not agree on.

    An annotator has one vote and one edit an example, the last ones given. A type needs `min_votes` and more votes than
    any other; an edit stands when all who edited the example gave the same one. n_votes is null without a type.
    """
    by_example: dict[str, dict[str, list[Label]]] = {}
    for label in labels:
        by_example.setdefault(label.id, {}).setdefault(label.annotator, []).append(label)
    rows, n_disputed = [], 0
    for id, by_annotator in sorted(by_example.items()):
        given = [[label for label in said if label.instruction_type] for said in by_annotator.values()]
        votes = Counter(said[-1].instruction_type for said in given if said).most_common()
        edited = [[label for label in said if label.messages] for said in by_annotator.values()]
        edits = {canonical(said[-1].messages): said[-1] for said in edited if said}
        is_clear = bool(votes) and votes[0][1] >= min_votes and (len(votes) < 2 or votes[0][1] > votes[1][1])
        n_disputed += (bool(votes) and not is_clear) or len(edits) > 1
        edit = next(iter(edits.values())).messages if len(edits) == 1 else None
        if is_clear or edit:
            files = sorted({label.file for said in by_annotator.values() for label in said})
            type_, n = votes[0] if is_clear else (None, None)
            rows.append((id, type_, edit, n, len(by_annotator), " ".join(files)))
    return pl.DataFrame(rows, schema=LABELS, orient="row"), n_disputed


def without_personal_data(labels: list[Label]) -> tuple[list[Label], int]:
    """The labels with typed placeholders in people's edits, as clean puts them, and how many values were found.

    A value has the same placeholder in all edits of one example, so annotators who typed the same still agree; a
    placeholder that clean put keeps its number.
    """
    redactors = defaultdict[str, Redactor](lambda: Redactor(salt=""))
    for label in labels:
        redactors[label.id].takes(message["content"] for message in label.messages or [])
    redacted = [
        label
        if label.messages is None
        else label._replace(
            messages=[Message(role=m["role"], content=redactors[label.id].redact(m["content"])) for m in label.messages]
        )
        for label in labels
    ]
    return redacted, sum(redactor.n_found.total() for redactor in redactors.values())


def import_annotations(annotations: Path, target: Path, params: ImportAnnotationsParams) -> Report:
    """Read every .jsonl and .json below `annotations` into `target`/labels.parquet; no such folder is no labels.

    Raises SourceError that names the file and line of what cannot be used.
    """
    found = sorted(path for path in annotations.rglob("*") if path.is_file() or path.is_symlink())
    files = [path for path in found if path.suffix in ENDINGS]
    if others := [path.name for path in found if path.suffix not in NOTES and path not in files]:
        log.warning("%s: not read: %s; expected %s", annotations, ", ".join(others), " or ".join(sorted(ENDINGS)))
    lines: list[Label | None] = []
    for file in files:
        name = file.relative_to(annotations).as_posix()
        for label in read_labels(file, name):
            if label and label.instruction_type not in (None, *INSTRUCTION_TYPES):
                raise SourceError(
                    f"{name}: example {label.id} has the label {label.instruction_type!r}; "
                    f"expected one of {', '.join(INSTRUCTION_TYPES)}"
                )
            lines.append(label)
    labels, n_redacted = [label for label in lines if label], 0
    if params.pii:
        labels, n_redacted = without_personal_data(labels)
    table, n_disputed = verdicts(labels, params.min_votes)
    measures: dict[str, Any] = {
        "files": len(files),
        "lines": len(lines),
        "lines_without_label": len(lines) - len(labels),
        "annotators": len({label.annotator for label in labels}),
        "examples_labelled": table["instruction_type"].drop_nulls().len(),
        "examples_edited": table["messages"].drop_nulls().len(),
        "examples_disputed": n_disputed,
        "values_redacted": n_redacted,
    }
    with whole_folder(target) as folder:
        write_parquet(table, folder / "labels.parquet")
        return Report("import_annotations", measures=measures).write(folder)
