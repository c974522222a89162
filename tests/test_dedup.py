"""Dedup merges repeats, only repeats, and only into rows that stay."""

import random
import shutil
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest

from tasks.core.database import database
from tasks.core.errors import GateError, ParamsError, SourceError
from tasks.core.files import read_examples, write_examples
from tasks.core.ledger import read_ledgers
from tasks.core.params import DedupParams, Source
from tasks.core.preview import compare
from tasks.core.schema import examples_frame
from tasks.core.text import TURN, normalise, normalised
from tasks.dedup import dedup, merge_repeats, preview
from tasks.duplicates.near import near_pairs

PARAMS = DedupParams()


def row(id: str, prompt: str, answer: str, **columns: object) -> dict:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return {"id": id, "messages": turns, "source": "a", **columns}


def merge(*rows: dict, params: DedupParams = PARAMS, sources: dict[str, Source] | None = None):
    outcome, clusters, measures = merge_repeats(examples_frame(list(rows)), params, sources or {})
    merged = {m["id"]: (m["reason"], m["other_id"]) for m in outcome.ledger.filter(action="merge").to_dicts()}
    return outcome, merged, clusters, measures


LONG_EN = (
    "Plants turn light into sugar with the help of chlorophyll and give off oxygen while they are doing that, "
    "which is why a forest is called the lung of a city"
)
LONG_ZH = "植物借助叶绿素把光能转化为糖分并在这个过程中释放出氧气这就是我们常说的光合作用"


@pytest.mark.parametrize(("prompt", "answer"), [("What is light for?", LONG_EN), ("光有什么用？", LONG_ZH)])
def test_equal_bytes_are_merged_as_exact(prompt, answer):
    _, merged, _, _ = merge(row("b", prompt, answer), row("a", prompt, answer))
    assert merged == {"b": ("exact", "a")}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Say it, please!", "say it please"),  # case and punctuation
        ("你好，世界！", "你好世界"),
        ("ＡＢＣ 商店 １２", "abc 商店 12"),  # width
    ],
)
def test_equal_tokens_are_merged_as_normalised(one, other):
    _, merged, _, _ = merge(row("a", one, "同 same"), row("b", other, "同 same"))
    assert merged == {"b": ("normalised", "a")}


@pytest.mark.parametrize(
    ("one", "other"),
    [("1,2", "12"), ("3.14", "314"), ("5 - 3", "5 + 3"), ("−5 度", "5 度"), ("5²", "52"), ("a != b", "a = b")],
)
def test_numbers_and_signs_are_never_normalised_away(one, other):
    assert merge(row("a", one, "x"), row("b", other, "x"))[1] == {}


@pytest.mark.parametrize("answer", [LONG_EN, LONG_ZH])
def test_a_near_repeat_is_merged_into_the_longer_answer_with_its_similarity(answer):
    outcome, merged, clusters, _ = merge(
        row("a", "Why? 为什么", answer), row("b", "Why? 为什么", answer + " indeed 的")
    )
    assert merged == {"a": ("near", "b")}
    measure = outcome.ledger["measure"][0]
    assert 0.8 <= measure < 1
    assert clusters.filter(level="near")["similarity"].to_list() == [measure]


@pytest.mark.parametrize(
    ("asked", "one", "other"), [("最高的山？", "珠穆朗玛峰。", "在尼泊尔"), ("Tallest?", "Everest", "In Nepal")]
)
def test_an_empty_turn_says_nothing(asked, one, other):
    rows = [row("a", asked, one), row("b", asked, one), row("c", asked, other)]
    rows[1]["messages"].insert(0, {"role": "system", "content": ""})
    outcome, merged, _, _ = merge(*rows)
    assert merged == {"b": ("normalised", "a")}
    assert outcome.examples["family"].to_list() == ["a", "a"]
    assert set(outcome.ledger.filter(action="flag")["id"]) == {"a", "c"}


