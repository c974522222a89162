"""Semantic pairs: what says the same in other words, and nothing that differs in what the model does not see."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.core.params import DedupParams
from tasks.core.text import TURN
from tasks.duplicates import semantic
from tasks.duplicates.semantic import PAIRS, SCALE, embedded, load_model, near, semantic_pairs

PARAMS = DedupParams()
ACROSS = DedupParams(semantic_across_languages=True)

SPANISH = (
    "Name five countries where Spanish is the official language.",
    "Five countries where Spanish is the official language are Mexico, Colombia, Argentina, Peru, and Spain.",
)
SPANISH_TOO = (
    "Name 5 countries whose official language is Spanish",
    "The five countries whose official language is Spanish are Spain, Mexico, Argentina, Colombia, and Peru.",
)
SPANISH_ZH = (
    "说出五个以西班牙语为官方语言的国家。",
    "以西班牙语为官方语言的五个国家是墨西哥、哥伦比亚、阿根廷、秘鲁和西班牙。",
)
SPANISH_ZH_TOO = (
    "请说出5个以西班牙语为官方语言的国家",
    "西班牙语为官方语言的5个国家是西班牙、墨西哥、阿根廷、哥伦比亚和秘鲁。",
)
CODE = "\n".join(f"def step_{name}(value, other):\n    return value * other" for name in ("one", "up", "down", "left"))


def rows(*conversations: tuple[str, ...], language: str | list[str] = "en") -> pl.DataFrame:
    languages = [language] * len(conversations) if isinstance(language, str) else language
    text = [TURN.join(turns) for turns in conversations]
    schema = {"text": pl.String, "language": pl.String}
    return pl.DataFrame({"text": text, "language": languages}, schema=schema).with_row_index("key")


def pairs(*conversations: tuple[str, ...], language: str | list[str] = "en", params: DedupParams = PARAMS):
    found = semantic_pairs(rows(*conversations, language=language), 0.9, params)
    assert found.schema == PAIRS
    return [(a, b) for a, b, _ in found.iter_rows()]


def all_are_near(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether the cosines alone would make a pair: of each turn and of the whole."""
    texts = [(*one, " ".join(one)), (*other, " ".join(other))]
    a, b = (embedded(pl.Series(turns), load_model()) for turns in texts)
    return bool(((a * b).sum(axis=1) >= 0.9).all())


@pytest.mark.parametrize(
    ("one", "other", "language"), [(SPANISH, SPANISH_TOO, "en"), (SPANISH_ZH, SPANISH_ZH_TOO, "zh")]
)
def test_the_same_in_other_words_is_a_pair_with_its_similarity(one, other, language):
    weather = (
        "How is the weather in Oslo today? 今天天气怎么样？",
        "It rains, and the wind is cold. 下雨，风很冷，天很暗。",
    )
    found = semantic_pairs(rows(weather, one, other, language=language), 0.9, PARAMS)
    ((a, b, similarity),) = found.iter_rows()
    assert (a, b) == (1, 2)
    assert 0.9 <= similarity < 1
    assert similarity == round(similarity, 6)


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        (  # numbers
            ("How much do 5 items cost if each item costs $15?", "The total price of 5 items at $15 each is $75."),
            ("How much do 5 items cost if each item costs $10?", "The total price of 5 items at $10 each is $50."),
            "en",
        ),
        (  # the same numbers, the other way round
            ("Please calculate the difference 9 minus 4 for me", "The difference that you asked for: 9 minus 4"),
            ("Please calculate the difference 4 minus 9 for me", "The difference that you asked for: 4 minus 9"),
            "en",
        ),
        (  # number words
            ("说出三个以西班牙语为官方语言的国家。", "以西班牙语为官方语言的国家是墨西哥和西班牙。"),
            ("说出五个以西班牙语为官方语言的国家。", "以西班牙语为官方语言的国家是墨西哥和西班牙。"),
            "zh",
        ),
        (  # negation
            ("Tell me why it is good to eat sugar every day", "It is good to eat sugar every day for teeth"),
            ("Tell me why it is not good to eat sugar every day", "It isn't good to eat sugar every day for teeth"),
            "en",
        ),
        (
            ("请告诉我每天吃糖对牙齿好的原因", "每天吃糖对牙齿是好的，请您放心吃糖"),
            ("请告诉我每天吃糖对牙齿不好的原因", "每天吃糖对牙齿是不好的，请您放心吃糖"),
            "zh",
        ),
        (  # signs
            ("Write a python function for two values", "def result_of(value, other): return value + other"),
            ("Write a python function of two values", "def result_of(value, other): return value % other"),
            "en",
        ),
        (  # the material of a request
            ("Sort these vegetables by colour: carrot, tomato, onion", "Red tomato, orange carrot, a green vegetable"),
            ("Sort the vegetables by colour: carrot, tomato, garlic", "Red tomato, orange carrot, a green vegetable"),
            "en",
        ),
        (
            ("根据颜色对以下水果进行分类。\n苹果、香蕉、葡萄", "红色是苹果，黄色是香蕉，其余的都是别的颜色"),
            ("根据颜色对下面的水果进行分类。\n苹果、香蕉、西瓜", "红色是苹果，黄色是香蕉，其余都是别的颜色"),
            "zh",
        ),
        (  # the order of words
            ("Who won the football game last night?", "Brazil beat Germany in the football game last night"),
            ("And who won the football game last night?", "Germany beat Brazil in the football game last night"),
            "en",
        ),
        (
            ("昨天晚上的足球比赛谁赢了？", "昨天晚上的足球比赛是巴西队赢了德国队"),
            ("昨天晚上足球比赛是谁赢了？", "昨天晚上的足球比赛是德国队赢了巴西队"),
            "zh",
        ),
    ],
)  # fmt: skip
def test_what_a_bag_of_words_does_not_see_keeps_two_rows_apart(one, other, language):
    assert all_are_near(one, other)
    assert pairs(one, other, language=language) == []


