"""Judge the checkpoint on val and test, beside what a unigram model says of the same tokens.

Only answer tokens count: what an assistant says and the token that ends its turn (tasks/core/chat.py). A row that is
longer than the model's block is counted, not cut and not judged.

    loss           nats per answer token, over all tokens of a group (not the mean of the rows' means)
    perplexity     exp(loss)
    bits_per_byte  nats of all answer tokens / ln 2 / UTF-8 bytes of the answers. The nats of the tokens that end turns
                   are in it, for the model has to say where an answer ends; bytes are those of what is said alone. It
                   compares across tokenizers, as perplexity does not (Gao et al. 2020, arXiv:2101.00027, section 3.1)
    unigram_…      the same of p(token) = (n(token) + 1) / (N + vocabulary), from the N answer tokens of train
    saving_ratio   1 - bits_per_byte / unigram_bits_per_byte; the model knows something when it is TARGET_SAVING or more

examples.parquet has a row for each row judged: id, split, language, instruction_type, source, length, n_tokens (answer
tokens), loss and unigram_loss (mean nats per answer token), n_bytes (of the answers).
"""

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tasks.core.chat import END, render
from tasks.core.errors import SourceError
from tasks.core.files import whole_folder, write_parquet
from tasks.core.params import EvaluateParams
from tasks.core.report import Report, length_bucket
from tasks.core.schema import answer_text, conversation_text, prompt_text
from tasks.core.text import units_of
from tasks.core.tokens import (
    TokenRows,
    answer_bytes,
    bits_per_byte,
    encode,
    load_tokenizer,
    read_released,
    special_ids,
)

if TYPE_CHECKING:
    from tasks.core.model import Transformer

log = logging.getLogger(__name__)

JUDGED = ("val", "test")
GROUPS = ("language", "instruction_type", "source", "length")
TARGET_SAVING = 0.2  # the project's aim: at least 20 % fewer bits per byte than the unigram baseline
DIGITS = 6  # of every float in the report


def unigram(train: TokenRows, vocab_size: int) -> NDArray[np.float64]:
    """Nats of each token (vocab_size,), by its count, plus one, among the answer tokens of `train`."""
    counts = np.bincount(train.tokens[train.has_loss], minlength=vocab_size) + 1
    return np.log(counts.sum()) - np.log(counts)  # type: ignore[no-any-return]


def unigram_losses(rows: TokenRows, nats: NDArray[np.float64]) -> pl.DataFrame:
    """id, unigram_loss: the mean of `nats` over the answer tokens of each row; NaN for a row that has none."""
    row_of_token = np.repeat(np.arange(len(rows)), rows.lengths)[rows.has_loss]
    sums = np.bincount(row_of_token, weights=nats[rows.tokens[rows.has_loss]], minlength=len(rows))
    n_tokens = rows.rows["n_answer_tokens"].cast(pl.Float64)
    return rows.rows.select("id", unigram_loss=pl.Series(sums) / n_tokens)


def judge(examples: pl.DataFrame, losses: pl.DataFrame, unigram_losses: pl.DataFrame) -> pl.DataFrame:
    """The table examples.parquet of one split, by id; a row that is not in `losses` is left out."""
    return (
        examples.select(
            "id", "split", "language", pl.col("instruction_type").fill_null("none"), "source",
            length=length_bucket(units_of(conversation_text())), n_bytes=answer_bytes(examples),
        )
        .join(losses, on="id")
        .join(unigram_losses, on="id")
        .select("id", "split", *GROUPS, "n_tokens", "loss", "unigram_loss", "n_bytes")
        .sort("id")
    )  # fmt: skip


def figures(rows: pl.DataFrame) -> dict[str, Any]:
    """What a group of judged rows comes to; only counts where there are no rows."""
    n_tokens, n_bytes = int(rows["n_tokens"].sum()), int(rows["n_bytes"].sum())
    found: dict[str, Any] = {"rows": len(rows), "n_tokens": n_tokens, "n_bytes": n_bytes}
    if not n_tokens:
        return found
    nats, unigram_nats = (float((rows[name] * rows["n_tokens"]).sum()) for name in ("loss", "unigram_loss"))
    bits, unigram_bits = bits_per_byte(nats, n_bytes), bits_per_byte(unigram_nats, n_bytes)
    return found | {
        "loss": round(nats / n_tokens, DIGITS),
        "perplexity": round(math.exp(nats / n_tokens), DIGITS),
        "bits_per_byte": None if bits is None else round(bits, DIGITS),
        "unigram_loss": round(unigram_nats / n_tokens, DIGITS),
        "unigram_bits_per_byte": None if unigram_bits is None else round(unigram_bits, DIGITS),
        "saving_ratio": round(1 - nats / unigram_nats, DIGITS),
    }


