"""Line ends, trailing blanks, empty lines; indentation stays."""

import re

from tasks.cleaners.protected import outside_code

LOOKS_UNTIDY = r"\A[\s\x1c-\x1f]|[\s\x1c-\x1f]\z|[ \t\u3000]\n|\n{3,}|\r|[\u00a0\u2000-\u200a\u202f\u205f]"
_BLANK = re.compile(r"[\u00a0\u2000-\u200a\u202f\u205f]")  # no-break, thin and wide ones
_INDENTED = re.compile(r"(?:\t| {2,})(?:return|yield|raise|pass|break|continue|[^\u4e00-\u9fff]*[=(){}\[\];])")
_TRAILING = re.compile(r"(?<![ \t\u3000])[ \t\u3000]+\n")


def tidy_whitespace(text: str) -> str:
    """Plain line ends and blanks, none of them trailing, at most one empty line in a row. Indentation stays."""
    text = _BLANK.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))
    return re.sub(r"\n{3,}", "\n\n", _TRAILING.sub("\n", text))


def trim(text: str) -> str:
    """No empty lines at either end and no blanks at the last; blanks before a single line go too, if it is no code."""
    trimmed = re.sub(r"\A(?:[ \t\u3000]*\n)+", "", text).rstrip()
    return trimmed if "\n" in trimmed or _INDENTED.match(trimmed) else trimmed.lstrip()


_tidy = outside_code(tidy_whitespace)


def tidy(text: str) -> str:
    """`tidy_whitespace` outside code, then `trim`."""
    return trim(_tidy(text))
