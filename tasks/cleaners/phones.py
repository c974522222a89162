"""Telephone numbers in a text: by their form, or by the word before them."""

import re
from collections.abc import Iterator

from tasks.cleaners.values import Found, digits_of, number, rule

_LINE = r"\d{3,4}[ -]?\d{4}(?: ?(?:转(?:接|分机)?|分机号?|ext\.?|extension)[ :]?\d{1,6}|-\d{3,4}(?!\d|-))?"
_MOBILE = r"1[3-9]\d(?:[ -]?\d{4}[ -]?\d{4}|\.\d{4}\.\d{4}|[ -]\d{3}[ -]\d{5})"
_INTERNATIONAL = r"(?:(?<![\d)])\+|(?<![\d.+-])00(?=[1-9]\d{0,2}[ -]))[\d(][\d ().-]{6,20}\d(?![\da-z])"
_AMERICAN = r"(?:(?:\+ ?|00)?1[ .-]?)?(?:\(\d{3}\)[ .-]?|\d{3}[.-])\d{3}[.-]\d{4}(?:,? ?(?:ext\.?|x) ?\d{1,5})?"
_AREA = r"(?:10|2\d|[3-9]\d\d)"
_CHINA = r"(?:\((?:\+|00)?86\)|(?:\+|00)?86)"


# Hotlines are a business's or a helpline's: 1-800 and its like (https://www.fcc.gov/consumers/guides/what-toll-free-
# number-and-how-does-it-work), China's 400 and 800, Britain's 0800, 03 and 084, Australia's 1300 and 1800.
_HOTLINE = re.compile(
    r"(?:\+?1)?8(?:00|33|44|55|66|77|88)\d{7}|(?:\+?86)?[48]00\d{7}"
    r"|(?:\+?44|0)(?:80[08]|3(?:00|03|30|33|43|45)|84[345])\d{6,7}|1[38]00\d{6}|0120\d{6}"
)


def _is_phone(text: str, start: int, end: int) -> int:
    return 0 if _HOTLINE.fullmatch(digits_of(text[start:end])) else end


def _is_landline(text: str, start: int, end: int) -> int:
    """Without a hyphen or a blank, the digits must be a number that China gives out."""
    value = text[start:end]
    if _HOTLINE.fullmatch(digits_of(value)):
        return 0
    is_plain = re.fullmatch(r"0(?:10|2\d|[3-9]\d\d)[2-8]\d+", value)
    return end if re.search(r"[ )-]", value) or (is_plain and _valid(value, "CN")) else 0


