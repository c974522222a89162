"""Personal data and secrets in a text, by pattern and checksum; each value becomes a typed placeholder.

Values are looked for in a copy of the text whose full-width characters are half-width, one for one, so that a span in
the copy is a span in the text. No `\\b` anywhere: Han characters are word characters, so 电话13812345678请 has no word
boundary around its number. Left standing are what belongs to nobody: hotlines, addresses that are not global.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import get_args

from tasks.cleaners.addresses import IP, MAIL, SPELLED, SPELLED_MAIL, plain_ip, plain_mail
from tasks.cleaners.cards import CARDS
from tasks.cleaners.phones import INTERNATIONAL, NATIONAL, PHONES, announced, plain_phone
from tasks.cleaners.secrets import KEY_BEGINS, secrets
from tasks.cleaners.values import FOLD, Found, Rule, digits_of
from tasks.core.params import PiiKind
from tasks.core.schema import stable_hash

__all__ = ["FOLD", "KINDS", "SUSPECT", "SUSPECTED", "Found", "Redactor", "find"]

KINDS = get_args(PiiKind)
_BETWEEN = r"[ ().\-（）．－　\u00a0\u202f\u2000-\u200a\u2212\ufe63\u2010-\u2015]"  # of digits, before they are folded
# A cheap look at a whole column, also in Rust's dialect: only what has one of these is searched.
SUSPECT = (
    rf"[@＠]|\d(?:{_BETWEEN}{{0,3}}\d){{6}}|\d(?:[.．]\d{{1,3}}){{3}}|[23２３][\da-fA-Fａ-ｆＡ-Ｆ]{{3}}[:：]"
    rf"|[(（\[［]\s?[aAａＡ][tTｔＴ]\s?[)）\]］]|\s[dDｄＤ][oOｏＯ][tTｔＴ]\s|{KEY_BEGINS}"
)
SUSPECTED = re.compile(SUSPECT)
# What is looked for in a text that has something, in this order: what an earlier rule has taken, a later one does not
# see.
RULES: dict[str, tuple[Rule, ...]] = {
    "@": MAIL,
    SPELLED: SPELLED_MAIL,
    r"[0-9](?:[ ().-]{0,3}[0-9]){9}": (*CARDS, *PHONES),
    r"(?:\+|00)[0-9(]": INTERNATIONAL,
    r"0[0-9]": NATIONAL,
    r"[0-9]\.[0-9]+\.[0-9]|[0-9a-fA-F]{4}:": IP,
}
# Digits in any spelling: a number that was found once is known by them elsewhere in the same row.
_DIGITS = re.compile(r"(?<![\d.a-zA-Z])\+?\d(?:[ ().-]{0,3}\d){6,}(?![a-zA-Z\d]|\.\d)", re.A)
NUMBERS = ("phone", "id_card", "bank_card")
# A value without its spelling: case, width, blanks, (at), China's prefix.
_PLAIN: dict[str, Callable[[str], str]] = {"email": plain_mail, "ip": plain_ip, "phone": plain_phone}


def find(text: str, kinds: Collection[str] = KINDS) -> list[Found]:
    """All values of `kinds` in `text`, in order, not overlapping."""
    if not SUSPECTED.search(text):
        return []
    found: list[Found] = []
    taken = bytearray(len(text))
    folded = text.translate(FOLD)
    for value in (*(Found(*span, "key") for span in secrets(text)), *_ruled(folded), *announced(folded)):
        if value.kind in kinds and not any(taken[value.start : value.end]):
            taken[value.start : value.end] = b"1" * (value.end - value.start)
            found.append(value)
    return sorted(found)


def _ruled(text: str) -> Iterator[Found]:
    for needs, rules in RULES.items():
        for kind, pattern, check in rules if re.search(needs, text) else ():
            group = "value" if "value" in pattern.groupindex else 0
            for match in pattern.finditer(text):
                start, end = match.span(group)
                if end := check(text, start, end):
                    yield Found(start, end, kind)


def _plain(kind: str, value: str) -> str:
    return value if kind == "key" else _PLAIN.get(kind, digits_of)(value.translate(FOLD))


class Redactor:
    """Placeholders for one example: the same value gets the same one in all its turns, tools and meta."""

    def __init__(self, salt: str, kinds: Collection[str] = KINDS, public: Iterable[str] = ()) -> None:
        """`public` are texts whose values stay."""
        self.salt, self.kinds, self.public = salt, kinds, "\n".join(public)
        self.n_of_kind = Counter[str]()
        self.placeholders: dict[tuple[str, str], str] = {}
        self.taken: set[str] = set()
        self.n_found = Counter[str]()

    def takes(self, texts: Iterable[str]) -> None:
        """Keep the placeholders that stand in `texts` for what they stand for: new values get other numbers."""
        for text in texts:
            self.taken.update(re.findall(rf"<(?:{'|'.join(KINDS).upper()})_\d+>", text))

    def redact(self, text: str) -> str:
        """`text` with every value replaced by `<KIND_n>`; again, until no value had another at its side.

        A number that was found before in this example is replaced however it is spelled here.
        """
        while values := self._of_somebody(text) or self._known(text):
            parts, end = [], 0
            for value in values:
                parts += [text[end : value.start], self._placeholder(value.kind, text[value.start : value.end])]
                end = value.end
                self.n_found[value.kind] += 1
            text = "".join([*parts, text[end:]])
        return text

    def _of_somebody(self, text: str) -> list[Found]:
        return [value for value in find(text, self.kinds) if text[value.start : value.end] not in self.public]

    def _known(self, text: str) -> list[Found]:
        if not any(kind in NUMBERS for kind, _ in self.placeholders):
            return []
        spans = [match.span() for match in _DIGITS.finditer(text.translate(FOLD))]
        known = (
            [kind for kind in NUMBERS if (kind, _plain(kind, text[start:end])) in self.placeholders]
            for start, end in spans
        )
        return [Found(start, end, kinds[0]) for (start, end), kinds in zip(spans, known, strict=True) if kinds]

    def _placeholder(self, kind: str, value: str) -> str:
        plain = _plain(kind, value)
        if (kind, plain) not in self.placeholders:
            self.n_of_kind[kind] += 1
            while (name := f"<{kind.upper()}_{self.n_of_kind[kind]}>") in self.taken:
                self.n_of_kind[kind] += 1
            self.placeholders[kind, plain] = name
        return self.placeholders[kind, plain]

    def told(self, kind: str) -> str:
        """What the ledger may say: each placeholder with a salted hash of its value, for joining only."""
        return " ".join(
            f"{placeholder} {stable_hash(self.salt, value)[:16]}"
            for (of, value), placeholder in self.placeholders.items()
            if of == kind
        )
