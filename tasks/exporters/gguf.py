"""The model as one GGUF file, which llama.cpp and all that is built on it load: a llama, its tokenizer and template.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Two things differ from the Hugging Face folder:

- llama.cpp turns neighbours (x_2i, x_2i+1) by position, we turn (x_i, x_i+hs/2): the rows of Q and K are interleaved.
- Its Jinja has no tojson(sort_keys=true), and older ones no `generation` marks: the template writes the tools by a
  macro that sorts, and goes without the marks.

Special tokens are control tokens. A server that is given messages renders them to one string and reads it with control
tokens on, so `<|end|>` typed by a user ends the turn there, other than in `instructflow generate`. Where users are not
trusted, encode as tasks/core/tokens.py does and send the ids as the `prompt` of /v1/completions, which all llama.cpp
servers take.
"""

import json
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import torch
from tokenizers import Tokenizer
from torch import Tensor

from tasks.core.chat import BOS, END, JINJA, PAD, SPECIAL_TOKENS
from tasks.core.errors import ParamsError, SourceError
from tasks.core.files import whole_file
from tasks.core.model import ModelConfig, Transformer
from tasks.core.tokens import SPLIT, load_tokenizer, special_ids
from tasks.exporters.huggingface import llama_weights

if TYPE_CHECKING:
    from gguf import GGUFWriter

Dtype = Literal["float32", "float16"]

MARK = "instructflow.dtype"  # in every file written here, and so how a former export is told
SPLIT_NAME = "qwen2"  # what llama.cpp calls tasks/core/tokens.py's SPLIT
# What a tokenizer.json may do to a text, and no more: what the file calls by that name does not tell of anything else.
AS_NAMED: dict[str, Any] = {
    "normalizer": None,
    "pre_tokenizer": [
        {"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
    ],
    "model": {
        "type": "BPE",
        "dropout": None,
        "byte_fallback": False,
        "ignore_merges": False,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
    },
    "added_tokens": sorted(SPECIAL_TOKENS),
}

CANONICAL = (
    "{% macro canonical(value) %}"
    "{% if value is mapping %}"
    "{{ '{' }}{% for name, inner in value | dictsort(case_sensitive=true) %}"
    "{{ ('' if loop.first else ',') + (name | tojson) + ':' + canonical(inner) }}{% endfor %}{{ '}' }}"
    "{% elif value is sequence and value is not string %}"
    "{{ '[' }}{% for inner in value %}{{ ('' if loop.first else ',') + canonical(inner) }}{% endfor %}{{ ']' }}"
    "{% else %}{{ value | tojson }}{% endif %}"
    "{% endmacro %}"
)
NOT_OF_LLAMA_CPP = {
    "{% generation %}": "",
    "{% endgeneration %}": "",
    "(tools | tojson(sort_keys=true, separators=(',', ':')))": "canonical(tools)",
}


def export(model: Transformer, tokenizer_file: Path, file: Path, *, dtype: Dtype = "float32") -> None:
    """Write `model` and its tokenizer into `file`; with `float16` its matrices take half the room.

    Raises ParamsError where the extra export is not installed, SourceError when `tokenizer_file` is not there, lacks a
    token of the chat template, has more tokens than the model, or splits text otherwise than llama.cpp would.
    """
    gguf = library()
    tokenizer = load_tokenizer(tokenizer_file)
    check_split(tokenizer, tokenizer_file)
    with whole_file(file) as temporary:
        writer = gguf.GGUFWriter(None, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.LLAMA])
        writer.add_string(MARK, dtype)
        writer.add_file_type(file_type(dtype))
        add_shape(writer, model.config)
        add_tokenizer(writer, tokenizer, model.config.vocab_size)
        names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, model.config.n_layer)
        for name, weight in llama_weights(model).items():
            if "q_proj" in name or "k_proj" in name:
                weight = interleaved(weight, model.config.head_size)
            if weight.dim() == 2 and dtype == "float16":
                weight = weight.to(torch.float16)
            writer.add_tensor(names.get_name(name, (".weight",)), weight.numpy())
        writer.write_header_to_file(temporary)
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def is_export(file: Path) -> bool:
    """Whether `file` is as `export` wrote it, and not quantised since. Raises ParamsError as `export` does."""
    gguf = library()
    with file.open("rb") as opened:
        if opened.read(4) != b"GGUF":
            return False
    try:
        fields = gguf.GGUFReader(file).fields
    except (ValueError, IndexError, KeyError):  # what it raises for a file that is damaged or of a later version
        return False
    if MARK not in fields:
        return False
    dtype = fields[MARK].contents()
    return dtype in ("float32", "float16") and fields["general.file_type"].contents() == file_type(dtype)