def test_long_texts_are_compared_as_short_ones_are():
    rng = random.Random(5)
    long = [f"w{rng.randrange(10**6)}" for _ in range(3000)]
    others = [[f"{i}x{k}" for k in range(20 * i)] for i in range(4)]
    rows = [row(f"{i}", "总结 summarise", " ".join([*long[len(own) :], *own])) for i, own in enumerate(others)]
    outcome, merged, _, _ = merge(*rows)
    assert merged == {f"{i}": ("near", "0") for i in (1, 2, 3)}
    sets = [shingles(normalise_all(r)) for r in rows]
    measured = dict(outcome.ledger.select("id", "measure").iter_rows())
    for i in (1, 2, 3):
        assert measured[f"{i}"] == pytest.approx(len(sets[0] & sets[i]) / len(sets[0] | sets[i]))


def normalise_all(example: dict) -> str:
    return f" {TURN} ".join(normalise(m["content"]) for m in example["messages"])


def test_six_short_turns_stay_six():
    turns = ["继续", "谢谢", "为什么", "是的", "Yes", "No"]
    outcome, _, _, _ = merge(*(row(f"{i}", turn, turn) for i, turn in enumerate(turns)))
    assert len(outcome.examples) == 6
    assert outcome.examples["family"].n_unique() == 6


def test_no_row_goes_for_being_near_to_a_row_that_goes():
    base = [f"w{i}" for i in range(60)]
    near = [*base[:55], "x1", "x2", "x3", "x4", "x5"]  # near to base
    far = [*near[5:], "y1", "y2"]  # near to `near`, not to base
    rows = [row(id, "p", " ".join(words)) for id, words in (("a", base), ("b", near), ("c", far))]
    outcome, merged, _, _ = merge(*rows)
    assert merged == {"b": ("near", "a")}
    assert set(outcome.examples["id"]) == {"a", "c"}


def test_a_copy_of_a_row_that_goes_is_merged_into_the_row_that_stays():
    longer = LONG_ZH + "的基本原理"
    _, merged, _, _ = merge(row("c", "问", LONG_ZH), row("b", "问", LONG_ZH), row("a", "问", longer))
    assert merged == {"b": ("near", "a"), "c": ("near", "a")}


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"human": True}, {"license": "MIT", "weight": 9}),
        ({"license": "MIT"}, {"weight": 9}),
        ({"weight": 2}, {"weight": 1}),
    ],
)
def test_the_better_source_keeps_its_row(better, worse):
    rows = [
        row("a", "你好", "hi", source="worse", license=worse.get("license")),
        row("b", "你好", "hi", source="better", license=better.get("license")),
    ]
    sources = {"better": Source(**better), "worse": Source(**worse)}
    assert merge(*rows, sources=sources)[1] == {"a": ("exact", "b")}


@pytest.mark.parametrize(("yes", "no"), [("Positive", "Negative"), ("正面", "负面")])
def test_the_same_long_passage_with_another_answer_is_another_example(yes, no):
    passage = f"{LONG_EN} {LONG_ZH} " * 3
    assert merge(row("a", passage + "label A?", yes), row("b", passage + "label B?", no))[1] == {}


def test_other_tools_make_another_example():
    assert merge(row("a", "天气", "晴", tools='[{"name":"x"}]'), row("b", "天气", "晴"))[1] == {}


def test_equal_prompts_and_near_prompts_are_one_family_and_stay():
    long_prompt = (
        "请用三句话介绍一下北京故宫的历史和建筑特点，并说明它为什么重要，适合中学生阅读的语言，不要太长也不要太短"
    )
    outcome, merged, _, _ = merge(
        row("a", "继续", "first answer"),
        row("b", "继续", "另一个回答"),
        row("c", long_prompt, "甲" * 9),
        row("d", long_prompt + "啊", "completely other"),
        row("e", "别的问题", "x"),
    )
    assert merged == {}
    families = dict(outcome.examples.select("id", "family").iter_rows())
    assert families == {"a": "a", "b": "a", "c": "c", "d": "c", "e": "e"}


