"""Personal data and secrets in a text, by pattern and checksum; each value becomes a typed placeholder.

Values are looked for in a copy of the text whose full-width characters are half-width, one for one, so that a span in
the copy is a span in the text. No `\\b` anywhere: Han characters are word characters, so 电话13812345678请 has no word
boundary around its number. Left standing are what belongs to nobody: hotlines, addresses that are not global.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date
from typing import NamedTuple, get_args

from tasks.cleaners.secrets import KEY_BEGINS, secrets
from tasks.core.params import PiiKind
from tasks.core.schema import stable_hash

KINDS = get_args(PiiKind)
# Full-width forms (Unicode block FF00), blanks of all widths, hyphens, dashes and the minus sign.
FOLD = {full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)}
FOLD |= dict.fromkeys((0x3000, 0xA0, 0x202F, *range(0x2000, 0x200B)), 0x20)
FOLD |= dict.fromkeys((0x2212, 0xFE63, *range(0x2010, 0x2016)), 0x2D)
_BETWEEN = r"[ ().\-（）．－　\u00a0\u202f\u2000-\u200a\u2212\ufe63\u2010-\u2015]"  # of digits, before they are folded
# A cheap look at a whole column, also in Rust's dialect: only what has one of these is searched.
SUSPECT = (
    rf"[@＠]|\d(?:{_BETWEEN}{{0,3}}\d){{6}}|\d(?:[.．]\d{{1,3}}){{3}}|[23２３][\da-fA-Fａ-ｆＡ-Ｆ]{{3}}[:：]"
    rf"|[(（\[［]\s?[aAａＡ][tTｔＴ]\s?[)）\]］]|\s[dDｄＤ][oOｏＯ][tTｔＴ]\s|{KEY_BEGINS}"
)


class Found(NamedTuple):
    """One value in a text."""

    start: int
    end: int
    kind: str


Check = Callable[[str, int, int], int]  # of a text from start to end: where the value ends, 0 if there is none


def _always(_: str, __: int, end: int) -> int:
    return end


# Mail addresses. Endings of files are no domains: icon@2x.png; nor are methods of a product: A@b.mean().
_FILES = r"(?!(?:png|jpe?g|gif|svg|webp|[jt]sx?|css|json|html?|xml|ya?ml|txt|csv)(?![a-z0-9]))"
_DOMAIN = rf"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.{_FILES}(?:(?:com|net|org|edu|gov|[a-z]{{2}})(?![a-z])|[a-z]{{3,}}(?![a-z(]))"
_AT, _DOT = r"(?:\( ?at ?\)|\[ ?at ?\])", r"(?:\.|\( ?dot ?\)|\[ ?dot ?\])"
_ENDS = r"(?:com|net|org|edu|gov|io|cn|uk|de|jp)(?![a-z])"


def _is_mail(text: str, start: int, end: int) -> int:
    """Not git@github.com:org/repo, which is no person, nor what follows the password in a URL."""
    is_password = re.search(r"://[^\s/@]*:\Z", text[max(0, start - 99) : start])
    return 0 if is_password or text[start:end].startswith("git@") else end


# Numbers. They don't begin or end inside a longer number, a decimal fraction or a word like B138…, nor are they terms
# of a sum: 3 + 13812345678 = or = -16666579378.
_ALONE = (
    r"(?<![\d.+])(?<!\d-)(?<!\d[a-zA-Z])(?<![^a-zA-Z\\][a-zA-Z])(?<!^[a-zA-Z])(?<!\d [+*×÷] )(?<![ =(,]-)",
    r"(?![a-zA-Z]|\d|\.\d| ?[=×÷]|[+*][\da-z(]| [+*] )",
)
_LINE = r"\d{3,4}[ -]?\d{4}(?: ?(?:转(?:接|分机)?|分机号?|ext\.?|extension)[ :]?\d{1,6}|-\d{3,4}(?!\d|-))?"
_MOBILE = r"1[3-9]\d(?:[ -]?\d{4}[ -]?\d{4}|\.\d{4}\.\d{4}|[ -]\d{3}[ -]\d{5})"
_INTERNATIONAL = r"(?:(?<![\d)])\+|(?<![\d.+-])00(?=[1-9]\d{0,2}[ -]))[\d(][\d ().-]{6,20}\d(?![\da-z])"
_AMERICAN = r"(?:(?:\+ ?|00)?1[ .-]?)?(?:\(\d{3}\)[ .-]?|\d{3}[.-])\d{3}[.-]\d{4}(?:,? ?(?:ext\.?|x) ?\d{1,5})?"
_AREA = r"(?:10|2\d|[3-9]\d\d)"
_CHINA = r"(?:\((?:\+|00)?86\)|(?:\+|00)?86)"
# Card numbers by issuer: UnionPay 62, Visa 4, Mastercard 51-55 and 2221-2720, Amex 34 and 37, JCB 3528-3589, Diners
# 300-305, 36 and 38, Discover 6011 and 65; lengths of https://en.wikipedia.org/wiki/Payment_card_number (ISO/IEC 7812).
# 15 digits with 35 or 86 are the number of a telephone (IMEI), which has a Luhn digit too.
_CARD = re.compile(
    r"62\d{14,17}|4\d{15}(?:\d{3})?|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|35(?:2[89]|[3-8]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|5\d\d)\d{12}"
)
_OLD_ID_CARD = (  # 15 digits, until 1999: a county, the day of birth, a number
    r"身份证[^\d\n]{0,8}(?P<value>[1-8]\d{5}\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3})(?!\d)"
)
_CARD_GROUPS = (
    r"(?:\d{14,19}|\d{4}(?P<a>[ -])\d{4}(?P=a)\d{4}(?P=a)\d{4}(?:(?P=a)\d{1,3})?|\d{4}(?P<b>[ -])\d{6}(?P=b)\d{4,5}"
    r"|\d{6}[ -]\d{10,13}|\d\d(?:-\d\d){7,8}(?:-\d)?)"
)


def _digits(value: str) -> str:
    return re.sub(r"[^\dX+]", "", value.translate(FOLD).upper())


def _is_card(text: str, start: int, end: int) -> int:
    from stdnum import luhn

    digits = _digits(text[start:end])
    return end if _CARD.fullmatch(digits) and luhn.is_valid(digits) else 0


def _is_id_card(text: str, start: int, end: int) -> int:
    """After the check digit and the day of birth; the county is no test, for they come and go."""
    from stdnum.iso7064 import mod_11_2

    digits = _digits(text[start:end])
    try:
        born = date(*map(int, (digits[6:10], digits[10:12], digits[12:14])))
    except ValueError:
        return 0
    return end if "10" < digits[:2] < "84" and 1850 < born.year < 2100 and mod_11_2.is_valid(digits) else 0


# Hotlines are a business's or a helpline's: 1-800 and its like (https://www.fcc.gov/consumers/guides/what-toll-free-
# number-and-how-does-it-work), China's 400 and 800.
_HOTLINE = re.compile(r"(?:\+?1)?8(?:00|33|44|55|66|77|88)\d{7}|(?:\+?86)?[48]00\d{7}")


def _is_phone(text: str, start: int, end: int) -> int:
    return 0 if _HOTLINE.fullmatch(_digits(text[start:end])) else end


def _is_landline(text: str, start: int, end: int) -> int:
    """Without a hyphen or a blank, the digits must be a number that China gives out."""
    value = text[start:end]
    is_plain = re.fullmatch(r"0(?:10|2\d|[3-9]\d\d)[2-8]\d+", value)
    return end if re.search(r"[ )-]", value) or (is_plain and _valid(value, "CN")) else 0


def _valid(number: str, region: str | None = None) -> bool:
    """After libphonenumber; hotlines are not valid."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return False
    personal = (0, 1, 2, 6, 7)  # fixed, mobile, either, voice over IP, personal: PhoneNumberType
    return phonenumbers.is_valid_number(parsed) and phonenumbers.number_type(parsed) in personal


