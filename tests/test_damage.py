"""Damage to lines, tables, turns and columns: what can be read is read, the rest is told."""

import gzip
import json

import polars as pl
import pytest
from reading import ROWS, found_in, left, lines_of, table_of

from tasks.core.errors import ParamsError, SourceError
from tasks.core.params import IngestParams

# Line ends.
OLD_MAC = {
    "rows.jsonl": lines_of(ROWS),
    "rows.json": lines_of(ROWS),
    "rows.csv": table_of(ROWS).encode(),
    "rows.tsv": table_of(ROWS).replace('","', "\t").replace('"', "").replace("n,o", "n\to").encode(),
    "rows.txt": "用户：你好 助手：Hi\n用户：再见 助手：Bye\n".encode(),
}


@pytest.mark.parametrize("name", OLD_MAC)
@pytest.mark.parametrize("end", [b"\r", b"\r\n"])
def test_line_ends_of_every_system_read_the_same(tmp_path, name, end):
    expected = found_in(tmp_path, OLD_MAC[name], name)
    assert len(expected[0]) == (2 if name == "rows.txt" else 6)
    assert found_in(tmp_path, OLD_MAC[name].replace(b"\n", end), name) == expected


def test_an_old_line_end_keeps_places_and_offsets_right(tmp_path):
    content = (lines_of(ROWS[:2]) + "坏\n".encode() + lines_of(ROWS[2:3])).replace(b"\n", b"\r")
    _, rejects, _ = left(tmp_path, content)
    assert rejects.select("row", "byte_offset", "raw").rows() == [
        ("rows.jsonl#3", content.index("坏".encode()), "坏".encode())
    ]


def test_a_quote_that_is_never_closed_is_a_reject_with_all_it_took(tmp_path):
    content = 'instruction,output\n你好,Hi\n问,"答\nBye,再见\n'.encode()
    examples, rejects, _ = left(tmp_path, content, "rows.csv")
    assert (len(examples), rejects.select("row", "error", "raw").rows()) == (
        1, [("rows.csv#3", "wrong_columns", '问,"答\nBye,再见'.encode())],
    )  # fmt: skip


def test_a_row_that_csv_cannot_read_is_one_reject(tmp_path):
    content = ("instruction,output\n你\r好,Hi\n" + "问,answer\n" * 9).encode()
    examples, rejects, _ = left(tmp_path, content, "rows.csv")
    assert (len(examples), rejects.select("row", "error").rows()) == (9, [("rows.csv#2", "wrong_columns")])


def test_a_file_whose_first_row_csv_cannot_read_is_no_table_unless_its_name_says_so(tmp_path):
    with pytest.raises(SourceError, match="cannot tell what kind of file this is"):
        left(tmp_path, ("bro\rken,row\n" + "问,answer\n" * 9).encode(), "rows")


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_long_line_in_a_table_takes_no_other_with_it(tmp_path, quote):
    content = f"instruction,output\n你好,Hi\n{quote}{'x' * 300_000}{quote},长\nBye,再见\n".encode()
    examples, rejects, _ = left(tmp_path, content, "rows.csv", IngestParams(max_record_bytes=2000))
    assert (len(examples), rejects["error"].to_list(), rejects["row"].to_list()) == (2, ["too_long"], ["rows.csv#3"])


