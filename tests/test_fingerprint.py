"""A fingerprint finds what its benchmark's texts find; its hashes are the same everywhere; a wrong file is refused."""

import json
from hashlib import blake2b
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from test_decontaminate import CHOICE, ITEM_EN, ITEM_ZH, example

from flows.cli import _exit_code, app
from tasks.core.errors import ParamsError, SourceError
from tasks.core.files import read_table, write_examples
from tasks.core.fingerprint import benchmark_of, read_fingerprint, sealed, write_fingerprint
from tasks.core.hashes import MULTIPLIER, Runs, hashed, seal, siphash, token_hashes
from tasks.core.params import DecontaminateParams, IngestParams, Source
from tasks.core.schema import examples_frame
from tasks.core.text import TURN
from tasks.decontaminate import UNKNOWN, decontaminate
from tasks.ingest import ingest

LONG = "".join(chr(0x4E00 + 7 * i) for i in range(60))
ITEMS = [
    {"prompt": ITEM_EN, "completion": "48 + 24 = 72"},
    {"prompt": ITEM_ZH, "completion": LONG},
    {"prompt": "What is love?"},
    {"prompt": "{Question}\nA. {A}\nB. {B}".format_map(CHOICE)},
]
ROWS = [
    example("en", f"**Solve:** {ITEM_EN.upper()}", "72"),
    example("zh", "请看", f"好的：{ITEM_ZH}"),
    example("part", ITEM_ZH[: len(ITEM_ZH) * 4 // 5], "x"),
    example("answer", "?", LONG),
    example("short", "what is LOVE", "x"),
    example("choice", CHOICE["Question"], "C"),
    example("nothing", "What is love, 什么是爱？", "x"),
]


def words_of(text: str) -> list[int]:
    return [int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little") for word in text.split(" ")]


def written(folder: Path, salt: str = "salt 盐") -> Path:
    lines = folder / "exam.jsonl"
    lines.write_text("".join(json.dumps(item) + "\n" for item in ITEMS), encoding="utf-8")
    out = folder / "exam.parquet"
    assert run("fingerprint", str(lines), "--out", str(out), "--salt", salt) == 0
    return out


def run(*arguments: str) -> int:
    return _exit_code(lambda: app(list(arguments)))


def changed(path: Path, **marks: str) -> Path:
    table = pq.read_table(path)
    pq.write_table(
        table.replace_schema_metadata(table.schema.metadata | {name.encode(): value for name, value in marks.items()}),
        path,
    )
    return path


def hits(folder: Path, source: Source, **settings) -> tuple[list[dict], list[dict]]:
    """The ledger lines and the strongest hits of ROWS against one benchmark."""
    write_examples(examples_frame(ROWS), folder / "dedup" / "examples", 3)
    params = DecontaminateParams(benchmarks={"exam": source}, **settings)
    report = decontaminate(folder / "dedup", folder / "out", params, paths={"exam": Path(source.path)})
    return read_table(folder / "out" / "ledger.parquet").to_dicts(), report.measures["strongest"]


def test_hashes_have_not_changed():
    """If one of these fails, old fingerprints find nothing any more: raise `VERSION` of tasks/core/hashes.py."""
    texts = hashed(pl.Series(["The Ｃat, 12.5% 你好"]))
    whole = Runs(texts.words).every(5)
    assert texts.words.tolist() == words_of("the cat 125 你 好")
    assert whole.tolist() == [17636596284465924299]
    assert seal(whole, "盐 salt").tolist() == [15020187965967362469]
    assert token_hashes("-5") == (5067673221982259845, 11572436773515056267)


def test_siphash_is_that_of_its_authors():
    """The vectors of the reference implementation: the key 00 01 … 0f and the message 00 01 … 07."""
    k0, k1 = (int.from_bytes(bytes(range(i, i + 8)), "little") for i in (0, 8))
    [value] = siphash(np.array([k0], dtype=np.uint64), k0, k1).tolist()
    assert value.to_bytes(8, "little").hex() == "6224939a79f5f593"


def test_a_run_s_hash_is_the_polynomial_of_its_words_wherever_it_stands():
    text = "a b 你 c d 好 e"
    texts = hashed(pl.Series(["x y", text, f"{text} {text}"]))
    runs, words = Runs(texts.words), words_of(text)
    expected = [sum(h * MULTIPLIER**k for k, h in enumerate(words[i : i + 3])) % 2**64 for i in range(5)]
    starts = texts.word_starts
    assert runs.hashes(starts[1] + np.arange(5), 3).tolist() == expected
    assert runs.hashes(starts[2] + 7 + np.arange(5), 3).tolist() == expected
    assert runs.every(3)[starts[1] : starts[1] + 5].tolist() == expected


def test_words_are_letters_marks_and_digits_and_tokens_have_the_signs():
    texts = hashed(pl.Series(["**a** [1,000] x-5 ①cafe\u0301", f"5 - 3{TURN}…{TURN}5 + 3"]))
    ends = texts.word_starts.tolist()
    assert texts.words[: ends[1]].tolist() == words_of("a 1000 x 5 1 café")
    assert ends[2] - ends[1] == 6  # two words a turn, and the marks between the turns
    turns = texts.turns[1:]
    assert (turns[:, 2] - turns[:, 1]).tolist() == [3, 0, 3]
    first, _, last = Runs(texts.tokens).hashes(turns[:, 1], turns[:, 2] - turns[:, 1]).tolist()
    assert first != last


@pytest.mark.parametrize("settings", [{}, {"threshold": 0.3}, {"min_answer_ngrams": 200}, {"action": "flag"}])
def test_a_fingerprint_finds_the_same_rows_with_the_same_shares_and_spans(tmp_path, settings):
    written(tmp_path)
    raw, raw_shown = hits(tmp_path / "raw", Source(path=str(tmp_path / "exam.jsonl")), **settings)
    print_ = Source(path=str(tmp_path / "exam.parquet"), format="fingerprint")
    found, shown = hits(tmp_path / "print", print_, **settings)
    assert len(raw) == 6 - ("min_answer_ngrams" in settings)
    assert found == raw
    assert {hit["item"] for hit in shown} == {UNKNOWN}
    assert [{**hit, "item": ""} for hit in shown] == [{**hit, "item": ""} for hit in raw_shown]


def test_fingerprints_of_several_salts_and_texts_are_looked_for_together(tmp_path):
    paths = {"raw": tmp_path / "exam.jsonl"}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        paths[name] = written(tmp_path / name, salt=name)
    written(tmp_path)
    formats = {"raw": "auto", "one": "fingerprint", "two": "fingerprint"}
    sources = {name: Source(path=str(path), format=formats[name]) for name, path in paths.items()}
    write_examples(examples_frame(ROWS), tmp_path / "dedup" / "examples", 3)
    params = DecontaminateParams(benchmarks=sources)
    counts = decontaminate(tmp_path / "dedup", tmp_path / "out", params, paths=paths).measures["benchmarks"]
    assert counts["raw"] == counts["one"] == counts["two"] == {**counts["raw"], "items": 4, "rows_hit": 6}


def test_a_fingerprint_holds_no_text_and_no_hash_that_is_the_same_under_another_salt(tmp_path):
    content = written(tmp_path).read_bytes()
    assert not any(word.encode() in content for word in ("Natalia", "natalia", "小明", "love"))
    raw = benchmark_of("b", [{"item": "1", "prompt": ITEM_ZH, "answer": ""}], DecontaminateParams())
    one, two = sealed(raw, "一"), sealed(raw, "two")
    for column in ("ngrams", "heads"):
        lists = [b.parts[column].to_list()[0] for b in (raw, one, two)]
        assert len(lists[0]) == len(lists[1]) == len(lists[2]) > 10
        assert len({*lists[0], *lists[1], *lists[2]}) == 3 * len(lists[0])
        assert lists[1] == sorted(lists[1])
    assert one.parts["text"].to_list() == [None]


def test_what_is_not_looked_for_as_a_whole_has_no_hash_of_the_whole(tmp_path):
    parts = read_fingerprint(written(tmp_path), "b").parts
    assert (parts.filter(kind="answer")["whole"].to_list(), parts.filter(kind="prompt", whole=0)["n"].to_list()) == (
        [0],
        [],
    )


def test_the_file_says_what_it_was_made_with_and_is_the_same_every_time(tmp_path):
    path = written(tmp_path)
    marks = pq.read_schema(path).metadata
    assert {b"format", b"hash", b"tokens", b"name", b"salt", b"head_words"} <= set(marks)
    assert (marks[b"name"].decode(), marks[b"salt"].decode(), marks[b"head_words"]) == ("exam", "salt 盐", b"8")
    first = path.read_bytes()
    assert written(tmp_path).read_bytes() == first
    benchmark = read_fingerprint(path, "测验")
    assert (benchmark.name, benchmark.salt, benchmark.parts["item"].n_unique()) == ("测验", "salt 盐", 4)


def test_several_files_are_one_benchmark_under_a_name(tmp_path):
    for name, item in (("a", ITEM_EN), ("b", ITEM_ZH)):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"prompt": item}), encoding="utf-8")
    out = tmp_path / "both.parquet"
    assert run("fingerprint", *(str(tmp_path / f"{n}.jsonl") for n in "ab"), "--out", str(out), "--name", "两个") == 0
    assert read_fingerprint(out, "x").parts["item"].to_list() == ["a.jsonl#1", "b.jsonl#1"]
    assert pq.read_schema(out).metadata[b"name"].decode() == "两个"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda path: path.write_bytes(b"PAR1"), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:-30]), "cannot be read"),
        (lambda path: path.write_bytes(_flipped(path.read_bytes())), "cannot be read"),
        (lambda path: changed(path, tokens="0"), "tokens is 0; expected a fingerprint with tokens 1"),
        (lambda path: changed(path, hash="md5"), "hash is md5; expected a fingerprint with hash siphash-2-4"),
        (lambda path: changed(path, head_words="many"), "a damaged fingerprint"),
        (lambda path: changed(path, salt="other"), "a damaged fingerprint: its digest is another"),
        (lambda path: changed(path, head_words="9"), "a damaged fingerprint: its digest is another"),
        (lambda path: pl.DataFrame({"问": ["a"]}).write_parquet(path), "format is None; expected a fingerprint with"),
        (
            lambda path: pq.write_table(pq.read_table(path).drop(["heads"]), path),
            "a damaged fingerprint: item, kind, n, whole, ngrams; expected",
        ),
    ],
    ids=["empty", "cut", "flipped", "tokens", "hash", "head words", "salt", "other head words", "other", "columns"],
)
def test_a_file_that_is_damaged_or_of_other_tokens_is_refused_by_name(tmp_path, damage, told):
    path = written(tmp_path)
    damage(path)
    with pytest.raises(SourceError, match=told) as refused:
        hits(tmp_path, Source(path=str(path), format="fingerprint"))
    assert str(path) in str(refused.value)
    assert not (tmp_path / "out").exists()


