"""Text pairs, labels, packing and order: what the model is shown and what it is judged on."""

from collections import Counter
from itertools import islice

import numpy as np
import polars as pl
import pytest
from torch.utils.data import DataLoader

from tasks.core.dataset import InstructionDataset, best_fit, bucketed_batches, fill, packed_batches, trainable
from tasks.core.errors import SourceError
from tasks.core.model import IGNORE_INDEX
from tasks.core.schema import examples_frame
from tasks.core.tokens import TokenRows, encode_examples, train_tokenizer

PAIRS = [
    {"instruction": "写一首关于秋天的诗", "output": "落叶知秋，风过无声。"},
    {"instruction": "Translate into Chinese", "input": "Good morning", "output": "早上好"},
]


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer([text for pair in PAIRS for text in pair.values()] * 4, 400)


def rows_of(lengths: list[int], weights: list[float] | None = None) -> TokenRows:
    """Rows of given lengths; row i is made of token i, and its second half is the answer."""
    table = pl.DataFrame(
        {
            "id": [str(i) for i in range(len(lengths))],
            "language": "zh",
            "weight": weights or [1.0] * len(lengths),
            "n_tokens": lengths,
            "n_answer_tokens": [n // 2 for n in lengths],
        }
    )
    tokens = np.concatenate([np.full(n, i, np.uint16) for i, n in enumerate(lengths)])
    loss_weights = np.concatenate([np.arange(n) >= (n + 1) // 2 for n in lengths]).astype(np.float16)
    return TokenRows(table, tokens, loss_weights)


def test_without_a_tokenizer_a_loader_gives_lists_of_instructions_and_outputs():
    loader = DataLoader(InstructionDataset(PAIRS), batch_size=2, shuffle=True)
    [(instructions, outputs)] = list(loader)
    assert set(zip(instructions, outputs, strict=True)) == {
        ("写一首关于秋天的诗", "落叶知秋，风过无声。"),
        ("Translate into Chinese\nGood morning", "早上好"),
    }


def test_with_a_tokenizer_a_loader_gives_padded_ids_and_labels(tokenizer):
    dataset = InstructionDataset(PAIRS, tokenizer)
    [batch] = list(DataLoader(dataset, batch_size=2, shuffle=True, collate_fn=dataset.collate))
    assert (
        batch["input_ids"].shape
        == batch["labels"].shape
        == (2, max(len(dataset[0]["labels"]), len(dataset[1]["labels"])))
    )


@pytest.mark.parametrize("index", [0, 1])
def test_labels_are_the_answer_and_the_end_of_its_turn_and_nothing_else(tokenizer, index):
    """Fails when the loss mask shifts by one: the first label is the answer's first token, the last its end."""
    row = InstructionDataset(PAIRS, tokenizer)[index]
    ids, labels = row["input_ids"].tolist(), row["labels"].tolist()
    first = ids.index(tokenizer.token_to_id("<|assistant|>")) + 1
    assert labels == [IGNORE_INDEX] * first + ids[first:]
    assert tokenizer.decode(ids[first:-1]) == PAIRS[index]["output"]
    assert ids[-1] == tokenizer.token_to_id("<|end|>")


def test_rows_are_cut_at_block_size(tokenizer):
    row = InstructionDataset(PAIRS, tokenizer, block_size=3)[0]
    assert [len(row["input_ids"]), len(row["labels"])] == [3, 3]


def test_a_release_is_read_by_split_with_its_loss_weights(tokenizer, tmp_path):
    talk = [
        {"role": "user", "content": "你好"},
        {"role": "assistant", "content": "嗯"},
        {"role": "user", "content": "how are you"},
        {"role": "assistant", "content": "fine"},
    ]
    examples_frame([{"id": "a", "messages": talk, "meta": '{"loss_weights": [1, 0, 1, 1]}'}]).write_parquet(
        tmp_path / "val.parquet"
    )
    assert InstructionDataset(tmp_path, split="val")[0] == ("你好\n嗯\nhow are you", "fine")
    row = InstructionDataset(tmp_path, tokenizer, split="val")[0]
    assert tokenizer.decode(row["labels"][row["labels"] != IGNORE_INDEX].tolist()) == "fine"


def test_what_is_missing_is_named(tokenizer, tmp_path):
    with pytest.raises(SourceError, match=r"row 1: lacks \['output'\]"):
        InstructionDataset([PAIRS[0], {"instruction": "写"}])
    with pytest.raises(SourceError, match=r"train\.parquet"):
        InstructionDataset(tmp_path)
    talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    one_weight = examples_frame([{"id": "a", "messages": talk, "meta": '{"loss_weights": [1]}'}])
    with pytest.raises(SourceError, match="expected one a message, 2, found 1"):
        encode_examples(one_weight, tokenizer)


def test_a_packed_row_keeps_its_examples_apart():
    batch = fill(rows_of([4, 3]), [[0, 1], [1]], block_size=8)
    assert batch.input_ids.tolist() == [[0, 0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0, 0]]
    assert batch.segments.tolist() == [[1, 1, 1, 1, 2, 2, 2], [1, 1, 1, 0, 0, 0, 0]]
    none = IGNORE_INDEX
    assert batch.labels.tolist() == [[none, none, 0, 0, none, none, 1], [none, none, 1, none, none, none, none]]


def test_a_turn_has_the_weight_that_its_source_gave_it(tokenizer):
    talk = [
        {"role": "user", "content": "你好"},
        {"role": "assistant", "content": "嗯"},
        {"role": "user", "content": "how are you"},
        {"role": "assistant", "content": "fine"},
    ]
    rows = encode_examples(
        examples_frame([{"id": "a", "messages": talk, "meta": '{"loss_weights": [null, 0.5, 2, null]}'}]), tokenizer
    )
    batch = fill(rows, [[0]], block_size=64)
    said = batch.labels[0] != IGNORE_INDEX
    n = len(tokenizer.encode("嗯").ids) + 1  # and the token that ends the turn
    assert batch.weights[0][said].tolist() == [0.5] * n + [1.0] * (int(said.sum()) - n)
    assert batch.weights[0][~said].unique().tolist() == [0.0]
    assert set(fill(rows, [[0]], 64, all_text=True).weights[0][1:].tolist()) == {1.0}


@pytest.mark.parametrize("weight", ["-1", "1e9", '"2"', "[]"])
def test_a_loss_weight_that_is_none_is_refused(tokenizer, weight):
    talk = [{"role": "user", "content": "问"}, {"role": "assistant", "content": "answer"}]
    row = {"id": "a", "messages": talk, "meta": f'{{"loss_weights": [null, {weight}]}}'}
    with pytest.raises(SourceError, match=r"meta\.loss_weights: .*; expected null or a number from 0 to 1000"):
        encode_examples(examples_frame([row]), tokenizer)


def test_a_row_may_be_shown_without_its_instruction(tokenizer):
    rows = InstructionDataset(PAIRS, tokenizer).encoded
    batch = fill(rows, [[0, 1]], block_size=128, alone={1})
    second = batch.input_ids[0][batch.segments[0] == 2].tolist()
    assert tokenizer.decode(second, skip_special_tokens=False) == "<|bos|><|assistant|>早上好<|end|>"
    assert (batch.labels[0][batch.segments[0] == 2] != IGNORE_INDEX).sum() == len(second) - 2
    assert (batch.segments[0] == 1).sum() == rows.lengths[0]


def test_all_text_has_labels_but_for_each_examples_first_token():
    batch = fill(rows_of([4, 3]), [[0, 1]], block_size=8, all_text=True)
    assert batch.labels.tolist() == [[IGNORE_INDEX, 0, 0, 0, IGNORE_INDEX, 1, 1]]


def test_an_epoch_shows_each_row_once_in_full_rows():
    rows = rows_of([int(n) for n in np.random.default_rng(0).integers(2, 40, 500)])
    n_rows = len(best_fit(np.arange(500), rows.lengths, 64))
    shown = [members for plan in islice(packed_batches(rows, 1, 64, seed=0), n_rows) for members in plan]
    assert Counter(index for members in shown for index in members) == Counter(range(500))
    assert max(sum(rows.lengths[members]) for members in shown) <= 64
    assert rows.lengths.sum() / (64 * n_rows) > 0.98


def test_the_order_depends_on_seed_and_epoch_only():
    rows = rows_of([5] * 12)

    def order(seed: int, epoch: int) -> list:
        return list(islice(packed_batches(rows, 2, 10, seed), 3 * epoch, 3 * epoch + 3))

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_a_row_comes_as_often_as_its_weight_says():
    rows = rows_of([4, 4, 4], weights=[2.0, 0.5, 0.0])
    seen = Counter(i for plan in islice(packed_batches(rows, 1, 4, seed=0), 1000) for [i] in plan)
    assert seen[0] / seen[1] == pytest.approx(4, rel=0.2)
    assert seen[2] == 0


def test_rows_without_an_answer_in_the_block_are_not_trained_on():
    assert trainable(rows_of([4, 20, 1]), block_size=8).tolist() == [0]
    with pytest.raises(SourceError, match="no row has a weight and an answer"):
        next(packed_batches(rows_of([20]), 1, 8, seed=0))


def test_rows_of_like_length_share_a_batch():
    plans = list(bucketed_batches(rows_of([9, 2, 30, 3, 8]), np.arange(5), max_tokens=18))
    assert plans == [[[1], [3]], [[4], [0]], [[2]]]


def test_token_files_are_mapped_not_read(tmp_path):
    rows = rows_of([4, 3])
    rows.write(tmp_path)
    back = TokenRows.read(tmp_path)
    assert isinstance(back.tokens, np.memmap)
    assert back.tokens.tolist() == rows.tokens.tolist()
    assert back.loss_weights.tolist() == rows.loss_weights.tolist()
    assert back[1][0].tolist() == [1, 1, 1]
