"""Special tokens of chat templates and tokenizers that leaked into a text."""

import re

LOOKS_SPECIAL = (
    r"(?i)<\||<｜|</?s>|<(?:eo|bos|pad|unk|sep|cls|noi|noo|end_|start_)"
    r"|\[/?INST|SYS>>|\[(?:PAD|CLS|SEP|UNK|EOS|BOS)\]"
)
SPECIAL = re.compile(
    r"<\|im_start\|>(?:system|user|assistant|tool)?\n?|<\|start_header_id\|>\w*<\|end_header_id\|>\n*"
    r"|<\|[a-z][a-z0-9_]*\|>|<｜[^｜\n]{1,30}｜>|(?-i:</?s>)|<(?:eoh|eoa|eot|eos|bos|pad|unk|sep|cls|noinput|nooutput|end_of_turn)>"
    r"|<start_of_turn>(?:user|model)?\n?|\[/?INST\]|<</?SYS>>|\[(?:PAD|CLS|SEP|UNK|EOS|BOS)\]",
    re.I,
)


def strip_special_tokens(text: str) -> str:
    """Take out special tokens of chat templates and tokenizers that leaked into the text."""
    return SPECIAL.sub("", text)


