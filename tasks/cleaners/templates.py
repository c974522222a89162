"""What prompt templates leave in a text: headings, labels, marks for "no input", placeholders that nobody filled.

The headings are those of Alpaca's rendered prompts (https://github.com/tatsu-lab/stanford_alpaca, README, Data
Release) and their Chinese translations; the marks are what self-instruct prompts ask a model to write.
"""

import re
from collections.abc import Callable

import polars as pl

from tasks.cleaners.protected import outside_code, settled

_PREAMBLE = (
    r"(?:Below is an instruction that describes a task[^\n]*\n(?:Write a response[^\n]*\n)?"
    r"|(?:下面|以下)是(?:一个|一条)?描述(?:了?一?个?)?任务的指令[^\n]*\n(?:(?:请)?(?:编写|撰写|写)[^\n]*\n)?)\s*"
)
_OPENING = re.compile(rf"\A\s*(?:{_PREAMBLE})?#{{2,3}} ?(?:Instruction|指令|指示)[:：][ \t]*\n")
_INPUT_HEADING = re.compile(r"(?<!\s)\s*\n#{2,3} ?(?:Input|输入)[:：][ \t]*\n")
_RESPONSE = r"#{2,3} ?(?:Response|Output|Answer|Assistant|回答|回复|响应|输出)[:：]"
_LABELS = r"Output|Answer|Response|输出|回答|答案|答复|回复|响应"
_LEADING = re.compile(rf"\A\s*(?:(?:{_RESPONSE}[ \t]*\n?|(?:{_LABELS})[ \t]*[:：][ \t]*\n)\s*)+")
_TRAILING = re.compile(
    r"(?:\A\s*|(?<!\s)\s*\n[ \t]*)(?:"
    r"#{2,3} ?(?:Response|Instruction|Input|Human|User|Assistant|回答|回复|指令|输入|用户|人类)[:：]?"
    r"|(?P<role>Human|User|HUMAN|USER|人类|用户)[:：])\s*\Z"
    r"|(?<!\s)\s*\n[ \t]*#{2,3}(?: ?(?:End|END|结束))?\s*\Z"
)
_DIALOGUE = re.compile(
    r"^[ \t]*(?:human|user|ai|assistant|(?:chat ?)?bot|system|agent|customer|[qa]"
    r"|用户|人类|助手|助理|(?:聊天)?机器人|客服|顾客|问|答)[ \t]*[:：]",
    re.I | re.M,
)

_NONE = r"(?:no[ _-]?inputs?|ninput|no[ _-]?outputs?|无输[入出]|无需输入|没有输[入出])"
_NEEDED = r"(?:[ \t]+(?:is[ \t]+)?(?:needed|required|provided|given|necessary))?"
_NO_INPUT = rf"<\s*(?:{_NONE}{_NEEDED}|none|n/a|不适用|无|没有|空)\s*>"
_LABEL = r"(?:\d+\.[ \t]*)?(?:#{2,3} ?)?(?:Input|Output|输入|输出)[ \t]*[:：]\s*"
_QUOTE = "“”\"'「」‘’"
_MARK = re.compile(
    rf"(?:^[ \t]*{_LABEL})?(?<![{_QUOTE}]){_NO_INPUT}(?![{_QUOTE}])(?:[ \t]*[.,。](?=[ \t]*$)|[ \t]*[-–—][ \t]+)?",
    re.I | re.M,
)
# A last line that says that there is no input.
_NO_INPUT_LINE = re.compile(
    rf"(?<!\s)\s*\n[ \t]*(?:(?:Input|输入)[:：][ \t]*)?(?:[`\"“(（\[【<]|&lt;){{0,2}}[ \t]*"
    rf"(?:{_NONE}{_NEEDED}|不需要输入)"
    r"[ \t]*(?:[`\"”)）\]】>]|&gt;){0,2}[ \t]*[.。]?\s*\Z",
    re.I,
)
# Under a single line, N/A and "none" are an input that was left empty, but not where a word may be what is asked about.
_EMPTY_INPUT = re.compile(
    r"(\A[^\n]*[^\n:：\s])[ \t]*\n[ \t]*(?:(?P<sure>(?:[Nn]/[Aa]|NA|nan|NaN|不适用))|[Nn]one|没有|无)[.。]?\s*\Z"
)
_ABOUT_A_WORD = re.compile(
    r"(?i)translat|synonym|antonym|opposite|rhym|\bwords?\b|meaning|spell|defin|type|python|\bvalue|return|class|code"
    r"|译|英文|英语|同义|近义|反义|押韵|词|什么意思|含义|拼音|类型|值|返回|代码"
)
_HEADINGS = (
    r"(?:Instruction|Input|Response|Output|Answer|Assistant|Human|User"
    r"|指令|指示|输入|输出|回答|回复|响应|用户|人类)"
)
LOOKS_TEMPLATED = (
    rf"(?i)#{{2,3}} ?{_HEADINGS}|\n[ \t]*#{{2,3}}(?: ?(?:End|结束))?\s*\z|{_NO_INPUT}|{_NONE}|不需要输入"
    rf"|\A\s*(?:{_LABELS})[ \t]*[:：][ \t]*\n|(?:\A\s*|\n[ \t]*)(?:Human|User|人类|用户)[:：]\s*\z"
    r"|\A[^\n]*\n[ \t]*(?:N/?A|nan|none|不适用|没有|无)[.。]?\s*\z"
)
# Rows that show a prompt template on purpose.
ABOUT_TEMPLATES = (
    r"(?i)\balpaca\b|羊驼|(?:prompt|chat|instruction) template|提示词?模板|对话模板|fine-?tun|微调|few-shot"
    r"|self-instruct"
)


