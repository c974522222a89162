"""The repairs of one text, in the order in which they run.

Code blocks, inline code, URLs and math are left as they are. Each repair has a cheap look at a whole column (`suspect`,
a Rust regex) that says which texts are worth a closer one.
"""

from collections.abc import Callable
from typing import NamedTuple

from tasks.cleaners.characters import strip_control
from tasks.cleaners.encoding import LOOKS_MISREAD, mend_encoding
from tasks.cleaners.html import ABOUT_CODE, LOOKS_HTML, strip_html
from tasks.cleaners.protected import outside_code
from tasks.cleaners.special_tokens import LOOKS_SPECIAL, strip_special_tokens
from tasks.cleaners.whitespace import LOOKS_UNTIDY, tidy
from tasks.core.params import CleanParams
from tasks.core.text import CONTROL


class Repair(NamedTuple):
    """One operation: its name in params and ledger, where to look, what to do, which rows to leave."""

    name: str
    suspect: str  # a Rust regex
    fix: Callable[[str], str]
    unless: str | None = None  # a Rust regex: a row with it in any turn is left as it is


REPAIRS = ("encoding", "special_tokens", "html", "control", "whitespace")


def repairs(params: CleanParams) -> list[Repair]:
    """The repairs that params ask for, in order."""
    every = (
        Repair("encoding", LOOKS_MISREAD, mend_encoding),
        Repair("special_tokens", LOOKS_SPECIAL, outside_code(strip_special_tokens)),
        Repair("html", LOOKS_HTML, outside_code(strip_html), unless=ABOUT_CODE),
        Repair("control", CONTROL, strip_control),
        Repair("whitespace", LOOKS_UNTIDY, tidy),
    )
    return [repair for repair in every if getattr(params, repair.name)]
