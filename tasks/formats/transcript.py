"""A conversation in one string: told by the marks of its speakers, and split at them.

A transcript begins with a mark, keeps to one style of marks, and both a user and an assistant speak in it. Other text
is no transcript, however often it mentions a speaker. Before the first mark nothing may stand but one of PREAMBLES,
which becomes the system turn. A last mark with nothing after it asks for a turn and is none.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from tasks.core.schema import Message
from tasks.formats.conversation import turn

ROLES = {
    "user": (
        "human", "user", "instruction", "input", "question", "[inst]", "用户", "人类", "指令", "输入", "问", "问题",
    ),
    "assistant": (
        "assistant", "bot", "ai", "gpt", "chatgpt", "moss", "model", "response", "answer", "[/inst]",
        "助手", "助理", "机器人", "回复", "答", "回答", "答案",
    ),
    "system": ("system", "系统"),
    "tool": ("tool", "observation", "ipython"),
}  # fmt: skip
_ROLE_OF = {name: role for role, names in ROLES.items() for name in names}
_INPUTS = ("input", "输入")  # belong to the instruction before them
PREAMBLES = (
    "Below is an instruction",  # Alpaca's rendered prompt
    "The conversation between human and AI assistant",  # Baize
    "A chat between a curious",  # Vicuna
)
UNREAD = ("<|Inner Thoughts|>", "<|Commands|>")  # MOSS 003 calls its tools by code between the speakers' turns
_SYSTEM = re.compile(r"<<SYS>>\n?(.*?)\n?<</SYS>>\s*", re.DOTALL)  # Llama 2 has it inside the first user turn
_MARGIN = re.compile(r"[ \t]*\n+|[ \t]+")  # what stands between a mark and the text: the indent of code is none of it


class Style(NamedTuple):
    """How speakers are marked: the mark's first group is the name; `ends` may close a turn."""

    mark: re.Pattern[str]
    ends: tuple[str, ...]


def _tokens(mark: str, *ends: str) -> Style:
    """Marks of special tokens, which may stand anywhere."""
    return Style(re.compile(mark, re.IGNORECASE), ends)


def _names(*names: str, before: str = r"(?:\A|\n)[ \t]*") -> Style:
    """A name and a colon at the beginning of a line."""
    return _tokens(rf"{before}({'|'.join(names)})[ \t]*[:：]", "</s>", "<|endoftext|>")


# Names of different styles never mix, so that `Question:` inside an assistant's turn begins no turn.
CHAT = (
    _tokens(r"<\|im_start\|>(system|user|assistant|tool)\n", "<|im_end|>", "<|endoftext|>"),  # ChatML
    _tokens(r"(?:<\|begin_of_text\|>)?<\|start_header_id\|>(system|user|assistant|ipython)<\|end_header_id\|>\n*",
            "<|eot_id|>", "<|end_of_text|>"),  # Llama 3
    _tokens(r"(?:<bos>)?<start_of_turn>(user|model)\n", "<end_of_turn>", "<eos>"),  # Gemma
    _tokens(r"(?:<s>[ \n]?)?(\[/?INST\])", "</s>", "<s>"),  # Llama 2
    # MOSS, InternLM; without colon Zephyr, ChatGLM3, Phi-3
    _tokens(r"<\|(human|user|moss|bot|assistant|system|observation)\|>[:：]?",
            "<eoh>", "<eoa>", "<eom>", "</s>", "<|end|>", "<|endoftext|>"),
    _tokens(r"\[(human|moss)\][:：]", "<eoh>", "<eoa>"),  # MOSS 002
    _tokens(r"\[\|(human|ai)\|\]"),  # Baize
    _tokens(r"<(user|human|bot|assistant|system)>[ \t]*[:：]", "</s>"),
    _names("human", "user", "assistant", "system", before=r"###[ \t]*"),  # Guanaco, without line breaks
    _names("instruction", "input", "response", "system", before=r"(?:\A|\n)###?[ \t]*"),  # Alpaca's rendered prompt
    _names("指令", "输入", "回复", "回答", "系统", before=r"(?:\A|\n)###?[ \t]*"),
    _names("human", "assistant", before=r"(?:\A\n|\n)\n"),  # HH-RLHF: a single line break begins no turn
    _names("human", "user", "assistant", "bot", "ai", "gpt", "chatgpt", "system",
           "用户", "人类", "助手", "助理", "机器人", "系统"),
)  # fmt: skip
QUESTIONS = (_names("question", "answer"), _names("问", "答"), _names("问题", "回答|答案"))


def transcript(text: str, styles: Iterable[Style] = (*CHAT, *QUESTIONS)) -> list[Message] | None:
    """The turns of a transcript, None for other text."""
    if any(mark in text for mark in UNREAD):
        return None
    for style in styles:
        first = style.mark.search(text)
        before = text[: first.start()].strip() if first else ""
        if first is None or (before and not before.startswith(PREAMBLES)):
            continue
        turns = _turns(text, style)
        if {"user", "assistant"} <= {t["role"] for t in turns}:
            return [*([turn("system", before)] if before else []), *(turns if turns[-1]["content"] else turns[:-1])]
    return None


def transcript_of_list(texts: list[Any]) -> list[Message] | None:
    """The turns of a list of texts in which each begins with its speaker's mark, None for any other."""
    if not texts or not all(isinstance(text, str) for text in texts):
        return None
    turns = transcript("\n\n".join(texts))
    return turns if turns and len(turns) == len(texts) else None


def _turns(text: str, style: Style) -> list[Message]:
    marks = list(style.mark.finditer(text))
    turns: list[Message] = []
    for mark, stop in zip(marks, [*(m.start() for m in marks[1:]), len(text)], strict=True):
        name, said = mark[1].lower(), text[mark.end() : stop]
        said = _without_margin(_without_ends(said, style.ends))
        if name in _INPUTS and turns and turns[-1]["role"] == "user":
            turns[-1] = turn("user", "\n".join(filter(None, (turns[-1]["content"], said))))
            continue
        if not turns and (system := _SYSTEM.match(said)):
            turns.append(turn("system", system[1]))
            said = said[system.end() :]
        turns.append(turn(_ROLE_OF[name], said))
    return turns


def _without_ends(said: str, ends: tuple[str, ...]) -> str:
    said = said.rstrip()
    while end := next((end for end in ends if said.endswith(end)), None):
        said = said[: -len(end)].rstrip()
    return said


def _without_margin(said: str) -> str:
    margin = _MARGIN.match(said)
    return said[margin.end() :] if margin else said
