"""Toxic words of a text, by lists: `toxic_words.yaml`, or a file of the same shape.

A word list sees words, not what is meant: fiction, quotations and advice against insults are found as well, and what
hurts without a bad word is not. So it flags. Latin words count as whole words, Chinese ones anywhere but in the longer
words and phrases that the list names innocent.
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
LEVELS = ("strong", "mild")
SHAPE = "words: {category: {zh or en: {strong or mild: [words]}}}, innocent: {zh or en: [words]}"


class ToxicWords(NamedTuple):
    """A list as it is looked for, in lower case."""

    strong: tuple[str, ...]
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
    if not any(by_level.values()):
        raise ParamsError(f"{path}: has no words; expected {SHAPE}")
    innocent = _mapping(sections.get("innocent", {}), path, "innocent", LANGUAGES)
    spared = [word for language, words in innocent.items() for word in _words(words, path, f"innocent.{language}")]
    return ToxicWords(tuple(by_level["strong"]), tuple(by_level["mild"]), tuple(spared))


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
    """The toxic words of each text, lower-case, in order and each time they occur; strong ones, or all with `mild`."""
    words = words or shipped()
    wanted = words.strong + words.mild if mild else words.strong
    return texts.map_batches(lambda column: _find(column, wanted, words.innocent), return_dtype=pl.List(pl.String))


def _find(texts: pl.Series, wanted: tuple[str, ...], innocent: tuple[str, ...]) -> pl.Series:
    """All words of `wanted`, looked for with boundaries in the few texts that have one of them anywhere at all."""
    rows = texts.alias("text").to_frame().with_row_index("row")
    suspects = rows.filter(pl.col("text").str.contains_any(list(wanted), ascii_case_insensitive=True))
    matches = pl.col("text").str.to_lowercase().str.extract_all(_pattern(wanted, innocent))
    found = suspects.select("row", found=matches.list.eval(pl.element().filter(pl.element().is_in(list(wanted)))))
    every = rows.select("row").join(found, on="row", how="left", maintain_order="left")
    return every["found"].fill_null([])


@cache
def _pattern(wanted: tuple[str, ...], innocent: tuple[str, ...]) -> str:
    """All words as one Rust expression; of words that start at one place the longest is found."""
    longest_first = sorted({*wanted, *innocent}, key=lambda word: -len(word))
    return "|".join(_bounded(word) for word in longest_first)


def _bounded(word: str) -> str:
    """The word with boundaries at its Latin ends: ASCII ones, since Han characters are letters to Unicode's."""
    start, end = (r"(?-u:\b)" if re.match(r"[a-z0-9]", side) else "" for side in (word[0], word[-1]))
    return start + re.escape(word) + end
