"""The repetition measures against a slow reference, and on texts that repeat by right."""

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cleaners.repetition import CODE, LOOP, NO_PROSE, measure_repetition
from tasks.core.text import tokens

MOST_TOKENS, MOST_CHARS = 0.7, 0.7  # the thresholds that clean has by default
WORDS = [
    "今天",
    "天气",
    "很好",
    "。",
    "，",
    "the cat",
    "sat",
    "on",
    "1,234",
    "-5",
    "a=b",
    "é",
    "😀",
    " ",
    "\n",
    "　",
    "〇",
]


def share(symbols, n: int, least: int) -> float:
    grams = [tuple(symbols[k : k + n]) for k in range(len(symbols) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if len(grams) >= least else 0.0


def reference(text: str) -> tuple[float, float]:
    frame = pl.DataFrame({"text": [text]})
    prose = frame.select(pl.col("text").str.replace_all(CODE, " ").str.replace_all(NO_PROSE, " ")).item()
    found = pl.DataFrame({"text": [prose]}).select(tokens(pl.col("text"))).item().to_list()
    return share(found, 4, 24), share(re.sub(r"\s+", " ", prose), 10, 48)


def measures(text: str) -> tuple[float, float]:
    return measure_repetition(pl.Series([text])).row(0)


@st.composite
def wordy_texts(draw):
    """Texts of few words, so that they repeat, and of any length around the least one."""
    words = st.lists(st.sampled_from(draw(st.lists(st.sampled_from(WORDS), min_size=1))), max_size=60)
    return draw(st.sampled_from(["", " "])).join(draw(words)) * draw(st.integers(1, 4))


def may_be_loop(text: str) -> bool:
    """Whether the last tokens, or those before the last, are one run three times or more, 36 tokens at least."""
    words = pl.DataFrame({"text": [text]}).select(tokens(pl.col("text"))).item().to_list()
    spans = [(end, k, max(36, 3 * k)) for end in (words, words[:-1]) for k in range(1, 41)]
    return any(len(end) >= n and end[-n:][k:] == end[-n:][:-k] for end, k, n in spans)


@given(st.lists(wordy_texts() | st.text(max_size=200), max_size=8))
def test_each_row_measures_what_the_definition_says(texts):
    got = measure_repetition(pl.Series(texts, dtype=pl.String))
    assert got.columns == ["token_repetition", "char_repetition"]
    for text, (by_token, by_char) in zip(texts, got.rows(), strict=True):
        least, expected = reference(text)
        assert by_char == pytest.approx(expected)
        assert by_token in (
            (pytest.approx(least), pytest.approx(max(least, LOOP))) if may_be_loop(text) else (pytest.approx(least),)
        )


def test_thousands_of_rows_keep_their_order_and_do_not_see_one_another():
    texts = [f"第{k}行" + "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥" * (1 + k % 4) for k in range(2000)]
    by_text = [measures(text) for text in texts[:4]]
    got = measure_repetition(pl.Series(texts)).rows()
    assert [round(pair[0], 1) for pair in got] == [round(by_text[k % 4][0], 1) for k in range(2000)]
    assert got[::4] == [(0.0, 0.0)] * 500


def test_an_empty_column_and_a_missing_text_measure_nothing():
    assert measure_repetition(pl.Series([], dtype=pl.String)).shape == (0, 2)
    assert measure_repetition(pl.Series([None, ""], dtype=pl.String)).rows() == [(0.0, 0.0)] * 2


def test_many_ngrams_of_one_text_are_told_apart():
    text = "".join(chr(0x4E00 + k % 20_000) for k in range(40_000))
    assert measures(text) == (pytest.approx(19_997 / 39_997), pytest.approx(19_991 / 39_991))


def test_whitespace_is_folded_for_characters():
    line = "The rain in Spain stays mainly in the plain, they say, and nobody knows"
    again = line.replace(" ", " \n\t　")
    assert measures(f"{line} {again}") == measures(f"{line} {line}")


@pytest.mark.parametrize(
    "text",
    [
        "今天天气很好。" * 12,
        "我喜欢你，" * 20,
        "\n".join(f"{k}、一双羊毛手套" for k in range(1, 21)),
        "the cat sat on the mat " * 12,
        "I like you. You like me. " * 10,
        "\n".join(f"{k}. A pair of woollen gloves" for k in range(1, 21)),
    ],
)
def test_what_is_said_again_and_again_is_above_both_thresholds(text):
    by_token, by_char = measures(text)
    assert (by_token > MOST_TOKENS, by_char > MOST_CHARS) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        "潮汐由月球引起。" + "范围还取决于海岸的形状，以及海水的深度，" * 3,
        "一年四季风景如画，湖边最宜散步。" + "四季分明，雨量充沛，光照充足，" * 4 + "四季分",
        "```c\nint a[10];\n" + "a[0] = 0;\n" * 20 + "```",
        "| 水果 | 颜色 |\n|---|---|\n| 李子 | 紫 |\n" + "| 柠檬 | 黄 |\n" * 14,
        "The range depends on many things. " * 1
        + "It depends on the shape of the coast, and on the depth of the sea, " * 3,
        "Spring tides come twice a month, at new and full moon. " + "and so on, " * 16 + "and so o",
        "| Fruit | Colour |\n|---|---|\n| Plum | Purple |\n" + "| Lemon | Yellow |\n" * 14,
    ],
)
@pytest.mark.parametrize("beginning", ["", " ".join(f"第{k}点 point{k}" for k in range(200)) + "。"])
def test_a_loop_at_the_end_is_found_whatever_came_before(text, beginning):
    assert measures(beginning + text)[0] >= LOOP


