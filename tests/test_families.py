"""Parallel translations are one family, although their sources are read apart: by ingest, clean, dedup and split."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.clean import clean
from tasks.core.errors import ParamsError
from tasks.core.files import read_examples
from tasks.core.params import CleanParams, DedupParams, IngestParams, Source, SplitParams
from tasks.core.params_file import parse_params
from tasks.core.schema import conversation_text
from tasks.core.shards import in_process
from tasks.dedup import dedup
from tasks.ingest import ingest
from tasks.split import split

EMAIL = "li.lei@shop-example.cn"
TRANSLATED = [
    ("What do bees make?", "蜜蜂酿造什么？", "Honey and wax.", "蜂蜜和蜂蜡。"),
    ("Name the longest river of Asia.", "亚洲最长的河流叫什么名字？", "The Yangtze.", "长江。"),
    ("Explain why iron rusts in rain.", "铁为什么会生锈？", "It binds oxygen.", "因为铁与氧气结合。"),
    ("Why does an iron nail get rust?", "铁为什么会生锈？", "Wet iron oxidises.", "潮湿的铁会氧化。"),  # the same in zh
    (f"Write to {EMAIL} that we are closed.", f"写信告诉 {EMAIL} 我们休息。", "We are closed.", "我们今天休息。"),
]
RECORDS = [
    {"en_instruction": en, "zh_instruction": zh, "en_output": answer_en, "zh_output": answer_zh}
    for en, zh, answer_en, answer_zh in TRANSLATED
]
SPACE = {"family_key": "en_instruction", "family_space": "parallel"}


def half(language: str, **settings: Any) -> Source:
    columns = {field: f"{language}_{field}" for field in ("instruction", "output")}
    return Source(columns=columns, language=language, **settings)


def read(folder: Path, records: list[dict[str, Any]], name: str, source: Source) -> pl.DataFrame:
    """What ingest makes of the records, as the source `name`."""
    path = folder / "records.json"
    path.write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    ingest(path, folder / "ingest" / name, IngestParams(), name=name, source=source)
    return read_examples(folder / "ingest" / name)


def by_place(examples: pl.DataFrame) -> dict[str, str]:
    """The family of each row, by its place in the source."""
    return dict(examples.select("source_row", "family").iter_rows())


def test_a_record_has_one_family_in_both_sources_whether_its_key_is_a_field_there_or_meta(tmp_path: Path) -> None:
    en, zh = (read(tmp_path, RECORDS, name, half(name, **SPACE)) for name in ("en", "zh"))
    assert by_place(en) == by_place(zh)
    assert len(set(by_place(en).values())) == len(RECORDS)
    assert set(en["messages"].list.first().struct.field("content")) == {row["en_instruction"] for row in RECORDS}
    assert {json.loads(meta)["en_instruction"] for meta in zh["meta"]} == {row["en_instruction"] for row in RECORDS}


def test_sources_without_a_space_or_of_different_ones_share_no_family(tmp_path: Path) -> None:
    spaces: list[dict[str, Any]] = [{}, {}, {"family_space": "parallel"}, {"family_space": "other"}]
    read_as = [
        read(tmp_path, RECORDS, f"en_{number}", half("en", family_key="en_instruction", **space))
        for number, space in enumerate(spaces)
    ]
    assert pl.concat(read_as)["family"].n_unique() == len(spaces) * len(RECORDS)


@pytest.mark.parametrize("key", [None, "", "absent"])
def test_rows_without_a_key_are_families_of_their_own_in_a_space_too(tmp_path: Path, key: str | None) -> None:
    shown = {} if key == "absent" else {"n": key}
    records = [RECORDS[0] | shown, RECORDS[1] | shown, RECORDS[2] | {"n": 1}]
    en, zh = (read(tmp_path, records, name, half(name, **SPACE | {"family_key": "n"})) for name in ("en", "zh"))
    both = pl.concat([en, zh])
    alone = both.filter(pl.col("source_row") != "records.json#2")
    assert alone["family"].to_list() == alone["id"].to_list()
    assert (both["family"].n_unique(), by_place(en)["records.json#2"]) == (5, by_place(zh)["records.json#2"])


def test_examples_of_one_record_share_the_family_of_its_key_with_the_other_source(tmp_path: Path) -> None:
    tasks = [
        {
            "instruction": "反义词",
            "n": 1,
            "instances": [{"input": "大", "output": "小"}, {"input": "高", "output": "低"}],
        },
        {"instruction": "同义词", "n": None, "instances": [{"output": "美丽"}, {"output": "漂亮"}]},
    ]
    lines = [{"instruction": "Give an antonym of big.", "output": "small", "n": 1}]
    zh = read(tmp_path, tasks, "zh", Source(family_key="n", family_space="words"))
    en = read(tmp_path, lines, "en", Source(family_key="n", family_space="words"))
    with_key = zh.filter(pl.col("source_row") == "records.json#0")
    without = zh.filter(pl.col("source_row") == "records.json#1")
    assert with_key["family"].to_list() == en["family"].to_list() * 2
    assert without["family"].to_list() == [without["id"].min()] * 2


def test_a_number_in_json_is_the_same_key_as_its_spelling_in_a_table(tmp_path: Path) -> None:
    source = Source(family_key="n", family_space="numbered")
    en = read(tmp_path, [{"instruction": "Count to two.", "output": "one, two", "n": 7}], "en", source)
    (tmp_path / "zh.csv").write_text("instruction,output,n\n数到二,一二,7\n数到三,一二三,8\n", encoding="utf-8")
    ingest(tmp_path / "zh.csv", tmp_path / "zh", IngestParams(), name="zh", source=source)
    zh = read_examples(tmp_path / "zh")
    assert by_place(zh)["zh.csv#2"] == en["family"][0] != by_place(zh)["zh.csv#3"]


def test_max_rows_changes_no_family(tmp_path: Path) -> None:
    everything = read(tmp_path, RECORDS, "zh", half("zh", **SPACE))
    few = read(tmp_path, RECORDS, "zh", half("zh", **SPACE, max_rows=2))
    assert by_place(few).items() < by_place(everything).items()
    assert len(few) == 2


def test_translations_are_one_family_after_clean_and_dedup_and_in_one_split(tmp_path: Path) -> None:
    sources = {name: half(name, **SPACE) for name in ("en", "zh")}
    for name, source in sources.items():
        read(tmp_path, RECORDS, name, source)
        clean(tmp_path / "ingest" / name, tmp_path / "clean" / name, CleanParams(), in_process)
    cleaned = read_examples(tmp_path / "clean")
    said = cleaned.select(pl.concat_str(conversation_text(), "meta"))[:, 0]
    assert not said.str.contains(EMAIL, literal=True).any()  # the key is redacted, in a field and in meta

    dedup(tmp_path / "clean", tmp_path / "dedup", DedupParams(), sources=sources)
    rows = read_examples(tmp_path / "dedup")
    assert len(rows) == 2 * len(RECORDS)
    members = {frozenset(places) for places in rows.group_by("family").agg("source_row")["source_row"].to_list()}
    # 2 and 3 ask the same in Chinese, so their English halves, which no word joins, are one family with them
    assert members == {frozenset(f"records.json#{n}" for n in record) for record in ((0,), (1,), (2, 3), (4,))}
    assert rows.filter(pl.col("family") != pl.col("id").min().over("family")).is_empty()

    split(tmp_path / "dedup", tmp_path / "split", SplitParams(val_ratio=0.3, test_ratio=0.3))
    done = read_examples(tmp_path / "split")
    assert done["split"].n_unique() > 1
    assert done.group_by("source_row").agg(pl.col("split").n_unique())["split"].to_list() == [1] * len(RECORDS)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"family_space": "words"}, "sources.zh: family_space 'words' needs a family_key"),
        ({"family_space": "Words 词", "family_key": "n"}, "sources.zh.family_space: String should match pattern"),
    ],
)
def test_a_space_without_a_key_or_with_a_name_that_is_none_is_refused(settings: dict[str, str], told: str) -> None:
    with pytest.raises(ParamsError, match=told):
        parse_params({"sources": {"zh": settings}}, "mine.yaml")
