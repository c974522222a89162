"""Can the model tell good data from bad? 30 % of the answers of real rows are shuffled; lift and ifd have to see it.

Needs the data folder of a real build, which INSTRUCTFLOW_BUILD names:
`instructflow build --params tests/benchmarks/real.yaml --data FOLDER --no-train`.
"""

import hashlib
import os
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from cost import print_table

from tasks.core.params import EvaluateParams, LiftParams, TokenizeParams, TrainParams
from tasks.core.schema import answer_text, conversation_text
from tasks.core.tokens import train_tokenizer
from tasks.core.verdict import Words, bits_by_seed, interval_over_rows, judge
from tasks.evaluate import evaluate
from tasks.lift import encode_arms, hold_out, train_arms
from tasks.tokenize import tokenize, training_texts
from tasks.train import train

BUILD = Path(os.environ.get("INSTRUCTFLOW_BUILD", ""))
N_TRAIN, N_TEST = 12_000, 1_500
MOST_BYTES = 700  # of a conversation: about 200 tokens, so that it fits the block
SHARE = 0.3
LEAST_AUC = 0.7
SHUFFLES = {"among all rows": (), "within source and language": ("source", "language")}
TRAIN = TrainParams(
    size="micro", batch_size=16, pretrain_steps=320, max_steps=180, learning_rate=1e-3, eval_every=100, eval_rows=300,
    keep="last", tensorboard=False,
)  # fmt: skip
LIFT = LiftParams(max_steps=200, batch_size=16)
WORDS = Words(better="Shuffling hurts", worse="Shuffling helps", unclear="No significant difference")


def chosen(split: str, n: int) -> pl.DataFrame:
    """The first `n` short rows of a split that came from a source, by a hash of their ids."""
    rows = pl.read_parquet(BUILD / "release" / f"{split}.parquet").filter(made_by="source")
    rows = rows.filter(conversation_text().str.len_bytes() < MOST_BYTES)
    order = pl.Series([hashlib.blake2b(id.encode()).hexdigest() for id in rows["id"]])
    return rows[order.arg_sort()[:n]].sort("id")


def shuffled(rows: pl.DataFrame, within: tuple[str, ...], seed: int = 0) -> tuple[pl.DataFrame, set[str]]:
    """`rows` with the last answers of `SHARE` of them passed round in each group of `within`; and the ids of those."""
    chance = np.random.default_rng(seed)
    answers = rows.select(answer_text().alias("answer"))["answer"].to_list()
    given, bad = list(answers), set[str]()
    table = rows.select("id", *within).with_row_index()
    groups = table.partition_by(within, maintain_order=True) if within else [table]
    for group in groups:
        of_group = group["index"].to_numpy()
        drawn = chance.permutation(of_group[chance.random(len(of_group)) < SHARE])
        for place, other in zip(drawn, np.roll(drawn, 1), strict=True):
            if answers[place] != answers[other]:
                given[place] = answers[other]
                bad.add(rows["id"][int(place)])
    messages = [
        [*turns[:-1], {**turns[-1], "content": answer}] for turns, answer in zip(rows["messages"], given, strict=True)
    ]
    return rows.with_columns(messages=pl.Series(messages, dtype=rows.schema["messages"])), bad


def auc(score: pl.Series, is_bad: pl.Series) -> float:
    """The chance that a bad row has a higher score than a good one (Mann & Whitney 1947); ties count half."""
    n_bad, n_good = int(is_bad.sum()), int((~is_bad).sum())
    return (float(score.rank().filter(is_bad).sum()) - n_bad * (n_bad + 1) / 2) / (n_bad * n_good)


SKIP = pytest.mark.skipif(not (BUILD / "release").is_dir(), reason="INSTRUCTFLOW_BUILD names no data folder of a build")


@SKIP
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("name", "least_auc"), [("among all rows", LEAST_AUC), ("within source and language", 0.5)])
def test_shuffled_answers_are_found(tmp_path, name, least_auc):
    test = chosen("test", N_TEST)
    rows, bad = shuffled(chosen("train", N_TRAIN), SHUFFLES[name])
    (tmp_path / "release").mkdir()
    for split, of_split in {"train": rows, "val": test.head(300), "test": test}.items():
        of_split.write_parquet(tmp_path / "release" / f"{split}.parquet")
    tokenize(tmp_path / "release", tmp_path / "tokenize", TokenizeParams())
    begin = time.perf_counter()
    train(tmp_path / "tokenize", tmp_path / "train", TRAIN)
    seconds = time.perf_counter() - begin
    params = EvaluateParams(train_rows=3000, max_rows=300, n_samples=0)
    evaluate(tmp_path / "release", tmp_path / "tokenize", tmp_path / "train", tmp_path / "evaluate", params)
    judged = pl.read_parquet(tmp_path / "evaluate" / "examples.parquet").filter(split="train")
    judged = judged.with_columns(is_bad=pl.col("id").is_in(list(bad)))
    areas = {measure: auc(judged[measure], judged["is_bad"]) for measure in ("loss", "ifd")}
    worst = {m: judged.sort(m, descending=True).head(len(judged) // 10)["is_bad"].mean() for m in areas}
    print_table(
        f"{N_TRAIN:,} rows, {SHARE:.0%} of the answers shuffled {name}, size micro, {seconds:.0f} s of training",
        ("ranked by", "bad", "AUC", "bad among the worst tenth"),
        [[m, f"{judged['is_bad'].mean():.1%}", f"{area:.3f}", f"{worst[m]:.0%}"] for m, area in areas.items()],
    )
    assert max(areas.values()) >= least_auc


@SKIP
@pytest.mark.timeout(7200)
def test_shuffled_answers_cost_bits():
    good, test = chosen("train", N_TRAIN), chosen("test", N_TEST)
    arms = {"good": good, "shuffled": shuffled(good, ())[0]}
    tokenizer = train_tokenizer(training_texts(good), 4096)
    held = hold_out(test, tokenizer, TRAIN.block_size, None)
    judged, _ = train_arms(encode_arms(arms, tokenizer), held, 4096, LIFT, TRAIN.model_copy(update={"size": "nano"}))
    of_arms = {arm: judged.filter(arm=arm) for arm in arms}
    bits = {arm: bits_by_seed(rows, LIFT.seeds) for arm, rows in of_arms.items()}
    over_rows = interval_over_rows(of_arms["good"], of_arms["shuffled"], held.answers)
    said = judge(bits["good"], bits["shuffled"], over_rows, WORDS)
    print_table(
        f"Lift, nano, {LIFT.max_steps} steps of {LIFT.batch_size} x {TRAIN.block_size}, {len(held.rows):,} test rows",
        ("rows", "bits per byte, a seed"),
        [[arm, " ".join(f"{value:.4f}" for value in values)] for arm, values in bits.items()],
    )
    print(said.sentence)
    assert said.verdict != "worse"
