"""Export annotations: the least sure first, in a form whose labels come back."""

import json
from pathlib import Path

import polars as pl
import pytest

from tasks.core.errors import ParamsError
from tasks.core.files import write_examples
from tasks.core.params import ClassifyParams, ExportAnnotationsParams, ImportAnnotationsParams, TypeDefinition
from tasks.core.schema import examples_frame
from tasks.export_annotations import export_annotations, least_sure
from tasks.import_annotations import import_annotations

TYPES = ClassifyParams().types
SURE = {"a": ("en", 0.9), "b": ("zh", 0.2), "c": ("zh", 0.5), "d": ("en", 1.0), "e": ("en", 0.1), "f": ("zh", 0.8)}


def table() -> pl.DataFrame:
    return examples_frame(
        [
            {
                "id": name * 32,
                "language": language,
                "instruction_type": "other",
                "type_confidence": confidence,
                "source": "s",
                "messages": [{"role": "user", "content": f"问 {name}"}, {"role": "assistant", "content": "答"}],
            }
            for name, (language, confidence) in SURE.items()
        ]
    )


def test_the_least_sure_come_first_in_both_languages_and_people_are_not_asked_twice() -> None:
    assert [id[0] for id in least_sure(table(), 4)["id"].to_list()] == ["e", "b", "a", "c"]
    assert "d" * 32 not in least_sure(table(), 10)["id"].to_list()


def test_what_goes_out_comes_back_with_its_id(tmp_path: Path) -> None:
    write_examples(table(), tmp_path / "classify" / "examples", 10)
    report = export_annotations(
        tmp_path / "classify", tmp_path / "out", ExportAnnotationsParams(max_examples=2), types=TYPES
    )
    assert report.counts["language"] == {"en": 1, "zh": 1}
    prodigy = [json.loads(line) for line in (tmp_path / "out" / "prodigy.jsonl").read_text().splitlines()]
    assert {"math", "other"} <= {option["id"] for option in prodigy[0]["options"]}
    back = tmp_path / "annotations"
    back.mkdir()
    doccano = [json.loads(line) for line in (tmp_path / "out" / "doccano.jsonl").read_text().splitlines()]
    labelled = [row | {"id": place, "label": ["dialogue"]} for place, row in enumerate(doccano)]
    (back / "admin.jsonl").write_text("\n".join(json.dumps(row) for row in labelled))
    verdicts = [row | {"answer": "accept", "accept": ["dialogue"]} for row in prodigy]
    (back / "prodigy.jsonl").write_text("\n".join(json.dumps(row) for row in verdicts))
    import_annotations(back, tmp_path / "labels", ImportAnnotationsParams(min_votes=2))
    labels = pl.read_parquet(tmp_path / "labels" / "labels.parquet")
    assert labels.select("id", "instruction_type", "n_votes").rows() == [
        ("b" * 32, "dialogue", 2),
        ("e" * 32, "dialogue", 2),
    ]


def test_annotators_read_the_definitions_in_both_languages(tmp_path: Path) -> None:
    write_examples(table(), tmp_path / "classify" / "examples", 10)
    types = TYPES | {"math": TypeDefinition(en="sums of ours", zh="我们的算术")}
    export_annotations(tmp_path / "classify", tmp_path / "out", ExportAnnotationsParams(), types=types)
    guide = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "| math | sums of ours | 我们的算术 |" in guide
    assert "sums of ours" in (tmp_path / "out" / "prodigy.jsonl").read_text(encoding="utf-8")


def test_a_folder_with_other_files_is_not_replaced(tmp_path: Path) -> None:
    write_examples(table(), tmp_path / "classify" / "examples", 10)
    for _ in range(2):  # an earlier export is
        export_annotations(tmp_path / "classify", tmp_path / "out", ExportAnnotationsParams(), types=TYPES)
    (tmp_path / "out" / "论文.txt").write_text("mine")
    with pytest.raises(ParamsError, match="holds 论文"):
        export_annotations(tmp_path / "classify", tmp_path / "out", ExportAnnotationsParams(), types=TYPES)
    assert (tmp_path / "out" / "论文.txt").read_text() == "mine"
