"""Which language a text is in: script first, words second. Right for short text and for text without spaces.

A turn is zh, en, mixed, code, und, or another language by its BCP 47 tag; an example is never code. Counted are Han
characters against spaced words, outside code: 请解释 list comprehension 的用法 is Chinese with two borrowed words.
Code is what stands in a fence or in backquotes, and each line that can be nothing else: a statement, a tag, a query,
an equation. A turn is `code` when nothing else is in it, and `und` when it has no words: numbers, marks, initials.
"""

from functools import cache
from typing import Any

import polars as pl

from tasks.core.text import HAN

MOSTLY, HARDLY = 0.4, 0.06  # share of Han units from which a text is Chinese, and up to which it is not
# Runs of another script and the share of a text's units from which its language is theirs. Runs are words or, in
# scripts without spaces, what stands between two Han characters or words; not every word of Vietnamese has its marks.
OTHER_SCRIPTS = {
    "ja": (r"[\p{Hiragana}\p{Katakana}]+", 0.2),
    "ko": (r"\p{Hangul}+", MOSTLY),
    "ru": (r"\p{Cyrillic}+", MOSTLY),
    "ar": (r"\p{Arabic}+", MOSTLY),
    "th": (r"\p{Thai}+", 0.2),
    "el": (r"\p{Greek}{2,}", MOSTLY),  # a single Greek letter is a symbol
    "he": (r"\p{Hebrew}+", MOSTLY),
    "hi": (r"[\p{Devanagari}\x{200c}\x{200d}]+", MOSTLY),
    "vi": (r"\p{Latin}*[\x{1ea0}-\x{1ef9}ơưđƠƯĐ]\p{Latin}*", 0.2),
}
OTHER_LETTER = (
    r"[\p{Hiragana}\p{Katakana}\p{Hangul}\p{Cyrillic}\p{Arabic}\p{Thai}\p{Greek}\p{Hebrew}\p{Devanagari}"
    r"\x{1ea0}-\x{1ef9}ơưđƠƯĐ]"
)
WORD = r"\p{Latin}*\p{Ll}\p{Latin}+|\p{Latin}{5,}|\p{Lu}\p{Ll}"  # no initials, variables and choices: B, x, USA
# Words that nearly every English sentence of some length has one of, and few sentences of its neighbours.
ENGLISH_WORDS = (
    "the|of|and|are|what|how|why|who|to|with|you|your|this|that|please|my|it|not|have|from|they|into|following|english"
    "|translate"
)
ENGLISH = rf"(?i)(?:^|[^\p{{L}}])(?:{ENGLISH_WORDS})(?:[^\p{{L}}]|$)"
LATIN_LANGUAGES = ["en", "fr", "de", "es", "it", "pt", "nl"]
SURE = 0.95  # probability below which doubtful Latin text counts as English
LEAST_WORDS = 6  # shorter Latin text says too little about its language: it counts as English
LEAST_ACCENTED_WORDS = 3  # fewer are enough where a letter has an accent: Je suis étudiant
ADDRESS = r"https?://[^\s<>，。）】》\"']+|www\.[\w./-]+|[\w.+-]+@[\w-]+\.[\w.-]+"
FENCED = r"(?s)```.*?(?:```|\z)|~~~.*?(?:~~~|\z)|\"\"\".*?\"\"\"|/\*.*?\*/|<!--.*?-->|`[^`\n]+`"
_NAME = r"[A-Za-z_$@][A-Za-z0-9_.$]*(?:\[[^\]\n]*\])*"
_KIND = r"(?:const|let|var|int|float|double|char|bool|boolean|string|String|auto|public|private|static|final|long)"
# What a value consists of: a few words, or something that ends as a statement does; Han characters in quotes only.
_VALUE = (
    r"[^=\s\p{Han}][^\s\p{Han}]*(?: [^\s\p{Han}]+){0,4}"
    r"|[^=\s\p{Han}][^\p{Han}\n]*(?:[;)\]}\"{\[(,\\]|#[^\n]*|//[^\n]*)|[\"'][^\n]*[\"'];?"
)
# Lines that are code and no sentence: what a line of prose does not begin with, or does not consist of.
CODE_LINES = (
    r"(?:async )?def \w+ ?[(（][^\n]*|class \w+ ?(?:\([^\n]*\))? ?[:{][^\n]*|@[A-Za-z_.]+(?:\([^\n]*\))?",
    r"(?:from [\w.]+ )?import [\w.*{}, ]+(?: from [^\n]+)?;?|using [\w.]+;|package [\w.]+;?",
    r"#(?:!|include|ifn?def|define|endif|pragma)[^\n]*|<\?(?:php)?|\?>|[^\p{Han}\n]*; ?(?:then|do)",
    r"for \w+(?:, ?\w+)* in [^\p{Han}\n]*:|(?:while|if|elif|with|except)(?: \w+){1,3}:",
    r"(?:for|while|if|elif|switch|catch|except|with|(?:\} ?)?else if) ?[\w(\"'!][^\p{Han}\n]*[=()\[\]<>!_]"
    r"[^\p{Han}\n]*[:{]",
    r"(?:\} ?)?(?:else|try|finally|do) ?[:{]|(?:break|continue|pass|fi|done);?",
    rf"return(?: (?:{_VALUE}))?",
    rf"(?:{_KIND} )*{_NAME}(?:, ?{_NAME})* ?(?:[-+*/%|&:]?=|<-) ?(?:{_VALUE})",
    rf"(?:{_KIND} )+{_NAME}[^\p{{Han}}\n]*[;{{)]",
    r"[A-Za-z_$][A-Za-z0-9_.$]*\([^\n]*\)[;:]?(?: *(?:#|//)[^\n]*)?|(?:print|echo|puts|cout) ?[(\"'<][^\n]*",
    r"[^\p{Han}\n?:]*[)=>]:? ?\{|[.#]?[\w-]+(?: [\w.#-]+)? ?\{|[^\p{Han}\n?:]*; ?\}|\} ?\w*|[\])}]+[;,]?|[\[{(]+",
    r"[^\p{Han}\n?:]*[=()\[\]<>\"'+-][^\p{Han}\n?:]*;|[A-Za-z0-9_]+;|[a-z-]+: ?[^\p{Han}\n]*;",
    r"[{\[](?:[^\p{Han}\n\"']|\"[^\"\n]*\"|'[^'\n]*')*[}\]][;,]?",
    r"\"[^\"\n]*\" ?: ?(?:\"[^\"\n]*\"|[^\p{L}\n]*|true|false|null),?|\"[^\"\n]*\",",
    r"(?:</?[A-Za-z!][^>\n]*>[ \t]*)+|<[A-Za-z][^>\n]*>[^\n]*</[A-Za-z0-9]+>",
    r"(?:SELECT|INSERT INTO|UPDATE|DELETE|CREATE (?:TABLE|DATABASE|VIEW|INDEX)|ALTER TABLE|DROP|FROM|WHERE|GROUP BY"
    r"|ORDER BY|HAVING|(?:(?:INNER|LEFT|RIGHT|FULL|OUTER) )*JOIN|LIMIT|VALUES|SET|UNION)(?:[ (][^\n]*)?",
    r"(?:select|Select) [^\n]* (?:from|FROM) [^\n]*|(?:insert into|delete from|create table) [^\n]*",
    r"(?:[A-Za-z]{0,3}[^\p{L}\n]+)+=(?:[^\p{L}\n]+[A-Za-z]{0,3})*",  # an equation
)
CODE_LINE = rf"^[ \t]*(?:{'|'.join(CODE_LINES)})[ \t\r]*$"
COMMENT_LINE = r"^[ \t]*(?:# |//|-- |\$ |>>> )"  # beside code only: # alone is a heading
# What a text has that may have such a line: the others need no search for them.
CODE_SIGN = (
    r"[=;{}<>]|[A-Za-z0-9_]\(|(?m)^[ \t]*(?:[#/*@$>\])-]|\"\"\"|'''|import |from |return |SELECT |DELETE |print |else:)"
)


