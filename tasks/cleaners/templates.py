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
_ANSWERED = r"(?:Answer|ANSWER|Response|RESPONSE|Output|OUTPUT|Reply|回答|答案|答复|回复|输出)"
_ANSWERS = (
    rf"\A\s*(?:(?:{_ANSWERED}|A|答)[ \t]*[:：]|\*\*{_ANSWERED}(?:[:：]\*\*|\*\*[:：])|【(?:{_ANSWERED}|助手)】[:：]?)"
)
_ANSWERS_FIRST = re.compile(rf"{_ANSWERS}[ \t]*(?=\S)")
_RUN_ON = re.compile(
    r"(?<!\s)\s*\n[ \t]*#{2,3} ?(?:Instruction|Human|User|指令|指示|用户|人类)[:：].*\Z",
    re.S,
)
_NAME_BEFORE_WORDS = re.compile(r"^[ \t]*(?:\*\*)?(?:[A-Z]\w{0,15}|[\u4e00-\u9fff]{1,4})(?:\*\*)?[:：][ \t]*\S", re.M)
LOOKS_SPOKEN = rf"\A\s*{_SPEAKER}|{_ANSWERS}|\n[ \t]*#{{2,3}} ?(?:Instruction|Human|User|指令|指示|用户|人类)[:：]"
# Rows that show who speaks on purpose, or in which answers have a form: Q: and A:, choices, the subject of a mail.
ABOUT_DIALOGUES = (
    rf"{ABOUT_TEMPLATES}|dialog|conversation|\bchat\b|chat ?bot|interview|script|transcript|role-?play"
    r"|对话|聊天|访谈|采访|剧本|台词|角色|邮件|\be-?mails?\b"
    r"|(?m:^)[ \t]*(?:Q|Question|问|问题|提问)[ \t]*[:：]|(?m:^)[ \t]*\(?B[.:：)）、]"
    r"|[^\s#*【][ \t\n]*(?-u:\b)(?:Answer|Output|Response)[:：]|[^\s#*【]\s*(?:答案|回答|输出)[:：]"
)


# In front of a question: a heading, or who asks.
_ASKED = r"(?:Instruction|Question|Query|Prompt|Input|Task|Human|User|指令|指示|问题|提问|任务|输入|用户|人类)"
LOOKS_ASKED = (
    rf"\A\s*(?:#{{2,3}} ?{_ASKED}[ \t]*(?:[:：]|\n)|【{_ASKED}】[:：]?|\*\*{_ASKED}(?:[:：]\*\*|\*\*[:：])"
    rf"|{_ASKED}[:：][ \t]*\n|(?:Human|HUMAN|User|USER|Instruction|INSTRUCTION|用户|人类|指令|指示)[ \t]*[:：])"
)
_ASKS_FIRST = re.compile(rf"{LOOKS_ASKED}\s*(?=\S)")
_MORE_HEADINGS = re.compile(
    r"^[ \t]*(?:#{1,6} |[【\[][^】\]\n]{1,20}[】\]]|\*\*[^*\n]{1,20}(?:[:：]\*\*|\*\*[:：])"
    r"|[^\n。.!?！？]{1,20}[:：][ \t]*$)",
    re.M,
)


@settled
def strip_asker(question: str) -> str:
    """Take out the label of a question or the name of who asks, where there is no other."""
    asked = _ASKS_FIRST.sub("", question)
    return question if _names_more(asked) or _MORE_HEADINGS.search(asked) else asked


def strip_speaker(answer: str) -> str:
    """Take out an answer's label or the name of who answers, where there is no other, and an instruction behind."""
    answer = _RUN_ON.sub(lambda run_on: "" if _is_prose(answer[: run_on.start()]) else run_on.group(), answer)
    spoken = _SPEAKS_FIRST.sub("", answer)
    if spoken == answer:
        spoken = _ANSWERS_FIRST.sub("", answer)
    return answer if _names_more(spoken) else spoken


def _names_more(text: str) -> bool:
    """Whether lines of a text begin with other labels or names."""
    return bool(_NAME_BEFORE_WORDS.search(text) or _DIALOGUE.search(text))


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
# Other marks of names, which have more uses: ${name}, #{name}, <%= name %>, {full_name}, {fullName}, {订单编号}.
_SNAKE, _CAMEL = r"[a-z]{2,}(?:_[a-z\d]{2,})+", r"[a-z]{2,}(?:[A-Z][a-z]{2,})+"
_IN_CHINESE = r"\p{Han}{0,6}(?:名|名称|姓名|称呼|单号|编号|号码|日期|时间|地址|地点|电话|金额|标题|链接)"
_MARKED = (
    r"(?:\A|[^\\A-Za-z0-9_$#%{])([$#]\{[\p{L}_][\w.]{1,30}\}|<%=? ?[\w.]+ ?%>"
    rf"|\{{\$?(?:{_SNAKE}|{_CAMEL}|{_IN_CHINESE})\}})"
)
_PLACEHOLDER = r"[$#]?\{+[\p{L}\p{N} _.]*\}+|<%=? ?[\w.]+ ?%>"
_ABOUT_NAMES = (
    r"(?i)`|\bsh\b|bash|shell|console\.|=>|==|\b(?:const|let|var|import|print|echo|curl|return|format|prompt|string|regex|sql"
    r"|ruby|python|java|javascript|kotlin|scala|perl|php|api|url|bracket|brace)s?\b|[;{][ \t]*(?:\n|\z)|\$\(|#!|://"
    r"|括号|格式|填空|占位|字符串|插值|编程|提示词|句式|数列|\bset\b"
)
_ASKED_FOR = r"template|placeholder|模板|占位|变量|latex|markdown|代码|\bcode\b"


def fill(values: dict[str, str]) -> Callable[[str], str]:
    """What puts `values` for {{name}}; a name that has none stays. Raises ValueError for a value with {{ in it."""
    if nested := [name for name, value in values.items() if "{{" in value or "}}" in value]:
        raise ValueError(f"template_values.{nested[0]}: a value holds {{{{ or }}}}; expected plain text")
    names = "|".join(re.escape(name) for name in sorted(values, key=len, reverse=True))
    placeholder = re.compile(rf"(?<![\\A-Za-z0-9_}}^{{])\{{\{{[ \t]*({names})[ \t]*\}}\}}(?!\}})")
    return outside_code(lambda text: placeholder.sub(lambda found: values[found[1]], text))


def unfilled_in(text: pl.Expr) -> pl.Expr:
    """The first {{name}}, {% if … %}, ${name} or {full_name} of each text; null: there is none, or it is code's."""
    return text.map_batches(_unfilled, return_dtype=pl.String, is_elementwise=True)


def _unfilled(texts: pl.Series) -> pl.Series:
    """In stages: few texts have braces, and fewer of them are not about code."""
    text = pl.col("text")
    rows = texts.alias("text").to_frame().with_row_index("row")
    suspects = rows.filter(text.str.contains_any(["{", "<%"])).filter(text.str.contains(f"{_UNFILLED}|{_MARKED}"))
    beside = text.str.replace_all(_PLACEHOLDER, " ")
    left = suspects.filter(~text.str.contains(_ABOUT_BRACES) & ~beside.str.contains(_ASKED_FOR))
    by_name = pl.when(~beside.str.contains(_ABOUT_NAMES)).then(text.str.extract(_MARKED, 1))
    found = left.select("row", found=pl.coalesce(text.str.extract(_UNFILLED, 1), by_name))
    return rows.select("row").join(found, on="row", how="left", maintain_order="left")["found"]
