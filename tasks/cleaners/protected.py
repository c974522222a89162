"""What no repair of markup, tokens or spacing touches: code, math, tool calls, URLs."""

import re
from collections.abc import Callable

MOST_PASSES = 40  # markup nested deeper is made to take time; real text needs two or three
# What opens twice is taken from its second opening on: so an opening that nothing closes is not looked at again.
_CODE = r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|``.+?``|`[^`\n]+`|<tool_call>(?:(?!<tool_call>).)*?</tool_call>"
_MATH = (
    r"|\$\$.+?\$\$|\\\[(?:(?!\\\[).)+?\\\]|\\\((?:(?!\\\().)+?\\\)"
    # $x$ is math by pandoc's rule: no blank inside the signs, no digit after them. With a sign of math or one letter
    # in between it is no price: $5 and $10, US$3/US$4.
    r"|\$(?<![\w$\\]\$)(?=[^\s$])(?:(?=[^$\n\\^_={}]*+[\\^_={}])[^$\n]++|[A-Za-z])(?<=\S)\$(?![\d$])"
)
CODE = re.compile(_CODE + _MATH, re.DOTALL)
PROTECTED = re.compile(rf"{_CODE}|https?://(?:[^\s<>，。）】》\"'&]|&(?!(?:nbsp|quot|[lg]t|#\d+);))+{_MATH}", re.DOTALL)


def outside(protected: re.Pattern[str], fix: Callable[[str], str]) -> Callable[[str], str]:
    """`fix` for the parts of a text between what is protected, until nothing changes: an edit may end a protection."""

    def once(text: str) -> str:
        parts, end = [], 0
        for match in protected.finditer(text):
            parts += [fix(text[end : match.start()]), match.group()]
            end = match.end()
        return "".join([*parts, fix(text[end:])])

    return settled(once)


def settled(fix: Callable[[str], str]) -> Callable[[str], str]:
    """`fix`, over and over until nothing changes; a text that needs more than MOST_PASSES is left as it was."""

    def fixed(text: str) -> str:
        before = text
        for _ in range(MOST_PASSES):
            if (after := fix(text)) == text:
                return text
            text = after
        return before

    return fixed


def outside_code(fix: Callable[[str], str]) -> Callable[[str], str]:
    """`fix` outside all that is protected."""
    return outside(PROTECTED, fix)
