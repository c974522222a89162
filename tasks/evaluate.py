"""Judge the checkpoint on val, test and some of train, beside what models without attention say of the same tokens.

Only answer tokens count: what an assistant says and the token that ends its turn (tasks/core/chat.py). A row that is
longer than the model's block is counted, not cut and not judged.

    loss            nats per answer token, over all tokens of a group (not the mean of the rows' means)
    perplexity      exp(loss)
    bits_per_byte   nats of all answer tokens / ln 2 / UTF-8 bytes of the answers. The nats of the tokens that end turns
                    are in it, for the model has to say where an answer ends; bytes are those of what is said alone. It
                    compares across tokenizers, as perplexity does not (Gao et al. 2020, arXiv:2101.00027, section 3.1)
    …_95            its 95 % interval over families (tasks/core/bootstrap.py): chance in the choice of rows
    ifd             loss / loss of the same answers without their instructions (tasks/core/suspects.py)
    unigram_…       the same of token counts; ngram_… of an interpolated Kneser-Ney model (tasks/core/baselines.py)
    saving_over_…   1 - bits_per_byte / that of the baseline; the aim over the unigram model is TARGET_SAVING

examples.parquet has a row for each row judged: id, split, family, text (a hash of messages and tools), language,
instruction_type, source, length, n_tokens (answer tokens), n_bytes (of the answers), loss, loss_alone (without the
instructions), unigram_loss, ngram_loss (all in mean nats per answer token), ifd.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from tokenizers import Tokenizer

from tasks.core.baselines import Baseline, ngram, unigram
from tasks.core.baselines import row_losses as row_baseline_losses
from tasks.core.chat import END, render
from tasks.core.errors import SourceError
from tasks.core.figures import GROUPS, breakdown
from tasks.core.files import whole_folder, write_parquet
from tasks.core.params import EvaluateParams
from tasks.core.report import Report, length_bucket
from tasks.core.schema import SPLITS, answer_text, conversation_text, prompt_text, text_hashes
from tasks.core.suspects import KINDS, shown, suspicion
from tasks.core.text import units_of
from tasks.core.tokens import TokenRows, answer_bytes, encode, load_tokenizer, read_released, special_ids

if TYPE_CHECKING:
    from tasks.core.model import Transformer

log = logging.getLogger(__name__)

TARGET_SAVING = 0.2  # the project's aim: at least 20 % fewer bits per byte than the unigram baseline


def judge(examples: pl.DataFrame, losses: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """The table examples.parquet of one split, by id; a row that is not in `losses["loss"]` is left out.

    `losses` has a table of id and loss by column of examples.parquet; that of the model has n_tokens too.
    """
    judged = examples.select(
        "id", "split", "family", "language", pl.col("instruction_type").fill_null("none"), "source",
        length=length_bucket(units_of(conversation_text())), n_bytes=answer_bytes(examples), text=text_hashes(examples),
    )  # fmt: skip
    for name, table in losses.items():
        n_tokens = ["n_tokens"] if name == "loss" else []
        judged = judged.join(table.select("id", *n_tokens, pl.col("loss").alias(name)), on="id")
    return judged.select(
        "id",
        "split",
        "family",
        "text",
        *GROUPS,
        "n_tokens",
        "n_bytes",
        *losses,
        ifd=pl.col("loss") / pl.col("loss_alone"),
    ).sort("id")


def losses_of(rows: TokenRows, model: "Transformer", baselines: dict[str, Baseline]) -> dict[str, pl.DataFrame]:
    """What the model says of `rows`, with their instructions and without, and what each baseline says: `judge` them."""
    from tasks.core.judging import row_losses, without_instructions

    losses = row_losses(model, rows)
    alone = row_losses(model, without_instructions(rows)).select("id", "loss")
    of_baselines = {
        f"{name}_loss": row_baseline_losses(rows, baseline.nats(rows)) for name, baseline in baselines.items()
    }
    return {"loss": losses, "loss_alone": alone, **of_baselines}


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

    tokenizer = load_tokenizer(tokens / "tokenizer.json")
    trained, vocab_size = TokenRows.read(tokens / "tokens" / "train"), tokenizer.get_vocab_size()
    baselines: dict[str, Baseline] = {"unigram": unigram(trained, vocab_size), "ngram": ngram(trained, vocab_size)}
    examples, judged = dict[str, pl.DataFrame](), dict[str, pl.DataFrame]()
    counts: dict[str, dict[str, int]] = {name: {} for name in ("rows", "rows_too_long", "rows_without_answer")}
    with reproducible(0, params.threads):
        transformer = load_checkpoint(model / "checkpoint", params.device)
        for split in SPLITS:
            examples[split], rows = read_both(release, tokens, split)
            most = params.train_rows if split == "train" else params.max_rows
            if most is not None:
                examples[split], rows = examples[split].head(most), rows.head(most)
            judged[split] = judge(examples[split], losses_of(rows, transformer, baselines))
            log.info("%s: %d rows judged", split, len(judged[split]))
            too_long = int((rows.lengths > transformer.config.block_size).sum())
            counts["rows"][split] = len(judged[split])
            counts["rows_too_long"][split] = too_long
            counts["rows_without_answer"][split] = len(rows) - len(judged[split]) - too_long
        ids = pl.DataFrame({"id": chosen_rows(judged["test"], params.n_samples)}, {"id": pl.String})
        chosen = ids.join(examples["test"], on="id", maintain_order="left")
        answers = samples(chosen, transformer, tokenizer, params.max_new_tokens)
    by_split = {split: breakdown(rows) for split, rows in judged.items()}
    table = pl.concat(judged.values()).sort("id")
    suspects = suspicion(table)
    counts["suspects"] = {kind: suspects.filter(kind=kind).height for kind in KINDS}
    texts = pl.concat(rows.select("id", prompt=prompt_text(), answer=answer_text()) for rows in examples.values())
    measures = {
        **by_split,
        "release": Report.read(tokens).measures.get("release"),
        "target_saving_over_unigram": TARGET_SAVING,
        "samples": answers,
        "suspects": shown(suspects, table, texts, params.n_suspects),
    }
    with whole_folder(target) as folder:
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