@pytest.mark.parametrize(
    "text", ["H" + "a" * 300, "a" + "\u0326" * 100, "啊~" + "w" * 90, "Well" + "!" * 90, "嗯" + "…" * 90, "ha" * 60]
)
def test_characters_see_what_is_no_token_or_one(text):
    by_token, by_char = measures(text)
    assert (by_token, by_char > MOST_CHARS) == (0.0, True)


@pytest.mark.parametrize(
    "text",
    [
        "哈哈哈哈哈哈",  # too short to measure
        "\n".join(f"{k}. 步骤{'一二三四五六七八九'[k]}：打开第 {k} 个菜单" for k in range(9)),
        "\n".join(f"{k}. Open the {word} menu and press {word}" for k, word in enumerate("abcdefghij")),
        "\n".join(f"{a}×{b}={a * b}" for a in range(1, 10) for b in range(1, a + 1)),
        "\n".join(f"{a} times {b} is {a * b}" for a in range(1, 10) for b in range(1, 10)),
        "\n".join(
            f"{k}. 星期{day}：早餐吃鸡蛋，午餐吃{dish}，晚餐喝粥"
            for k, (day, dish) in enumerate(zip("一二三四五六日", "面饭饺饼粉鱼肉", strict=True), 1)
        ),
        "\n".join(
            f"{k}. {day}: eggs for breakfast, {dish} for lunch"
            for k, (day, dish) in enumerate(
                [
                    ("Monday", "rice"),
                    ("Tuesday", "soup"),
                    ("Wednesday", "fish"),
                    ("Thursday", "beans"),
                    ("Friday", "pasta"),
                    ("Saturday", "salad"),
                    ("Sunday", "roast"),
                ],
                1,
            )
        ),
        "一一得一，一二得二，二二得四，一三得三，二三得六，三三得九，一四得四，二四得八，三四十二，四四十六。",
        ", ".join(str(k) for k in range(100)),
        "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n" * 2,
        "Row, row, row your boat,\nGently down the stream.\nMerrily, merrily, merrily, merrily,\nLife is but a dream.",
        "```python\nx = [\n" + "    [0, 0, 0, 0],\n" * 30 + "]\n```",
        "| 名 | name |\n|---|---|\n" + "".join(f"| 甲 {k} | a |\n" for k in range(30)),
        "<table>\n" + "<tr>\n<td>第 1 行 row</td>\n</tr>\n" * 12 + "</table>",
        "arr = [" + "0, " * 40 + "0]",
        "姓名：" + "\n" + "_" * 200,
    ],
    ids=[
        *("short", "zh steps", "en steps", "products", "times", "zh meals", "en meals", "zh products", "count"),
        *("poem", "song", "code", "table", "markup", "numbers", "rule"),
    ],
)
def test_lists_poems_products_code_and_tables_may_repeat(text):
    by_token, by_char = measures(text)
    assert (by_token <= MOST_TOKENS, by_char <= MOST_CHARS) == (True, True)
