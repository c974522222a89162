"""The checkpoint is judged in bits per byte, beside a unigram model, and every group's numbers add up."""

import hashlib
import json
import math
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
import torch

from tasks.core.checkpoints import load_checkpoint
from tasks.core.errors import SourceError
from tasks.core.figures import figures
from tasks.core.files import read_json
from tasks.core.judging import without_instructions
from tasks.core.params import EvaluateParams, TokenizeParams, TrainParams
from tasks.core.report import Report
from tasks.core.schema import examples_frame
from tasks.core.tokens import TokenRows, answer_bytes, bits_per_byte, encode_examples, load_tokenizer, train_tokenizer
from tasks.evaluate import chosen_rows, evaluate
from tasks.tokenize import tokenize
from tasks.train import train

PARAMS = EvaluateParams(train_rows=3, n_samples=4, max_new_tokens=5, threads=1)
TRAIN = [
    ("zh", "knowledge_qa", "中国的首都是哪里？", "北京。"),
    ("zh", "math", "三加五等于几？", "等于八。"),
    ("en", "knowledge_qa", "What is the capital of France?", "Paris."),
    ("en", "math", "What is 7 times 6?", "42"),
]
VAL = [("zh", "math", "二加二等于几？", "等于四。"), ("en", "math", "What is 2 times 2?", "4")]
TEST = [
    ("zh", "knowledge_qa", "法国的首都是哪里？", "巴黎。"),
    ("zh", "math", "一加一等于几？", "等于二。"),
    ("en", "knowledge_qa", "What is the capital of China?", "Beijing, and it is old."),
    ("en", "math", "What is 3 times 3?", "9"),
    ("en", "math", "What is 3 times 30?", "It is ninety. " * 20),  # longer than the block
]