@pytest.mark.parametrize(("system", "user"), [("Translate to French", "hello"), ("译成法语", "你好")])
def test_equal_prompts_are_one_family_wherever_their_turns_end(system, user):
    parted = row("a", user, "bonjour")
    parted["messages"].insert(0, {"role": "system", "content": system})
    outcome, merged, _, _ = merge(parted, row("b", f"{system}\n{user}", "bonjour"))
    assert merged == {}
    assert outcome.examples["family"].to_list() == ["a", "a"]


def test_merged_rows_bring_their_families_together():
    outcome, _, _, _ = merge(
        row("a", "p", LONG_EN), row("b", "p", LONG_EN, family="z"), row("z", "q other", "r", family="z")
    )
    assert outcome.examples["family"].to_list() == ["a", "a"]


def shingles(text: str, n: int = 3) -> set[tuple[str, ...]]:
    words = text.split(" ")
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)} if len(words) >= n else {tuple(words)}


def test_every_pair_is_verified_and_almost_none_missed():
    """Against all pairs by brute force, on random Chinese and English texts with planted edits."""
    rng = random.Random(0)
    hanzi, words = [chr(0x4E00 + i) for i in range(2000)], [f"w{i}" for i in range(2000)]
    texts = []
    for i in range(150):
        vocabulary, join = (hanzi, "") if i % 2 else (words, " ")
        tokens = rng.choices(vocabulary, k=rng.randrange(1, 80))
        for n_edits in (0, 1, 2, 4):
            for _ in range(n_edits):
                tokens[rng.randrange(len(tokens))] = rng.choice(vocabulary)
            texts.append(join.join(tokens))
    frame = pl.DataFrame({"key": range(len(texts)), "text": texts}, schema={"key": pl.UInt32, "text": pl.String})
    frame = frame.with_columns(normalised(pl.col("text"))).unique("text", keep="first")
    sets = {key: shingles(text) for key, text in frame.iter_rows()}
    true = {
        (min(a, b), max(a, b))
        for a, b in combinations(sets, 2)
        if len(sets[a] & sets[b]) >= 0.7 * len(sets[a] | sets[b])
    }
    with database(PARAMS) as db:
        db.register("texts", frame.to_arrow())
        found, _ = near_pairs(db, 0.7, PARAMS)
    pairs = set(zip(found["a"], found["b"], strict=True))
    assert len(true) > 100
    assert pairs <= true
    assert len(pairs) >= 0.999 * len(true)
    for a, b, similarity in found.iter_rows():
        assert similarity == pytest.approx(len(sets[a] & sets[b]) / len(sets[a] | sets[b]))


@pytest.mark.parametrize(
    ("threshold", "size", "n_more"),
    [
        *[(0.7, 5, 2), (0.7, 7, 3), (0.7, 14, 6), (0.7, 60, 20)],
        *[(0.8, 4, 1), (0.8, 12, 3), (0.8, 19, 4), (0.8, 80, 18)],
        *[(0.9, 9, 1), (0.9, 12, 1), (0.9, 18, 2), (0.9, 45, 5)],
    ],
)
def test_pairs_at_the_threshold_are_found_whatever_their_size(threshold, size, n_more):
    """A text of `size` shingles and the same with `n_more`, half of them Chinese: J = size / (size + n_more)."""
    rng = random.Random(size)
    vocabulary = [f"w{i}" for i in range(100_000)] + [chr(0x4E00 + i) for i in range(20_000)]
    texts = []
    for _ in range(2000):
        tokens = rng.sample(vocabulary, size + n_more + 2)
        texts += [" ".join(tokens[: size + 2]), " ".join(tokens)]
    frame = pl.DataFrame({"key": range(len(texts)), "text": texts}, schema={"key": pl.UInt32, "text": pl.String})
    with database(PARAMS) as db:
        db.register("texts", frame.to_arrow())
        found, _ = near_pairs(db, threshold, PARAMS)
    assert found["similarity"].unique().to_list() == [pytest.approx(size / (size + n_more))]
    assert len(found) >= 0.998 * 2000