def template() -> str:
    """The chat template without what llama.cpp's Jinja does not know."""
    text = JINJA
    for ours, theirs in NOT_OF_LLAMA_CPP.items():
        assert ours in text, f"tasks/core/chat.py: JINJA has no {ours!r} any more"
        text = text.replace(ours, theirs)
    return CANONICAL + text


def interleaved(weight: Tensor, head_size: int) -> Tensor:
    """(heads * hs, C) with the rows of each head in the order 0, hs/2, 1, hs/2 + 1, …"""
    return weight.view(-1, 2, head_size // 2, weight.size(1)).transpose(1, 2).reshape(weight.shape)


def add_shape(writer: "GGUFWriter", config: ModelConfig) -> None:
    """The shape in the words of llama.cpp."""
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.block_size)
    writer.add_block_count(config.n_layer)
    writer.add_embedding_length(config.n_embd)
    writer.add_feed_forward_length(config.n_hidden)
    writer.add_head_count(config.n_head)
    writer.add_head_count_kv(config.n_kv_head)
    writer.add_rope_dimension_count(config.head_size)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.norm_eps)


def add_tokenizer(writer: "GGUFWriter", tokenizer: Tokenizer, vocab_size: int) -> None:
    """The tokens and merges of a byte-level BPE; ids that the model has and the tokenizer does not are unused tokens.

    No begin token is added by the server, because the chat template has it. Raises SourceError for too many tokens.
    """
    types = library().TokenType
    n_known = tokenizer.get_vocab_size()
    if n_known > vocab_size:
        raise SourceError(f"tokenizer: {n_known} tokens; expected at most the model's {vocab_size}")
    tokens = {id: token for token, id in tokenizer.get_vocab().items()}
    tokens |= {id: f"[unused {id}]" for id in range(vocab_size) if id not in tokens}
    ids = special_ids(tokenizer)
    kinds = dict.fromkeys(range(n_known), types.NORMAL) | dict.fromkeys(ids.values(), types.CONTROL)
    writer.add_tokenizer_model("gpt2")  # byte-level BPE
    writer.add_tokenizer_pre(SPLIT_NAME)
    writer.add_token_list([tokens[id] for id in range(vocab_size)])
    writer.add_token_types([kinds.get(id, types.UNUSED) for id in range(vocab_size)])
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(ids[BOS])
    writer.add_eos_token_id(ids[END])
    writer.add_pad_token_id(ids[PAD])
    writer.add_add_bos_token(False)
    writer.add_chat_template(template())


def check_split(tokenizer: Tokenizer, tokenizer_file: Path) -> None:
    """Raise SourceError where the tokenizer does anything to a text but SPLIT and byte-level merges."""
    stored = json.loads(tokenizer.to_str())
    parts = (stored["pre_tokenizer"] or {}).get("pretokenizers", [])
    found = {
        "normalizer": stored["normalizer"],
        "pre_tokenizer": [{name: part[name] for name in part if name != "trim_offsets"} for part in parts],
        "model": {name: stored["model"].get(name) for name in AS_NAMED["model"]},
        "added_tokens": sorted(token["content"] for token in stored["added_tokens"]),
    }
    if others := [name for name, of in found.items() if of != AS_NAMED[name]]:
        raise SourceError(
            f"{tokenizer_file}: does not split text as tasks/core/tokens.py does, by its {', '.join(others)}; "
            "expected one of tokenize"
        )


def library() -> ModuleType:
    """The package gguf; raises ParamsError where it is not installed."""
    try:
        import gguf
    except ImportError as error:
        raise ParamsError(
            f"export: needs a library that is not installed here ({error}); run: pip install 'instructflow[export]'"
        ) from None
    return gguf


def file_type(dtype: Dtype) -> int:
    """The number that says what most tensors are made of."""
    types = library().LlamaFileType
    return int({"float32": types.ALL_F32, "float16": types.MOSTLY_F16}[dtype])
