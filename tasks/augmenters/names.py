"""What both languages share in replacing names: the lists, a conversation to read, a drawn name that fits."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tasks.core.text import CODE_BLOCK

NAMES = Path(__file__).with_name("names.yaml")
TRIES = 200  # draws before a row is given up
# What nobody may touch: code, addresses, handles, <EMAIL_1>, {{name}}.
PROTECTED = re.compile(
    rf"{CODE_BLOCK.pattern}|`[^`\n]+`|(?:https?://|www\.)[!-~]+|[\w.+-]+@[\w.-]+|@\w+|<[A-Z_]+(?:_\d+)?>|\{{\{{.*?\}}\}}",
    re.DOTALL,
)


@dataclass(frozen=True)
class Conversation:
    """The texts of one example, protected spans blanked; names are replaced where `context` has them too."""

    seed: int
    context: tuple[str, ...]  # what the last answer could read: system, user and tool turns, tool definitions
    answers: tuple[str, ...]  # assistant turns
    people_only: bool  # places and organisations stay

    @property
    def asked(self) -> str:
        """The context as one text."""
        return "\n".join(self.context)

    @property
    def text(self) -> str:
        """Everything as one text."""
        return "\n".join((*self.context, *self.answers))


@cache
def words(*path: str) -> tuple[str, ...]:
    """One list of names.yaml, as words: `words("zh", "titles", "male")`."""
    return tuple(dict.fromkeys(_at(path).split()))


@cache
def groups(*path: str) -> tuple[tuple[str, ...], ...]:
    """A list of lists of names.yaml."""
    return tuple(tuple(line.split()) for line in _at(path))


def _at(path: tuple[str, ...]) -> Any:
    value = _content()
    for name in path:
        value = value[name]
    return value


@cache
def _content() -> Any:
    return yaml.safe_load(NAMES.read_text(encoding="utf-8"))


@cache
def _faker(locale: str) -> Any:
    from faker import Faker

    return Faker(locale)


def seeded(locale: str, seed: int) -> Any:
    """The process's Faker of a locale, started at `seed`: what it gives depends on the seed alone."""
    faker = _faker(locale)
    faker.seed_instance(seed)
    return faker


def drawn(make: Callable[[], str], fits: Callable[[str], bool]) -> str | None:
    """The first made name that fits, or None when none of `TRIES` does."""
    return next((name for name in (make() for _ in range(TRIES)) if fits(name)), None)


def blanked(text: str) -> str:
    """`text` with spaces in place of what is protected; positions stay."""
    return PROTECTED.sub(lambda span: " " * len(span[0]), text)


def outside_protected(text: str, change: Callable[[str], str]) -> str:
    """`text` with `change` applied to every part that is not protected."""
    parts, end = [], 0
    for span in PROTECTED.finditer(text):
        parts += [change(text[end : span.start()]), span[0]]
        end = span.end()
    return "".join([*parts, change(text[end:])])


def longest_first(names: Iterable[str]) -> str:
    """An alternation that matches the longest of `names`, so that one name inside another is safe."""
    return "|".join(re.escape(name) for name in sorted(names, key=lambda name: (-len(name), name)))


def pattern_of(names: Iterable[str]) -> re.Pattern[str]:
    """Where any of `names` stands, the longest first; a spaced name only as a whole word, a Chinese one anywhere."""
    spaced = [name for name in names if not is_han(name)]
    joined = [name for name in names if is_han(name)]
    parts = [longest_first(joined)] * bool(joined) + [rf"(?<![\w-])(?:{longest_first(spaced)})(?![\w-])"] * bool(spaced)
    return re.compile("|".join(parts))


def is_han(name: str) -> bool:
    """Whether a name is written in Chinese characters, without spaces between words."""
    return "\u3400" <= name[0] <= "\u9fff"
