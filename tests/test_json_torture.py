"""JSON at its worst: no bytes make the reader crash, hang or lose a row silently."""

import json

import pytest
from reading import ROWS, found_in, left, lines_of

from tasks.core.errors import ParamsError, SourceError

# JSON. A good row stands before and after each bad one; the place of the bad one is where the reject is.
GOOD = json.dumps(ROWS[0], ensure_ascii=False).encode()
AFTER = json.dumps(ROWS[1], ensure_ascii=False).encode()
FORMS = {"lines": (b"", b"\n", b""), "array": (b"[", b",", b"]"), "lists": (b'{"d": [', b",", b"]}")}
DEEP = 100_000
TORTURE = [
    (b'{"instruction": "a", "output": "b",}', "bad_json"),  # a comma too many
    (b'{"instruction": "a" "output": "b"}', "bad_json"),
    (b'{"instruction": "a", , "output": "b"}', "bad_json"),
    (b'{"instruction": "a", /* \xe6\xb3\xa8 */ "output": "b"}', "bad_json"),  # a comment
    (b"{'instruction': 'a', 'output': 'b'}", "bad_json"),
    (b'{instruction: "a", output: "b"}', "bad_json"),
    (b'{"instruction": "a", "output": "b", "n": 01}', "bad_json"),
    (b'{"instruction": "a", "output": "b", "n": +1}', "bad_json"),
    (b'{"instruction": "a", "output": "b", "n": .5}', "bad_json"),
    (b'{"instruction": "a", "output": "b", "n": 0x1F}', "bad_json"),
    (b'{"instruction": "a", "output": "b", "n": NaN}', "bad_json"),
    (b'{"instruction": "a", "output": "b", "n": -Infinity}', "bad_json"),
    (b'{"instruction": "a", "output": "b", "n": -1e999}', "bad_json"),
    (b'{"instruction": "a", "output": ' + b"7" * 10_000 + b"}", "bad_json"),
    (b'{"instruction": "a", "output": True}', "bad_json"),
    (b'{"instruction": "a\tb", "output": "c"}', "bad_json"),  # a raw control character
    (b'{"instruction": "a\\x41", "output": "c"}', "bad_json"),
    (b'{"instruction": "a\\u12", "output": "c"}', "bad_json"),
    (b'{"instruction": "a", "output": "\\ud800"}', "lone_surrogate"),
    (b'{"instruction": "a", "output": "\\udc00\\ud800"}', "lone_surrogate"),  # halves the wrong way round
    (b'{"\\ud800": 1, "instruction": "a", "output": "b"}', "lone_surrogate"),
    (b'{"instruction": "a", "output": "\xc0\xaf"}', "bad_encoding"),  # overlong
    (b'{"instruction": "a", "output": "\x80"}', "bad_encoding"),  # a continuation alone
    (b'{"instruction": "a", "output": "\xff"}', "bad_encoding"),
    (b'{"instruction": "a", "output": "\xed\xa0\x80"}', "bad_encoding"),  # half a pair in UTF-8
    (b'{"instruction": "a", "output": "\xf4\x90\x80\x80"}', "bad_encoding"),  # beyond Unicode
    (b'{"instruction": "a", "output": "b", "x": ' + b"[" * DEEP + b"]" * DEEP + b"}", "too_deep"),
    (b'{"instruction": "a", "output": "b", "x": ' + b'{"x":' * DEEP + b"1" + b"}" * DEEP + b"}", "too_deep"),
    (b'{"instruction": "a", "output": "b", "output": "b"}', "duplicate_key"),
    (b'{"instruction": "a", "x": [{"y": 1, "y": 1}], "output": "b"}', "duplicate_key"),
    (b"null", "not_a_record"),
    (b"-0", "not_a_record"),
    (b"[]", "not_a_record"),
    (b"[[]]", "wrong_form"),
    (b"{}", "wrong_form"),
    (b'"text"', "wrong_form"),
]


@pytest.mark.parametrize(("bad", "reason"), TORTURE, ids=[str(i) for i in range(len(TORTURE))])
@pytest.mark.parametrize("form", FORMS)
def test_a_value_that_is_no_good_json_is_one_reject_and_takes_no_other_with_it(tmp_path, bad, reason, form):
    begin, between, end = FORMS[form]
    content = begin + GOOD + between + bad + between + AFTER + end
    examples, rejects, _ = left(tmp_path, content)
    assert rejects["error"].to_list() == [reason]
    assert rejects["byte_offset"].to_list() == [content.index(bad)]
    assert rejects["raw"].to_list() == [bad]
    assert len(examples) == 2