@pytest.mark.parametrize("n_own", [8, 12, 30])
def test_pairs_are_found_among_the_rows_of_one_template(n_own):
    """500 pairs that differ in a word, all on a template that makes most of every text."""
    rng = random.Random(n_own)
    template = [f"模板{i}" for i in range(80)]
    texts = []
    for _ in range(500):
        own = [f"w{rng.randrange(10**6)}" for _ in range(n_own)]
        texts += [" ".join([*template, *own]), " ".join([*template, *own, "more"])]
    frame = pl.DataFrame({"key": range(len(texts)), "text": texts}, schema={"key": pl.UInt32, "text": pl.String})
    with database(PARAMS) as db:
        db.register("texts", frame.to_arrow())
        found, n_verified = near_pairs(db, 0.95, PARAMS)
    pairs = set(zip(found["a"], found["b"], strict=True))
    assert sum((2 * i, 2 * i + 1) in pairs for i in range(500)) >= 499
    assert n_verified < 100 * len(texts)


def test_a_giant_bucket_stays_linear_and_is_still_merged():
    rows = [row(f"{i:03}", "模板 template", f"{LONG_EN} {i}") for i in range(120)]
    outcome, merged, _, measures = merge(*rows, params=DedupParams(max_bucket=10))
    assert len(outcome.examples) == 1
    assert set(merged.values()) == {("near", outcome.examples["id"][0])}
    assert measures["verified_pairs"] < 120 * 10


def write_source(folder: Path, rows: list[dict], rows_per_shard: int = 100) -> None:
    write_examples(examples_frame(rows), folder / "examples", rows_per_shard)


def test_bytes_do_not_depend_on_shards_threads_or_row_order(tmp_path):
    rows = [row(f"{i:03}", f"问题 {i % 40}", f"{LONG_EN} {i % 30} {LONG_ZH}") for i in range(90)]
    written = []
    for run, (shard, threads, memory) in enumerate([(100, 1, 2048), (7, 2, 100), (30, 2, 500)]):
        ordered = rows if run else rows[::-1]
        write_source(tmp_path / f"{run}" / "clean" / "a", ordered, shard)
        target = tmp_path / f"{run}" / "dedup"
        params = DedupParams(threads=threads, memory_limit_mb=memory)
        dedup(target.parent / "clean", target, params, sources={"a": Source()})
        written.append({p.name: p.read_bytes() for p in sorted(target.rglob("*")) if p.is_file()})
    assert written[0] == written[1] == written[2]


def test_the_folders_of_a_removed_source_are_deleted_first(tmp_path):
    clean = tmp_path / "clean"
    write_source(clean / "a", [row("a", "一", "one")])
    write_source(clean / "old", [row("b", "二", "two")])
    gate = tmp_path / "validate" / "clean" / "old.json"
    gate.parent.mkdir(parents=True)
    gate.write_text("[]")
    dedup(clean, tmp_path / "dedup", PARAMS, sources={"a": Source()})
    assert read_examples(tmp_path / "dedup")["id"].to_list() == ["a"]
    assert not gate.exists()


def test_overlap_between_sources_is_counted_both_ways_by_level():
    rows = [
        row("a", "你好", "hi"),
        row("b", "你好", "hi", source="b"),
        row("c", "你好！", "hi", source="b"),
        row("d", "x other", LONG_EN, source="c"),
        row("e", "x other", LONG_EN + " indeed", source="b"),
        row("f", "y 另外", "no repeat", source="c"),
    ]
    overlap = {(o["source"], o["other"], o["level"]): o["rows"] for o in merge(*rows)[3]["overlap"]}
    assert overlap == {
        ("a", "b", "exact"): 1,
        ("b", "a", "exact"): 1,
        ("b", "a", "normalised"): 1,
        ("b", "b", "normalised"): 2,
        ("c", "b", "near"): 1,
        ("b", "c", "near"): 1,
    }


def talk(id: str, *contents: str, **columns: object) -> dict:
    turns = [{"role": ("user", "assistant")[i % 2], "content": content} for i, content in enumerate(contents)]
    return {"id": id, "messages": turns, "source": "a", **columns}


