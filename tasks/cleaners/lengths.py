"""How long a conversation is in the tokens of a tokenizer that params name; without one, units have to do."""

from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.errors import ParamsError


def n_tokens(texts: pl.Series, tokenizer: str) -> pl.Series:
    """Tokens of each text by the tokenizer.json at `tokenizer`, without special tokens. Raises ParamsError."""
    if not Path(tokenizer).is_file():
        raise ParamsError(f"clean.tokenizer: {tokenizer}: no such file; expected a tokenizer.json")
    encodings = _loaded(tokenizer, Path(tokenizer).stat().st_mtime_ns).encode_batch_fast(
        texts.to_list(), add_special_tokens=False
    )
    return pl.Series("n_tokens", [len(encoding.ids) for encoding in encodings], pl.Float64)


@cache
def _loaded(path: str, _: int) -> Any:  # anew where the file was changed
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(path)
    except Exception as error:  # tokenizers raises no other class
        raise ParamsError(f"clean.tokenizer: {path}: {error}; expected a tokenizer.json") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
