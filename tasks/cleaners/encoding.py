"""Mojibake: text that was decoded with the wrong table."""

from itertools import product

# The first two bytes in UTF-8 of a Han character, or of Chinese punctuation, read as one character of GBK.
_MISREAD_AS_GBK = "".join(bytes(pair).decode("gbk") for pair in product((0xE2, *range(0xE4, 0xEA)), range(0x80, 0xC0)))
LOOKS_MISREAD = rf"[ÃÂâåæçèéäãïÐÑ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|[銆锛{_MISREAD_AS_GBK}]"


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