def language_of_turn(text: pl.Expr) -> pl.Expr:
    """The language of each text of a column, by script alone; Latin languages but Vietnamese are still `en`."""
    return text.map_batches(_languages, return_dtype=pl.String, is_elementwise=True)


def _languages(texts: pl.Series) -> pl.Series:
    """In stages, each computed once: as one expression every count would be made anew wherever it is used."""
    text, han, words = pl.col("text"), pl.col("han"), pl.col("words")
    counted = (
        pl.DataFrame({"text": texts})
        .with_columns(text.str.replace_all(ADDRESS, " "))
        .with_columns(bare=without_code(text), written=text.str.contains(f"[{HAN}]|{WORD}"))
        .with_columns(foreign=pl.when(pl.col("bare").str.contains(OTHER_LETTER)).then(pl.col("bare")))
        .with_columns(_counts(pl.col("bare"), {"han": f"[{HAN}]", "words": WORD}))
        .with_columns(_counts(pl.col("foreign"), {tag: run for tag, (run, _) in OTHER_SCRIPTS.items()}))
        .with_columns(share=han / (han + words))
    )
    language = (
        pl.when(pl.col("share").is_nan() & pl.col("written")).then(pl.lit("code"))
        .when(pl.col("share").is_nan()).then(pl.lit("und"))
        .when(pl.col("share") >= MOSTLY).then(pl.lit("zh"))
        .when(pl.col("share") <= HARDLY).then(pl.lit("en"))
        .otherwise(pl.lit("mixed"))
    )  # fmt: skip
    for tag, (_, least) in OTHER_SCRIPTS.items():
        runs = pl.col(tag)
        is_tag = runs > least * (runs + han + words)
        if tag == "ja":  # whose Han characters are its own
            is_tag = (runs > least * (runs + han)) & (runs + han > MOSTLY * (runs + han + words))
        language = pl.when(is_tag).then(pl.lit(tag)).otherwise(language)
    return counted.select(language=pl.when(text.is_not_null()).then(language))["language"]


