"""Ingest holds few rows at a time, and no byte of what it leaves depends on how many."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import ROWS, left, lines_of

from tasks.core.files import write_parquet
from tasks.core.schema import stable_hash
from tasks.formats.occurrences import Occurrences


@pytest.mark.parametrize("most_records", [1, 3, 10_000])
@pytest.mark.parametrize("most_chars", [1, 1 << 28])
def test_batches_change_no_byte_of_what_is_left(tmp_path, monkeypatch, most_records, most_chars):
    rows = [
        {
            "instruction": f"第 {i % 30} 问",
            "instances": [{"output": "甲"}, {"output": f"b{i % 40}"}],
            "n": i % 7 or None,
        }
        for i in range(80)
    ]
    rows[40:40] = ROWS  # rejects: no instances
    content = b"\n".join(json.dumps(row, ensure_ascii=False).encode() for row in rows)
    found = []
    for name, records_, chars in (("one", 10_000, 1 << 28), ("two", most_records, most_chars)):
        monkeypatch.setattr("tasks.formats.examples.MOST_RECORDS", records_)
        monkeypatch.setattr("tasks.formats.waiting.MOST_CHARS", chars)
        (tmp_path / name).mkdir()
        left(tmp_path / name, content, family_key="n")
        found.append({f.name: f.read_bytes() for f in sorted((tmp_path / name / "ingest").rglob("*")) if f.is_file()})
    assert found[0] == found[1]
    assert set(found[0]) == {"part-00000.parquet", "ledger.parquet", "rejects.parquet", "report.json"}


def test_rejects_are_written_as_one_table_in_the_order_of_the_source(tmp_path):
    content = lines_of(ROWS[:3]) + b"".join(f"坏行 bad line {i}\n".encode() for i in range(25_000))
    _, rejects, _ = left(tmp_path, content)
    assert rejects["row"].to_list() == [f"rows.jsonl#{i + 4}" for i in range(25_000)]
    write_parquet(rejects, tmp_path / "at once.parquet")
    streamed = tmp_path / "ingest" / "rejects.parquet"
    assert streamed.read_bytes() == (tmp_path / "at once.parquet").read_bytes()


@settings(max_examples=50, deadline=None)
@given(batches=st.lists(st.lists(st.integers(0, 12), max_size=9), max_size=30))
def test_occurrences_are_counted_as_a_dictionary_would(batches):
    seen, expected = Occurrences(), Counter()
    for batch in batches:
        ids = [stable_hash(number) for number in batch]
        counted = []
        for id in ids:
            counted.append(expected[id])
            expected[id] += 1
        assert seen.before(ids) == counted


def test_occurrences_tell_ids_with_zero_charsapart():
    ids = ["00" * 16, "00" * 15 + "01", "01" + "00" * 15, "01" + "00" * 14 + "01"]
    seen = Occurrences()
    assert seen.before(ids) == [0, 0, 0, 0]
    assert seen.before([*reversed(ids), ids[0]]) == [1, 1, 1, 1, 2]
