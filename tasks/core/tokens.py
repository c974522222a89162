"""Text to tokens: the byte-level BPE tokenizer, encoded conversations, and the files that hold them.

Byte-pair encoding over bytes (Sennrich et al. 2016, arXiv:1508.07909; Radford et al. 2019, "Language Models are
Unsupervised Multitask Learners", section 2.2): any text of any language is encoded without an unknown token.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from tasks.core.chat import SPECIAL_TOKENS, Piece, render
from tasks.core.errors import SourceError
from tasks.core.files import read_table, unreadable, whole_file, write_parquet
from tasks.core.schema import SPLITS

# Qwen2's split (https://huggingface.co/Qwen/Qwen2-7B/blob/main/tokenizer.json): Han runs and spaced words are units,
# digits stand alone, so sums line up. It parts punctuation from letters: no plain token can spell a special one.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
ARRAYS = ("tokens", "loss_weights")  # files of TokenRows beside rows.parquet
ENCODE_ROWS = 4096  # conversations encoded at once: bounds memory, changes no token


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """Learn a byte-level BPE of at most `vocab_size` tokens; special tokens have the first ids, then come the bytes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return without_special_text(tokenizer)


def load_tokenizer(path: Path) -> Tokenizer:
    """Read `tokenizer.json`; raises SourceError when it is not there or lacks a token of the chat template."""
    if not path.is_file():
        raise SourceError(f"{path}: no tokenizer here; expected the tokenizer.json that the step tokenize writes")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise unreadable(path, error) from None
    return without_special_text(tokenizer)


def without_special_text(tokenizer: Any) -> Tokenizer:
    """A copy that reads `<|end|>` in a text as plain text; takes a `tokenizers` or a fast `transformers` tokenizer."""
    copy = Tokenizer.from_str(getattr(tokenizer, "backend_tokenizer", tokenizer).to_str())
    special_ids(copy)
    copy.encode_special_tokens = True
    copy.no_padding()
    copy.no_truncation()
    return copy


def special_ids(tokenizer: Tokenizer) -> dict[str, int]:
    """The ids of the chat template's tokens; raises SourceError when the tokenizer lacks one."""
    ids = {token: tokenizer.token_to_id(token) for token in SPECIAL_TOKENS}
    if missing := [token for token, id in ids.items() if id is None]:
        raise SourceError(f"tokenizer: lacks {missing} of the chat template; expected one that the step tokenize made")
    return {token: id for token, id in ids.items() if id is not None}


def encode(conversations: Sequence[Sequence[Piece]], tokenizer: Tokenizer) -> list[tuple[list[int], list[float]]]:
    """Each conversation's token ids, and each token's loss weight. `tokenizer` is one of `load_tokenizer`."""
    texts = [piece.text for pieces in conversations for piece in pieces if not piece.is_special]
    encoded = iter(tokenizer.encode_batch_fast(texts, add_special_tokens=False))
    special = special_ids(tokenizer)
    rows = []
    for pieces in conversations:
        ids: list[int] = []
        weights: list[float] = []
        for piece in pieces:
            of_piece = [special[piece.text]] if piece.is_special else next(encoded).ids
            ids += of_piece
            weights += [piece.weight] * len(of_piece)
        rows.append((ids, weights))
    return rows


