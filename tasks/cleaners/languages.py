"""Answers in another language than their question's, and rows in another language than their source's.

A language is what tasks.core.language finds. An answer may rightly be in another one: the prompt asks for it, is about
words, names or code, or holds a passage in it. Such prompts are not judged, nor are answers too short to be.
"""

import polars as pl

from tasks.core.language import ENGLISH_WORDS, WORD, without_code
from tasks.core.text import HAN, units_of

UNJUDGED = ("und", "code", "mixed")
LEAST_ANSWER_UNITS = 8  # a shorter answer may be a name, a label, a formula, a title
LEAST_PROMPT_WORDS = 4  # fewer Latin words are a name or a command, not a question in a language
LEAST_PROSE = 0.7  # share of an answer that is no code, below which it is code with comments
# Of these an answer in English has some, a list of names or a text without its vowels has none.
ENGLISH_PROSE = rf"(?i)\b(?:{ENGLISH_WORDS}|an?|in|is|was|for|on|be|will|i|by|at|as|or|its|there)\b"
LEAST_ENGLISH_WORDS = 3
# What a prompt says that asks for another language, or for words, names and code, which have none of their own.
EAST_ASIAN_TONGUES_EN = "chinese|mandarin|cantonese|japanese|korean"
TONGUES_EN = (
    rf"english|{EAST_ASIAN_TONGUES_EN}|french|german|spanish|italian|portuguese|dutch|russian|arabic|hindi|urdu|bengali"
    r"|turkish|greek|latin|hebrew|thai|vietnamese|polish|swedish|indonesian|ukrainian|farsi|persian"
)
ASKS_OTHERWISE_EN = (
    r"(?i)translat|locali[sz]|languages?|bilingual|pinyin|\p{L}['’]?s? names?\b|(?:^|[^\p{Latin}])(?:"
    r"spell|words?|letters?|acronym|abbreviat|anagram|rhyme|lyrics?|haiku|quot(?:e|ation)|proverb|idiom|slang"
    r"|hashtag|usernames?|brand|slogan|titles?|code|coding|function|script|program|sql|quer(?:y|ies)|regex"
    r"|regular expression|html|css|json|xml|yaml|python|java|javascript|algorithm|commands?|api|excel|formula|prompts?"
    r"|midjourney|bash|shell|keras|pytorch|tensorflow)"
)
NAMES_A_TONGUE_EN = rf"(?i)(?:^|[^\p{{Latin}}])(?:{TONGUES_EN})"
NAMES_AN_EAST_ASIAN_TONGUE_EN = rf"(?i)(?:^|[^\p{{Latin}}])(?:{EAST_ASIAN_TONGUES_EN})"
EAST_ASIAN = ["zh", "ja", "ko"]
# The question's own language, named or asked for: 请用中文回答 is no request for another.
OWN_TONGUE = {"zh": r"中文|汉语|漢語|普通话|国语|國語", "en": r"(?i)\b(?:in|use|using|speak|only)(?: \w+)? english"}
ASKS_OTHERWISE_ZH = (
    r"翻译|翻譯|译成|译为|譯|译文|双语|語言|语言|(?:[英法德日韩韓俄汉漢国國葡粤拉丁泰越]|西班牙|葡萄牙|意大利|阿拉伯|印地|中|外)[语文語]"
    r"|拼音|单词|單詞|词语|词汇|词[类性]|[个個]词|一词|短语|单字|拼写|缩写|字母|首字|元音|押韵|歌词|俳句|引用|引言|名言|谚语"
    r"|成语|俚语|标签|用户名|名称|名字|命名|姓名|品牌|口号|书名|片名|网址|网站|网页|代码|程序|程式|函数|函數|脚本|查询|正则|编程|算法"
    r"|命令|指令|数组|字符|公式|方程|提示词|密码"
)
# A passage in the answer's language that the prompt holds.
PASSAGES = {
    "zh": rf"[{HAN}]{{2}}",
    "ja": r"[\p{Hiragana}\p{Katakana}]{2}",
    "ko": r"\p{Hangul}{2}",
    "ru": r"\p{Cyrillic}{3}",
    "ar": r"\p{Arabic}{3}",
    "th": r"\p{Thai}{3}",
    "el": r"\p{Greek}{3}",
    "he": r"\p{Hebrew}{3}",
    "hi": r"\p{Devanagari}{3}",
}
# Three words in a row, or one in quotes: in a sentence with “opulent” the sentence is English.
LATIN_PASSAGE = r"(?:\p{Latin}+[ ,.;:'’\"-]+){2}\p{Latin}{2,}|[“\"‘「'《]\p{Latin}{2,}"


