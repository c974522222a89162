"""Any text encoding and line end of Chinese and English files as UTF-8 with \n or \r\n.

UTF-8 and UTF-16 are told by mark or pattern. Otherwise GB18030 or Big5, whichever reads the head as text of common
characters; a file that none of them reads is UTF-8 with damage, and each damaged record a reject.
"""

import codecs
import re
from collections.abc import Iterator

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# The first ranks of Jun Da's character frequency list (https://lingua.mtsu.edu/chinese-computing/), in both scripts.
COMMON = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然"
    "家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实"
    "這個們來為國說時會對過發後裡種經麼學現當沒動進還樣開從實於與請問答題"
)
MIN_COMMON_RATIO = 0.15  # of the Han characters in the head; real text has over 0.3, a wrong table under 0.05
MAX_DAMAGE_RATIO = 0.1  # of what is not ASCII; UTF-8 with a few broken bytes is still UTF-8
_LONE_CR = re.compile(rb"\r(?!\n)")

INVALID = "instructflow.invalid"


def _invalid(error: UnicodeError) -> tuple[str, int]:
    """Keep bytes that are no text as bytes that are no UTF-8: `surrogateescape`, which stops at bytes below 0x80."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + max(byte, 0x80)) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(INVALID, _invalid)


def encoding_of(head: bytes) -> str:
    """The name of the encoding of a file that begins with `head`."""
    for mark, name in MARKS:
        if head.startswith(mark):
            return name
    if not head:
        return "utf-8"
    even, odd = head[0:2000:2].count(0), head[1:2000:2].count(0)
    if max(even, odd) > 0.3 * len(head[:2000]) / 2 and min(even, odd) < 0.1 * max(even, odd):
        return "utf-16-be" if even > odd else "utf-16-le"
    text = head.decode("utf-8", "replace")
    broken = text.count("\ufffd") - text.endswith("\ufffd")  # the last character may be cut by the end of the head
    if broken <= MAX_DAMAGE_RATIO * (len(text) - len(text.encode("ascii", "ignore"))):
        return "utf-8"
    ratio, best = max((_common_ratio(head, name), name) for name in ("gb18030", "big5"))
    return best if ratio >= MIN_COMMON_RATIO else "utf-8"


def as_utf8(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The same text as UTF-8 without a mark; bytes that `encoding` cannot read stay, and so are invalid UTF-8."""
    if encoding == "utf-8":
        yield from _without_mark(chunks)
        return
    decoder = codecs.getincrementaldecoder(encoding)(INVALID)
    for chunk in chunks:
        yield decoder.decode(chunk).removeprefix("\ufeff").encode("utf-8", "surrogateescape")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")


def _without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for first in chunks:
        yield first.removeprefix(codecs.BOM_UTF8)
        break
    yield from chunks


def is_old_mac(head: bytes) -> bool:
    """Whether the lines of a text that begins with `head` end with \\r alone, as on Macintosh before 2001."""
    return b"\r" in head and b"\n" not in head


def unix_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same text with \\n for every \\r that stands alone: each byte keeps its place."""
    held = b""
    for chunk in chunks:
        chunk, held = held + chunk, b""
        if chunk.endswith(b"\r"):  # \n may follow in the next chunk
            chunk, held = chunk[:-1], b"\r"
        yield _LONE_CR.sub(b"\n", chunk)
    yield held.replace(b"\r", b"\n")


def _common_ratio(head: bytes, encoding: str) -> float:
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return 0.0
    wide = [c for c in text if c > "\x7f"]
    return sum(c in COMMON for c in wide) / len(wide) if wide else 0.0