def _counts(text: pl.Expr, units: dict[str, str]) -> list[pl.Expr]:
    return [text.str.count_matches(unit).fill_null(0).cast(pl.Float64).alias(name) for name, unit in units.items()]


def without_code(text: pl.Expr) -> pl.Expr:
    """The texts of a column less their code, fenced or not; of a text without any, the text."""
    return text.map_batches(_without_code, return_dtype=pl.String, is_elementwise=True)


def _without_code(texts: pl.Series) -> pl.Series:
    rows = pl.DataFrame({"text": texts.str.replace_all(FENCED, " ")}).with_row_index("row")
    suspects = rows.filter(pl.col("text").str.contains(CODE_SIGN)).with_columns(line=pl.col("text").str.split("\n"))
    lines = suspects.select("row", "line").explode("line").with_columns(is_code=pl.col("line").str.contains(CODE_LINE))
    beside_code = pl.col("is_code").any().over("row") & pl.col("line").str.contains(COMMENT_LINE)
    kept = pl.when(pl.col("is_code") | beside_code).then(pl.lit(" ")).otherwise("line")
    left = lines.group_by("row", maintain_order=True).agg(kept.str.join("\n").alias("left"))
    return rows.join(left, on="row", how="left", maintain_order="left").select(pl.coalesce("left", "text"))["left"]


def with_languages(turns: pl.DataFrame) -> pl.DataFrame:
    """`turns` (content, …) with a column `language`; doubtful Latin text is judged by its words."""
    found = turns.with_columns(language=language_of_turn(pl.col("content")))
    text, latin = pl.col("content"), pl.col("language") == "en"
    words, accented = text.str.count_matches(r"\p{Latin}{2,}"), text.str.contains(r"[\p{Latin}--[A-Za-z]]")
    unlike_english = (
        (words >= pl.when(accented).then(LEAST_ACCENTED_WORDS).otherwise(LEAST_WORDS))
        & ~text.str.contains(r"[{}=;<>#]")  # code without a fence, tags
    )
    doubtful = found.filter(latin).filter(~text.str.contains(ENGLISH)).filter(unlike_english)
    texts = doubtful.select("content").unique(maintain_order=True)
    if texts.is_empty():
        return found
    tags = texts.with_columns(tag=pl.Series([latin_language(text) for text in texts["content"]], dtype=pl.String))
    return (
        found.join(tags, on="content", how="left", maintain_order="left")
        .with_columns(language=pl.when(latin).then(pl.coalesce("tag", "language")).otherwise("language"))
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
