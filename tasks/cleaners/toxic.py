"""Toxic words of a text, by lists: `toxic_words.yaml`, or a file of the same shape.

A word list sees words, not what is meant: fiction, quotations and advice against insults are found as well, and what
hurts without a bad word is not. So it flags. Latin words count as whole words, Chinese ones anywhere but in the longer
words and phrases that the list names innocent. Full-width letters are read as half-width ones.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import yaml

from tasks.core.errors import ParamsError

SHIPPED = Path(__file__).with_name("toxic_words.yaml")
LANGUAGES = ("zh", "en")
LEVELS = ("strong", "aimed", "mild")
SHAPE = "words: {category: {zh or en: {strong, aimed or mild: [words]}}}, innocent: {zh or en: [words]}"
# How a person is called something: you lazy …, 你这个….
_ADJECTIVES = (
    r"absolute|big|bloody|complete|cruel|damn|dirty|dumb|fat|filthy|goddamn|greedy|ignorant|lazy|little|lousy|lying|mindless"
    r"|miserable|old|pathetic|poor|rotten|selfish|silly|stupid|total|ugly|useless|utter|worthless"
)
_CALLS = (
    rf"(?-u:\b)you(?:['’]re| are)?(?: (?:such|just|an?|all|nothing but|{_ADJECTIVES})){{0,4}} "
    r"|你们?(?:真的?|就|才|简直)?(?:是不是|是)?(?:一?个|[这那][个种些群帮只头]?|一?[群帮])?[大小死臭老蠢破]?"
    r"|(?:就你这?[个种副]?|跟个|简直(?:就)?是个?|真他妈是?个?)[大小死臭老蠢破]?"
)
_FULL_WIDTH = {chr(code): chr(code - 0xFEE0) for code in (*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_SPELLED_WIDE = r"[Ａ-Ｚａ-ｚ]{2}"


class ToxicWords(NamedTuple):
    """A list as it is looked for, in lower case."""

    strong: tuple[str, ...]
    aimed: tuple[str, ...]
    mild: tuple[str, ...]
    innocent: tuple[str, ...]


@cache
def shipped() -> ToxicWords:
    """The list that is used where params name no other."""
    return load(SHIPPED)


def load(path: Path) -> ToxicWords:
    """Read a list; raises ParamsError, which says where, when the file is missing or has another shape."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParamsError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: is no YAML in UTF-8: {error}") from error
    sections = _mapping(content, path, "the file", ("words", "innocent"))
    by_level: dict[str, list[str]] = {level: [] for level in LEVELS}
    for category, languages in _mapping(sections.get("words"), path, "words").items():
        for language, levels in _mapping(languages, path, f"words.{category}", LANGUAGES).items():
            for level, words in _mapping(levels, path, f"words.{category}.{language}", LEVELS).items():
                by_level[level] += _words(words, path, f"words.{category}.{language}.{level}")
    if not by_level["strong"] and not by_level["aimed"]:
        raise ParamsError(f"{path}: has no strong or aimed words, which alone are looked for; expected {SHAPE}")
    innocent = _mapping(sections.get("innocent", {}), path, "innocent", LANGUAGES)
    spared = [word for language, words in innocent.items() for word in _words(words, path, f"innocent.{language}")]
    strong, aimed, mild = (tuple(by_level[level]) for level in LEVELS)
    return ToxicWords(strong, aimed, mild, tuple(spared))


def _mapping(value: Any, path: Path, where: str, allowed: tuple[str, ...] | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ParamsError(f"{path}: {where} is {type(value).__name__}; expected {SHAPE}")
    unknown = [name for name in value if allowed and name not in allowed]
    if unknown:
        raise ParamsError(f"{path}: {where} has {unknown[0]!r}; expected {' or '.join(allowed or ())}")
    return value


def _words(value: Any, path: Path, where: str) -> Iterator[str]:
    if not isinstance(value, list):
        raise ParamsError(f"{path}: {where} is {type(value).__name__}; expected a list of words")
    for word in value:
        if not isinstance(word, str) or not word.strip():
            raise ParamsError(f"{path}: {where} has {word!r}; expected a word (in quotes, if YAML takes it for more)")
        yield word.strip().lower()


def toxic_words(texts: pl.Expr, words: ToxicWords | None = None, mild: bool = False) -> pl.Expr:
    """The toxic words of each text, lower-case, in order and each time they occur; all of the list with `mild`."""
    words = words or shipped()
    if mild:
        words = ToxicWords((*words.strong, *words.aimed, *words.mild), (), (), words.innocent)
    return texts.map_batches(lambda column: _find(column, words), return_dtype=pl.List(pl.String))


def _find(texts: pl.Series, words: ToxicWords) -> pl.Series:
    """All words, looked for with boundaries in the few texts that have one of them anywhere at all."""
    rows = texts.alias("text").to_frame().with_row_index("row")
    text, word = pl.col("text"), pl.element()
    looks_toxic = text.str.contains_any([*words.strong, *words.aimed], ascii_case_insensitive=True)
    suspects = rows.filter(looks_toxic | text.str.contains(_SPELLED_WIDE))
    matches = text.str.replace_many(_FULL_WIDTH).str.to_lowercase().str.extract_all(_pattern(words))
    is_alone = word.is_in([*words.strong, *words.innocent])
    named = matches.list.eval(pl.when(is_alone).then(word).otherwise(word.str.replace(f"^(?:{_CALLS})", "")))
    found = suspects.select("row", found=named.list.eval(word.filter(~word.is_in(list(words.innocent)))))
    every = rows.select("row").join(found, on="row", how="left", maintain_order="left")
    return every["found"].fill_null([])


@cache
def _pattern(words: ToxicWords) -> str:
    """All words as one Rust expression; of words that start at one place the longest is found."""
    called = [f"(?:{_CALLS})(?:{_any_of(*words.aimed, *words.innocent)})"] if words.aimed else []
    named = [_any_of(*words.strong, *words.innocent)] if words.strong or words.innocent else []
    return "|".join(called + named)


def _any_of(*words: str) -> str:
    return "|".join(_bounded(word) for word in sorted(set(words), key=lambda word: -len(word)))


def _bounded(word: str) -> str:
    """The word with boundaries at its Latin ends: ASCII ones, since Han characters are letters to Unicode's."""
    start, end = (r"(?-u:\b)" if re.match(r"[a-z0-9]", side) else "" for side in (word[0], word[-1]))
    return start + re.escape(word) + end
