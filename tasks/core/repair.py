"""Repairs of one text: mojibake, HTML remnants, leaked special tokens, control characters, whitespace.

Code blocks, inline code, URLs and math are left as they are. Each repair has a cheap look at a whole column (`suspect`,
a Rust regex) that says which texts are worth a closer one.
"""

import html
import re
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

from tasks.core.text import CONTROL

PROTECTED = re.compile(
    r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|``.+?``|`[^`\n]+`|<tool_call>.*?</tool_call>|https?://[^\s<>，。）】》\"']+"
    r"|\$\$.+?\$\$|\\\[.+?\\\]|\\\(.+?\\\)",
    re.DOTALL,
)


class Repair(NamedTuple):
    """One operation: its name in params and ledger, where to look, what to do, which rows to leave."""

    name: str
    suspect: str  # a Rust regex
    fix: Callable[[str], str]
    unless: str | None = None  # a Rust regex: a row with it in any turn is left as it is


def outside_code(fix: Callable[[str], str]) -> Callable[[str], str]:
    """`fix` for the parts of a text between what is protected."""

    def fixed(text: str) -> str:
        parts, end = [], 0
        for match in PROTECTED.finditer(text):
            parts += [fix(text[end : match.start()]), match.group()]
            end = match.end()
        return "".join([*parts, fix(text[end:])])

    return fixed


def mend_encoding(text: str) -> str:
    """Undo a decoding with the wrong table: UTF-8 read as Latin-1 or Windows-1252 (ftfy), UTF-8 read as GBK."""
    import ftfy

    mended = _undo_gbk(text)
    return ftfy.fix_text(
        mended,
        uncurl_quotes=False,
        fix_character_width=False,
        unescape_html=False,
        fix_latin_ligatures=False,
        fix_line_breaks=False,
        fix_surrogates=False,
        remove_terminal_escapes=False,
        remove_control_chars=False,
        normalization=None,
    )


def _undo_gbk(text: str) -> str:
    """Real Chinese hardly ever is valid UTF-8 when written as GBK; what is was UTF-8 to begin with."""
    try:
        mended = text.encode("gb18030").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text
    return mended if len(mended) < len(text) else text


_BREAKING = r"br|p|div|li|ul|ol|tr|table|tbody|thead|h[1-6]|hr|blockquote|center|section|article"
_INLINE = r"span|b|i|u|em|strong|a|font|td|th|img|small|big|s|strike|del|ins|mark|label"
_REST = r"""(?:\s+[\w:-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>]+))*\s*/?>"""  # attributes; `a <b and c> d` has none
_NO_GENERIC = r"(?!(?<=[A-Za-z0-9_])(?-i:<[A-Z]>))"  # Optional<B> is a type
_BREAK_TAG = re.compile(rf"{_NO_GENERIC}</?(?:{_BREAKING}){_REST}", re.I)
_INLINE_TAG = re.compile(rf"{_NO_GENERIC}</?(?:{_INLINE}){_REST}", re.I)
_POWER, _INDEX = re.compile(r"<sup>(.*?)</sup>", re.I | re.S), re.compile(r"<sub>(.*?)</sub>", re.I | re.S)
_SAFE_ENTITY = re.compile(r"&(?:nbsp|quot|apos|ldquo|rdquo|lsquo|rsquo|mdash|ndash|hellip|middot);", re.I)
_ENTITY = re.compile(rf"{_SAFE_ENTITY.pattern}|&(?:amp|lt|gt|#\d{{2,6}}|#x[0-9a-f]{{2,5}});", re.I)
# A row about markup, or with code, keeps its tags, also where they stand outside a fence.
ABOUT_CODE = (
    r"(?i)html|xml|svg|jsx|vue|react|css|javascript|<script|<!doctype|<\?|template|markup|tags?\b|标签|网页|代码|前端|粗体|字体|bold|italic"
    r"|style=|class(?:name)?=|src=|href=|def |function|#include|public class|</[a-z]+>\s*</[a-z]+>\s*</"
)


def strip_html(text: str) -> str:
    """Take out tags that pages leave behind and decode entities; `x<sup>2</sup>` becomes x^2, never x2.

    Where `&lt;b&gt;` or `&amp;lt;` writes markup that is meant to be seen, those entities stay.
    """
    text = _INDEX.sub(r"_\1", _POWER.sub(r"^\1", text))
    text = _INLINE_TAG.sub("", _BREAK_TAG.sub("\n", text))
    text = _SAFE_ENTITY.sub(_unescaped, text)
    plain = _ENTITY.sub(_unescaped, text)
    markup = (_BREAK_TAG, _INLINE_TAG, _POWER, _INDEX, _ENTITY, _SPECIAL)
    return text if any(pattern.search(plain) for pattern in markup) else plain


def _unescaped(entity: re.Match[str]) -> str:
    return html.unescape(entity.group()).replace("\xa0", " ")


_SPECIAL = re.compile(
    r"<\|im_start\|>(?:system|user|assistant|tool)?\n?|<\|start_header_id\|>\w*<\|end_header_id\|>\n*"
    r"|<\|[a-z][a-z0-9_]*\|>|<｜[^｜\n]{1,30}｜>|(?-i:</?s>)|<(?:eoh|eoa|eot|eos|bos|pad|unk|sep|cls|noinput|nooutput|end_of_turn)>"
    r"|<start_of_turn>(?:user|model)?\n?|\[/?INST\]|<</?SYS>>|\[(?:PAD|CLS|SEP|UNK|EOS|BOS)\]",
    re.I,
)


def strip_special_tokens(text: str) -> str:
    """Take out special tokens of chat templates and tokenizers that leaked into the text."""
    return _SPECIAL.sub("", text)


_CONTROL = re.compile(CONTROL)


def strip_control(text: str) -> str:
    """Take out control, zero-width and bidi characters; joiners inside emoji stay, page and line marks end a line."""
    return _CONTROL.sub("", re.sub(r"[\x0b\x0c]", "\n", text))


def tidy_whitespace(text: str) -> str:
    """Plain line ends, no trailing blanks, at most one empty line in a row. Indentation stays."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t\u3000]+\n", "\n", text))


def trim(text: str) -> str:
    """No empty lines at either end and no blanks at the last; blanks before a single line go too."""
    trimmed = re.sub(r"\A(?:[ \t\u3000]*\n)+", "", text).rstrip()
    return trimmed if "\n" in trimmed else trimmed.lstrip()


_tidy = outside_code(tidy_whitespace)

# The first two bytes in UTF-8 of a Han character, or of Chinese punctuation, read as one character of GBK.
_MISREAD_AS_GBK = "".join(bytes(pair).decode("gbk") for pair in product((0xE2, *range(0xE4, 0xEA)), range(0x80, 0xC0)))
_LOOKS_MISREAD = rf"[ÃÂâåæçèéäãïÐÑ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|[銆锛{_MISREAD_AS_GBK}]"
_LOOKS_SPECIAL = (
    r"(?i)<\||<｜|</?s>|<(?:eo|bos|pad|unk|sep|cls|noi|noo|end_|start_)"
    r"|\[/?INST|SYS>>|\[(?:PAD|CLS|SEP|UNK|EOS|BOS)\]"
)
REPAIRS = (
    Repair("encoding", _LOOKS_MISREAD, mend_encoding),
    Repair("special_tokens", _LOOKS_SPECIAL, outside_code(strip_special_tokens)),
    Repair("html", r"</?[a-zA-Z][^<>]*>|&#?\w+;", outside_code(strip_html), unless=ABOUT_CODE),
    Repair("control", CONTROL, strip_control),
    Repair("whitespace", r"\A\s|\s\z|[ \t\u3000]\n|\n{3,}|\r|\u00a0", lambda text: trim(_tidy(text))),
)
