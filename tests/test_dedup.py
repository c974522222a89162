"""Dedup merges repeats, only repeats, and only into rows that stay."""

import random
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest

from tasks.core.files import read_examples, write_examples
from tasks.core.params import DedupParams, Source
from tasks.core.schema import examples_frame
from tasks.core.text import normalised
from tasks.dedup import dedup, merge_repeats, near_pairs

PARAMS = DedupParams()


def row(id: str, prompt: str, answer: str, **columns: object) -> dict:
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return {"id": id, "messages": turns, "source": "a", **columns}


def merge(*rows: dict, params: DedupParams = PARAMS, sources: dict[str, Source] | None = None):
    outcome, clusters, measures = merge_repeats(examples_frame(list(rows)), params, sources or {})
    merged = {m["id"]: (m["reason"], m["other_id"]) for m in outcome.ledger.to_dicts()}
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
    found, _ = near_pairs(frame, 0.7, PARAMS)
    pairs = set(zip(found["a"], found["b"], strict=True))
    assert len(true) > 100
    assert pairs <= true
    assert len(pairs) >= 0.98 * len(true)
    for a, b, similarity in found.iter_rows():
        assert similarity == pytest.approx(len(sets[a] & sets[b]) / len(sets[a] | sets[b]))


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
    for run, (shard, threads) in enumerate([(100, 1), (7, 2)]):
        ordered = rows if run else rows[::-1]
        write_source(tmp_path / f"{run}" / "clean" / "a", ordered, shard)
        target = tmp_path / f"{run}" / "dedup"
        dedup(target.parent / "clean", target, DedupParams(threads=threads), sources={"a": Source()})
        written.append({p.name: p.read_bytes() for p in sorted(target.rglob("*")) if p.is_file()})
    assert written[0] == written[1]


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


def test_overlap_between_sources_is_counted_by_level():
    rows = [row("a", "你好", "hi"), row("b", "你好", "hi", source="b")]
    measures = merge(*rows)[3]
    assert measures["overlap"] == [{"source": "b", "kept_source": "a", "level": "exact", "rows": 1}]


def test_no_examples_at_all_is_fine():
    outcome, merged, clusters, _ = merge()
    assert (len(outcome.examples), merged, len(clusters)) == (0, {}, 0)


def test_sizes_of_families_are_reported():
    same_prompt = [row(f"{i}", "继续", f"answer {'x' * i}") for i in range(5)]
    measures = merge(*same_prompt, params=DedupParams(max_family=3))[3]
    assert (measures["largest_family"], measures["families_above_max"]) == (5, 1)
    assert defaultdict(int, measures)["families"] == 1