def _valid(digits: str, region: str | None = None) -> bool:
    """After libphonenumber; hotlines are not valid."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(digits, region)
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


# As they are written at home, from the trunk prefix on; of China's neighbours and of the countries whose numbers are of
# few lengths, so that hardly a number of another kind is valid.
_HOMES = ("GB", "FR", "AU", "JP", "TW", "KR", "IE", "NZ")
_NATIONAL = r"(?<![\w/:#.+-])(?:\(0\d{1,4}\)[ -]?|0\d{1,4}[ -])\d{2,8}(?:[ -]\d{2,4}){0,4}(?![\w/:]|[ .,-]\d)"
_BRITISH_MOBILE = r"(?<![\w/:#.+-])07[1-9]\d{8}(?![\w/:]|[ .,-]\d)"
_GERMAN_MOBILE = r"(?<![\w:#.+-])01[567]\d[ /-]\d{3,4}(?: ?\d{2,4}){1,2}(?![\w/:]|[ .,-]\d)"


_SEQUENCE = re.compile(r"(\d)\1{5}|\A0?(?:123456|987654)")
_OTHER_NUMBER = re.compile(
    r"(?:isbn|order|account|invoice|routing|serial|part|(?<![a-z])(?:id|no)|code|[单编账卡型]号|编码)[ .:=#是为]*\Z",
    re.I,
)


def _is_national(text: str, start: int, end: int) -> int:
    """A valid number of one of these countries that no word says to be another and that is no mere sequence."""
    if _OTHER_NUMBER.search(text[max(0, start - 16) : start]):
        return 0
    digits = digits_of(text[start:end])
    return end if not _SEQUENCE.search(digits) and any(_valid(digits, home) for home in _HOMES) else 0


# A number that a word announces may have any form; a list may follow: 电话是65686553、65673663.
_NUMBER = re.compile(
    r"[+(\d](?<![\d.].)(?:(?<=\+)\d)?(?:(?<=\d)\d{6,12}(?:-\d{3,5})?|(?:(?<=\()\d{2,4}\) ?|(?<=\d)\d{1,4}[ .-])"
    r"\d{2,8}(?:[ .-]\d{2,5}){0,3})(?![a-zA-Z\d]|\.\d)",
    re.A,
)
_ANNOUNCES = re.compile(
    r"(?:(?:电话|手机|座机|固话|传真|联系方式|联系人|拨打|致电|来电|电联|[拨打给](?:这个)?号?码?|短信"
    r"|(?<![a-z])(?:(?:tele|cell|mobile )?phone|tel|mobile|cell|fax|whatsapp|call|dial))"
    r"(?:[\s:=#*_\"'|>(\[]|号码?|只有一个|[是为]|numbers?|no\.|is|are|at|us|me|on|back){0,8}|wa\.me/|tel:|[?&]phone=)\Z",
    re.A | re.I,
)
# After these it is ten digits as in North America: to reach, to ring and to text are done with other numbers, too.
_FILLER = r" (?:back|me|us|him|her|them|my|our|his|their|the|this|that|number|line|office|cell|mobile|at|on|to|now)"
_REACHES = re.compile(
    rf"(?<![a-z])(?:(?:call|ring|phone|dial(?:l?ed|l?ing)?)(?:{_FILLER}){{0,5}}"
    rf"|(?:rang|(?:call|phon|reach|text|contact|messag)(?:e|ed|ing)?)(?:{_FILLER}){{1,5}})[ :]{{1,2}}\Z",
    re.I,
)
# After these, with a few words between, it is a number as one writes it down: in groups, or with 0 or + before it.
_IS_CALLED = re.compile(
    r"(?<![a-z])(?:r(?:i|a|u)ng|call|dial|phone|tele?phone|text|sms|whatsapp|signal|reach|contact|landline|mobile|cell|sim"
    r"|fax|(?:my|his|her|their|your|our|the|new|old|work|home|office) number)(?:s|ed|ing)?(?![a-z])"
    r"[^\d\n.!?;=$£€%]{0,30}\Z"
    r"|(?<![a-z])(?:ruf|nummer|erreich|appel|num[ée]ro|joindre|ll[aá]m)[a-zé]*(?![a-z])[^\d\n.!?;=]{0,20}\Z"
    r"|(?:打|拨|电话|手机|座机|微信|联系|電話|携帯|番号)[^\d\n。！？；=]{0,12}\Z",
    re.I,
)
_IN_GROUPS = re.compile(
    r"\(?[0+][\d ().-]{8,16}\d|(?!\d*000)\d{4}[ -]\d{4}|\d{3}[ -]\d{3}[ -]\d{3,4}|\d{3}[ -]\d{2}[ -]\d{2}[ -]\d{2,3}"
)
_TEN_DIGITS = re.compile(r"[2-9]\d\d[2-9]\d{6}")
_AND = re.compile(r"(?:[\s,、/;和或&]|and|or){1,4}")
_DATE = re.compile(r"(?:19|20)\d\d[ .-](?:\d\d?[ .-]\d\d?|(?:19|20)\d\d)(?!\d)")


def announced(text: str) -> Iterator[Found]:
    """Numbers that a word before them, or before the list they stand in, says to be one's telephone number."""
    last = 0
    for match in _NUMBER.finditer(text):
        start, end = match.span()
        if 7 <= len(digits_of(match.group()).lstrip("+")) <= 15 and not _DATE.match(match.group()):
            in_list = last and _AND.fullmatch(text[last:start])
            before = text[max(0, start - 40) : start]
            reaches = _TEN_DIGITS.fullmatch(match.group()) and _REACHES.search(before)
            is_called = _IN_GROUPS.fullmatch(match.group()) and _IS_CALLED.search(before)
            if in_list or reaches or is_called or _ANNOUNCES.search(before):
                last = end
                if _is_phone(text, start, end):
                    yield Found(start, end, "phone")


PHONES = (
    number("phone", rf"(?:{_CHINA}[ -]{{0,2}})?{_MOBILE}"),
    number("phone", rf"(?:{_CHINA}[ -]{{0,2}})?(?:\(0{_AREA}\)|0{_AREA})[ -]{{0,3}}{_LINE}", _is_landline),
    number("phone", rf"{_CHINA}[ -]{{1,2}}(?:\({_AREA}\) ?|{_AREA}[ -]){_LINE}", _is_phone),
    number("phone", _AMERICAN, _is_phone),
)
NATIONAL = (
    number("phone", _NATIONAL, _is_national),
    number("phone", _BRITISH_MOBILE, _is_national),
    number("phone", _GERMAN_MOBILE, _is_phone),
)
INTERNATIONAL = (rule("phone", _INTERNATIONAL, _is_international),)


def plain_phone(value: str) -> str:
    """The number without blanks, signs and the prefix of China or North America."""
    digits = re.sub(r"\A(?:\+|00)", "+", digits_of(value.replace("(0)", "")))
    digits = re.sub(r"\A\+?86(?=1\d{10}\Z)", "", digits)
    digits = re.sub(r"\A\+?86(?=[1-9])", "0", digits)
    return re.sub(r"\A\+1(?=\d{10}\Z)|\A\+", "", digits)
