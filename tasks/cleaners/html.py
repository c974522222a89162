"""Remnants of web pages: tags and entities outside code."""

import html
import re

from tasks.cleaners.special_tokens import SPECIAL

LOOKS_HTML = r"</?[a-zA-Z][^<>]*>|&#?\w+;"
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
    markup = (_BREAK_TAG, _INLINE_TAG, _POWER, _INDEX, _ENTITY, SPECIAL)
    return text if any(pattern.search(plain) for pattern in markup) else plain


def _unescaped(entity: re.Match[str]) -> str:
    return html.unescape(entity.group()).replace("\xa0", " ")


