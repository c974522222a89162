"""The repairs of one text, in the order in which they run.

Code blocks, inline code, URLs and math are left as they are. Each repair has a cheap look at a whole column (`suspect`,
a Rust regex) that says which texts are worth a closer one.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import polars as pl

from tasks.cleaners.characters import (
    ABOUT_SCRIPTS,
    LOOKS_CHINESE,
    LOOKS_COMPOSABLE,
    LOOKS_CONTROL,
    LOOKS_FULL_WIDTH,
    compose,
    narrow,
    simplify,
    strip_control,
)
from tasks.cleaners.encoding import LOOKS_MISREAD, mend_encoding
from tasks.cleaners.html import (
    ABOUT_CODE,
    ABOUT_ESCAPES,
    LOOKS_ESCAPED,
    LOOKS_HTML,
    beside_tags,
    strip_html,
    unescape_code,
)
from tasks.cleaners.protected import outside_code
from tasks.cleaners.special_tokens import ABOUT_TOKENS, LOOKS_SPECIAL, strip_leaked_ends, strip_special_tokens
from tasks.cleaners.templates import (
    ABOUT_DIALOGUES,
    ABOUT_PLACEHOLDERS,
    ABOUT_TEMPLATES,
    LOOKS_ASKED,
    LOOKS_SPOKEN,
    LOOKS_TEMPLATED,
    LOOKS_UNFILLED,
    fill,
    strip_asker,
    strip_speaker,
    strip_template,
)
from tasks.cleaners.whitespace import LOOKS_UNTIDY, tidy
from tasks.core.params import CleanParams


def _whole(text: pl.Expr) -> pl.Expr:
    return text


class Repair(NamedTuple):
    """One operation: its name in params and ledger, where to look, what to do, which rows to leave."""

    name: str
    suspect: str  # a Rust regex
    fix: Callable[[str], str]
    unless: str | None = None  # a Rust regex: a row with it in any turn is left as it is
    unless_in: Callable[[pl.Expr], pl.Expr] = _whole  # what of a turn `unless` is looked for in
    role: str | None = None  # whose turns are repaired; all where there is none


REPAIRS = (
    "encoding",
    "unicode",
    "special_tokens",
    "html",
    "template_remnants",
    "template_values",
    "control",
    "half_width",
    "simplified",
    "whitespace",
)


def repairs(params: CleanParams) -> list[Repair]:
    """The repairs that params ask for, in order; one name may have two, for rows of different kinds."""
    every = (
        Repair("encoding", LOOKS_MISREAD, mend_encoding),
        Repair("unicode", LOOKS_COMPOSABLE, partial(compose, form=params.unicode or "NFC")),
        Repair("special_tokens", LOOKS_SPECIAL, outside_code(strip_special_tokens), unless=ABOUT_TOKENS),
        Repair("special_tokens", LOOKS_SPECIAL, strip_leaked_ends),
        Repair("html", LOOKS_ESCAPED, unescape_code, unless=ABOUT_ESCAPES),
        Repair("html", LOOKS_HTML, strip_html, unless=ABOUT_CODE, unless_in=beside_tags),
        Repair("template_remnants", LOOKS_TEMPLATED, strip_template, unless=ABOUT_TEMPLATES),
        Repair("template_remnants", LOOKS_ASKED, strip_asker, unless=ABOUT_TEMPLATES, role="user"),
        Repair("template_remnants", LOOKS_SPOKEN, strip_speaker, unless=ABOUT_DIALOGUES, role="assistant"),
        Repair("template_values", LOOKS_UNFILLED, fill(params.template_values), unless=ABOUT_PLACEHOLDERS),
        Repair("control", LOOKS_CONTROL, strip_control),
        Repair("half_width", LOOKS_FULL_WIDTH, narrow),
        Repair("simplified", LOOKS_CHINESE, simplify, unless=ABOUT_SCRIPTS),
        Repair("whitespace", LOOKS_UNTIDY, tidy),
    )
    return [repair for repair in every if getattr(params, repair.name)]