def test_a_compressed_table_that_is_cut_gives_its_whole_rows_only(tmp_path):
    rows = [{"instruction": f"{i} {json.dumps(ROWS[i % 6])[: i % 90]}", "output": "good"} for i in range(9000)]
    table = "instruction,output\n" + "".join(f"'{r['instruction']}',{r['output']}\n" for r in rows).replace(", ", " ")
    content = gzip.compress(table.encode())
    found, rejects = found_in(tmp_path, content[: len(content) // 2], "rows.csv.gz")
    assert len(found) > 1000
    assert {row["output"] for row in found} == {"good"}
    assert rejects[-1].error == "cut_off"
    assert [r.error for r in rejects].count("cut_off") == 1


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_text_in_a_table_of_columns_that_is_no_utf_8_stops_the_source_with_a_sentence(tmp_path, kind):
    table = pl.DataFrame({"instruction": ["你好"], "output": ["Hi"]})
    if kind == "parquet":
        table.write_parquet(tmp_path / "whole", compression="uncompressed", statistics=False)
    else:
        table.write_ipc(tmp_path / "whole", compression="uncompressed", compat_level=pl.CompatLevel.oldest())
    content = (tmp_path / "whole").read_bytes()
    assert "你好".encode() in content
    with pytest.raises(SourceError, match=f"rows.{kind}: damaged Parquet or Arrow file: "):
        left(tmp_path, content.replace("你好".encode(), b"\xe4\xe4\xe4\xff\xff\xff"), f"rows.{kind}")


# Turns. Each rule is in docs/formats.md.
U, A, S = ({"role": role, "content": f"{role} 说"} for role in ("user", "assistant", "system"))


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ([], "wrong_form"),
        (None, "wrong_form"),
        ("你好", "wrong_form"),
        ([U], "no_answer"),
        ([A], "no_prompt"),
        ([A, U], "no_answer"),
        ([S], "no_prompt"),
        ([{"role": "user", "content": " \n"}, A], "no_prompt"),
        ([{"role": "user", "content": None}, A], "no_prompt"),
        ([{"role": "user"}, A], "no_prompt"),
        ([U, {"role": "narrator", "content": "从前"}, A], "unknown_role"),
        ([U, {"role": None, "content": "Hi"}], "unknown_role"),
        ([U, {"role": ["assistant"], "content": "Hi"}], "unknown_role"),
        ([U, {"role": "assistant", "content": {"text": "Hi"}}], "wrong_type"),
        ([U, {"role": "assistant", "content": True}], "wrong_type"),
        ([U, {"role": "assistant", "content": [{"type": "image_url"}]}], "unsupported_content"),
        ([U, {"role": "assistant", "content": [7]}], "unsupported_content"),
        ([U, "Hi"], "wrong_form"),
    ],
)
def test_turns_that_make_no_conversation_are_one_reject(tmp_path, turns, reason):
    content = lines_of([{"messages": [U, A]}, {"messages": turns}, {"messages": [U, A]}])
    examples, rejects, _ = left(tmp_path, content)
    assert (len(examples), rejects.select("row", "error").rows()) == (2, [("rows.jsonl#2", reason)])
    assert rejects["raw"][0] == content.split(b"\n")[1]


@pytest.mark.parametrize(
    ("turns", "roles", "moves"),
    [
        ([A, U, A], ["user", "assistant"], ["leading_turns_cut"]),  # the assistant first
        ([U, U, A], ["user", "assistant"], ["turns_joined"]),
        ([U, A, U], ["user", "assistant"], ["trailing_turns_cut"]),
        ([U, {"role": "user", "content": ""}, A], ["user", "assistant"], ["turns_joined"]),
        ([U, {"role": "assistant", "content": ""}], ["user", "assistant"], []),  # clean drops it
        ([S, U, A, U, A], ["system", "user", "assistant", "user", "assistant"], []),
    ],
)
def test_turns_out_of_order_are_moved_and_the_ledger_tells_it(tmp_path, turns, roles, moves):
    examples, rejects, report = left(tmp_path, lines_of([{"messages": turns}]))
    assert [turn["role"] for turn in examples["messages"][0]] == roles
    assert (list(report.ledger.get("edit", {})), len(rejects)) == (moves, 0)


# Columns.
@pytest.mark.parametrize("key", ["ouput", "指令"])
def test_a_column_for_a_field_that_does_not_exist_is_refused_with_those_that_do(tmp_path, key):
    with pytest.raises(ParamsError, match=rf"sources.x: columns: '{key}' is no field.*'instruction'.*'output'"):
        left(tmp_path, lines_of([{"q": "问", "x": "答"}]), columns={"instruction": "q", key: "x"})


def test_a_column_may_be_named_for_the_template_or_the_family(tmp_path):
    content = "Hi.\t嗨。\t1\nBye.\t再见。\t1\n".encode()
    examples, _, _ = left(
        tmp_path, content, "x.tsv", columns={"en": 0, "output": 1, "group": 2}, template="译：{en}", family_key="group"
    )
    assert (len(examples), examples["family"].n_unique()) == (2, 1)