def test_a_passage_with_two_questions_is_two_rows():
    passage = "The forest is called the lung of a city, for plants turn light into sugar and give off oxygen. " * 6
    one = (f"{passage} What do the plants make out of light?", "They make sugar out of the light of the sun")
    other = (f"{passage} Why is a forest called a lung?", "Because it gives off oxygen all day long to all of us")
    whole = embedded(pl.Series([" ".join(one), " ".join(other)]), load_model())
    assert whole[0] @ whole[1] > 0.9
    assert pairs(one, other) == []


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("Yes", "No", "en"),
        ("Yes, I do", "Yes, you do", "en"),  # a cosine of 0.98
        ("继续", "谢谢", "zh"),
        ("向左转", "向右转", "zh"),  # 0.86
    ],
)
def test_short_turns_are_equal_or_no_pair(one, other, language):
    question, answer = SPANISH if language == "en" else SPANISH_ZH
    _, other_answer = SPANISH_TOO if language == "en" else SPANISH_ZH_TOO
    differ = rows((question, answer, one, answer), (question, answer, other, other_answer), language=language)
    equal = rows((question, answer, one, answer), (question, answer, one, other_answer), language=language)
    assert semantic_pairs(differ, 0.8, PARAMS).is_empty()
    assert semantic_pairs(equal, 0.8, PARAMS).select("a", "b").rows() == [(0, 1)]


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        (("Is the lion a mammal or a bird?", "A mammal."), ("Is a tiger a mammal or a bird?", "A mammal."), "en"),
        (("狮子是哺乳动物还是爬行动物？", "哺乳动物。"), ("老虎是哺乳动物还是爬行动物？", "哺乳动物。"), "zh"),
        ((SPANISH[1],), (SPANISH_TOO[1],), "en"),
        ((SPANISH_ZH[1],), (SPANISH_ZH_TOO[1],), "zh"),
    ],
)
def test_a_label_or_a_lone_turn_is_too_little_for_a_pair(one, other, language):
    assert pairs(one, other, language=language) == []


@pytest.mark.parametrize(
    ("listed", "bullets"),
    [
        ("1. Tent\n2. Sleeping bag\n3. Camping stove\n4. Lamp", "- Tent\n- Sleeping bag\n- Stove for camping\n- Lamp"),
        ("1、帐篷\n2、睡袋\n3、野营炉具\n4、手电筒", "- 帐篷\n- 睡袋\n- 野营的炉具\n- 手电筒"),
    ],
)  # fmt: skip
def test_the_marks_of_a_list_are_no_numbers(listed, bullets):
    question = "List what you bring on a camping trip 列出露营所需的物品"
    language = "zh" if "帐" in listed else "en"
    found = semantic_pairs(rows((question, listed), (question, bullets), language=language), 0.6, PARAMS)
    assert found.select("a", "b").rows() == [(0, 1)]


def test_languages_are_apart_unless_params_say_otherwise():
    one, other = ("Explain to me what this code does", CODE), ("Explain to me what the code does", CODE)
    assert pairs(one, other, language=["en", "zh"]) == []
    assert pairs(one, other, language=["en", "zh"], params=ACROSS) == [(0, 1)]
    assert pairs(one, other, language="fr", params=ACROSS) == []


