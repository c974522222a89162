"""Remnants of web pages: tags and entities outside code."""

import html
import re
from html.entities import entitydefs

import polars as pl

from tasks.cleaners.protected import CODE, outside
from tasks.cleaners.special_tokens import SPECIAL

_BREAKING = (
    r"p|div|ul|ol|dl|dt|dd|tr|table|tbody|thead|tfoot|h[1-6]|hr|blockquote|center|section|article|figure|figcaption"
)
_INLINE = r"span|b|i|u|em|strong|a|font|td|th|img|small|big|s|strike|del|ins|mark|label|o:p"
LOOKS_HTML = (
    rf"(?i)</?(?:br|li|{_BREAKING}|{_INLINE}|sup|sub)(?:\s[^<>]*)?/?>"
    r"|<!--|<(?:script|style|iframe)[\s>]|&(?:[a-z][a-z0-9]{1,7}|#\d{2,7}|#x[0-9a-f]{2,6});|&nbsp"
)
# Attributes; `a <b and c> d` has none.
_BARE = r"(?:nowrap|noshade|hidden|download|itemscope|allowfullscreen)\b"
_REST = rf"""(?:\s+(?:[\w:-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>]+)|{_BARE}))*\s*/?>"""
_NO_GENERIC = r"(?!(?<=[A-Za-z0-9_])(?-i:<[A-Z]>))"  # Optional<B> is a type
# What a page holds and does not show. A script of several lines is code that is shown, unless it counts visits.
_COUNTERS = r"(?:_hmt|adsbygoogle|gtag|dataLayer|google-?analytics|hm\.baidu|cnzz|_paq|fbq)"
_HIDDEN = (
    r"(?i)(?:<script(?:\s[^<>]*)?>[^\n]*?</script\s*>|<style(?:\s[^<>]*)?>[^\n]*?</style\s*>|<!--[^\n]*?-->"
    rf"|<iframe\s[^<>]*>[^\n]*?</iframe\s*>|<script(?:\s[^<>]*)?>[^<]*{_COUNTERS}[^<]*</script\s*>)"
)
_ABOUT_HIDDEN = rf"{_HIDDEN}[\s\S]*(?:脚本|注释|弹窗|跨站|嵌入|埋点)|(?:脚本|注释|弹窗|跨站|嵌入|埋点)[\s\S]*<[!sSiI]"
_HIDDEN_PART = re.compile(rf"(?<![:：])(?<![:：]\s)(?:{_HIDDEN.removeprefix('(?i)')})", re.I)
_ITEM_TAG = re.compile(rf"(?<![ \t])[ \t]*<li{_REST}", re.I)
_ITEM_END = re.compile(r"</li\s*>", re.I)
_NEXT_CELL = re.compile(rf"</t[dh]\s*>\s*<t[dh]{_REST}", re.I)
_BREAK_TAG = re.compile(rf"{_NO_GENERIC}</?(?:{_BREAKING}){_REST}", re.I)
_INLINE_TAG = re.compile(rf"{_NO_GENERIC}</?(?:{_INLINE}){_REST}", re.I)
_POWER = re.compile(rf"<sup{_REST}((?:(?!<sup\b).)*?)</sup>", re.I | re.S)
_INDEX = re.compile(rf"<sub{_REST}((?:(?!<sub\b).)*?)</sub>", re.I | re.S)
_REFERENCE = re.compile(r"\s*(?:<a\b[^<>]*>)?\[")  # <sup>[1]</sup> is no power
_LINE_BREAK = re.compile(rf"<br{_REST}(?:[ \t]*\n)?", re.I)
# Named entities and characters by number but for & < >, which may write markup that is meant to be seen.
_SAFE_ENTITY = re.compile(
    r"&(?!(?:amp|lt|gt);)[a-z][a-z0-9]{1,7};|&nbsp(?![a-z0-9=])"
    r"|&#(?!0*(?:38|60|62);)\d{2,7};|&#x(?!0*(?:26|3c|3e);)[0-9a-f]{2,6};",
    re.I,
)
_MARK_ENTITY = re.compile(r"&(?:amp|lt|gt|#0*(?:38|60|62)|#x0*(?:26|3c|3e));", re.I)
# A tag whose attributes are those of a plain page; {name} in one is a template's or a component's.
_PAGE_TAG = (
    rf"(?i)</?(?:br|li|{_BREAKING}|{_INLINE}|sup|sub)"
    rf"""(?:\s+(?:[\w:-]+\s*=\s*(?:"[^"<>{{]*"|'[^'<>{{]*'|[^\s"'<>{{]+)|{_BARE}))*\s*/?>"""
    r"""|https?://[^\s<>"'，。）]+"""
)
# Of a page, written as one writes it: indented, or a tag to a line.
_SOURCE = r"(?s)\A\s*<[a-z].*\n[ \t]+<[a-z].*>\s*\z|\A\s*<[a-z]+>\n<[a-z]+>\n.*>\s*\z"
_PICTURE = re.compile(r"\A(?:[^\n]{0,200}\n)?\s*<img\s[^<>]*>\s*\Z")  # that is the answer, or is asked about
# A row about markup, or with code or the source of a page, keeps its tags, also where they stand outside a fence. So
# does one that asks for marks in a text: <u> may be the answer. Machine translation writes tags such as <正文>. Looked
# for beside the tags that would go (`beside_tags`): style= and href= in one of those tell nothing.
ABOUT_CODE = (
    r"(?i)html|xml|svg|jsx|vue|\breact(?:\.?js|-| native| component| app| hook)|(?-i:\b(?:a|in|of|using|with) React\b)"
    r"|css|javascript|\bphp\b|python|\bjava\b|jquery|bootstrap|tailwind|markdown|beautiful ?soup|selenium|爬虫"
    r"|\bregex|正则|\bxss\b|<!doctype|<\?|template|markup|tags?\b|\bdivs?\b|\bweb\b|标签|网页|代码|前端|组件|模板"
    r"|\bcode\b|\bprogramm|(?:following|this) program\b|编程|程序员|[以如]下程序"
    r"|web ?pages?\b|\bweb ?site (?:design|layout)"
    # Asked for: marks, colours, places, links, pictures.
    r"|bold|italic|underlin|highlight|emphasi[sz]|粗体|字体|加粗|斜体|下划线|突出显示|高亮|标出|排版|文本样式|富文本"
    r"|rich ?text|typograph|居中|\bcent(?:er|re) (?:the|this|a|it)\b"
    r"|(?:text|word|letter)s? (?:in )?(?:red|blue|green|yellow)\b"
    r"|[变改标设换][成为]?[红橙黄绿蓝紫黑白灰]色|hyper-?link|超链接|into (?:a |an )?(?:clickable )?links?\b|[成为]链接"
    r"|(?:insert|add|插入|添加)[^.。\n]{0,20}(?:\blinks?\b|链接)|\bembed (?:the|an?|this|it)\b"
    r"|嵌入[^。\n]{0,8}[图视音]"
    # What code has.
    r"|style=|class(?:name)?=|src=|href=|def |\bfunction ?\w*\(|#include|public class|=> ?[{(]|[{;]\s*\n\s*[})]"
    r"|</[a-z]+>\s*</[a-z]+>\s*</|</?\p{Han}{1,6}>|<[a-z]+ ?\p{Han}"
    r"|转义|\bescap\w* (?:a |an |the )?(?:char|quot|sequence|string|ampersand|double|single|special)"
    r"|<(?:head|body|title|form|input|select|option|button|script|style|meta|link|textarea|nav|footer|header|canvas"
    r"|iframe|main|pre|code)[\s>]"
)

