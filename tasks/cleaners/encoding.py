"""Mojibake: text that was decoded with the wrong table."""

import re
from itertools import product

# The first two bytes in UTF-8 of a Han character, or of Chinese punctuation, read as one character of GBK.
_MISREAD_AS_GBK = "".join(bytes(pair).decode("gbk") for pair in product((0xE2, *range(0xE4, 0xEA)), range(0x80, 0xC0)))
_MAC_ROMAN = re.escape(bytes(range(0x80, 0xC0)).decode("mac_roman"))
LOOKS_MISREAD = (
    r"[\u0080-\u009f]|[Â-ô][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ\ufffd]"
    rf"|[銆锛{_MISREAD_AS_GBK}]"
    # UTF-8 read as Mac Roman: ‚Äú was “, √© was é.
    rf"|‚[{_MAC_ROMAN}]{{2}}|[√¬][{_MAC_ROMAN}]|[„‰ÂÊÁËÈÔ][{_MAC_ROMAN}]{{2}}[„‰ÂÊÁËÈÔ‚]"
)
# A quotation mark or dash and the letter behind it, read as two characters of GBK: 鈥檛 was ’t. No word has 鈥.
_SIGNS_READ_AS_GBK = {
    raw.decode("gbk"): raw.decode("utf-8")
    for raw in (sign.encode() + bytes([letter]) for sign in "–—‘’“”" for letter in range(0x40, 0x7F))
}
_SIGN_READ_AS_GBK = re.compile("|".join(map(re.escape, _SIGNS_READ_AS_GBK)))
_ONLY_MISREAD = "鈥"
LOST = "\ufffd"  # what decoders write for bytes that they cannot read, beside ?
LEAST_MENDED = 3  # whole characters, with which a text that lost a byte is taken for mojibake
# What Chinese text is made of; other scripts in what was "mended" say that the bytes were Chinese in GBK all along.
_CHINESE = re.compile(rf"[\x00-\x7f\u00a1-\u024f\u2010-\u203a\u3000-\u30ff\u4e00-\u9fff\uff01-\uffe5{LOST}]*")
_FOREIGN_RUN = re.compile(rf"([^\x00-\x7f{LOST}]+)([?{LOST}]?)")


def mend_encoding(text: str) -> str:
    """Undo a decoding with the wrong table: UTF-8 read as Latin-1, Windows-1252, Mac Roman (ftfy) or GBK."""
    import ftfy

    return ftfy.fix_text(
        _undo_gbk(text),
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
    """Real Chinese hardly ever is valid UTF-8 when written as GBK; what is was UTF-8 to begin with.

    Two signs that come of two are no proof, for some words would pass, but with 鈥 among them they are.
    """
    try:
        mended = text.encode("gb18030").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        after = _undo_gbk_with_losses(text)
        return after if after != text else _SIGN_READ_AS_GBK.sub(lambda sign: _SIGNS_READ_AS_GBK[sign.group()], text)
    is_misread = len(mended) < len(text) or _ONLY_MISREAD in text
    return mended if is_misread and _CHINESE.fullmatch(mended) else text


def _undo_gbk_with_losses(text: str) -> str:
    """Every run between ASCII is UTF-8, whole or but for its last character, whose bytes did not pair up.

    Where one run is not, the text is Chinese and stays. A character that lost a byte becomes U+FFFD.
    """
    runs = [(_utf8(run), mark) for run, mark in _FOREIGN_RUN.findall(text)]
    whole = [run for run, _ in runs if run is not None]
    if not whole or len(whole) < len(runs) or sum(len(run.rstrip(LOST)) for run in whole) < LEAST_MENDED:
        return text
    mended = iter(run if mark == "" or run.endswith(LOST) else run + mark for run, mark in runs if run is not None)
    after = _FOREIGN_RUN.sub(lambda _: next(mended), text)
    return after if _CHINESE.fullmatch(after) else text


def _utf8(run: str) -> str | None:
    """The run's GBK bytes read as UTF-8, U+FFFD for a last character that breaks off; None where more is wrong."""
    try:
        raw = run.encode("gbk")
    except UnicodeEncodeError:
        return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        breaks_off = error.reason == "unexpected end of data" and error.end == len(raw)
        return raw[: error.start].decode("utf-8") + LOST if breaks_off else None