@pytest.mark.parametrize(
    "turns",
    [("你好", "你好！", "天气怎么样", "晴", "谢谢", "不客气"), ("Hi", "Hello", "Weather?", "Fine", "Thanks", "Bye")],
)
def test_the_beginning_of_a_longer_conversation_is_merged_into_the_longest(turns):
    rows = [talk("a", *turns[:2]), talk("b", *turns[:4]), talk("c", *turns)]
    outcome, merged, clusters, _ = merge(*rows)
    assert merged == {"a": ("prefix", "c"), "b": ("prefix", "c")}
    assert outcome.examples["id"].to_list() == ["c"]
    assert clusters.sort("member")["similarity"].to_list() == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0]


def test_a_beginning_is_merged_into_a_longer_one_even_where_it_would_be_kept_otherwise():
    rows = [talk("a", "你好", "hi"), talk("b", "你好", "hi", "再见", "bye", source="b")]
    assert merge(*rows, sources={"a": Source(human=True), "b": Source()})[1] == {"a": ("prefix", "b")}


@pytest.mark.parametrize(
    "longer",
    [
        ("你好", "hey", "再见", "bye"),  # another answer
        ("你好吗", "hi", "再见", "bye"),  # another question
    ],
)
def test_what_is_no_beginning_stays(longer):
    assert merge(talk("a", "你好", "hi"), talk("b", *longer))[1] == {}


def test_other_tools_or_roles_make_no_beginning():
    tools = talk("b", "你好", "hi", "再见", "bye", tools='[{"name":"x"}]')
    system = talk("c", "你好", "hi", "再见", "bye")
    system["messages"][0]["role"] = "system"
    assert merge(talk("a", "你好", "hi"), tools, system)[1] == {}


def test_a_beginning_stays_where_the_longer_one_is_merged_into_another():
    turns = ("问题 question", LONG_EN, "还有呢 more", LONG_ZH)
    # the longer answer, so it stays
    other = ("问题 question", LONG_EN.replace("Plants", "All plants"), "还有呢 more", LONG_ZH + "的原理")
    rows = [talk("a", *turns[:2]), talk("b", *turns), talk("c", *other)]
    _, merged, _, _ = merge(*rows)
    assert merged == {"b": ("near", "c")}


def conflicts(*rows: dict, policy: str):
    outcome = merge(*rows, params=DedupParams(conflicting_answers=policy))[0]
    lines = outcome.ledger.filter(reason="conflicting_answers")
    return {line["id"]: (line["action"], line["other_id"]) for line in lines.to_dicts()}, set(outcome.examples["id"])


RED_OR_NOT = [
    row("a", "番茄是水果吗？", "是的，从植物学上说它是果实。"),
    row("b", "番茄是水果吗", "不是"),
    row("c", "番茄是水果吗？", "不是！"),
    row("d", "Is a tomato a fruit?", "Yes"),
    row("e", "is a tomato a fruit", "yes."),
]


@pytest.mark.parametrize(
    ("policy", "said", "kept"),
    [
        ("flag", {"a": ("flag", "c"), "c": ("flag", "a")}, {"a", "c", "d"}),
        ("keep_best", {"b": ("drop", "a"), "c": ("drop", "a")}, {"a", "d"}),
        ("drop", {"a": ("drop", "c"), "b": ("drop", "a"), "c": ("drop", "a")}, {"d"}),
        ("off", {}, {"a", "c", "d"}),
    ],
)
def test_equal_prompts_with_different_answers_are_told_or_dropped(policy, said, kept):
    """`b` is merged into `c`, and goes with it; `e` is no conflict but the same as `d`."""
    assert conflicts(*RED_OR_NOT, policy=policy) == (said, kept)