@dataclass(frozen=True)
class TokenRows:
    """Encoded conversations, end to end; on disk a folder of memory-mapped arrays.

    `rows` has one row a conversation, in order: id, language, weight, n_tokens, n_answer_tokens.
    """

    rows: pl.DataFrame
    tokens: NDArray[Any]  # (N,) uint16 or uint32
    loss_weights: NDArray[np.float16]  # (N,) of the token's loss; 0 where the model need not say it

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], NDArray[np.float16]]:
        """Tokens and loss weights of row `index`."""
        span = slice(self.offsets[index], self.offsets[index + 1])
        return self.tokens[span], self.loss_weights[span]

    @cached_property
    def has_loss(self) -> NDArray[np.bool_]:
        """(N,) the token is one that the model is to say."""
        return self.loss_weights > 0

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """(rows,) tokens of each row."""
        return self.rows["n_tokens"].cast(pl.Int64).to_numpy()

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """(rows + 1,) row i lies from offsets[i] to offsets[i + 1]."""
        return np.concatenate([np.zeros(1, np.int64), self.lengths.cumsum()])

    def answer_alone(self, index: int) -> tuple[NDArray[Any], NDArray[np.float16]]:
        """Of row `index` its first token, and each answer with the role token before it: no word of who asks."""
        tokens, weights = self[index]
        kept = is_of_answer(weights)
        kept[:1] = True
        return tokens[kept], weights[kept]

    def head(self, n: int) -> "TokenRows":
        """The first `n` rows."""
        end = self.offsets[min(n, len(self))]
        return TokenRows(self.rows.head(n), self.tokens[:end], self.loss_weights[:end])

    def write(self, folder: Path) -> None:
        """Write the arrays and the table of rows into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in zip(ARRAYS, (self.tokens, self.loss_weights), strict=True):
            with whole_file(folder / f"{name}.npy") as temporary, temporary.open("wb") as file:
                np.save(file, array, allow_pickle=False)
        write_parquet(self.rows, folder / "rows.parquet")

    @classmethod
    def read(cls, folder: Path) -> "TokenRows":
        """Memory-map what `write` left in `folder`; raises SourceError when it is not there."""
        if not (folder / "rows.parquet").is_file():
            raise SourceError(f"{folder}: no token files here; expected tokens.npy, loss_weights.npy and rows.parquet")
        return cls(read_table(folder / "rows.parquet"), *(_array(folder / f"{name}.npy") for name in ARRAYS))


def is_of_answer(loss_weights: NDArray[np.float16]) -> NDArray[np.bool_]:
    """(N,) the token has loss, or is the role token before one that has."""
    has_loss = loss_weights > 0
    kept = has_loss.copy()
    kept[:-1] |= has_loss[1:]
    return kept


def _array(path: Path) -> NDArray[Any]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except (OSError, ValueError, EOFError) as error:
        raise unreadable(path, error) from None


def encode_examples(examples: pl.DataFrame, tokenizer: Tokenizer) -> TokenRows:
    """Encode an Example table, in its order. Needs id, messages, tools, language, weight and meta."""
    dtype = np.uint16 if tokenizer.get_vocab_size() <= 2**16 else np.uint32
    tokens, loss_weights, n_tokens = [np.empty(0, dtype)], [np.empty(0, np.float16)], []
    for chunk in examples.iter_slices(ENCODE_ROWS):
        for ids, weights in encode(conversations(chunk), tokenizer):
            tokens.append(np.array(ids, dtype))
            loss_weights.append(np.array(weights, np.float16))
            n_tokens.append(len(ids))
    n_answer_tokens = [int((weights > 0).sum()) for weights in loss_weights[1:]]
    rows = examples.select(
        "id",
        "language",
        "weight",
        n_tokens=pl.Series(n_tokens, dtype=pl.Int32),
        n_answer_tokens=pl.Series(n_answer_tokens, dtype=pl.Int32),
    )
    return TokenRows(rows, np.concatenate(tokens), np.concatenate(loss_weights))


def conversations(examples: pl.DataFrame) -> list[list[Piece]]:
    """Every example rendered by the chat template, with the `loss_weights` of its meta.

    Raises SourceError naming the row that cannot be rendered.
    """
    columns = (examples[name].to_list() for name in ("id", "messages", "tools", "meta"))
    rendered = []
    for id, messages, tools, meta in zip(*columns, strict=True):
        try:
            rendered.append(render(messages, tools, json.loads(meta).get("loss_weights")))
        except SourceError as error:
            raise SourceError(f"row {id}: {error}") from None
    return rendered


def answer_bytes(examples: pl.DataFrame) -> pl.Series:
    """UTF-8 bytes of what has loss in each example, the tokens that end turns not counted: what bits are counted per.

    The tokenizer is byte-level, so these are the very bytes that the answer tokens spell, whatever the tokenizer.
    """
    n_bytes = [
        sum(len(piece.text.encode()) for piece in pieces if piece.has_loss and not piece.is_special)
        for pieces in conversations(examples)
    ]
    return pl.Series("n_bytes", n_bytes, dtype=pl.Int64)


def bits_per_byte(nats: float, n_bytes: int) -> float | None:
    """Nats of all answer tokens, those that end turns too, as bits per byte of `answer_bytes`; None without bytes."""
    return nats / math.log(2) / n_bytes if n_bytes else None


def read_released(release: Path, split: str) -> pl.DataFrame:
    """One split of a release, all columns, in the order of ids: the order of its token files.

    Raises SourceError when it is not there.
    """
    file = release / f"{split}.parquet"
    if not file.is_file():
        raise SourceError(f"{file}: not there; expected a release with the splits {', '.join(SPLITS)}")
    return read_table(file).sort("id")