# At the beginning of an answer, who speaks; at its end, the next instruction that a model made up and all after it.
_SPEAKER = (
    r"(?:(?:AI |Virtual )?(?:Assistant|ASSISTANT)|AI assistant|AI|GPT|ChatGPT|(?:AI|人工智能)?(?:助手|助理)|人工智能)"
    r"[ \t]*[:：]"
)
_SPEAKS_FIRST = re.compile(rf"\A\s*{_SPEAKER}\s*(?=\S)")
_RUN_ON = re.compile(
    r"(?<!\s)\s*\n[ \t]*#{2,3} ?(?:Instruction|Human|User|指令|指示|用户|人类)[:：].*\Z",
    re.S,
)
_NAME_BEFORE_WORDS = re.compile(r"^[ \t]*(?:\*\*)?(?:[A-Z]\w{0,15}|[\u4e00-\u9fff]{1,4})(?:\*\*)?[:：][ \t]*\S", re.M)
LOOKS_SPOKEN = rf"\A\s*{_SPEAKER}|\n[ \t]*#{{2,3}} ?(?:Instruction|Human|User|指令|指示|用户|人类)[:：]"
# Rows that show who speaks on purpose.
ABOUT_DIALOGUES = (
    rf"{ABOUT_TEMPLATES}|dialog|conversation|\bchat\b|chat ?bot|interview|script|transcript|role-?play"
    r"|对话|聊天|访谈|采访|剧本|台词|角色"
)


def strip_speaker(answer: str) -> str:
    """Take out the name of the one who answers, where no other speaks, and an instruction that follows the answer."""
    answer = _RUN_ON.sub(lambda run_on: "" if _is_prose(answer[: run_on.start()]) else run_on.group(), answer)
    spoken = _SPEAKS_FIRST.sub("", answer)
    return answer if _NAME_BEFORE_WORDS.search(spoken) or _DIALOGUE.search(spoken) else spoken


def _is_prose(before: str) -> bool:
    """Whether something was said, and no block of code is open."""
    return bool(before.strip()) and not before.count("```") % 2 and not before.count("~~~") % 2


@settled
def strip_template(text: str) -> str:
    """Take out headings and labels at either end of a turn and marks that say that there is no input."""
    if opening := _OPENING.match(text):
        text = _INPUT_HEADING.sub("\n", text[opening.end() :], count=1)
    text = _no_marks(text)
    text = _NO_INPUT_LINE.sub("", text)
    text = _EMPTY_INPUT.sub(_without_input, text)
    text = _LEADING.sub("", text)
    return _TRAILING.sub(lambda label: _left_of_label(label, text), text)


@outside_code
def _no_marks(text: str) -> str:
    return _MARK.sub("", text)


def _without_input(match: re.Match[str]) -> str:
    return match[1] if match["sure"] or not _ABOUT_A_WORD.search(match[1]) else match.group()


def _left_of_label(label: re.Match[str], text: str) -> str:
    """Nothing; but the label itself where it may be the next turn of a dialogue that the text shows, or is in code."""
    before = text[: label.start()]
    shown = label["role"] and _DIALOGUE.search(before)
    return label.group() if shown or before.count("```") % 2 or before.count("~~~") % 2 else ""


# {{name}}, but not the braces of LaTeX and code: \frac{{a}}{b}, x^{{i}}.
_NAME = r"[\p{L}_][\p{L}\p{N}_. -]{0,40}?"
LOOKS_UNFILLED = r"\{\{[^{}\n]+\}\}"
_TAG = r"\{%-?[ \t]*(?:if|elif|for|else|endif|endfor|include|block|set)\b[^%\n]*%\}"  # Jinja's and Liquid's
_UNFILLED = rf"(?:\A|%\}}|[^\\A-Za-z0-9_}}^{{])(\{{{{2,3}}[ \t]*{_NAME}[ \t]*\}}{{2,3}}|{_TAG})"
# Where such braces are code; and where an author was asked for them.
_ABOUT_BRACES = (
    r"(?i)jinja|handlebars|mustache|django|\bvue|angular|liquid|ansible|\bhelm\b|v-for|ngfor|f-string|</|\bdef "
    r"|function|```|\\[a-z]+\{"
)
ABOUT_PLACEHOLDERS = rf"{_ABOUT_BRACES}|\{{%"
_ASKED_FOR = r"template|placeholder|模板|占位|变量|latex|markdown|代码|\bcode\b"


def fill(values: dict[str, str]) -> Callable[[str], str]:
    """What puts `values` for {{name}}; a name that has none stays. Raises ValueError for a value with {{ in it."""
    if nested := [name for name, value in values.items() if "{{" in value or "}}" in value]:
        raise ValueError(f"template_values.{nested[0]}: a value holds {{{{ or }}}}; expected plain text")
    names = "|".join(re.escape(name) for name in sorted(values, key=len, reverse=True))
    placeholder = re.compile(rf"(?<![\\A-Za-z0-9_}}^{{])\{{\{{[ \t]*({names})[ \t]*\}}\}}(?!\}})")
    return outside_code(lambda text: placeholder.sub(lambda found: values[found[1]], text))


def unfilled_in(text: pl.Expr) -> pl.Expr:
    """The first {{name}}, {{{name}}} or {% if … %} of each text; null where there is none or it is about code."""
    shown_on_purpose = text.str.contains(f"{_ABOUT_BRACES}|{_ASKED_FOR}")
    return pl.when(~shown_on_purpose).then(text.str.extract(_UNFILLED, 1))