@pytest.mark.parametrize("policy", ["flag", "keep_best", "drop"])
@pytest.mark.parametrize("tools", [None, '[{"name":"x"}]'])
def test_rows_without_a_prompt_are_in_no_conflict(policy, tools):
    rows = [
        {"id": id, "messages": [{"role": "assistant", "content": text}], "source": "a", "tools": tools}
        for id, text in (("a", "Hello there"), ("b", "欢迎光临"), ("c", "Good morning"))
    ]
    assert conflicts(*rows, policy=policy) == ({}, {"a", "b", "c"})


@pytest.mark.parametrize(("policy", "kept"), [("keep_best", {"b", "c"}), ("drop", {"c"})])
def test_who_was_merged_into_a_row_that_is_dropped_is_looked_at_again(policy, kept):
    """`c` is near to `a`, but its prompt is another: it stays when `a` goes for its conflict with `b`."""
    better = f"另一个更长的答案 another, longer answer: {' '.join(LONG_ZH)} {LONG_EN[::-1]}"
    told = f"{LONG_EN} {LONG_ZH}"
    rows = [row("a", "为什么 why", told + " now"), row("b", "为什么 why", better), row("c", "怎么 how", told)]
    assert merge(rows[0], rows[2])[1] == {"c": ("near", "a")}
    said, stays = conflicts(*rows, policy=policy)
    assert stays == kept
    assert set(said) == {"a", "b", "c"} - kept


def test_equal_prompts_with_other_tools_are_no_conflict():
    rows = [row("a", "天气 weather", "晴"), row("b", "天气 weather", "雨", tools='[{"name":"x"}]')]
    assert conflicts(*rows, policy="flag")[0] == {}


@pytest.mark.parametrize(("better", "worse"), [('{"score": 5}', '{"score": 4}'), ('{"score": "9.5"}', '{"score": ""}')])
def test_a_score_that_the_source_supplies_decides(better, worse):
    rows = [row("a", "你好", "hi", meta=worse), row("b", "你好", "hi", meta=better), row("c", "你好", "hi", meta="{}")]
    assert merge(*rows, sources={"a": Source(score_field="score")})[1] == {"a": ("exact", "b"), "c": ("exact", "b")}


@pytest.mark.parametrize(
    ("field", "meta"), [("my score", '{"my score": %d}'), ("a.b", '{"a.b": %d}'), ("a.b", '{"a": {"b": %d}}')]
)
def test_a_score_field_is_a_name_or_a_path(field, meta):
    rows = [row("a", "你好", "hi", meta=meta % 1), row("b", "你好", "hi", meta=meta % 2)]
    assert merge(*rows, sources={"a": Source(score_field=field)})[1] == {"a": ("exact", "b")}


def test_a_score_field_without_a_number_is_refused():
    with pytest.raises(ParamsError, match=r"sources.a: score_field 'stars' is no column with numbers"):
        merge(row("a", "你好", "hi", meta='{"stars": "很好"}'), sources={"a": Source(score_field="stars")})


def test_a_template_that_many_prompts_share_joins_no_families():
    template = "请把下面这句话翻译成英文，注意语气要自然，不要逐字翻译，也不要添加任何解释，只给出译文即可，句子如下："
    words = ["苹果", "香蕉", "橘子", "葡萄", "西瓜", "桃子", "李子", "杏子", "樱桃", "草莓", "蓝莓", "荔枝", "龙眼"]
    prompts = [f"{template}{a}和{b}" for a in words[:6] for b in words[6:]]
    outcome, merged, _, _ = merge(*(row(f"{i:02}", prompt, f"{i} x") for i, prompt in enumerate(prompts)))
    assert (merged, outcome.examples["family"].n_unique()) == ({}, len(prompts))
    few = merge(*(row(f"{i:02}", prompt, f"{i} x") for i, prompt in enumerate(prompts[:10])))[0]
    assert few.examples["family"].n_unique() < 4