def test_no_rows_and_no_pairs_give_an_empty_table():
    assert pairs() == []
    assert pairs(SPANISH) == []
    sun = ("What is the sun made of in fact? 太阳由什么组成？", "Of hydrogen and helium, for the most part. 氢和氦。")
    poem = ("Write a poem about spring for me. 写一首春天的诗。", "Flowers are here and birds are singing. 花开鸟鸣。")
    assert pairs(sun, poem) == []


def test_the_order_of_rows_changes_nothing():
    table = rows(SPANISH, SPANISH_ZH, SPANISH_TOO, SPANISH_ZH_TOO, language=["en", "zh", "en", "zh"])
    found = semantic_pairs(table, 0.8, PARAMS)
    assert [(a, b) for a, b, _ in found.iter_rows()] == [(0, 2), (1, 3)]
    assert semantic_pairs(table.reverse(), 0.8, PARAMS).equals(found)


MANY = """
import json, sys
import polars as pl
from tasks.core.params import DedupParams
from tasks.duplicates import semantic

semantic.ALL_WITH_ALL, semantic.ROWS_PER_CELL, semantic.PROBES = int(sys.argv[1]), 16, 4
things = "cats dogs birds trees rivers clouds ships trains wheels houses gardens kitchens letters songs".split()
begins = ["Tell me something about", "Please tell me something about", "I want to read about", "Explain to me"]
texts = [
    f"{begin} {one} and {other}\\ue000There is much to say about {one} and also about {other}, said one of us"
    for one in things for other in things for begin in begins
]
rows = pl.DataFrame({"text": texts, "language": "en"}).with_row_index("key")
print(json.dumps(semantic.semantic_pairs(rows, 0.9, DedupParams()).rows()))
"""


def run(script: str, *arguments: str, threads: int = 1) -> subprocess.CompletedProcess[str]:
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS")
    env = os.environ | dict.fromkeys(names, str(threads)) | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)


def test_one_thread_and_two_find_the_same_to_the_last_digit():
    one, two = (run(MANY, "64", threads=n) for n in (1, 2))
    assert len(json.loads(one.stdout)) > 100
    assert one.stdout == two.stdout


def test_cells_find_nearly_what_all_with_all_finds_and_nothing_else():
    everything = {tuple(pair) for pair in json.loads(run(MANY, "100000").stdout)}
    in_cells = {tuple(pair) for pair in json.loads(run(MANY, "64").stdout)}
    assert in_cells <= everything
    assert len(in_cells) >= 0.95 * len(everything)


def test_products_of_rounded_vectors_are_exact_and_close():
    some = np.random.default_rng(0).standard_normal((300, 256)).astype(np.float32)
    some[1::2] = some[::2] + 0.3 * some[1::2]
    unit = some / np.linalg.norm(some, axis=1, keepdims=True)
    whole = np.rint(unit * np.float32(SCALE))
    assert (whole @ whole.T == whole.astype(np.int64) @ whole.T.astype(np.int64)).all()
    assert np.abs(whole @ whole.T / SCALE**2 - unit.astype(np.float64) @ unit.T).max() < semantic.MOST_ERROR
    found = {(int(a), int(b)) for some_a, some_b in near(unit, 0.9) for a, b in zip(some_a, some_b, strict=True)}
    assert {(2 * i, 2 * i + 1) for i in range(150)} <= found


def test_english_vectors_are_the_models_own():
    import wordllama

    texts = [SPANISH[0], CODE, "A text with ümlauts and 12 numbers."]
    own = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    assert np.allclose(embedded(pl.Series(texts), load_model()), own.embed(texts, norm=True), atol=2e-3)


def test_a_missing_package_is_a_params_error_that_says_what_to_install():
    script = """
import sys
sys.modules["wordllama"] = None
from tasks.core.errors import ParamsError
from tasks.duplicates.semantic import load_model
try:
    load_model()
except ParamsError as error:
    print(error)
"""
    said = run(script).stdout
    assert "dedup.semantic: true needs wordllama" in said
    assert "pip install 'instructflow[semantic]'" in said
    assert "dedup.semantic: false" in said


def test_loading_the_model_leaves_the_log_as_it_was():
    script = """
import logging
from tasks.duplicates.semantic import load_model
load_model()
print(logging.getLogger().handlers, logging.getLogger().level == logging.WARNING)
"""
    assert run(script).stdout == "[] True\n"
