"""What the finders of personal data share: how a text is folded to half width, what a value and a rule are."""

import re
from collections.abc import Callable
from typing import NamedTuple

# Full-width forms (Unicode block FF00), blanks of all widths, hyphens, dashes and the minus sign.
FOLD = {full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)}
FOLD |= dict.fromkeys((0x3000, 0xA0, 0x202F, *range(0x2000, 0x200B)), 0x20)
FOLD |= dict.fromkeys((0x2212, 0xFE63, *range(0x2010, 0x2016)), 0x2D)


class Found(NamedTuple):
    """One value in a text."""

    start: int
    end: int
    kind: str


Check = Callable[[str, int, int], int]  # of a text from start to end: where the value ends, 0 if there is none


def _anywhere(_: str, __: int, end: int) -> int:
    return end


Rule = tuple[str, re.Pattern[str], Check]  # kind, pattern, check; what is in (?P<value>…) is the value

# Numbers don't begin or end inside a longer number, a decimal fraction or a word like B138…, nor are they terms
# of a sum: 3 + 13812345678 = or = -16666579378.
_ALONE = (
    r"(?<![\d.+])(?<!\d-)(?<!\d[a-zA-Z])(?<![^a-zA-Z\\][a-zA-Z])(?<!^[a-zA-Z])(?<!\d [+*×÷] )(?<![ =(,]-)",
    r"(?![a-zA-Z]|\d|\.\d| ?[=×÷]|[+*][\da-z(]| [+*] )",
)


def rule(kind: str, pattern: str, check: Check = _anywhere) -> Rule:
    """A value that has `pattern`, whatever stands round it, and passes `check`."""
    return kind, re.compile(pattern, re.A | re.I), check


def number(kind: str, pattern: str, check: Check = _anywhere) -> Rule:
    """A number that has `pattern`, is no part of a longer one or of a sum, and passes `check`."""
    return kind, re.compile(_ALONE[0] + pattern + _ALONE[1], re.A), check


def digits_of(value: str) -> str:
    """The digits of a number in half width, with the X of an identity card and the + of a telephone number."""
    return re.sub(r"[^\dX+]", "", value.translate(FOLD).upper())