def _is_international(text: str, start: int, end: int) -> int:
    """The longest valid number that begins here; none where + is between two numbers."""
    value = text[start:end]
    if value.lstrip("+").isdigit() and re.search(r"(?<![+\d])[\d.,]*\d\n\Z", text[max(0, start - 40) : start]):
        return 0
    while len(value) > 7:
        if _valid(re.sub(r"\A00", "+", value)):
            return start + len(value)
        value = re.sub(r"[ ().-]+\d+\Z|\A[^ ().-]+\Z", "", value)
    return 0


# A number that a word announces may have any form; a list may follow: 电话是65686553、65673663.
_NUMBER = re.compile(
    r"[+(\d](?<![\d.].)(?:(?<=\+)\d)?(?:(?<=\d)\d{6,12}(?:-\d{3,5})?|(?:(?<=\()\d{2,4}\) ?|(?<=\d)\d{1,4}[ .-])"
    r"\d{2,5}(?:[ .-]\d{2,5}){0,3})(?![a-zA-Z\d]|\.\d)",
    re.A,
)
_ANNOUNCES = re.compile(
    r"(?:(?:电话|手机|座机|固话|传真|(?<![a-z])(?:(?:tele|cell|mobile )?phone|tel|mobile|cell|fax|whatsapp|call|dial))"
    r"(?:[\s:=#*_\"'|>(\[]|号码?|只有一个|[是为]|numbers?|no\.|is|are|at|us|me|on){0,8}|wa\.me/|tel:|[?&]phone=)\Z",
    re.A | re.I,
)
_AND = re.compile(r"(?:[\s,、/;和或&]|and|or){1,4}")
_DATE = re.compile(r"(?:19|20)\d\d[ .-](?:\d\d?[ .-]\d\d?|(?:19|20)\d\d)(?!\d)")


