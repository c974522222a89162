"""Characters that are not seen, and by choice the forms that others are written in."""

import re

from tasks.core.text import CONTROL

_CONTROL = re.compile(CONTROL)


def strip_control(text: str) -> str:
    """Take out control, zero-width and bidi characters; joiners inside emoji stay, page and line marks end a line."""
    return _CONTROL.sub("", re.sub(r"[\x0b\x0c]", "\n", text))


