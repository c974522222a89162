"""`instructflow check` tells what a file would become and writes nothing."""

import json
import sys

import pytest
from reading import ROWS, lines_of

from flows.cli import _exit_code, app
from tasks.core.params import Source
from tasks.ingest import check


def test_check_tells_what_a_file_would_become_and_writes_nothing(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines_of(ROWS[:3]) + b"bad")
    found = check(file, Source())
    assert (found["format"], found["files"], found["encodings"]) == (
        "alpaca", {"rows.jsonl": "lines"}, {"rows.jsonl": "utf-8"},
    )  # fmt: skip
    assert (len(found["examples"]), found["rejects"], found["first_rejects"][0]["row"]) == (
        3,
        {"bad_json": 1},
        "rows.jsonl#4",
    )
    assert [f.name for f in tmp_path.iterdir()] == ["rows.jsonl"]


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_check_tells_people_or_programs_and_exits_1_where_rows_would_be_rejected(
    tmp_path, monkeypatch, capsys, as_json
):
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.csv"
    rows = [{"Question": f"谁写的《呐喊》？{i} " + "x" * 300, "answer": "鲁迅\nLu Xun", "id": i} for i in range(4)]
    good.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    bad.write_text("instruction,output\n" + "我们说你好,Hi\n" * 60 + "坏\n" * 30, encoding="gb18030")
    for files, code in (([good], 0), ([bad], 1), ([good, bad], 1)):
        monkeypatch.setattr(sys, "argv", ["instructflow", "check", *map(str, files), *(["--json"] if as_json else [])])
        assert _exit_code(app) == code
    told = capsys.readouterr().out
    if as_json:
        found = json.JSONDecoder().raw_decode(told)[0][str(good)]
        assert found["fields"] == {"Question": "user", "answer": "assistant", "id": "meta"}
        assert (found["columns"], found["records"], len(found["examples"])) == ({"question": "Question"}, 4, 3)
        return
    for line in (
        "format   qa", "files    good.jsonl: lines, utf-8", "records  4, of which 0 would be rejected",
        "  Question  -> user", "  answer    -> assistant", "  id        -> meta", "example 3, from good.jsonl#3",
        "  assistant: 鲁迅⏎Lu Xun", "files    bad.csv: csv, gb18030", "records  90, of which 30 would be rejected",
        "  wrong_columns: 30", "  and 10 more",
        f"  {'; '.join(f'bad.csv#{n}' for n in range(62, 67))} and 15 more: wrong_columns: 1 fields, expected 2",
    ):  # fmt: skip
        assert line in told.split("\n"), line
    assert "… (310 characters)" in told
    assert sorted(f.name for f in tmp_path.iterdir()) == ["bad.csv", "good.jsonl"]
