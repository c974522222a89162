"""Train a byte-level BPE tokenizer on the train split and encode every split of the release with it.

tokenizer.json
tokens/{train,val,test}/tokens.npy loss_weights.npy rows.parquet      see tasks/core/tokens.py
"""

from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.errors import SourceError
from tasks.core.files import file_hash, whole_folder, write_text
from tasks.core.params import TokenizeParams
from tasks.core.report import Report
from tasks.core.schema import SPLITS, conversation_text
from tasks.core.tokens import TokenRows, encode_examples, read_released, train_tokenizer

BLOCK_SIZES = (128, 256, 512, 1024, 2048)  # the report says how many rows are longer


def training_texts(examples: pl.DataFrame) -> pl.Series:
    """What the tokenizer learns from: what is said in each example, tools too, in the order of ids."""
    tools = pl.col("tools").fill_null("")
    return examples.sort("id").select(pl.concat_str(conversation_text(), tools, separator="\n"))["messages"]


def measure(rows: TokenRows, examples: pl.DataFrame) -> dict[str, Any]:
    """Characters per token by language, and how many rows exceed block sizes. `rows` are the encoded `examples`."""
    n_chars = examples.select(conversation_text().str.len_chars().alias("n_chars"))
    by_language = (
        pl.concat([rows.rows, n_chars], how="horizontal")
        .group_by("language")
        .agg(pl.col("n_chars").sum() / pl.col("n_tokens").sum())
        .sort("language")
    )
    return {
        "chars_per_token": dict(by_language.iter_rows()),
        "rows_longer_than": {str(size): int((rows.lengths > size).sum()) for size in BLOCK_SIZES},
        "answer_tokens": int(rows.has_loss.sum()),
    }


def tokenize(release: Path, target: Path, params: TokenizeParams) -> Report:
    """Read the splits of `release`, leave tokenizer and token files in `target`.

    Rows lie in the order of ids. Raises SourceError when a split is not there or train has no rows.
    """
    splits = {split: read_released(release, split) for split in SPLITS}
    if splits["train"].is_empty():
        raise SourceError(f"{release / 'train.parquet'}: no rows; expected text to train a tokenizer on")
    tokenizer = train_tokenizer(training_texts(splits["train"]), params.vocab_size)
    read = {split: file_hash(release / f"{split}.parquet", "sha256") for split in SPLITS}
    measures: dict[str, Any] = {"vocab_size": tokenizer.get_vocab_size(), "release": read}
    counts: dict[str, dict[str, int]] = {}
    with whole_folder(target) as folder:
        write_text(tokenizer.to_str(pretty=True), folder / "tokenizer.json")
        for split, examples in splits.items():
            rows = encode_examples(examples, tokenizer)
            rows.write(folder / "tokens" / split)
            measures[split] = measure(rows, examples)
            n_tokens = rows.rows.group_by("language").agg(pl.col("n_tokens").sum()).sort("language")
            counts[f"{split}_tokens"] = dict(n_tokens.iter_rows())
        n_rows = sum(map(len, splits.values()))
        return Report("tokenize", n_rows, n_rows, counts=counts, measures=measures).write(folder)
