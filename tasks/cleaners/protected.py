"""What no text operation touches: code, URLs, math, tool calls."""

import re
from collections.abc import Callable

PROTECTED = re.compile(
    r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|``.+?``|`[^`\n]+`|<tool_call>.*?</tool_call>|https?://[^\s<>，。）】》\"']+"
    r"|\$\$.+?\$\$|\\\[.+?\\\]|\\\(.+?\\\)",
    re.DOTALL,
)


def outside_code(fix: Callable[[str], str]) -> Callable[[str], str]:
    """`fix` for the parts of a text between what is protected."""

    def fixed(text: str) -> str:
        parts, end = [], 0
        for match in PROTECTED.finditer(text):
            parts += [fix(text[end : match.start()]), match.group()]
            end = match.end()
        return "".join([*parts, fix(text[end:])])

    return fixed