def _announced(text: str) -> Iterator[Found]:
    last = 0
    for match in _NUMBER.finditer(text):
        start, end = match.span()
        if 7 <= len(_digits(match.group()).lstrip("+")) <= 15 and not _DATE.match(match.group()):
            in_list = last and _AND.fullmatch(text[last:start])
            if in_list or _ANNOUNCES.search(text[max(0, start - 40) : start]):
                last = end
                if _is_phone(text, start, end):
                    yield Found(start, end, "phone")


# Global addresses of nobody: public resolvers of Google, Cloudflare, Quad9, OpenDNS, 114DNS, AliDNS, DNSPod, Baidu
# (https://en.wikipedia.org/wiki/Public_recursive_name_server), which every lesson on ping has.
RESOLVERS = {
    *("8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "149.112.112.112", "208.67.222.222", "208.67.220.220"),
    *("114.114.114.114", "114.114.115.115", "223.5.5.5", "223.6.6.6", "119.29.29.29", "180.76.76.76", "2620:fe::fe"),
    *("2001:4860:4860::8888", "2001:4860:4860::8844", "2606:4700:4700::1111", "2606:4700:4700::1001"),
}
_VERSION = re.compile(
    r"(?:(?<![a-z])v|(?<![a-z])ver\.?|version|release|build|firmware|update|section|chapter|版本?|固件|章节?|第|§)[号]?"
    r"[\s:=\"'(_*]{0,6}(?:number|no\.|is|to|[为是到])?\s?\Z|[a-z]/\Z|[a-z0-9][_-]\Z|[=~<>]=\s?\Z",
    re.A | re.I,
)


def _is_ip(text: str, start: int, end: int) -> int:
    """A host's global address: no network or broadcast address (.0, .255), no version or section.

    Numbers that are all below 30 are sections and versions; of addresses they are 3 in 10,000.
    """
    value = text[start:end]
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return 0
    if not address.is_global or address.is_multicast or address.compressed in RESOLVERS:
        return 0
    if address.version == 4:
        numbers = [int(number) for number in value.split(".")]
        is_version = max(numbers) < 30 or _VERSION.search(text[max(0, start - 24) : start])
        return 0 if is_version or numbers[-1] in (0, 255) else end
    return end


Rule = tuple[str, re.Pattern[str], Check]


def _rule(kind: str, pattern: str, check: Check = _always) -> Rule:
    return kind, re.compile(pattern, re.A | re.I), check


def _number(kind: str, pattern: str, check: Check = _always) -> Rule:
    return kind, re.compile(_ALONE[0] + pattern + _ALONE[1], re.A), check


# What is looked for in a text that has something, in this order: what an earlier rule has taken, a later one does not
# see. What is in (?P<value>…) is the value.
RULES: dict[str, tuple[Rule, ...]] = {
    # It begins where its letters do: tried from each of a long run of them, a file in base64 would take hours.
    "@": (_rule("email", rf"(?<![\w.%+-])(?:(?<=\\)[nrt])?[.%+-]*(?P<value>\w[\w.%+-]*@{_DOMAIN})", _is_mail),),
    rf"(?i:{_AT}| dot )": (
        _rule("email", rf"(?<![\w.%+-])\w[\w.%+-]* ?{_AT} ?[a-z0-9-]+(?: ?{_DOT} ?[a-z0-9-]+)*? ?{_DOT} ?{_ENDS}"),
        _rule("email", rf"(?<![\w.%+-])\w[\w.%+-]* at [a-z0-9-]+(?: dot [a-z0-9-]+)*? dot {_ENDS}"),
    ),
    r"[0-9](?:[ ().-]{0,3}[0-9]){9}": (
        _number("id_card", r"\d{6}[ -]?\d{8}[ -]?\d{3}[\dXx]", _is_id_card),
        _rule("id_card", _OLD_ID_CARD),
        _number("bank_card", _CARD_GROUPS, _is_card),
        _number("phone", rf"(?:{_CHINA}[ -]{{0,2}})?{_MOBILE}"),
        _number("phone", rf"(?:{_CHINA}[ -]{{0,2}})?(?:\(0{_AREA}\)|0{_AREA})[ -]{{0,3}}{_LINE}", _is_landline),
        _number("phone", rf"{_CHINA}[ -]{{1,2}}(?:\({_AREA}\) ?|{_AREA}[ -]){_LINE}", _is_phone),
        _number("phone", _AMERICAN, _is_phone),
    ),
    r"(?:\+|00)[0-9(]": (_rule("phone", _INTERNATIONAL, _is_international),),
    r"[0-9]\.[0-9]+\.[0-9]|[0-9a-fA-F]{4}:": (
        _rule("ip", r"(?:(?<![\w.])|(?<=\\[nrt]))\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\w)", _is_ip),
        _rule("ip", r"(?:(?<![\w.])(?<![\d:]:)|(?<=\\[nrt]))[23][\da-f]{3}:[\da-f:]*[\da-f](?![\w:])", _is_ip),
    ),
}


def find(text: str) -> list[Found]:
    """All values in `text`, in order, not overlapping."""
    found: list[Found] = []
    taken = bytearray(len(text))
    folded = text.translate(FOLD)
    for value in (*(Found(*span, "key") for span in secrets(text)), *_ruled(folded), *_announced(folded)):
        if not any(taken[value.start : value.end]):
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
    """The value without its spelling: case, width, blanks, (at), China's prefix."""
    if kind == "key":
        return value
    value = value.translate(FOLD)
    if kind == "email":
        value = re.sub(r" ?[(\[] ?at ?[)\]] ?| at ", "@", value.lower())
        return re.sub(r" ?[(\[] ?dot ?[)\]] ?| dot ", ".", value)
    if kind == "ip":
        return ipaddress.ip_address(value).compressed
    if kind != "phone":
        return _digits(value)
    digits = re.sub(r"\A(?:\+|00)", "+", _digits(value.replace("(0)", "")))
    digits = re.sub(r"\A\+?86(?=1\d{10}\Z)", "", digits)
    digits = re.sub(r"\A\+?86(?=[1-9])", "0", digits)
    return re.sub(r"\A\+1(?=\d{10}\Z)|\A\+", "", digits)


class Redactor:
    """Placeholders for one example: the same value gets the same one in all its turns, tools and meta."""

    def __init__(self, salt: str, kinds: Collection[str] = KINDS) -> None:
        self.salt, self.kinds = salt, kinds
        self.placeholders: dict[tuple[str, str], str] = {}
        self.taken: set[str] = set()
        self.n_found = Counter[str]()

    def takes(self, texts: Iterable[str]) -> None:
        """Keep the placeholders that stand in `texts` for what they stand for: new values get other numbers."""
        for text in texts:
            self.taken.update(re.findall(rf"<(?:{'|'.join(KINDS).upper()})_\d+>", text))

    def redact(self, text: str) -> str:
        """`text` with every value replaced by `<KIND_n>`; again, until no value had another at its side."""
        while values := [value for value in find(text) if value.kind in self.kinds]:
            parts, end = [], 0
            for value in values:
                parts += [text[end : value.start], self._placeholder(value.kind, text[value.start : value.end])]
                end = value.end
                self.n_found[value.kind] += 1
            text = "".join([*parts, text[end:]])
        return text

    def _placeholder(self, kind: str, value: str) -> str:
        plain = _plain(kind, value)
        if (kind, plain) not in self.placeholders:
            numbers = (f"<{kind.upper()}_{n}>" for n in range(1, len(self.placeholders) + len(self.taken) + 2))
            used = self.taken.union(self.placeholders.values())
            self.placeholders[kind, plain] = next(name for name in numbers if name not in used)
        return self.placeholders[kind, plain]

    def told(self, kind: str) -> str:
        """What the ledger may say: each placeholder with a salted hash of its value, for joining only."""
        return " ".join(
            f"{placeholder} {stable_hash(self.salt, value)[:16]}"
            for (of, value), placeholder in self.placeholders.items()
            if of == kind
        )
