"""Special tokens of chat templates and tokenizers that leaked into a text.

Templates: ChatML, Llama 2 and 3, Gemma, Mistral, Phi, Qwen, ChatGLM, Baichuan, InternLM, DeepSeek, MOSS, Harmony;
tokenizers: BERT, T5, GPT. The role that a header names goes with it. Thoughts and tool calls are content and stay, and
so do [MASK] and <mask>, with which people write a gap.
"""

import re

_ROLE = r"(?:system|developer|user|assistant|model|tool|function|observation|environment)"
_KEPT = r"(?!\w*(?:tool_|tool▁|python_tag|think))"  # what stands round a call or a thought
_TOKENS = (
    # Headers, with the role that they name.
    rf"<\|im_start\|>(?:{_ROLE}\b(?:[ \t]*\n|(?=<\|im_sep)|:[ \t]?|[ \t]*\Z)|\w{{1,20}}\n|\n)?",
    r"<\|start_header_id\|>\w*<\|end_header_id\|>\n*",
    rf"<start_of_turn>(?:{_ROLE}\b\n?)?",
    rf"<\|start\|>(?:{_ROLE}\b)?",
    r"<\|channel\|>(?:final|analysis|commentary)?",
    rf"<\|(?:{_ROLE}|Human|Bot|MOSS|Inner Thoughts|Commands|Tool Responses|Results)\|>(?::[ \t]?|\n)?",
    # All other tokens.
    rf"<\|{_KEPT}[a-z][a-z0-9_]*\|>",
    rf"<｜{_KEPT}[^｜<>\n]{{1,30}}｜>",
    r"<(?:(?:eo[acehmprstd]|sop|bos|pad|unk|sep|cls|end_of_turn)"
    r"|reserved_\d+|unused_?\d+|extra_id_\d+|TOKENS_UNUSED_\d+)>",
    r"(?-i:</?s>)",
    r"\[/?INST\][ \t]?|<</?SYS>>\n?|(?-i:\[(?:PAD|CLS|SEP|UNK|EOS|BOS|gMASK|sMASK)\])",
)
SPECIAL = re.compile("|".join(_TOKENS), re.I)
LOOKS_SPECIAL = (
    r"(?i)<\||<｜|</?s>|<(?:eo[acehmprstd]|sop|bos|pad|unk|sep|cls)>|<(?:start|end)_of_turn>"
    r"|<(?:reserved_|unused_?|extra_id_|TOKENS_UNUSED_)\d+>|\[/?INST\]|<</?SYS>>|\[(?:PAD|CLS|SEP|UNK|EOS|BOS|[gs]MASK)\]"
)
# A row about tokens shows them on purpose; there only what no author puts goes: a header with its role at the
# beginning, an end mark after the last sentence.
ABOUT_TOKENS = (
    r"(?i)(?-u:\b)(?:bert|tokens?|transformers?|chatml|llama|gemma)(?-u:\b)|roberta|tokeni[sz]|chat[ _-]template|qwen"
    r"|chatglm|mistral|deepseek|(?-u:\b)F#|句首|句向量|词向量|预训练|分词|词元|词表|特殊标记|特殊符号|特殊词|标记符|起始符|结束符|对话模板|提示词模板"
)
_BRACKETED = re.compile(r"\[(?:CLS|SEP|PAD)\]")
_SAID = (
    r"(?: ?[和与及跟或、是用放在表代标的]"
    r"| ?(?:and|or|is|are|at|in|to|means?|marks?|stands|goes|comes|represents)\b)"
)
_SAID_OF_A_TOKEN = re.compile(_SAID, re.I)
_AS_READ_BY_BERT = re.compile(rf"\s*\[CLS\](?!{_SAID})", re.I)  # at the beginning of a text: [CLS] one [SEP] two
_STRUCK = re.compile(r"<s>[^<>\n]{1,200}</s>")  # struck-out text of a page
_HEADER = re.compile(
    rf"\A(?:\s*(?:<\|im_start\|>{_ROLE}\n|<\|start_header_id\|>{_ROLE}<\|end_header_id\|>|<start_of_turn>{_ROLE}\n"
    r"|<s>\s*\[INST\]))+\s*"
)
_ENDS = (
    *("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "</s>", "<eos>"),
    *("<eoh>", "<eoa>", "<eom>", "<｜end▁of▁sentence｜>"),
)
_QUOTES = {"“": "”", "‘": "’", "「": "」", '"': '"', "'": "'"}
_SENTENCE_ENDS = '.!?。！？…」”"'


def strip_special_tokens(text: str) -> str:
    """Take out special tokens, but one in quotes, which is talked about.

    A pair of <s> and </s> inside a text is struck-out text, which is HTML's matter.
    """
    struck = [match.span() for match in _STRUCK.finditer(text) if match.span() != (0, len(text))]
    kept = {start for span in struck for start in (span[0], span[1] - len("</s>"))}
    return SPECIAL.sub(
        lambda token: token.group() if token.start() in kept or _is_quoted(token) or _is_named(token) else "", text
    )


def _is_named(token: re.Match[str]) -> bool:
    """Whether a token of BERT's stands where a word would: in a sentence, or at its beginning with a verb behind."""
    text, start, end = token.string, *token.span()
    if not _BRACKETED.fullmatch(token.group()) or _AS_READ_BY_BERT.match(text):
        return False
    before, after = text[:start].rstrip(" "), text[end:].lstrip(" ")
    within = (before[-1:].isalpha() or before[-1:] in tuple(",，、")) and after[:1].isalpha()
    return within or bool(_SAID_OF_A_TOKEN.match(after))


def _is_quoted(token: re.Match[str]) -> bool:
    text, start, end = token.string, *token.span()
    return text[start - 1 : start] in _QUOTES and text[end : end + 1] == _QUOTES[text[start - 1 : start]]


def strip_leaked_ends(text: str) -> str:
    """Take out the header at the beginning and the marks behind the last sentence or line: no author puts them."""
    text = _HEADER.sub("", text)
    bare = text.rstrip()
    while ends := [end for end in _ENDS if bare.endswith(end)]:
        bare = bare.removesuffix(ends[0]).rstrip()
    leaked = bare and len(bare) < len(text.rstrip()) and (bare[-1] in _SENTENCE_ENDS or text[len(bare)] == "\n")
    return bare if leaked else text
