"""Answers in another language than their question's, and rows in another language than their source's.

A language is what tasks.core.language finds. An answer may rightly be in another one: the prompt asks for it or holds a
passage in it, or the answer is but words, names or code. Such rows are not judged, nor are answers too short to be. A
translation is wrong in any language but the one it was asked in.
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
TABLE = r"(?m)^[ \t]*\|[ :|-]*-[ :|-]*$"  # the line below its head; cells are no sentences
# Units of prose from which an answer is no word, name or line of code; and words that an English one then has.
LEAST_SENTENCE, LEAST_SENTENCE_ZH = 12, 20
SENTENCE_WORDS = r"(?i)\b(?:the|an?|to|of|and|you|your|this|that|these|with|it|be|can|are|has|which)\b"
# What a prompt says that asks for another language; and what asks for words, names and code, which have none.
EAST_ASIAN_TONGUES_EN = "chinese|mandarin|cantonese|japanese|korean"
TONGUES_EN = (
    rf"english|{EAST_ASIAN_TONGUES_EN}|french|german|spanish|italian|portuguese|dutch|russian|arabic|hindi|urdu|bengali"
    r"|turkish|greek|latin|hebrew|thai|vietnamese|polish|swedish|indonesian|ukrainian|farsi|persian"
)
ASKS_OTHERWISE_EN = (
    r"(?i)translat|locali[sz]|languages?|bilingual|pinyin|lyrics?|quot(?:e|ation)|proverb|idiom|haiku|slogan"
    r"|\bprompts?\b|midjourney"
)
ASKS_FOR_WORDS_EN = (
    r"(?i)\p{L}['’]?s? names?\b|(?:^|[^\p{Latin}])(?:spell|words?|letters?|acronym|abbreviat|anagram|rhyme|slang"
    r"|hashtag|usernames?|brand|titles?|code|coding|function|script|program|sql|quer(?:y|ies)|regex"
    r"|regular expression|html|css|json|xml|yaml|python|java|javascript|algorithm|commands?|api|excel|formula"
    r"|bash|shell|keras|pytorch|tensorflow)"
)
NAMES_A_TONGUE_EN = rf"(?i)(?:^|[^\p{{Latin}}])(?:{TONGUES_EN})"
NAMES_AN_EAST_ASIAN_TONGUE_EN = rf"(?i)(?:^|[^\p{{Latin}}])(?:{EAST_ASIAN_TONGUES_EN})"
EAST_ASIAN = ["zh", "ja", "ko"]
# The question's own language, named or asked for: 请用中文回答 is no request for another.
OWN_TONGUE = {"zh": r"中文|汉语|漢語|普通话|国语|國語", "en": r"(?i)\b(?:in|use|using|speak|only)(?: \w+)? english"}
ASKS_OTHERWISE_ZH = (
    r"翻译|翻譯|译成|译为|譯|译文|双语|語言|语言|(?:[英法德日韩韓俄汉漢国國葡粤拉丁泰越]|西班牙|葡萄牙|意大利|阿拉伯|印地|中|外)[语文語]"
    r"|拼音|歌词|引用|引言|名言|谚语|俚语|俳句|口号|提示词|外文|原文"
)
ASKS_FOR_WORDS_ZH = (
    r"单词|單詞|词语|词汇|词[类性]|[个個]词|一词|短语|单字|拼写|缩写|字母|首字|元音|押韵"
    r"|成语|标签|用户名|名称|名字|命名|姓名|品牌|书名|片名|网址|网站|网页|代码|程序|程式|函数|函數|脚本|查询|正则|编程|算法"
    r"|命令|指令|数组|字符|公式|方程|密码"
)
# What names the language of a translation, which the answer must be in.
TARGETS = {
    "zh": r"(?i)(?:翻译|译|翻)[成为到作](?:一[段句种])?(?:地道|流畅|通顺|简体|现代)?的?(?:中文|汉语|漢語|普通话)"
    r"|(?:in)?to (?:simplified |mandarin )?chinese\b",
    "en": r"(?i)(?:翻译|译|翻)[成为到作](?:一[段句种])?(?:地道|流畅|通顺)?的?(?:英文|英语|英語)|(?:in)?to english\b",
}
IN_ANOTHER = r"翻译成?.{0,40}(?:解释|分析|说明|讲解|赏析)|(?i)explain|comment|\S\s*\n(?s:.*)\S\s*\n\s*\S"
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
    asked, answered, prompt, prose, missed = (
        pl.col(name) for name in ("asked", "answered", "prompt", "prose", "missed")
    )
    suspects = (
        rows.struct.unnest()
        .with_row_index()
        .with_columns(target=_target(prompt))
        .filter(~asked.is_in(UNJUDGED) & ~answered.is_in(UNJUDGED))
        .filter((asked != answered) | (pl.col("target") != answered))
        .with_columns(missed=_misses(pl.col("target"), answered, pl.col("answer")))
        .filter(missed | ~_asks_otherwise(prompt, asked, answered))
        .filter(missed | asked.is_in(list(PASSAGES)) | (prompt.str.count_matches(WORD) >= LEAST_PROMPT_WORDS))
        .filter(missed | ~_holds_passage(prompt, asked, answered))
        .with_columns(prose=without_code(pl.col("answer")))
        .with_columns(units=units_of(prose))
        .filter(pl.col("units") >= pl.max_horizontal(LEAST_ANSWER_UNITS, LEAST_PROSE * units_of(pl.col("answer"))))
        .filter(missed | _is_sentence(prose, answered) | ~_asks_for_words(prompt))
        .filter(answered.is_in(list(PASSAGES)) | _is_latin_prose(prose, answered))
    )
    return pl.Series(range(len(rows)), dtype=pl.UInt32).is_in(suspects["index"].implode())


def _target(prompt: pl.Expr) -> pl.Expr:
    """The language that a prompt of two lines or one wants a translation in; null where it names none or two."""
    is_in = {tag: prompt.str.contains(pattern) for tag, pattern in TARGETS.items()}
    alone = pl.sum_horizontal(is_in.values()) == 1
    named = pl.when(is_in["zh"]).then(pl.lit("zh")).otherwise(pl.lit("en"))
    return pl.when(alone & ~prompt.str.contains(IN_ANOTHER)).then(named)


def _misses(target: pl.Expr, answered: pl.Expr, answer: pl.Expr) -> pl.Expr:
    """Whether an answer is no translation into `target` and quotes none."""
    quotes = (
        pl.when(target == "zh").then(answer.str.contains(PASSAGES["zh"])).otherwise(answer.str.contains(LATIN_PASSAGE))
    )
    return ((target != answered) & answered.is_in(list(TARGETS)) & ~quotes).fill_null(False)


def _is_sentence(prose: pl.Expr, language: pl.Expr) -> pl.Expr:
    least = pl.when(language == "zh").then(LEAST_SENTENCE_ZH).otherwise(LEAST_SENTENCE)
    has_words = (language != "en") | (prose.str.count_matches(SENTENCE_WORDS) >= LEAST_ENGLISH_WORDS)
    return (pl.col("units") >= least) & has_words


def _asks_for_words(prompt: pl.Expr) -> pl.Expr:
    return prompt.str.contains(ASKS_FOR_WORDS_EN) | prompt.str.contains(ASKS_FOR_WORDS_ZH)


def _asks_otherwise(prompt: pl.Expr, asked: pl.Expr, answered: pl.Expr) -> pl.Expr:
    """Whether the prompt is about languages or names one that may be the answer's.

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
    is_english = (text.str.count_matches(ENGLISH_PROSE) >= LEAST_ENGLISH_WORDS) | (
        text.str.contains(TABLE) & (small >= LEAST_ANSWER_UNITS)
    )
    return (small > capital) & ((language != "en") | is_english)


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