def breakdown(rows: pl.DataFrame) -> dict[str, Any]:
    """The figures of all judged rows, and of every value of each of GROUPS."""
    groups = {name: rows.partition_by(name, as_dict=True) for name in GROUPS}
    by_value = {name: {value: figures(group) for (value,), group in of.items()} for name, of in groups.items()}
    return {"overall": figures(rows), **by_value}


def chosen_rows(rows: pl.DataFrame, n_samples: int) -> list[str]:
    """Ids of judged rows, one a language and instruction type: languages take turns, the commonest types first."""
    by = ("language", "instruction_type")
    groups = rows.group_by(by).agg(pl.len().alias("rows"), pl.col("id").min())
    ordered = groups.sort(pl.col("language"), -pl.col("rows").cast(pl.Int64), "instruction_type")
    turn = pl.int_range(pl.len()).over("language")
    return ordered.sort(turn, "language").head(n_samples)["id"].to_list()


def samples(
    examples: pl.DataFrame, model: "Transformer", tokenizer: Tokenizer, max_new_tokens: int
) -> list[dict[str, str]]:
    """For each example id, prompt, reference (its answer) and answer: what the model likes best, token by token."""
    texts = examples.select("id", prompt=prompt_text(), reference=answer_text())
    stop = special_ids(tokenizer)[END]
    found = []
    columns = (examples["messages"].to_list(), examples["tools"].to_list())
    for row, messages, tools in zip(texts.to_dicts(), *columns, strict=True):
        [(input_ids, _)] = encode([render(messages[:-1], tools, for_answer=True)], tokenizer)
        answer = tokenizer.decode(list(model.generate(input_ids, stop, max_new_tokens)))
        found.append({**row, "answer": answer})
    return found


def evaluate(release: Path, tokens: Path, model: Path, target: Path, params: EvaluateParams) -> Report:
    """Judge the checkpoint that train left in `model`; leave examples.parquet and report in `target`.

    Raises SourceError when `tokens` are not those of `release`.
    """
    from tasks.core.checkpoints import load_checkpoint
    from tasks.core.devices import reproducible
    from tasks.core.judging import row_losses

    tokenizer = load_tokenizer(tokens / "tokenizer.json")
    nats = unigram(TokenRows.read(tokens / "tokens" / "train"), tokenizer.get_vocab_size())
    examples, judged = dict[str, pl.DataFrame](), dict[str, pl.DataFrame]()
    counts: dict[str, dict[str, int]] = {"rows": {}, "rows_too_long": {}, "rows_without_answer": {}}
    with reproducible(0, params.threads):
        transformer = load_checkpoint(model / "checkpoint", params.device)
        for split in JUDGED:
            examples[split], rows = read_both(release, tokens, split)
            losses = row_losses(transformer, rows)
            judged[split] = judge(examples[split], losses, unigram_losses(rows, nats))
            too_long = rows.lengths > transformer.config.block_size
            counts["rows"][split] = len(losses)
            counts["rows_too_long"][split] = int(too_long.sum())
            counts["rows_without_answer"][split] = len(rows) - len(losses) - int(too_long.sum())
        ids = pl.DataFrame({"id": chosen_rows(judged["test"], params.n_samples)}, {"id": pl.String})
        shown = ids.join(examples["test"], on="id", maintain_order="left")
        answers = samples(shown, transformer, tokenizer, params.max_new_tokens)
    by_split = {split: breakdown(rows) for split, rows in judged.items()}
    for split, found in by_split.items():
        log.info("%s: %s", split, found["overall"])
    measures = {**by_split, "target_saving_ratio": TARGET_SAVING, "samples": answers}
    with whole_folder(target) as folder:
        table = pl.concat(judged.values()).sort("id")
        write_parquet(table, folder / "examples.parquet")
        n_rows = sum(map(len, examples.values()))
        return Report("evaluate", n_rows, len(table), counts=counts, measures=measures).write(folder)


def read_both(release: Path, tokens: Path, split: str) -> tuple[pl.DataFrame, TokenRows]:
    """A split of the release and its tokens, row by row; raises SourceError when they are not of one release."""
    examples, rows = read_released(release, split), TokenRows.read(tokens / "tokens" / split)
    if not examples["id"].equals(rows.rows["id"]):
        raise SourceError(
            f"{tokens / 'tokens' / split}: {len(rows)} rows that are not the {len(examples)} of "
            f"{release / f'{split}.parquet'}; expected the tokens of that release"
        )
    return examples, rows
