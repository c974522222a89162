"""Personal data and secrets in a text, by pattern and checksum; each value becomes a typed placeholder.

No `\\b` anywhere: Han characters are word characters, so 电话13812345678请 has no word boundary around its number.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tasks.core.schema import stable_hash

KEY_BEGINS = r"A3T|ABIA|ACCA|AKIA|ASIA|gh[pousr]_|github_pat_|xox|hooks\.slack|[rs]k[_-]|eyJ|AIza|PRIVATE KEY"
AWS_SECRET = r"(?i:aws)\w{0,24}(?i:key|secret|token)"  # it has no form of its own: its name tells it
# A cheap look at a whole column: only what has one of these is searched.
SUSPECT = (
    rf"@|\d{{4}}[ -]?\d{{3}}|(?:\d[ -]?){{15}}|\d{{3}}(?:\) ?|[ .-])\d{{3}}[.-]\d{{4}}|\+\d|{KEY_BEGINS}|{AWS_SECRET}"
)
# Where a number may not begin or end: inside a longer number or a decimal fraction.
_ALONE = r"(?<![\d.])(?<![\d]-)", r"(?!\d|\.\d)"


class Found(NamedTuple):
    """One value in a text."""

    start: int
    end: int
    kind: str


def _luhn(digits: str) -> bool:
    from stdnum import luhn

    return bool(luhn.is_valid(re.sub(r"\D", "", digits)))


def _id_card(digits: str) -> bool:
    from stdnum.cn import ric

    return bool(ric.is_valid(digits))


def _international(number: str) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False


def _always(_: str) -> bool:
    return True


def _alone(pattern: str) -> re.Pattern[str]:
    return re.compile(_ALONE[0] + pattern + _ALONE[1])


# In this order: what an earlier kind has taken, a later one does not see.
PATTERNS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S), _always),
    # JSON web tokens with their signature, GitHub's fine-grained tokens, Google's API keys
    ("key", re.compile(r"eyJ[\w-]+\.eyJ[\w-]+(?:\.[\w-]*)?|github_pat_\w{22,}|AIza[\w-]{35}", re.A), _always),
    ("key", re.compile(rf"{AWS_SECRET}\W{{1,8}}[0-9a-zA-Z/+]{{40}}(?![0-9a-zA-Z/+])"), _always),
    # OpenAI, Anthropic, DeepSeek
    ("key", re.compile(r"(?<![a-zA-Z0-9])sk-(?=[a-zA-Z_-]*\d)[\w-]{32,}", re.A), _always),
    # It begins where its letters do: tried from each of a long run of them, a file in base64 would take hours.
    ("email", re.compile(r"(?<![\w.%+-])[\w.%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}", re.A | re.I), _always),
    ("id_card", _alone(r"\d{17}[\dXx]"), _id_card),
    # Card prefixes: UnionPay 62, Visa 4, Mastercard 51-55, Amex 34 and 37, JCB 35 (ISO/IEC 7812 issuer ranges)
    ("bank_card", _alone(r"(?=62|4|5[1-5]|3[457])\d(?:[ -]?\d){14,18}"), _luhn),
    ("phone", _alone(r"(?:(?:\+|00)?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}"), _always),
    ("phone", _alone(r"\(?0\d{2,3}\)?[ -]\d{7,8}"), _always),
    ("phone", re.compile(r"\+\d[\d ().-]{7,17}\d"), _international),
    ("phone", _alone(r"(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[.-]\d{4}"), _always),
)
KINDS = ("email", "phone", "id_card", "bank_card", "key")


def _keys(text: str) -> Iterator[re.Match[str]]:
    """What detect-secrets' named detectors know of secrets; its entropy detectors are left out: they guess.

    Their patterns are searched here, for the detectors give a match's group: of a GitHub token its first three letters.
    """
    from detect_secrets.plugins.aws import AWSKeyDetector
    from detect_secrets.plugins.github_token import GitHubTokenDetector
    from detect_secrets.plugins.openai import OpenAIDetector
    from detect_secrets.plugins.slack import SlackDetector
    from detect_secrets.plugins.stripe import StripeDetector

    for detector in (AWSKeyDetector, GitHubTokenDetector, OpenAIDetector, SlackDetector, StripeDetector):
        for pattern in detector.denylist:
            yield from pattern.finditer(text)


def find(text: str) -> list[Found]:
    """All values in `text`, in order, not overlapping."""
    found: list[Found] = []

    def add(start: int, end: int, kind: str) -> None:
        if not any(start < other.end and other.start < end for other in found):
            found.append(Found(start, end, kind))

    if re.search(KEY_BEGINS, text):
        for match in _keys(text):
            add(match.start(), match.end(), "key")
    for kind, pattern, is_valid in PATTERNS:
        for match in pattern.finditer(text):
            if is_valid(match.group()):
                add(match.start(), match.end(), kind)
    return sorted(found)


def _plain(kind: str, value: str) -> str:
    """The value without its spelling: case, spaces, China's prefix."""
    if kind in ("email", "key"):
        return value.lower() if kind == "email" else value
    digits = re.sub(r"[ ().-]", "", value).upper()
    return re.sub(r"\A(?:\+|00)?86(?=1\d{10}\Z)", "", digits) if kind == "phone" else digits


class Redactor:
    """Placeholders for one example: the same value gets the same one in all its turns, tools and meta."""

    def __init__(self, salt: str) -> None:
        self.salt = salt
        self.placeholders: dict[tuple[str, str], str] = {}
        self.n_found = Counter[str]()

    def redact(self, text: str) -> str:
        """`text` with every value replaced by `<KIND_n>`; again, until no value had another at its side."""
        while values := find(text):
            parts, end = [], 0
            for value in values:
                parts += [text[end : value.start], self._placeholder(value.kind, text[value.start : value.end])]
                end = value.end
                self.n_found[value.kind] += 1
            text = "".join([*parts, text[end:]])
        return text

    def _placeholder(self, kind: str, value: str) -> str:
        plain = _plain(kind, value)
        n_of_kind = sum(1 for other, _ in self.placeholders if other == kind)
        return self.placeholders.setdefault((kind, plain), f"<{kind.upper()}_{n_of_kind + 1}>")

    def told(self, kind: str) -> str:
        """What the ledger may say: each placeholder with a salted hash of its value, for joining only."""
        return " ".join(
            f"{placeholder} {stable_hash(self.salt, value)[:16]}"
            for (of, value), placeholder in self.placeholders.items()
            if of == kind
        )
