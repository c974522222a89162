"""Line ends, trailing blanks, empty lines; indentation stays."""

import re

from tasks.cleaners.protected import outside_code

LOOKS_UNTIDY = r"\A\s|\s\z|[ \t\u3000]\n|\n{3,}|\r|\u00a0"


def tidy_whitespace(text: str) -> str:
    """Plain line ends, no trailing blanks, at most one empty line in a row. Indentation stays."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t\u3000]+\n", "\n", text))


def trim(text: str) -> str:
    """No empty lines at either end and no blanks at the last; blanks before a single line go too."""
    trimmed = re.sub(r"\A(?:[ \t\u3000]*\n)+", "", text).rstrip()
    return trimmed if "\n" in trimmed else trimmed.lstrip()


_tidy = outside_code(tidy_whitespace)


def tidy(text: str) -> str:
    """`tidy_whitespace` outside code, then `trim`."""
    return trim(_tidy(text))
