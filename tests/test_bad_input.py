"""What a user gets wrong: one sentence that names what is wrong, the right exit code, nothing half-written."""

import gzip
import io
import json
import os
import re
import shutil
import sys
import tarfile
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from tasks.__main__ import main
from tasks.core.files import TEMPORARY, read_examples

ROWS = [{"instruction": "Say hello.", "output": "Hello!"}, {"instruction": "用中文打招呼。", "output": "你好！"}]
LINES = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)
REFUSALS = '{"instruction": "写一首诗", "output": "抱歉，我无法回答这个问题。"}\n'
ONE_SOURCE = "sources:\n  chat:\n    path: rows.jsonl\n"
INGEST = ("ingest", "chat")
WITHOUT_MODEL = ("dedup", "decontaminate", "import_annotations", "classify", "score", "split", "augment", "release")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with one good source, in which commands run."""
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "params.yaml").write_text(ONE_SOURCE)
    (tmp_path / "rows.jsonl").write_text(LINES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_SUCH_NAME", raising=False)
    return tmp_path


def told(caplog, *command):
    """The exit code of `python -m tasks` and what it said, which is no traceback."""
    caplog.clear()
    code = main([*command])
    assert not any(record.exc_info for record in caplog.records)
    return code, caplog.text


def run(caplog, *commands):
    for command in commands:
        assert told(caplog, *command.split()) == (0, ""), command


def left_below(folder):
    return [path for path in folder.rglob("*") if path.name.endswith(TEMPORARY)]


def tar_of(name, content):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", encoding="gbk", format=tarfile.GNU_FORMAT) as archive:
        for member in (name, f"2 {name}"):
            header = tarfile.TarInfo(member)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


TAR = tar_of("数据.jsonl", LINES.encode())


@pytest.mark.parametrize(
    ("params", "code", "says"),
    [
        ("sources: [\n", 2, "params.yaml: not YAML: .*line 2"),
        ("- sources\n", 2, "params.yaml: expected a mapping of sections, found list"),
        (b"\xff\xfe\x00", 2, "params.yaml: not YAML: .*utf-8"),
        ("sources: " + "[" * 5000, 2, "params.yaml: (nested too deeply|not YAML)"),
        (None, 2, "params.yaml: no such file; expected a params file"),
        ("", 2, "tasks ingest chat: no such stage; expected one of dedup, validate_whole dedup"),
        ("sources:\n", 2, "params.yaml: sources: expected params as `name: value`, found nothing"),
        (f"{ONE_SOURCE}clean:\n", 2, "clean: expected params as `name: value`, found nothing"),
        (f"{ONE_SOURCE}clean: 是\n", 2, "clean: expected params as `name: value`, found '是'"),
        (f"{ONE_SOURCE}cleen: {{}}\n", 2, "cleen: no such param; expected one of .*'clean'.*'validate'"),
        (f"{ONE_SOURCE}clean:\n  htlm: true\n", 2, "clean.htlm: no such param; expected one of .*'html'"),
        (f"{ONE_SOURCE}    colums: {{}}\n", 2, "sources.chat.colums: no such param; expected one of .*'columns'"),
        (f"{ONE_SOURCE}dedup:\n  threshold: 高\n", 2, "dedup.threshold: Input should be a valid number.*got '高'"),
        (f"{ONE_SOURCE}dedup:\n  threshold: 1.5\n", 2, "dedup.threshold: .*less than or equal to 1, got 1.5"),
        (f"{ONE_SOURCE}    weight: .inf\n", 2, "sources.chat.weight: .*finite number, got inf"),
        (f"{ONE_SOURCE}    format: excel\n", 2, "sources.chat.format: .*'alpaca'.* got 'excel'"),
        (f"{ONE_SOURCE}split:\n  val_ratio: 0.6\n  test_ratio: 0.5\n", 2, "split: val_ratio .* below 1, got 1.1"),
        ("sources:\n  my-chat:\n    path: rows.jsonl\n", 2, "sources.my-chat: expected a name of a-z, 0-9 and _"),
        ("sources:\n  对话:\n    path: rows.jsonl\n", 2, "sources.对话: expected a name of a-z, 0-9 and _"),
        (f"{ONE_SOURCE}  chat:\n    path: more.jsonl\n", 2, "params.yaml: not YAML: 'chat' comes twice .*line 2"),
        ("sources:\n  chat:\n    path: ''\n", 2, "sources.chat.path: .*at least 1 character"),
        ("sources:\n  chat:\n    path: $NO_SUCH_NAME/rows\n", 2, "environment variable NO_SUCH_NAME is not set"),
        (f"sources:\n  chat:\n    path: {'x' * 5000}\n", 1, "x: cannot be read: File name too long"),
        ("sources:\n  chat:\n    path: 没有.jsonl\n", 2, "没有.jsonl: no such file or folder"),
        ("sources:\n  chat:\n    package: no_such_package:data\n", 2, "'no_such_package' is not an installed package"),
        (f"{ONE_SOURCE}    columns: {{output: 回答}}\n", 2, "sources.chat: no column '回答'; the file has .'instr"),
        (f"{ONE_SOURCE}    columns: {{output: 7}}\n", 2, "sources.chat: no column 7; the file has .'instr"),
        (f"{ONE_SOURCE}    template: '译：{{zh}}'\n", 2, "sources.chat: no column 'zh'; the file has .'instr"),
        (f"{ONE_SOURCE}    template: '译：{{zh'\n", 2, "sources.chat: template '译：{zh' names no column"),
        (f"{ONE_SOURCE}    format: sharegpt\n", 2, "sources.chat: format sharegpt fits none of the first records"),
    ],
)
def test_params_that_are_wrong_are_refused_with_a_sentence(project, caplog, params, code, says):
    (project / "params.yaml").unlink()
    if params is not None:
        (project / "params.yaml").write_bytes(params if isinstance(params, bytes) else params.encode())
    found, text = told(caplog, *INGEST)
    assert found == code
    assert re.search(says, text), text
    assert not (project / "data").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "sources.chat: rows.jsonl is empty"),
        (" \n\n", "is empty"),
        ("坏行\nbad line\n", "none of 2 records can be read; the first, rows.jsonl#1: bad_json"),
        ('{"instruction": "你好"}\n{"instruction": "Hi"}', "none of 2 records gives an example"),
        ('{"instruction": "a", "output": NaN}', "none of 1 records can be read.*bad_json"),
        ('{"instruction": "a", "output": "\\ud800"}', "none of 1 records can be read.*lone_surrogate"),
        ('{"instruction": ' * 5000, "none of 1 records can be read.*(too_deep|cut_off)"),
        (b"\0" * 99, "rows.jsonl: nothing but null bytes"),
        ('{"a": "x", "b": "是"}', "cannot tell the format: the first records have the fields .'a', 'b'"),
        (gzip.compress(LINES.encode())[:9], "rows.jsonl: the compressed data ends too early"),
        (b"\x1f\x8b\x08" + b"\xff" * 99, "rows.jsonl: damaged compression"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 99, "rows.jsonl: damaged compression"),
        (b"PAR1 and then nothing", "rows.jsonl: damaged Parquet"),
    ],
)
def test_a_file_of_which_nothing_can_be_used_is_refused_with_a_sentence(project, caplog, content, says):
    (project / "rows.jsonl").write_bytes(content if isinstance(content, bytes) else content.encode())
    found, text = told(caplog, *INGEST)
    assert found == 1
    assert re.search(says, text), text
    assert not list((project / "data").rglob("*.parquet"))
    assert not left_below(project)


def test_a_file_of_an_unknown_kind_is_refused_with_what_it_begins_with(project, caplog):
    (project / "params.yaml").write_text("sources:\n  chat:\n    path: 程序.bin\n", encoding="utf-8")
    (project / "程序.bin").write_bytes(b"\x7fELF\x02\x01" + bytes(99))
    code, text = told(caplog, *INGEST)
    assert code == 1
    assert "程序.bin: cannot tell what kind of file this is (it begins b'\\x7fELF" in text
    assert "expected JSON, CSV, TSV, Parquet, Arrow, YAML or .txt" in text


@pytest.mark.skipif(not Path("/proc/self/mem").is_file(), reason="needs a file that cannot be read, even by root")
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_file_that_cannot_be_read_stops_the_source(project, caplog, is_folder):
    if is_folder:
        (project / "params.yaml").write_text("sources:\n  chat:\n    path: folder\n")
        (project / "folder").mkdir()
        shutil.copy("rows.jsonl", "folder")
    (project / ("folder/secret.jsonl" if is_folder else "rows.jsonl")).unlink(missing_ok=True)
    (project / ("folder/secret.jsonl" if is_folder else "rows.jsonl")).symlink_to("/proc/self/mem")
    code, text = told(caplog, *INGEST)
    assert (code, "jsonl: cannot be read: Input/output error" in text) == (1, True), text


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_folder_within_a_source_that_cannot_be_read_stops_the_source(project, caplog):
    (project / "params.yaml").write_text("sources:\n  chat:\n    path: folder\n")
    (project / "folder" / "closed").mkdir(parents=True, mode=0o000)
    shutil.copy("rows.jsonl", "folder")
    code, text = told(caplog, *INGEST)
    assert (code, "closed: cannot be read: Permission denied" in text) == (1, True), text


@pytest.mark.parametrize(
    ("link", "says"),
    [("没有.jsonl", "cannot be read: No such file"), ("..", "a link to a folder, which is not followed")],
)
def test_a_link_within_a_source_that_leads_to_no_file_is_not_passed_over(project, caplog, link, says):
    (project / "params.yaml").write_text("sources:\n  chat:\n    path: folder\n")
    (project / "folder").mkdir()
    shutil.copy("rows.jsonl", "folder")
    (project / "folder" / "more").symlink_to(link)
    code, text = told(caplog, *INGEST)
    assert (code, says in text, "folder/more" in text) == (1, True, True), text


def test_a_file_name_that_is_no_utf_8_is_spelled_out(project, caplog):
    (project / "rows.jsonl").write_bytes(TAR)
    run(caplog, "ingest chat")
    rows = read_examples(project / "data" / "ingest")["source_row"].sort().to_list()
    spelled = "".join(f"\\x{byte:02x}" for byte in "数据".encode("gbk"))
    assert rows == [f"rows.jsonl/{name}.jsonl#{n}" for name in (f"2 {spelled}", spelled) for n in (1, 2)]


def test_aliases_of_aliases_in_yaml_do_not_explode(project, caplog):
    (project / "params.yaml").write_text("sources:\n  chat:\n    path: rows.yml\n")
    names = "abcdefghijklmnop"
    lines = [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in pairwise(names)]
    (project / "rows.yml").write_text(
        "\n".join(["a: &a [笑]", *lines, "conversations:", "- [你好, Hi]"]), encoding="utf-8"
    )
    code, text = told(caplog, *INGEST)
    assert (code, "too_long: aliases make it many times as long" in text) == (1, True), text


def test_a_line_of_50_mb_in_a_table_is_one_reject(project, caplog):
    (project / "params.yaml").write_text("sources:\n  chat:\n    path: rows.csv\n")
    with (project / "rows.csv").open("wb") as file:
        file.write("instruction,output\n你好,您好\n".encode() + b'"' + b"x" * 52_000_000 + b'",long\nHi,Hello\n')
    run(caplog, "ingest chat")
    rejects = pl.read_parquet(project / "data" / "ingest" / "chat" / "rejects.parquet")
    assert rejects["error"].to_list() == ["too_long"]
    assert len(read_examples(project / "data" / "ingest")) == 2


# Steps after the first.
@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("", 2, "no such stage; expected one of ingest chat, validate ingest chat, clean chat"),
        ("ingest 对话", 2, "tasks ingest 对话: no such stage; expected one of ingest chat"),
        ("clean chat", 1, "data/ingest/chat: no examples here; expected"),
        ("dedup", 1, "data/clean: no examples here; expected"),
        ("split", 1, "data/score: no examples here; expected"),
        ("tokenize", 1, "data/release/train.parquet: not there; expected a release with the splits"),
        ("report", 1, "data/release: no release here; expected"),
    ],
)
def test_a_step_before_its_time_says_what_it_needs(project, caplog, command, code, says):
    found, text = told(caplog, *command.split())
    assert (found, says in text) == (code, True), text


def test_a_source_of_refusals_only_gives_a_release_without_rows(project, caplog):
    (project / "rows.jsonl").write_text(REFUSALS, encoding="utf-8")
    run(caplog, "ingest chat", "clean chat", *WITHOUT_MODEL)
    report = json.loads((project / "data" / "release" / "report.json").read_text())
    assert (report["rows_out"], report["measures"]["dropped"]) == (0, 1)
    code, text = told(caplog, "tokenize")
    assert (code, "data/release/train.parquet: no rows; expected text" in text) == (1, True), text


def test_a_source_of_one_row_gives_a_release_of_one_row(project, caplog):
    (project / "rows.jsonl").write_text(LINES.split("\n")[1], encoding="utf-8")
    run(caplog, "ingest chat", "clean chat", *WITHOUT_MODEL)
    assert len(pl.read_parquet(project / "data" / "release" / "train.parquet")) == 1


@pytest.mark.parametrize(("content", "found"), [(b"", "file size"), (b"PAR1" * 9, "parquet"), (None, "extra column")])
def test_a_shard_that_was_damaged_between_steps_is_named(project, caplog, content, found):
    run(caplog, "ingest chat", "clean chat")
    shard = project / "data" / "clean" / "chat" / "examples" / "part-00000.parquet"
    shard.unlink()
    if content is None:
        pl.DataFrame({"别的": [1]}).write_parquet(shard)
    else:
        shard.write_bytes(content)
    code, text = told(caplog, "dedup")
    assert (code, f"{shard}: cannot be read" in text, found in text) == (1, True, True), text
    assert not (project / "data" / "dedup").exists()


@pytest.mark.parametrize("step", ["clean/chat", "dedup"])
def test_a_ledger_that_is_gone_stops_the_release(project, caplog, step):
    run(caplog, "ingest chat", "clean chat", *WITHOUT_MODEL[:-1])
    (project / "data" / step / "ledger.parquet").unlink()
    code, text = told(caplog, "release")
    assert (code, f"data/{step}/ledger.parquet: no such file" in text) == (1, True), text
    assert not (project / "data" / "release").exists()


def test_params_without_sources_delete_nothing(project, caplog):
    run(caplog, "ingest chat", "clean chat")
    (project / "params.yaml").write_text("sources: {}\n")
    code, text = told(caplog, "dedup")
    assert (code, "sources: none is listed" in text) == (2, True), text
    assert len(read_examples(project / "data" / "clean")) == 2


def test_a_target_that_cannot_be_written_is_named(project, caplog):
    (project / "data").write_text("a file where a folder should be")
    code, text = told(caplog, *INGEST)
    assert (code, "ingest chat: " in text, str(project / "data") in text) == (1, True, True), text


@pytest.mark.parametrize(
    ("benchmark", "code", "says"),
    [("{path: 没有.jsonl}", 2, "没有.jsonl: no such file"), ("{path: empty.jsonl}", 1, "empty.jsonl is empty")],
)
def test_a_benchmark_that_is_missing_stops_decontaminate(project, caplog, benchmark, code, says):
    run(caplog, "ingest chat", "clean chat", "dedup")
    (project / "empty.jsonl").touch()
    text = f"{ONE_SOURCE}decontaminate:\n  benchmarks:\n    exam: {benchmark}\n"
    (project / "params.yaml").write_text(text, encoding="utf-8")
    found, text = told(caplog, "decontaminate")
    assert (found, says in text) == (code, True), text
    assert not (project / "data" / "decontaminate").exists()


def test_a_record_of_a_benchmark_that_cannot_be_read_is_said(project, caplog):
    run(caplog, "ingest chat", "clean chat", "dedup")
    (project / "exam.jsonl").write_text(f"坏行\n{LINES}", encoding="utf-8")
    (project / "params.yaml").write_text(f"{ONE_SOURCE}decontaminate:\n  benchmarks:\n    exam: {{path: exam.jsonl}}\n")
    code, text = told(caplog, "decontaminate")
    assert (code, "exam: 1 records cannot be read; the first, exam.jsonl#1: bad_json" in text) == (0, True), text


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"\xff\xfe", "labels.jsonl: not UTF-8"),
        ("坏行", "labels.jsonl#1: not JSON"),
        ("[" * 100_000, "labels.jsonl#1: not JSON: nested too deeply"),
        ('{"id": "ID", "instruction_type": NaN}', "labels.jsonl#1: not JSON: NaN"),
        ('{"文本": "a"}', "no known annotation with the fields"),
        ('{"id": "ID", "instruction_type": "写诗"}', "has the label '写诗'; expected one of"),
        ('{"text": "a", "label": [{"x": 1}], "example_id": "ID"}', "not of the form that Doccano exports"),
        ('{"text": "a", "answer": "accept", "accept": ["math"], "meta": "m"}', "not of the form that Prodigy exports"),
        ('{"content": "a", "classifications": [1], "metadata": {}}', "not of the form that LightTag exports"),
        ('{"id": "ID", "messages": [{"role": "assistant", "content": "\\ud800"}]}', "half of a surrogate pair"),
    ],
)
def test_annotations_that_cannot_be_used_are_named_with_their_line(project, caplog, line, says):
    (project / "annotations").mkdir()
    (project / "annotations" / "labels.jsonl").write_bytes(
        line if isinstance(line, bytes) else line.replace("ID", "0" * 32).encode()
    )
    code, text = told(caplog, "import_annotations")
    assert (code, says in text) == (1, True), text
    assert not (project / "data").exists()


def test_an_export_of_another_kind_in_annotations_is_said(project, caplog):
    (project / "annotations").mkdir()
    (project / "annotations" / "标注.csv").touch()
    code, text = told(caplog, "import_annotations")
    assert (code, "not read: 标注.csv; expected .json or .jsonl" in text) == (0, True), text


# The other command.
@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("check 没有.jsonl", 2, "没有.jsonl: no such file or folder"),
        ("check bad.jsonl", 1, "none of 1 records can be read"),
        ("explain abcdef", 1, "data: nothing was built here; run `instructflow build`"),
        ("explain abcdef --data 别处", 1, "别处: nothing was built here"),
        ("generate 你好", 1, "checkpoint: no checkpoint here; expected config.json"),
        ("generate \ud800", 2, "prompt: not UTF-8"),
        ("build --params params.yaml", 2, "--params and --data: a free build needs both"),
        ("build --params 没有.yaml --data out", 2, "没有.yaml: no such file; expected a params file"),
        ("build --only 清洗", 2, "step 清洗: no such step; expected one of ingest, clean"),
    ],
)
def test_a_command_that_cannot_do_what_is_asked_says_why(project, caplog, monkeypatch, command, code, says):
    from flows.cli import _exit_code, app

    (project / "bad.jsonl").write_text("坏行\n", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["instructflow", *command.split()])
    assert (_exit_code(app), says in caplog.text) == (code, True), caplog.text


def test_a_checkpoint_that_was_damaged_is_named(project, caplog, monkeypatch):
    from flows.cli import _exit_code, app

    checkpoint = project / "data" / "train" / "checkpoint"
    checkpoint.mkdir(parents=True)
    (checkpoint / "config.json").write_text('{"坏": ')
    monkeypatch.setattr(sys, "argv", ["instructflow", "generate", "你好"])
    assert (_exit_code(app), f"{checkpoint / 'config.json'}: cannot be read" in caplog.text) == (1, True)