def _flipped(content: bytes) -> bytes:
    """The bytes with one bit changed among the hashes, where only a checksum can see it."""
    place = len(content) // 4
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_a_fingerprint_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ParamsError, match=r"没有\.parquet: no such file"):
        read_fingerprint(tmp_path / "没有.parquet", "b")


def test_a_fingerprint_is_no_source_of_rows(tmp_path):
    source = Source(path=str(written(tmp_path)), format="fingerprint")
    with pytest.raises(
        ParamsError, match=r"sources\.exam: a fingerprint has no texts; expected it among decontaminate"
    ):
        ingest(Path(source.path), tmp_path / "ingest", IngestParams(), name="exam", source=source)


def test_what_cannot_be_made_into_a_fingerprint_is_told(tmp_path, caplog):
    lines = tmp_path / "exam.jsonl"
    lines.write_text(json.dumps({"prompt": ITEM_EN}), encoding="utf-8")
    out = str(tmp_path / "out.parquet")
    for arguments, code, told in (
        ((str(lines), "--out", str(lines)), 2, "is one of the files to read"),
        ((str(lines), "--out", out, "--format", "xls"), 2, "--format xls: no such format; expected one of auto, "),
        ((str(tmp_path / "没有.jsonl"), "--out", out), 2, "没有.jsonl: no such file"),
    ):
        caplog.clear()
        assert (run("fingerprint", *arguments), told in caplog.text) == (code, True), caplog.text
    assert not Path(out).exists()
    benchmark = benchmark_of("b", [], DecontaminateParams())
    write_fingerprint(benchmark, Path(out), "s")
    assert len(read_fingerprint(Path(out), "b").parts) == 0