LOOKS_ESCAPED = r"&(?:lt|gt|quot|#39|amp;&amp);"
ABOUT_ESCAPES = r"(?i)实体|转义|\bentit(?:y|ies)\b|\bescap|encod|编码"
_PLAIN_MARK = re.compile(r'[<>"]|&(?!(?:amp|lt|gt|quot|#39);)')
_ESCAPE = re.compile(r"&(?:amp|lt|gt|quot|#39);")
_CODE_LINE = re.compile(
    r"#include|<!doctype|</\w+>\s*</?\w+"
    r"|[;{}\]):：；）]\s*(?:\n|\Z)"
    r"|=\s*[\"'\[\d]|\w\([^()\n]*[\"'\d\w]\)|[\w)\]] (?:[<>]=?|&&|[-=]>|<<|>>) [\w(\[!]|\w[<>]=?\d",
    re.I,
)


def beside_tags(text: pl.Expr) -> pl.Expr:
    """Each text without the tags that pages leave behind, and without URLs: what tells whether it is about markup.

    A text that is the source of a page and no more stays whole; one about scripts too.
    """
    beside = text.str.replace_all(_HIDDEN, " ").str.replace_all(_PAGE_TAG, " ")
    return pl.when(text.str.contains(_SOURCE) | text.str.contains(_ABOUT_HIDDEN)).then(text).otherwise(beside)