def answer_language_differs(asked: pl.Expr, answered: pl.Expr, prompt: pl.Expr, answer: pl.Expr) -> pl.Expr:
    """Whether an answer is in another language than its question without being asked to.

    `asked` and `answered` are the languages of the last user turn and of the answer, `prompt` is all that came before
    the answer: an instruction to answer in English may stand in the first turn.
    """
    row = pl.struct(asked=asked, answered=answered, prompt=prompt, answer=answer)
    return row.map_batches(_differs, return_dtype=pl.Boolean, is_elementwise=True)


def _differs(rows: pl.Series) -> pl.Series:
    """In stages: only rows in two languages are searched, and each text is stripped of its code once."""
    asked, answered, prompt, prose = (pl.col(name) for name in ("asked", "answered", "prompt", "prose"))
    suspects = (
        rows.struct.unnest()
        .with_row_index()
        .filter(~asked.is_in(UNJUDGED) & ~answered.is_in(UNJUDGED) & (asked != answered))
        .filter(~_asks_otherwise(prompt, asked, answered))
        .filter(asked.is_in(list(PASSAGES)) | (prompt.str.count_matches(WORD) >= LEAST_PROMPT_WORDS))
        .filter(~_holds_passage(prompt, asked, answered))
        .with_columns(prose=without_code(pl.col("answer")))
        .filter(units_of(prose) >= pl.max_horizontal(LEAST_ANSWER_UNITS, LEAST_PROSE * units_of(pl.col("answer"))))
        .filter(answered.is_in(list(PASSAGES)) | _is_latin_prose(prose, answered))
    )
    return pl.Series(range(len(rows)), dtype=pl.UInt32).is_in(suspects["index"].implode())


def _asks_otherwise(prompt: pl.Expr, asked: pl.Expr, answered: pl.Expr) -> pl.Expr:
    """Whether the prompt asks for words, names or code, or names a language that may be the answer's.

    Languages in Latin letters are taken for one another, so each stands for all.
    """
    for tag, own in OWN_TONGUE.items():
        prompt = pl.when(asked == tag).then(prompt.str.replace_all(own, " ")).otherwise(prompt)
    names_it = (
        pl.when(answered.is_in(EAST_ASIAN))
        .then(prompt.str.contains(NAMES_AN_EAST_ASIAN_TONGUE_EN))
        .otherwise(prompt.str.contains(NAMES_A_TONGUE_EN))
    )
    return names_it | prompt.str.contains(ASKS_OTHERWISE_EN) | prompt.str.contains(ASKS_OTHERWISE_ZH)


def _is_latin_prose(text: pl.Expr, language: pl.Expr) -> pl.Expr:
    """Whether a text in Latin letters is no list of names, which are the same in each language."""
    small, capital = (text.str.count_matches(rf"(?:^|[^\p{{L}}]){first}\p{{L}}+") for first in (r"\p{Ll}", r"\p{Lu}"))
    return (small > capital) & ((language != "en") | (text.str.count_matches(ENGLISH_PROSE) >= LEAST_ENGLISH_WORDS))


def _holds_passage(prompt: pl.Expr, asked: pl.Expr, answered: pl.Expr) -> pl.Expr:
    """Whether the prompt holds a passage in the answer's language; between two Latin languages none can be told."""
    both_latin = ~asked.is_in(list(PASSAGES)) & ~answered.is_in(list(PASSAGES))
    holds = prompt.str.contains(LATIN_PASSAGE) & ~both_latin
    for tag, passage in PASSAGES.items():
        holds = pl.when(answered == tag).then(prompt.str.contains(passage)).otherwise(holds)
    return holds


def source_language_differs(stated: pl.Expr, found: pl.Expr) -> pl.Expr:
    """Whether a source states one language (a BCP 47 tag, `und` for none) and a row's is another.

    zh-Hans and zh are one language, as are en-GB and en. A row whose question and answer differ is `mixed` and may be
    in any source: translations and language lessons are.
    """
    primary = stated.str.to_lowercase().str.extract(r"\A([a-z]+)")
    is_told = ~primary.is_in(["und", "mul", "auto"]) & ~found.is_in(UNJUDGED)
    return (is_told & (primary != found)).fill_null(False)
