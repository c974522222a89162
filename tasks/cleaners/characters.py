"""Characters that are not seen, and by choice the forms that others are written in."""

import re
import unicodedata
from collections.abc import Callable
from functools import cache, partial

from tasks.cleaners.protected import outside_code, settled
from tasks.core.text import CONTROL

# What makes a sign where it belongs and is left over elsewhere: joiners, direction marks, variation selectors, the
# Mongolian vowel separator, tags.
LOOKS_CONTROL = rf"{CONTROL}|[\u200c-\u200f\ufe00-\ufe0f\u180e\x{{e0000}}-\x{{e007f}}\x{{e0100}}-\x{{e01ef}}]"
LOOKS_FULL_WIDTH = r"[０-９Ａ-Ｚａ-ｚ\u3000]"
LOOKS_COMPOSABLE = r"[^\x00-\x7f]"
LOOKS_CHINESE = r"\p{Han}"
ABOUT_SCRIPTS = r"(?i)繁体|繁體|简体|簡體|正體|正体字|异体字|異體字|(?:traditional|simplified) (?:chinese|characters?)"

_CONTROL = re.compile(CONTROL)
# Escape sequences of terminals as a whole (ECMA-48, 5.4, and titles), of which taking ESC alone would leave [32m.
_ESCAPE = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\)|\x1b[()][0AB]")
_LINE_MARK = re.compile(r"[\x0b\x0c\x85\u2028\u2029]")
# Scripts and signs that need no joiner: Latin, punctuation, kana, Han, Hangul, full-width forms.
_UNJOINED = r"\x00-\u024f\u2000-\u206f\u3000-\u318f\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef"
_STRAY = re.compile(
    rf"(?<![^{_UNJOINED}])[\u200c\u200d]|[\u200c\u200d](?![^{_UNJOINED}])"  # a joiner with nothing to join
    r"|(?<![\u1820-\u18aa])\u180e"
    # A variation selector after what has no variants. Digits, # and * make keycaps.
    r"|(?<![0-9#*©®‼⁉™ℹ\u2190-\u2bff〰〽㊗㊙\U0001f000-\U0001faff])[\ufe0e\ufe0f]"
    r"|(?<![^\s\u0000-\u007f\ufe00-\ufe0f])[\ufe00-\ufe0d]"
    r"|(?<![\u3400-\u9fff\U00020000-\U000323af])[\U000e0100-\U000e01ef]"
)
_TAGS = re.compile(r"(\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f)|[\U000e0000-\U000e007f]")  # a flag, or tags alone
_DIRECTION = re.compile(r"[\u200e\u200f]")
_RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_KANA = re.compile(r"[\u3041-\u309f\u30a1-\u30fa\u31f0-\u31ff\uff66-\uff9d]")
_HALF_WIDTH = {
    code: code - 0xFEE0
    for first, last in ((0xFF10, 0xFF19), (0xFF21, 0xFF3A), (0xFF41, 0xFF5A))
    for code in range(first, last + 1)
} | {0x3000: 0x20}
# 10⁵ is not 105, 45º not 45o and 1½ not 11⁄2: NFKC leaves what is raised or lowered, and fractions.
_RAISED = re.compile(r"([ª²³¹º¼-¾\u02b0-\u02b8\u02e0-\u02e4\u1d2c-\u1d6a\u2070-\u209c\u2120\u2122\u2150-\u215f]+)")


@settled
def strip_control(text: str) -> str:
    """Take out characters that are not seen, except where they make a sign; page and line marks end a line."""
    text = _CONTROL.sub("", _LINE_MARK.sub("\n", _ESCAPE.sub("", text)))
    text = _STRAY.sub("", _TAGS.sub(lambda tags: tags[1] or "", text))
    if not _DIRECTION.search(text):
        return text
    return "\n".join(line if _RIGHT_TO_LEFT.search(line) else _DIRECTION.sub("", line) for line in text.split("\n"))


def compose(text: str, form: str) -> str:
    """The text outside code in the normal form NFC or NFKC; raised and lowered signs and fractions stay."""
    return outside_code(partial(_composed, form=form))(text)


def _composed(text: str, form: str) -> str:
    if form == "NFC":
        return unicodedata.normalize("NFC", text)
    parts = _RAISED.split(text)
    return "".join(part if i % 2 else unicodedata.normalize("NFKC", part) for i, part in enumerate(parts))


@outside_code
def narrow(text: str) -> str:
    """Full-width letters, digits and blanks in half width; Chinese punctuation stays."""
    return text.translate(_HALF_WIDTH)


def simplify(text: str) -> str:
    """Traditional Chinese in Simplified characters, the words unchanged; a text with kana is Japanese and stays."""
    return text if _KANA.search(text) else _simplified(text)


@outside_code
def _simplified(text: str) -> str:
    return _converter()(text)


@cache
def _converter() -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC("t2s").convert
    return convert