def test_a_large_family_is_parted_by_its_own_prompts_alone():
    words = [f"词{i} w{i}" for i in range(24)]
    near = [row(f"n{i}", " ".join([*words[:20], words[20 + i % 4]] * 2 + [f"x{i}"]), f"{i} y") for i in range(6)]
    far = [row(f"f{i}", " ".join([f"u{k}" for k in range(40)] + ["z"] * i), f"{i} other") for i in range(2)]
    params = DedupParams(max_family=3, prompt_threshold=0.6)

    def families(*rows: dict) -> list[str]:
        kept = merge(*rows, params=params)[0].examples
        return kept.filter(pl.col("id").str.starts_with("n")).sort("id")["family"].to_list()

    assert families(*near) == families(*near, *far)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("15 + 3", "18"), ("15 - 3", "12")),  # what is done with them
        (("from 3 to 15", "12"), ("from 15 to 3", "18")),  # their order
        (("第3题", "答案是5"), ("第4题", "答案是6")),
    ],
)
def test_two_problems_with_two_solutions_stay_however_near(one, other):
    rows = [
        row(id, f"{LONG_EN} {LONG_ZH} {asked} {LONG_ZH}", f"{LONG_EN} {told} {LONG_ZH}")
        for id, (asked, told) in (("a", one), ("b", other))
    ]
    assert merge(*rows)[1] == {}
    assert merge(*rows, params=DedupParams(number_variants="merge"))[1] == {"b": ("near", "a")}
    same_answer = [rows[0], row("b", rows[1]["messages"][0]["content"], rows[0]["messages"][1]["content"])]
    assert merge(*same_answer)[1] == {"b": ("near", "a")}


def test_a_budget_that_is_broken_stops_the_step_with_clusters(tmp_path):
    write_source(tmp_path / "clean" / "a", [row(f"{i}", "你好", "hi") for i in range(4)])
    for params, told in (
        (DedupParams(min_retention=0.5), r"source a keeps 25.0000% of its rows, .* 50.0000%; .*4 rows as 0 \(0 of a,"),
        (DedupParams(max_cluster=3), "the largest cluster has 4 rows, max_cluster is 3"),
    ):
        with pytest.raises(GateError, match=told):
            dedup(tmp_path / "clean", tmp_path / "dedup", params, sources={"a": Source()})
        assert not (tmp_path / "dedup").exists()
    dedup(tmp_path / "clean", tmp_path / "dedup", DedupParams(min_retention=0.25), sources={"a": Source()})


@pytest.fixture
def alike(tmp_path: Path) -> Path:
    """Rows with many degrees of likeness, in both languages; `tmp_path` is a data folder."""
    rng = random.Random(1)
    words = [f"w{i}" for i in range(300)]
    hanzi = [chr(0x4E00 + i) for i in range(300)]
    for name, vocabulary, join in (("en", words, " "), ("zh", hanzi, "")):
        rows = []
        for i in range(20):
            tokens = rng.choices(vocabulary, k=60)
            for n_edits in range(5):
                for _ in range(n_edits):
                    tokens[rng.randrange(len(tokens))] = rng.choice(vocabulary)
                rows.append(row(f"{name}{i:02}{n_edits}", f"问 ask {i}", join.join(tokens), source=name, language=name))
        write_source(tmp_path / "clean" / name, rows)
    return tmp_path


SOURCES = {"en": Source(), "zh": Source()}


@pytest.mark.parametrize("threshold", [0.7, 0.75, 0.9, 1.0])
def test_a_preview_tells_what_a_rerun_gives(alike, threshold):
    dedup(alike / "clean", alike / "dedup", PARAMS, sources=SOURCES)
    changed = DedupParams(threshold=threshold)
    told = compare(alike, "dedup", *preview(alike, changed))
    lines = preview(alike, changed)[1].filter(action="merge").drop("action")
    dedup(alike / "clean", alike / "dedup", changed, sources=SOURCES)
    ledger = read_ledgers(alike / "dedup").filter(action="merge").select(lines.columns)
    assert lines.equals(ledger.sort("id"))
    after = compare(alike, "dedup", *preview(alike, changed))
    assert [(g["source"], g["merge_then"]) for g in told["by_source"]] == [
        (g["source"], g["merge_now"]) for g in after["by_source"]
    ]
    assert (after["newly_gone"], after["newly_kept"]) == (0, 0)
    assert (told["newly_gone"] > told["newly_kept"]) == (threshold < PARAMS.threshold)


