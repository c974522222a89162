"""What changed between two texts, as runs of equal, deleted and inserted text, word by word and Han by Han character.

What cannot be seen (spaces at ends, control and bidi characters) gets a visible mark, for it is often all that changed.
"""

import re
from difflib import SequenceMatcher
from typing import NamedTuple

from tasks.core.text import CONTROL

TOKEN = re.compile(r"[A-Za-z0-9_]+|.", re.DOTALL)
INVISIBLE = re.compile(CONTROL)
MARKS = {" ": "·", "\t": "→\t", "\n": "⏎\n", "\r": "␍", "\u3000": "□", "\u00a0": "⍽"}
CONTEXT_CHARS = 80  # kept of a long run of equal text, at each end
LEAST_ALIKE = 0.3  # below this share of equal text, word by word is confetti: the whole is deleted and inserted


class Run(NamedTuple):
    """A piece of text; `kind` says what became of it: same, del, ins, or gap (its text is how many were left out)."""

    kind: str
    text: str


def changes(before: str | None, after: str | None) -> list[Run]:
    """The runs that lead from `before` to `after`; where one of the two is not there, the other as it is."""
    if not before or not after:
        return [Run(kind, visible(text)) for kind, text in (("del", before), ("ins", after)) if text]
    old, new = TOKEN.findall(before), TOKEN.findall(after)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < LEAST_ALIKE:
        return [Run("del", visible(before)), Run("ins", visible(after))]
    runs = []
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            runs += _same("".join(old[a:b]))
            continue
        runs += [Run(kind, visible("".join(part))) for kind, part in (("del", old[a:b]), ("ins", new[c:d])) if part]
    return runs


def _same(text: str) -> list[Run]:
    """Equal text, without its middle where it is long: what changed is what one looks for."""
    if len(text) <= 3 * CONTEXT_CHARS:
        return [Run("same", _controls_shown(text))]
    ends = [Run("same", _controls_shown(end)) for end in (text[:CONTEXT_CHARS], text[-CONTEXT_CHARS:])]
    return [ends[0], Run("gap", f"{len(text) - 2 * CONTEXT_CHARS:,}"), ends[1]]


def visible(text: str) -> str:
    """`text` with marks for control characters, and for the space at its ends and runs of it."""
    marked = re.sub(r"\A\s+|\s+\Z|\s{2,}", lambda space: "".join(MARKS.get(c, c) for c in space[0]), text)
    return _controls_shown(marked)


def _controls_shown(text: str) -> str:
    return INVISIBLE.sub(lambda control: f"⟨U+{ord(control[0]):04X}⟩", text)
