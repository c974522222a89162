"""Core: the ledger's law, the one writer, folders that are whole, families, units, shards."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.errors import SourceError
from tasks.core.families import Families
from tasks.core.files import (
    TEMPORARY,
    example_files,
    read_examples,
    read_json,
    remove_others,
    whole_file,
    whole_folder,
    write_examples,
    write_json,
    write_parquet,
    write_text,
)
from tasks.core.kept import write_kept
from tasks.core.ledger import (
    CONTEXT_CHARS,
    LEDGER,
    SPAN_CHARS,
    Outcome,
    changed_span,
    check_conservation,
    event,
    in_order,
    ledger_frame,
    read_ledgers,
)
from tasks.core.params import ExampleStep
from tasks.core.report import LENGTH_EDGES, Report, length_bucket
from tasks.core.schema import canonical, examples_frame, stable_hash, unit_interval
from tasks.core.shards import by_shards, in_process, in_processes, leave_shard
from tasks.core.text import n_units, normalise, normalised, tokens, units_of


def row(id: str, prompt: str = "你好", answer: str = "Hello") -> dict:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return {"id": id, "messages": turns, "source": "s", "source_row": "f#1"}


# The ledger.
EVENTS = [
    event("s", "a", "drop", "empty_answer"),
    event("s", "b", "merge", "near", other_id="c"),
    event("s", "d", "create", "entity", other_id="c"),
    event("s", "c", "edit", "html", before="一", after="one"),
    event("s", "e", "reject", "same"),
    event("s", "c", "flag", "benchmark_overlap"),
]


def test_rows_in_less_dropped_less_merged_plus_created_are_rows_out():
    check_conservation("s", 10, 9, ledger_frame(EVENTS))


@pytest.mark.parametrize("rows_out", [8, 10])
def test_rows_without_a_line_are_an_error_with_the_balance(rows_out):
    with pytest.raises(AssertionError, match=rf"s: 10 rows in - 1 dropped - 1 merged \+ 1 created = 9, but {rows_out}"):
        check_conservation("s", 10, rows_out, ledger_frame(EVENTS))


def test_a_row_goes_only_once():
    twice = [event("s", "a", "drop", "refusal"), event("s", "a", "merge", "near", other_id="b")]
    with pytest.raises(AssertionError, match=r"dropped or merged twice: \['a'"):
        check_conservation("s", 5, 3, ledger_frame(twice))


def test_an_action_that_nobody_knows_is_an_error():
    with pytest.raises(AssertionError, match=r"unknown ledger actions \['lose'\]"):
        check_conservation("s", 1, 1, ledger_frame([event("s", "a", "lose", "x")]))


@given(st.permutations(EVENTS))
def test_the_order_of_a_ledger_does_not_depend_on_who_was_first(events):
    ledger = ledger_frame(events)
    assert ledger.equals(ledger_frame(EVENTS))
    assert in_order(pl.concat([ledger.tail(3), ledger.head(3)])).equals(ledger)
    assert dict(ledger.schema) == dict(LEDGER)


@pytest.mark.parametrize(
    ("before", "after", "spans"),
    [
        ("<p>你好</p>", "你好", ("<p>你好</p>", "你好")),
        ("abc", "abc", ("abc", "abc")),
        ("", "新 new", ("", "新 new")),
        ("aaa", "aa", ("aaa", "aa")),
        ("x" * 50 + "乙" + "y" * 50, "x" * 50 + "two" + "y" * 50, (
            "…" + "x" * CONTEXT_CHARS + "乙" + "y" * CONTEXT_CHARS + "…",
            "…" + "x" * CONTEXT_CHARS + "two" + "y" * CONTEXT_CHARS + "…",
        )),
    ],
)  # fmt: skip
def test_the_changed_span_has_a_little_context(before, after, spans):
    assert changed_span(before, after) == spans


@given(st.text("ab你好 ", max_size=80), st.text("ab你好 ", max_size=80))
def test_the_changed_spans_hold_all_that_differs(before, after):
    was, becomes = changed_span(before, after)
    assert was.strip("…") in before
    assert becomes.strip("…") in after
    assert before.replace(was.strip("…"), becomes.strip("…"), 1) == after or not was.strip("…")


def test_a_long_change_is_cut():
    was, becomes = changed_span("长" * 5000, "short")
    assert len(was) <= SPAN_CHARS + 2
    assert becomes == "short"


# The one writer.
def test_bytes_do_not_depend_on_chunks(tmp_path):
    whole = examples_frame([row(f"{i:03}", f"问题 {i}", f"answer {i}") for i in range(50)])
    chunked = pl.concat([whole.slice(i, 7) for i in range(0, 50, 7)], rechunk=False)
    assert chunked.n_chunks() > 1
    for name, frame in (("whole", whole), ("chunked", chunked)):
        write_parquet(frame, tmp_path / name)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "chunked").read_bytes()


def test_examples_are_written_sorted_in_shards(tmp_path):
    rows = [row(id, prompt) for id, prompt in (("c", "三"), ("a", "one"), ("b", "two"))]
    write_examples(examples_frame(rows), tmp_path / "x" / "examples", rows_per_shard=2)
    files = example_files(tmp_path)
    assert [file.name for file in files] == ["part-00000.parquet", "part-00001.parquet"]
    assert [pl.read_parquet(file)["id"].to_list() for file in files] == [["a", "b"], ["c"]]


def test_no_rows_are_one_empty_shard(tmp_path):
    write_examples(examples_frame([]), tmp_path / "examples", rows_per_shard=2)
    assert len(read_examples(tmp_path)) == 0


def test_an_id_that_comes_twice_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"ids that come twice: \['a'\]"):
        write_examples(examples_frame([row("a"), row("a", "再来")]), tmp_path, rows_per_shard=2)


def test_another_table_is_refused_with_its_columns(tmp_path):
    with pytest.raises(ValueError, match=r"lacks \['tools'\], wrong {'language': 'Int32'}"):
        write_examples(
            examples_frame([row("a")]).drop("tools").with_columns(language=pl.lit(1, pl.Int32)),
            tmp_path,
            rows_per_shard=2,
        )


def test_a_folder_without_examples_is_refused_with_what_was_expected(tmp_path):
    with pytest.raises(SourceError, match=r"no examples here; expected .*/\*\*/examples/\*.parquet"):
        example_files(tmp_path)


def test_json_is_sorted_readable_and_has_no_nan(tmp_path):
    write_json({"b": "你好", "a": [1]}, tmp_path / "x.json")
    assert (tmp_path / "x.json").read_text(encoding="utf-8") == '{\n "a": [\n  1\n ],\n "b": "你好"\n}\n'
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json({"a": float("nan")}, tmp_path / "y.json")


def test_an_output_that_is_a_link_is_replaced_not_written_into(tmp_path):
    cached, out = tmp_path / "cached", tmp_path / "out"
    cached.write_text("旧 old")
    out.symlink_to(cached)
    write_text("新 new", out)
    assert (cached.read_text(), out.read_text(), out.is_symlink()) == ("旧 old", "新 new", False)


# Old or new, never a half.
class Killed(Exception):
    pass


def die_in_file(path: Path) -> None:
    with whole_file(path) as temporary:
        temporary.write_text("半 half")
        raise Killed


def die_in_folder(target: Path) -> None:
    with whole_folder(target) as folder:
        (folder / "a.txt").write_text("半 half")
        raise Killed


@pytest.mark.parametrize("before", ["旧 old", None])
def test_a_file_that_is_not_finished_leaves_the_old_one_or_none(tmp_path, before):
    path = tmp_path / "out.txt"
    if before:
        path.write_text(before)
    with pytest.raises(Killed):
        die_in_file(path)
    assert (path.read_text() if path.exists() else None) == before
    assert not list(tmp_path.glob(f"*{TEMPORARY}"))


@pytest.mark.parametrize("before", ["旧 old", None])
def test_a_folder_that_is_not_finished_leaves_the_old_one_or_none(tmp_path, before):
    target = tmp_path / "step"
    if before:
        target.mkdir()
        (target / "a.txt").write_text(before)
    with pytest.raises(Killed):
        die_in_folder(target)
    assert ((target / "a.txt").read_text() if target.exists() else None) == before
    assert not list(tmp_path.glob(f"*{TEMPORARY}"))


def test_a_finished_folder_takes_the_place_of_the_old_one_whole(tmp_path):
    target = tmp_path / "step"
    for name in ("old.txt", "new.txt"):
        with whole_folder(target) as folder:
            (folder / name).write_text("字 x")
    assert [path.name for path in target.iterdir()] == ["new.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["step"]


def test_what_a_killed_run_left_is_swept_away_by_the_next(tmp_path):
    (tmp_path / f"step.123{TEMPORARY}").mkdir()
    with whole_folder(tmp_path / "step") as folder:
        (folder / "a.txt").write_text("字 x")
    assert [path.name for path in tmp_path.iterdir()] == ["step"]


def test_what_a_killed_run_left_is_not_read(tmp_path):
    for folder, id in (("a", "0"), (f"a.123{TEMPORARY}", "1")):
        write_examples(examples_frame([row(id)]), tmp_path / "clean" / folder / "examples", 10)
        write_parquet(
            ledger_frame([event("clean", id, "edit", "html")]), tmp_path / "clean" / folder / "ledger.parquet"
        )
    assert read_examples(tmp_path / "clean")["id"].to_list() == ["0"]
    assert read_ledgers(tmp_path / "clean")["id"].to_list() == ["0"]


def test_what_is_not_to_be_kept_is_removed_by_its_name(tmp_path):
    for name in ("keep", "gone"):
        (tmp_path / name).mkdir()
        (tmp_path / f"{name}.json").write_text("[]")
    remove_others(tmp_path, keep=["keep"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keep", "keep.json"]
    remove_others(tmp_path / "not there", keep=[])


def test_a_report_reads_as_it_was_written(tmp_path):
    report = Report("clean", 2, 1, {"drop": {"refusal": 1}}, {"language": {"zh": 1}}, {"x": 0.5})
    report.write(tmp_path)
    assert Report.read(tmp_path) == report
    assert read_json(tmp_path / "report.json")["rows_in"] == 2


# Families.
@given(st.integers(1, 20).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_rows_are_one_family_when_a_path_of_pairs_joins_them(n_and_pairs):
    n, pairs = n_and_pairs
    groups = {i: {i} for i in range(n)}
    for a, b in pairs:
        joined = groups[a] | groups[b]
        groups |= dict.fromkeys(joined, joined)
    families = Families(n)
    families.join(pl.Series([a for a, _ in pairs], dtype=pl.Int64), pl.Series([b for _, b in pairs], dtype=pl.Int64))
    assert families.roots().to_list() == [min(groups[i]) for i in range(n)]


def test_a_copy_of_families_is_independent():
    families = Families(3)
    other = families.copy()
    other.join(pl.Series([0]), pl.Series([2]))
    assert (families.roots().to_list(), other.roots().to_list()) == ([0, 1, 2], [0, 1, 0])


# Text.
TEXT = st.text(st.sampled_from("ab 你好，。!1２Ａ\n\t-é日"), max_size=30) | st.text(max_size=20)


@pytest.mark.parametrize(
    ("text", "n"),
    [("", 0), ("  \n", 0), ("你好世界", 4), ("hello world", 2), ("你好world再见", 5), ("don't stop!", 2), ("𠀀字", 2)],
)
def test_a_unit_is_one_han_character_or_one_spaced_word(text, n):
    assert n_units(text) == n


@given(st.lists(TEXT, max_size=10))
def test_units_are_the_same_for_one_text_and_for_a_column(texts):
    assert pl.DataFrame({"t": pl.Series(texts, dtype=pl.String)}).select(units_of(pl.col("t")))["t"].to_list() == [
        n_units(text) for text in texts
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("你好，world！", ["你", "好", "world"]),
        ("Ｈｅｌｌｏ　１２", ["hello", "12"]),
        ("1,2 与 -3.5", ["1,2", "与", "-3.5"]),
        ("a != b", ["a", "!=", "b"]),
        ("？！", ["？！"]),
        ("Crème 咖啡", ["crème", "咖", "啡"]),
    ],
)
def test_tokens_are_han_characters_words_numbers_and_signs(text, expected):
    found = pl.select(tokens(pl.lit(text))).item().to_list()
    assert found == ([text.replace("？", "?").replace("！", "!")] if expected == ["？！"] else expected)


@given(TEXT)
def test_what_is_normalised_stays_so(text):
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        ("你好，世界！", "你好世界", True),
        ("Hello, World", "hello world", True),
        ("ＡＢＣ", "abc", True),
        ("1,2", "12", False),
        ("是", "不是", False),
        ("C++", "C", False),
    ],
)
def test_texts_are_equal_when_their_tokens_are(one, other, are_equal):
    texts = pl.DataFrame({"t": [one, other]}).select(normalised(pl.col("t")))["t"]
    assert (texts[0] == texts[1]) is are_equal


def test_length_buckets_begin_at_their_edges_and_stand_in_order():
    lengths = pl.DataFrame({"n": [0, *(n for edge in LENGTH_EDGES for n in (edge - 1, edge))]})
    buckets = lengths.select(length_bucket(pl.col("n"))).to_series().to_list()
    assert buckets == sorted(buckets)
    assert len(set(buckets)) == len(LENGTH_EDGES) + 1


def test_randomness_is_from_what_a_row_is_alone():
    assert unit_interval(0, "split", "你好") == unit_interval(0, "split", "你好") != unit_interval(1, "split", "你好")
    assert all(0 <= unit_interval(i) < 1 for i in range(100))
    assert canonical({"b": 1, "a": "你"}) == '{"a":"你","b":1}'
    assert len(stable_hash("你好", "hi")) == 32


# Shards.
PARAMS = ExampleStep()


def shout(source_file: Path, target_file: Path, params: ExampleStep, word: str) -> int:
    """Drop rows that say `word`; edit the others (a step as by_shards runs it)."""
    rows = pl.read_parquet(source_file)
    says = pl.col("messages").list.last().struct.field("content").str.contains(word)
    events = [event("shout", id, "drop", "says_it") for id in rows.filter(says)["id"]]
    kept = rows.filter(~says).with_columns(language=pl.lit("zh"))
    events += [event("shout", id, "edit", "named", after="zh") for id in kept["id"]]
    leave_shard(target_file, Outcome(kept, ledger_frame(events)), seen=rows.select("id"))
    return len(rows)


def lose(source_file: Path, target_file: Path, params: ExampleStep) -> int:
    """Lose a row without a line."""
    rows = pl.read_parquet(source_file)
    leave_shard(target_file, Outcome(rows.head(len(rows) - 1), ledger_frame([])), seen=rows.select("id"))
    return len(rows)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    rows = [row(f"{i:03}", f"问 {i}", "安静 quiet" if i % 3 else "大声 loud") for i in range(10)]
    write_examples(examples_frame(rows), tmp_path / "in" / "examples", rows_per_shard=4)
    return tmp_path / "in"


def test_one_process_and_two_leave_the_same_bytes(source, tmp_path):
    left = []
    for run_shards in (in_process, in_processes):
        target = tmp_path / run_shards.__name__
        report = by_shards("shout", shout, source, target, PARAMS, run_shards, ("loud",), tables=("seen",))
        assert (report.rows_in, report.rows_out, report.ledger["drop"]) == (10, 6, {"says_it": 4})
        left.append({p.relative_to(target): p.read_bytes() for p in sorted(target.rglob("*")) if p.is_file()})
    assert left[0] == left[1]
    assert sorted(str(name) for name in left[0]) == [
        "examples/part-00000.parquet", "examples/part-00001.parquet", "examples/part-00002.parquet",
        "ledger.parquet", "report.json", "seen.parquet",
    ]  # fmt: skip


@pytest.mark.parametrize("rows_per_shard", [1, 100])
def test_the_joined_tables_do_not_depend_on_shards(source, tmp_path, rows_per_shard):
    again = tmp_path / "again"
    write_examples(read_examples(source), again / "examples", rows_per_shard)
    tables = []
    for number, examples in enumerate((source, again)):
        by_shards("shout", shout, examples, tmp_path / f"{number}", PARAMS, in_process, ("loud",), tables=("seen",))
        tables.append([(tmp_path / f"{number}" / name).read_bytes() for name in ("ledger.parquet", "seen.parquet")])
    assert tables[0] == tables[1]


def test_a_shard_that_loses_a_row_stops_the_step_and_leaves_nothing(source, tmp_path):
    with pytest.raises(AssertionError, match="lose: 10 rows in"):
        by_shards("lose", lose, source, tmp_path / "out", PARAMS, in_process, tables=("seen",))
    assert not (tmp_path / "out").exists()


def test_no_jobs_are_no_work():
    assert in_processes(shout, []) == []


def long_rows(n: int) -> pl.DataFrame:
    """Rows with long texts of different lengths, in both languages; ids in no order."""
    turns = [("问" * (i % 50) + f" {i}", f"answer 答 {i} " * (200 + i % 300)) for i in range(n)]
    rows = [
        {
            "id": f"{(i * 7919) % 100_003:032x}",
            "source": "a",
            "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": told}],
        }
        for i, (asked, told) in enumerate(turns)
    ]
    return examples_frame(rows)


def test_bytes_do_not_depend_on_what_a_frame_was_cut_from(tmp_path):
    rows = long_rows(1500).sort("id")
    kept = rows.filter(pl.col("id").hash(1) % 3 > 0)
    write_parquet(kept, tmp_path / "filtered")
    parts = [kept[i : i + 100] for i in range(0, len(kept), 100)]
    for n, part in enumerate(parts):
        write_parquet(part, tmp_path / f"{n:03}.parquet")
    joined = pl.concat([pl.read_parquet(tmp_path / f"{n:03}.parquet") for n in range(len(parts))])
    write_parquet(joined.reverse().sort("id"), tmp_path / "joined")
    assert (tmp_path / "filtered").read_bytes() == (tmp_path / "joined").read_bytes()


@pytest.mark.parametrize("threads", [1, 2])
def test_the_rows_that_stay_are_written_as_all_rows_are(tmp_path, threads):
    rows = long_rows(300)
    kept = rows.filter(pl.col("id").hash(1) % 3 > 0).with_columns(family=pl.col("id").str.slice(0, 31))
    for n in range(3):  # shards that overlap in their ids, one of them in no order
        write_parquet(rows.gather_every(3, n), tmp_path / "in" / "examples" / f"part-{n:05}.parquet")
    write_examples(kept, tmp_path / "expected" / "examples", 70)
    n_rows = write_kept(
        example_files(tmp_path / "in"), kept.select("id", "family"), tmp_path / "out" / "examples", 70, threads
    )
    assert n_rows == len(kept)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["examples"]
    written = {path.name: path.read_bytes() for path in (tmp_path / "out" / "examples").iterdir()}
    assert written == {path.name: path.read_bytes() for path in (tmp_path / "expected" / "examples").iterdir()}


def test_where_no_row_stays_one_empty_shard_is_written(tmp_path):
    write_examples(long_rows(3), tmp_path / "in" / "examples", 10)
    none = pl.DataFrame(schema={"id": pl.String})
    assert write_kept(example_files(tmp_path / "in"), none, tmp_path / "out" / "examples", 10, 2) == 0
    assert len(read_examples(tmp_path / "out")) == 0
