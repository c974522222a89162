"""Archives and compression that are cut or broken: what comes before is read, and one reject tells of it."""

import gzip
import io
import json
import tarfile

import polars as pl
import pytest
from reading import ROWS, found_in, left, lines_of, table_of

from tasks.core.params import IngestParams, Source
from tasks.ingest import ingest

MEMBERS = {"一.jsonl": ROWS[:2], "b/two.json": ROWS[2:4], "三.csv": ROWS[4:]}


def content_of(name, rows):
    if name.endswith(".csv"):
        return table_of(rows).encode()
    return lines_of(rows) if name.endswith("l") else json.dumps(rows, ensure_ascii=False, indent=1).encode()


def tar_of(members, mode="w"):
    """A tar of files, and where each of them ends, with its padding."""
    buffer, ends = io.BytesIO(), []
    with tarfile.open(fileobj=buffer, mode=mode, format=tarfile.PAX_FORMAT) as archive:
        for name, rows in members.items():
            content = rows if isinstance(rows, bytes) else content_of(name, rows)
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
            ends.append(archive.offset)
    return buffer.getvalue(), ends


TAR, ENDS = tar_of(MEMBERS)


@pytest.mark.parametrize("cut", range(600, ENDS[-1], 97))
def test_a_tar_that_is_cut_gives_all_that_is_before_the_cut_and_one_reject(tmp_path, cut):
    found, rejects = found_in(tmp_path, TAR[:cut], "rows.tar")
    assert found == ROWS[: len(found)]
    assert len(found) >= 2 * sum(end <= cut for end in ENDS)
    assert [r.error for r in rejects] == ["cut_off"]


def test_a_tar_in_gzip_that_is_cut_gives_all_that_is_before_the_cut_and_one_reject(tmp_path):
    rows = [{"instruction": f"{i} {json.dumps(ROWS[i % 6])[: i % 90]}", "output": "好"} for i in range(9000)]
    content = gzip.compress(tar_of({"a.jsonl": rows[:4000], "b.jsonl": rows[4000:]})[0])
    for share in (0.3, 0.7, 0.99):
        found, rejects = found_in(tmp_path, content[: int(len(content) * share)], "rows.tar.gz")
        assert len(found) > 1000
        assert found == rows[: len(found)]
        assert [r.error for r in rejects] == ["cut_off"]


@pytest.mark.parametrize("n_members", [1, 2, 3])
def test_a_tar_that_is_cut_between_two_members_is_told_by_its_missing_end_mark(tmp_path, n_members):
    examples, rejects, _ = left(tmp_path, TAR[: ENDS[n_members - 1]], "rows.tar")
    assert len(examples) == 2 * n_members
    (reject,) = rejects.to_dicts()
    assert (reject["error"], reject["row"]) == ("cut_off", "rows.tar#0")
    assert "no end mark" in reject["detail"]


@pytest.mark.parametrize("n_zeros", [512, 1024, 10240])
def test_a_tar_with_a_zero_block_at_its_end_is_whole(tmp_path, n_zeros):
    assert left(tmp_path, TAR[: ENDS[-1]] + bytes(n_zeros), "rows.tar")[1].is_empty()


def test_tars_one_after_another_are_read_as_one(tmp_path):
    more, ends = tar_of({"d.jsonl": [{"instruction": "还有吗？", "output": "Yes."}]})
    assert len(left(tmp_path, TAR + more, "rows.tar")[0]) == 7
    examples, rejects, _ = left(tmp_path, TAR + more[: ends[0] - 500], "rows.tar")
    assert (len(examples), rejects["error"].to_list()) == (6, ["cut_off"])


def test_a_broken_header_ends_the_archive_with_a_reject(tmp_path):
    examples, rejects, _ = left(tmp_path, TAR[: ENDS[0]] + b"\xff" * 512 + TAR[ENDS[0] + 512 :], "rows.tar")
    assert (len(examples), rejects["error"].to_list()) == (2, ["cut_off"])
    assert "bad checksum" in rejects["detail"][0]


@pytest.mark.parametrize("name", ["inner.tar", "inner.tar.gz", "rows.parquet", "notes.pdf"])
def test_a_cut_in_a_member_that_needs_its_end_is_one_reject(tmp_path, name):
    buffer = io.BytesIO()
    pl.DataFrame(ROWS).write_parquet(buffer)
    inner = {"inner.tar": TAR, "inner.tar.gz": gzip.compress(TAR), "rows.parquet": buffer.getvalue()}
    content, ends = tar_of({"a.jsonl": ROWS[:2], name: inner.get(name, b"%PDF" + bytes(range(256)) * 20)})
    found, rejects = found_in(tmp_path, content[: ends[-1] - 700], "rows.tar", include="*.*")
    assert found[:2] == ROWS[:2]
    assert [r.error for r in rejects] == ["cut_off"]


def test_a_cut_in_a_member_that_is_not_wanted_is_told_once(tmp_path):
    content, ends = tar_of({"a.jsonl": ROWS[:2], "photo.bin": bytes(range(256)) * 20})
    _, rejects = found_in(tmp_path, content[: ends[-1] - 1500], "rows.tar", include="*.jsonl")
    assert [(r.error, r.file) for r in rejects] == [("cut_off", "rows.tar")]


def test_a_damaged_file_takes_no_other_of_its_folder_with_it(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.jsonl").write_bytes(lines_of(ROWS))
    (tmp_path / "folder" / "b.jsonl.gz").write_bytes(gzip.compress(lines_of(ROWS))[:12])
    report = ingest(tmp_path / "folder", tmp_path / "out", IngestParams(), name="x", source=Source())
    assert (report.rows_out, report.measures["rejects"]) == (6, {"cut_off": 1})