def unescape_code(text: str) -> str:
    """Code in which every < > & and double quote is written as an entity is written with the signs themselves."""
    if _PLAIN_MARK.search(text):
        return text
    plain = _ESCAPE.sub(lambda entity: html.unescape(entity.group()), text)
    return plain if _CODE_LINE.search(plain) else text


def strip_html(text: str) -> str:
    """Take out tags that pages leave behind and decode entities; `x<sup>2</sup>` becomes x^2, never x2.

    Cells of a table are parted by |, items of a list begin with -. Where `&lt;b&gt;` or `&amp;lt;` writes markup that
    is meant to be seen, those entities stay; so does a picture that is all of a text, or all under its first line, and
    a script or remark that is all of a text.
    """
    return text if _PICTURE.match(text) or not _HIDDEN_PART.sub("", text).strip() else _strip(text)


def _strip_part(text: str) -> str:
    text = _HIDDEN_PART.sub("", text)
    text = _INDEX.sub(r"_\1", _POWER.sub(_raised, text))
    text = _ITEM_END.sub("", _ITEM_TAG.sub(_listed, _NEXT_CELL.sub(" | ", text)))
    text = _BREAK_TAG.sub("\n", _LINE_BREAK.sub(_broken, text))
    text = _SAFE_ENTITY.sub(_unescaped, _INLINE_TAG.sub("", text))
    plain = _MARK_ENTITY.sub(_unescaped, text)
    markup = (_LINE_BREAK, _BREAK_TAG, _ITEM_TAG, _INLINE_TAG, _POWER, _INDEX, _SAFE_ENTITY, _MARK_ENTITY, SPECIAL)
    return text if any(pattern.search(plain) for pattern in markup) else plain


_strip = outside(CODE, _strip_part)


def _raised(power: re.Match[str]) -> str:
    return power[1] if _REFERENCE.match(power[1]) else f"^{power[1]}"


def _listed(tag: re.Match[str]) -> str:
    """The sign of a list's item, on a line of its own."""
    return "- " if tag.string[tag.start() - 1 : tag.start()] == "\n" else "\n- "


def _broken(tag: re.Match[str]) -> str:
    """A line break; in a row of a Markdown table the tag itself, the only break that can stand there."""
    text, here = tag.string, tag.start()
    in_table = "|" in text[text.rfind("\n", 0, here) + 1 : here]
    return tag.group() if in_table else "\n"


def _unescaped(entity: re.Match[str]) -> str:
    """The character of an entity; what only looks like one stays."""
    name = entity.group().strip("&;")
    if not name.startswith("#") and name not in entitydefs:
        name = name.lower()
        if name not in entitydefs and name != "apos":
            return entity.group()
    return html.unescape(f"&{name};").replace("\xa0", " ")
