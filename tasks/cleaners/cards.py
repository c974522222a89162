"""Numbers of bank cards and of China's identity cards in a text, by check digit."""

import re
from datetime import date

from tasks.cleaners.values import digits_of, number, rule

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


def _is_card(text: str, start: int, end: int) -> int:
    from stdnum import luhn

    digits = digits_of(text[start:end])
    return end if _CARD.fullmatch(digits) and luhn.is_valid(digits) else 0


def _is_id_card(text: str, start: int, end: int) -> int:
    """After the check digit and the day of birth; the county is no test, for they come and go."""
    from stdnum.iso7064 import mod_11_2

    digits = digits_of(text[start:end])
    try:
        born = date(*map(int, (digits[6:10], digits[10:12], digits[12:14])))
    except ValueError:
        return 0
    return end if "10" < digits[:2] < "84" and 1850 < born.year < 2100 and mod_11_2.is_valid(digits) else 0


CARDS = (
    number("id_card", r"\d{6}[ -]?\d{8}[ -]?\d{3}[\dXx]", _is_id_card),
    rule("id_card", _OLD_ID_CARD),
    number("bank_card", _CARD_GROUPS, _is_card),
)
