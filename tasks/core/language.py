"""Which language a text is in: script first, words second. Right for short text and for text without spaces.

A turn is zh, en, mixed, code, und, or another language by its BCP 47 tag; an example is never code. Counted are Han
characters against spaced words, outside code: 请解释 list comprehension 的用法 is Chinese with two borrowed words.
"""

from functools import cache
from typing import Any

import polars as pl

from tasks.core.text import HAN

MOSTLY, HARDLY = 0.4, 0.06  # share of Han units from which a text is Chinese, and up to which it is not
OTHER_SCRIPTS = {
    "ja": r"[\p{Hiragana}\p{Katakana}]",
    "ko": r"\p{Hangul}",
    "ru": r"\p{Cyrillic}",
    "ar": r"\p{Arabic}",
    "th": r"\p{Thai}",
}
# Words that nearly every English sentence has one of, and few sentences of its neighbours.
ENGLISH = r"(?i)\b(?:the|of|and|is|are|was|what|how|why|who|to|with|you|your|this|that|for|please|my|it|a|an|i)\b"
LATIN_LANGUAGES = ["en", "fr", "de", "es", "it", "pt", "nl"]
SURE = 0.95  # probability below which doubtful Latin text counts as English
LEAST_WORDS = 6  # shorter Latin text says too little about its language: it counts as English
FENCED = r"(?s)```.*?(?:```|\z)|`[^`\n]+`"


def language_of_turn(text: pl.Expr) -> pl.Expr:
    """The language of each text of a column, by script alone; other Latin languages are still `en`."""
    bare = text.str.replace_all(FENCED, " ")
    han = bare.str.count_matches(f"[{HAN}]").cast(pl.Float64)
    words = bare.str.count_matches(r"\p{Latin}+").cast(pl.Float64)
    share = han / (han + words)
    language = (
        pl.when((han + words == 0) & (text.str.len_chars() > 2 * bare.str.len_chars())).then(pl.lit("code"))
        .when(han + words == 0).then(pl.lit("und"))
        .when(share >= MOSTLY).then(pl.lit("zh"))
        .when(share <= HARDLY).then(pl.lit("en"))
        .otherwise(pl.lit("mixed"))
    )  # fmt: skip
    for tag, script in OTHER_SCRIPTS.items():
        letters = bare.str.count_matches(script).cast(pl.Float64)
        language = pl.when(letters > 0.2 * (letters + han + words)).then(pl.lit(tag)).otherwise(language)
    return language


def with_languages(turns: pl.DataFrame) -> pl.DataFrame:
    """`turns` (content, …) with a column `language`; doubtful Latin text is judged by its words."""
    found = turns.with_columns(language=language_of_turn(pl.col("content")))
    text = pl.col("content")
    doubtful = (
        (pl.col("language") == "en")
        & ~text.str.contains(ENGLISH)
        & (text.str.count_matches(r"\p{Latin}{2,}") >= LEAST_WORDS)
        & ~text.str.contains(r"[{}=;<>]")  # code without a fence
    )
    texts = found.filter(doubtful).select("content").unique()["content"].to_list()
    if not texts:
        return found
    tags = pl.DataFrame({"content": texts, "tag": [latin_language(t) for t in texts]})
    return (
        found.join(tags, on="content", how="left", maintain_order="left")
        .with_columns(language=pl.when(doubtful).then(pl.coalesce("tag", "language")).otherwise("language"))
        .drop("tag")
    )


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LATIN_LANGUAGES)
    return identifier


def latin_language(text: str) -> str:
    """The language of a text in Latin letters that has no common English word (py3langid, few candidates)."""
    tag, probability = _identifier().classify(text)
    return str(tag) if probability > SURE else "en"


def language_of_example(prompt: pl.Expr, answer: pl.Expr) -> pl.Expr:
    """An example's language from its prompt's and its answer's: theirs where they agree, mixed where they differ."""
    empty = ("und", "code")
    return (
        pl.when(prompt.is_in(empty) & answer.is_in(empty)).then(pl.lit("und"))
        .when(answer.is_in(empty) | (prompt == answer)).then(prompt)
        .when(prompt.is_in(empty)).then(answer)
        .otherwise(pl.lit("mixed"))
    )  # fmt: skip
