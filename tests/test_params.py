"""Params: params.yaml spells all of them out, and what is wrong is named."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from tasks.core.errors import ParamsError
from tasks.core.params import INSTRUCTION_TYPES, Params
from tasks.core.params_file import load_params, spell_out

PROJECT = Path(__file__).parent.parent
FORBIDDEN = {"keys", "items", "copy", "json", "schema"}  # Prefect walks a section with dict()


def sections(section: type[BaseModel]) -> list[type[BaseModel]]:
    inner = [f.annotation for f in section.model_fields.values()]
    models = [m for m in inner if isinstance(m, type) and issubclass(m, BaseModel)]
    return [section, *(found for model in models for found in sections(model))]


def test_params_yaml_spells_out_every_param_with_its_description() -> None:
    assert (PROJECT / "params.yaml").read_text(encoding="utf-8") == spell_out(load_params(PROJECT / "params.yaml"))


def test_every_default_in_params_yaml_is_the_default_in_code() -> None:
    written, default = load_params(PROJECT / "params.yaml"), Params()
    for name in Params.model_fields:
        if name not in {"sources", "decontaminate"}:
            assert getattr(written, name) == getattr(default, name), name


@pytest.mark.parametrize("section", sections(Params), ids=lambda section: section.__name__)
def test_every_param_has_a_description_and_a_name_that_prefect_can_bear(section: type[BaseModel]) -> None:
    for name, field in section.model_fields.items():
        is_section = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        assert field.description or is_section, f"{section.__name__}.{name}"
        assert name not in FORBIDDEN


def test_instruction_types_are_defined_in_both_languages() -> None:
    types = load_params(PROJECT / "params.yaml").classify.types
    assert list(types) == list(INSTRUCTION_TYPES)
    assert all(
        re.search(r"[\u4e00-\u9fff]", definition.zh) and definition.en.isascii() for definition in types.values()
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("dedup: {treshold: 0.7}", "dedup.treshold: no such param; expected one of ['conflicting_answers', "),
        ("dedupe: {}", "dedupe: no such param; expected one of ["),
        ("dedup: {threshold: 2}", "dedup.threshold: Input should be less than or equal to 1, got 2"),
        ("split: {val_ratio: 0.6, test_ratio: 0.5}", "split: val_ratio + test_ratio must be below 1"),
        ("sources: {s: {pth: a}}", "sources.s.pth: no such param; expected one of ['columns', 'family_key', "),
        ("sources: {Big-Name: {}}", "sources.Big-Name"),
        ("sources: {s: {instruction_type: poetry}}", "instruction_type 'poetry' is none of"),
        ("sources: {s: {format: xls}}", "sources.s.format: Input should be 'auto'"),
        ("- a list", "expected a mapping of sections, found list"),
        ("dedup: {", "not YAML"),
        ("dedup: !!python/object/apply:os.system ['true']", "not YAML"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_param(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ParamsError) as error:
        load_params(file)
    assert str(file) in str(error.value)
    assert told in str(error.value)


def test_a_missing_params_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"none\.yaml: no such file"):
        load_params(tmp_path / "none.yaml")