def examples(split: str, rows: list[tuple[str, str, str, str]]) -> pl.DataFrame:
    return examples_frame(
        [
            {
                "id": f"{split}{i}",
                "language": language,
                "instruction_type": type_,
                "source": f"source_{language}",
                "split": split,
                "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
            }
            for i, (language, type_, question, answer) in enumerate(rows)
        ]
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A release of three small splits, its tokens, a checkpoint and what evaluate says of it."""
    data = tmp_path_factory.mktemp("data")
    (data / "release").mkdir()
    for split, rows in {"train": TRAIN, "val": VAL, "test": TEST}.items():
        examples(split, rows).write_parquet(data / "release" / f"{split}.parquet")
    tokenize(data / "release", data / "tokenize", TokenizeParams(vocab_size=320))
    small = TrainParams(
        block_size=96, batch_size=2, pretrain_steps=1, max_steps=3, eval_every=4, tensorboard=False, threads=1
    )
    train(data / "tokenize", data / "train", small)
    run(data, "evaluate")
    return data


def run(data: Path, name: str, params: EvaluateParams = PARAMS) -> Report:
    return evaluate(data / "release", data / "tokenize", data / "train", data / name, params)


def table(data: Path) -> pl.DataFrame:
    return pl.read_parquet(data / "evaluate" / "examples.parquet")


def measures(data: Path) -> dict:
    return Report.read(data / "evaluate").measures


@pytest.mark.parametrize(("id", "answer"), [("test0", "巴黎。"), ("test2", "Beijing, and it is old.")])
def test_bits_per_byte_is_what_one_computes_by_hand(data, id, answer):
    rows = TokenRows.read(data / "tokenize" / "tokens" / "test")
    tokens, weights = rows[rows.rows["id"].to_list().index(id)]
    has_loss = weights > 0
    model = load_checkpoint(data / "train" / "checkpoint")
    with torch.no_grad():
        logits = model(torch.from_numpy(tokens.astype("int64"))[None])[0].log_softmax(dim=-1)
    # every answer token and the one that ends the turn, but only the bytes of what is said
    nats = -sum(logits[t - 1, int(tokens[t])].item() for t in range(len(tokens)) if has_loss[t])
    assert load_tokenizer(data / "tokenize" / "tokenizer.json").decode(tokens[has_loss].tolist()) == answer
    found = figures(table(data).filter(id=id))
    assert found["n_bytes"] == len(answer.encode())
    assert found["bits_per_byte"] == pytest.approx(nats / math.log(2) / len(answer.encode()), abs=1e-5)
    assert found["loss"] == pytest.approx(nats / sum(has_loss), abs=1e-5)
    assert found["perplexity"] == pytest.approx(math.exp(nats / sum(has_loss)), rel=1e-4)


def test_the_unigram_baseline_is_what_one_computes_by_hand(data):
    train_rows, test = (TokenRows.read(data / "tokenize" / "tokens" / split) for split in ("train", "test"))
    vocab_size = measures_vocab(data)
    counts = Counter(train_rows.tokens[train_rows.has_loss].tolist())
    n = counts.total()
    tokens, weights = test[0]
    by_hand = -sum(math.log((counts[t] + 1) / (n + vocab_size)) for t in tokens[weights > 0].tolist())
    row = table(data).row(by_predicate=pl.col("id") == "test0", named=True)
    assert row["unigram_loss"] == pytest.approx(by_hand / row["n_tokens"])
    overall = figures(table(data).filter(id="test0"))
    assert overall["unigram_bits_per_byte"] == pytest.approx(by_hand / math.log(2) / row["n_bytes"], abs=1e-6)


def measures_vocab(data: Path) -> int:
    return int(Report.read(data / "tokenize").measures["vocab_size"])


@pytest.mark.parametrize(("id", "answer"), [("test0", "巴黎。"), ("test2", "Beijing, and it is old.")])
def test_the_loss_alone_is_that_of_the_answer_without_its_instruction(data, id, answer):
    tokenizer = load_tokenizer(data / "tokenize" / "tokenizer.json")
    model = load_checkpoint(data / "train" / "checkpoint")
    bos, assistant, end = (tokenizer.token_to_id(f"<|{name}|>") for name in ("bos", "assistant", "end"))
    ids = [bos, assistant, *tokenizer.encode(answer, add_special_tokens=False).ids, end]
    with torch.no_grad():
        logits = model(torch.tensor([ids]))[0].log_softmax(dim=-1)
    nats = -sum(logits[t - 1, ids[t]].item() for t in range(2, len(ids)))
    row = table(data).row(by_predicate=pl.col("id") == id, named=True)
    assert row["loss_alone"] == pytest.approx(nats / (len(ids) - 2), abs=1e-5)
    assert row["ifd"] == pytest.approx(row["loss"] / row["loss_alone"])


def test_every_answer_of_a_conversation_stands_alone_without_what_others_say():
    turns = [("system", "be brief"), ("user", "你好"), ("assistant", "您好"), ("user", "bye"), ("assistant", "bye!")]
    messages = [{"role": role, "content": content} for role, content in turns]
    tokenizer = train_tokenizer(["你好 hello"] * 3, 300)
    weights = {
        None: "<|bos|><|assistant|>您好<|end|><|assistant|>bye!<|end|>",
        "[1, 1, 0, 1, 2]": "<|bos|><|assistant|>bye!<|end|>",
    }
    for given, expected in weights.items():
        meta = "{}" if given is None else f'{{"loss_weights": {given}}}'
        rows = without_instructions(
            encode_examples(examples_frame([{"id": "a", "messages": messages, "meta": meta}]), tokenizer)
        )
        tokens, loss_weights = rows[0]
        assert tokenizer.decode(tokens.tolist(), skip_special_tokens=False) == expected
        assert rows.rows["n_tokens"].to_list() == [len(tokens)]
        assert int((loss_weights > 0).sum()) == rows.rows["n_answer_tokens"][0]


def test_intervals_hold_the_figure_and_are_none_for_one_family(data):
    by_language = measures(data)["test"]["language"]
    for found in by_language.values():
        low, high = found["bits_per_byte_95"]
        assert low <= found["bits_per_byte"] <= high
    assert figures(table(data).filter(id="test0"))["bits_per_byte_95"] is None


@pytest.mark.parametrize("group", ["language", "instruction_type", "source", "length"])
@pytest.mark.parametrize("split", ["val", "test"])
def test_the_numbers_of_a_groups_values_add_up_to_the_whole(data, split, group):
    overall, parts = measures(data)[split]["overall"], measures(data)[split][group].values()
    for name in ("rows", "n_tokens", "n_bytes"):
        assert sum(part[name] for part in parts) == overall[name]
    nats = sum(part["loss"] * part["n_tokens"] for part in parts)
    assert nats / overall["n_tokens"] == pytest.approx(overall["loss"], abs=1e-5)
    bits = sum(part["bits_per_byte"] * part["n_bytes"] for part in parts)
    assert bits / overall["n_bytes"] == pytest.approx(overall["bits_per_byte"], abs=1e-5)
    unigram_bits = sum(part["unigram_bits_per_byte"] * part["n_bytes"] for part in parts)
    assert 1 - bits / unigram_bits == pytest.approx(overall["saving_over_unigram"], abs=1e-5)


def test_both_languages_have_their_own_numbers(data):
    by_language = measures(data)["test"]["language"]
    assert {name: found["rows"] for name, found in by_language.items()} == {"zh": 2, "en": 2}
    assert by_language["zh"]["n_bytes"] == len("巴黎。等于二。".encode())


def test_rows_longer_than_the_block_are_counted_and_not_judged(data):
    report = Report.read(data / "evaluate")
    assert report.counts["rows_too_long"] == {"train": 0, "val": 0, "test": 1}
    assert report.counts["rows"] == {"train": 3, "val": 2, "test": 4}  # train_rows is 3
    assert (report.rows_in, report.rows_out) == (10, 9)
    of_train = [f"train{i}" for i in range(3)]
    assert table(data)["id"].to_list() == ["test0", "test1", "test2", "test3", *of_train, "val0", "val1"]


def test_at_most_max_rows_of_val_and_test_are_judged(data):
    report = run(data, "few", PARAMS.model_copy(update={"max_rows": 1, "train_rows": None}))
    assert report.counts["rows"] == {"train": 4, "val": 1, "test": 1}


def test_the_table_has_what_each_row_costs(data):
    assert table(data).columns == [
        "id", "split", "family", "text", "language", "instruction_type", "source", "length",
        "n_tokens", "n_bytes", "loss", "loss_alone", "unigram_loss", "ngram_loss", "ifd",
    ]  # fmt: skip
    assert measures(data)["target_saving_over_unigram"] == 0.2


def test_one_answer_a_language_and_type_is_shown(data):
    shown = measures(data)["samples"]
    assert [row["id"] for row in shown] == ["test2", "test0", "test3", "test1"]  # languages take turns
    assert shown[1] | {"answer": ""} == {
        "id": "test0",
        "prompt": "法国的首都是哪里？",
        "reference": "巴黎。",
        "answer": "",
    }
    assert all(isinstance(row["answer"], str) for row in shown)


def test_the_commonest_types_of_each_language_are_shown_first():
    rows = pl.DataFrame(
        [("a", "zh", "math"), ("b", "zh", "other"), ("c", "zh", "other"), ("d", "en", "math")],
        schema=["id", "language", "instruction_type"],
        orient="row",
    )
    assert chosen_rows(rows, 8) == ["d", "b", "a"]
    assert chosen_rows(rows, 1) == ["d"]
    assert chosen_rows(rows.clear(), 8) == []


def test_a_second_run_writes_the_same_bytes(data):
    run(data, "again")
    digests = [
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (data / name).iterdir()}
        for name in ("evaluate", "again")
    ]
    assert digests[0] == digests[1]
    assert set(digests[0]) == {"examples.parquet", "report.json"}


def test_bytes_are_those_of_turns_with_loss():
    turns = [("user", "你好"), ("assistant", "您好"), ("user", "bye"), ("assistant", "bye!")]
    messages = [{"role": role, "content": content} for role, content in turns]
    of_all = examples_frame([{"id": "a", "messages": messages}])
    of_last = examples_frame([{"id": "a", "messages": messages, "meta": json.dumps({"loss_weights": [0, 0, 0, 1]})}])
    assert answer_bytes(of_all).to_list() == [6 + 4]
    assert answer_bytes(of_last).to_list() == [4]
    assert bits_per_byte(math.log(2) * 5, 10) == pytest.approx(0.5)
    assert bits_per_byte(1.0, 0) is None


def test_a_split_without_rows_has_no_figures_but_a_report(data, tmp_path):
    (tmp_path / "release").mkdir()
    for split, rows in {"train": TRAIN, "val": [], "test": []}.items():
        examples(split, rows).write_parquet(tmp_path / "release" / f"{split}.parquet")
    tokenize(tmp_path / "release", tmp_path / "tokenize", TokenizeParams(vocab_size=320))
    report = evaluate(tmp_path / "release", tmp_path / "tokenize", data / "train", tmp_path / "evaluate", PARAMS)
    assert report.measures["test"] == {
        "overall": {"rows": 0, "n_tokens": 0, "n_bytes": 0},
        "language": {}, "instruction_type": {}, "source": {}, "length": {},
    }  # fmt: skip
    assert read_json(tmp_path / "evaluate" / "report.json")["measures"]["samples"] == []


def test_tokens_of_another_release_are_refused(data, tmp_path):
    (tmp_path / "release").mkdir()
    for split in ("train", "val", "test"):
        examples(split, TEST[:1]).write_parquet(tmp_path / "release" / f"{split}.parquet")
    with pytest.raises(SourceError, match=r"4 rows that are not the 1 of .*expected the tokens of that release"):
        evaluate(tmp_path / "release", data / "tokenize", data / "train", tmp_path / "evaluate", PARAMS)
    assert not (tmp_path / "evaluate").exists()