def test_a_preview_below_the_stored_pairs_or_of_another_build_is_refused(alike):
    dedup(alike / "clean", alike / "dedup", PARAMS, sources=SOURCES)
    with pytest.raises(ParamsError, match=r"dedup.threshold=0.6: expected at least 0.7, .*dedup.floor"):
        preview(alike, DedupParams(threshold=0.6))
    with pytest.raises(SourceError, match=r"pairs.parquet: found with another dedup.ngram"):
        preview(alike, DedupParams(ngram=5))
    with pytest.raises(ParamsError, match="keep_best drops rows by what stays"):
        preview(alike, DedupParams(conflicting_answers="keep_best"))
    assert len(preview(alike, DedupParams(max_family=9, prompt_threshold=0.5))[0])
    with pytest.raises(SourceError, match="no such file"):
        preview(alike / "nothing", PARAMS)


def test_one_more_source_gives_what_a_full_build_gives(alike, tmp_path):
    def bytes_below(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    clean = tmp_path / "other" / "clean"
    shutil.copytree(alike / "clean" / "en", clean / "en")
    dedup(clean, clean.parent / "dedup", PARAMS, sources={"en": Source()})
    shutil.copytree(alike / "clean" / "zh", clean / "zh")
    for data in (alike, clean.parent):
        dedup(data / "clean", data / "dedup", PARAMS, sources=SOURCES)
    assert bytes_below(alike / "dedup") == bytes_below(clean.parent / "dedup")


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        (
            (
                "Name five countries where Spanish is the official language.",
                "Five countries where Spanish is the official language are Mexico, Colombia, Chile, Peru and Spain.",
            ),
            (
                "Name 5 countries whose official language is Spanish",
                "The five countries whose official language is Spanish are Spain, Mexico, Chile, Colombia and Peru.",
            ),
            "en",
        ),
        (
            ("说出五个以西班牙语为官方语言的国家。", "以西班牙语为官方语言的五个国家是墨西哥、阿根廷、秘鲁和西班牙。"),
            ("请说出5个以西班牙语为官方语言的国家", "西班牙语为官方语言的5个国家是西班牙、墨西哥、阿根廷和秘鲁。"),
            "zh",
        ),
    ],
)
def test_what_means_the_same_is_merged_only_where_asked_for_and_with_equal_tools(one, other, language):
    rows = [row(id, *texts, language=language) for id, texts in (("a", one), ("b", other))]
    assert merge(*rows)[1] == {}
    params = DedupParams(semantic=True, semantic_threshold=0.85)
    ((gone, (reason, _)),) = merge(*rows, params=params)[1].items()
    assert (gone, reason) in {("a", "semantic"), ("b", "semantic")}
    rows[1]["tools"] = '[{"name":"x"}]'
    assert merge(*rows, params=params)[1] == {}


def test_a_folder_to_spill_to_that_is_not_there_is_refused(tmp_path):
    write_source(tmp_path / "clean" / "a", [row("a", "你好", "hi")])
    params = DedupParams(temp_directory=str(tmp_path / "none"))
    with pytest.raises(ParamsError, match=r"temp_directory .*none: No such file or directory; expected a folder"):
        dedup(tmp_path / "clean", tmp_path / "dedup", params, sources={"a": Source()})


def test_no_examples_at_all_is_fine():
    outcome, merged, clusters, _ = merge()
    assert (len(outcome.examples), merged, len(clusters)) == (0, {}, 0)


def test_sizes_of_families_are_reported():
    same_prompt = [row(f"{i}", "继续", f"answer {'x' * i}") for i in range(5)]
    measures = merge(*same_prompt, params=DedupParams(max_family=3))[3]
    assert (measures["largest_family"], measures["families_above_max"]) == (5, 1)
    assert defaultdict(int, measures)["families"] == 1