def test_a_comment_between_two_elements_is_a_reject_and_both_are_read(tmp_path):
    examples, rejects, _ = left(tmp_path, b"[" + GOOD + "  // 注\n,".encode() + AFTER + b"]")
    assert (len(examples), rejects.select("error", "raw").rows()) == (2, [("bad_json", "// 注".encode())])


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ('"a\\u0000b"', "a\0b"),  # left to clean
        ('"\\ud83d\\ude00"', "😀"),  # a whole pair
        ('"\\u4f60\\u597D"', "你好"),
        ('"\ufeff你"', "\ufeff你"),
        ("-0", "0"),
        ("-0.0", "-0.0"),
        ("1e2", "100.0"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ],
)
def test_a_value_that_is_odd_but_json_is_read(tmp_path, value, read):
    examples, rejects, _ = left(tmp_path, f'{{"instruction": "问", "output": {value}}}'.encode())
    assert (examples["messages"][0][1]["content"], len(rejects)) == (read, 0)


@pytest.mark.parametrize(
    "content",
    [
        b"", b" \n\t\r\n", b"\r", b"\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\0" * 700, b"[]", b"{}", b"[[[", b"]",
        b"}", b'"', b"[,", b"[{}", b"{[", b'{"', b'{"a"', b'{"a":', b'{"a":[', b'{"a":[{', b"[" * 100_000,
        b'{"a":' * 50_000, b"[" * 50_000 + b"]" * 50_000, b"nul", b"-", b"\\", b"\x1f\x8b", b"\x1f\x8b\x08", b"BZh",
        b"PAR1", b"ARROW1\0\0", b"\xff\xff\xff\xff", bytes(257) + b"ustar" + bytes(250), b"\x80" * 300,
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.csv", "x.tsv", "x.txt", "x.yml", "x.arrow", "x"])
def test_a_file_with_nothing_in_it_is_refused_with_a_sentence(tmp_path, content, name):
    with pytest.raises((SourceError, ParamsError)) as caught:
        left(tmp_path, content, name)
    assert "\n" not in str(caught.value)


def whole_before(rows, content, cut):
    """How many rows stand wholly before a cut."""
    ends, position = [], 0
    for row in rows:
        last = json.dumps(row["output"], ensure_ascii=False).encode()
        position = content.index(b"}", content.index(last, position)) + 1
        ends.append(position)
    return sum(end <= cut for end in ends)


TEXTS = {
    "lines": lines_of(ROWS[:3]),
    "array": json.dumps(ROWS[:3], ensure_ascii=False).encode(),
    "indented": json.dumps(ROWS[:3], ensure_ascii=False, indent=2).encode(),
    "lists": json.dumps({"version": "一", "data": ROWS[:3]}, ensure_ascii=False).encode(),
    "members": json.dumps({f"第{i}": row for i, row in enumerate(ROWS[:3])}, ensure_ascii=False).encode(),
    "values": "\n".join(json.dumps(row, ensure_ascii=False, indent=1) for row in ROWS[:3]).encode(),
    "bom": b"\xef\xbb\xbf" + lines_of(ROWS[:3]),
}


@pytest.mark.parametrize("form", TEXTS)
def test_json_that_is_cut_at_any_byte_gives_its_whole_rows_and_at_most_one_reject(tmp_path, form):
    content = TEXTS[form]
    for cut in range(len(content) + 1):
        n_whole = whole_before(ROWS[:3], content, cut)
        try:
            found, rejects = found_in(tmp_path, content[:cut], "x.json")
        except SourceError:
            assert n_whole == 0, cut
            continue
        read = [{name: row[name] for name in ("instruction", "output")} for row in found if "output" in row]
        assert read == ROWS[: len(read)], cut
        assert len(read) >= n_whole, cut
        assert len(rejects) <= 1, cut
        assert not (rejects and cut == len(content))


def test_a_line_of_100_mb_is_one_reject(tmp_path):
    line = b'{"instruction": "' + b"x" * 100_000_000 + b'", "output": "b"}'
    examples, rejects, _ = left(tmp_path, GOOD + b"\n" + line + b"\n" + AFTER)
    assert (len(examples), rejects.select("row", "error").rows()) == (2, [("rows.jsonl#2", "too_long")])
    assert line.startswith(rejects["raw"][0])


def test_a_file_that_begins_with_nothing_but_blanks_for_too_long_is_refused(tmp_path):
    with pytest.raises(SourceError, match="first 262144 bytes are blank"):
        left(tmp_path, b"\n" * 300_000 + GOOD)


def test_a_file_of_bad_lines_alone_at_its_beginning_is_read_line_by_line(tmp_path):
    bad = b"".join(line[:-9] + b"\n" for line in [GOOD] * 500)
    examples, rejects, _ = left(tmp_path, bad + GOOD + b"\n", "rows.json")
    assert (len(examples), rejects["error"].unique().to_list()) == (1, ["bad_json"])
    assert rejects["row"].to_list() == [f"rows.json#{i + 1}" for i in range(500)]
