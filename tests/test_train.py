"""Training learns, stops on nonsense, and goes on after a kill as if nothing had happened."""

import hashlib
import json
import logging
import socket
import time
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest
import torch

from tasks.core.checkpoints import states
from tasks.core.dataset import fill
from tasks.core.devices import train_flops
from tasks.core.errors import GateError, ParamsError, SourceError
from tasks.core.judging import answer_loss, row_losses
from tasks.core.model import ModelConfig, Transformer
from tasks.core.params import TokenizeParams, TrainParams
from tasks.core.schema import examples_frame
from tasks.core.tokens import TokenRows, encode_examples, train_tokenizer
from tasks.core.trackers import curves
from tasks.core.training import Run, drawn, fit, learning_rate, micro_batches, model_config
from tasks.tokenize import tokenize
from tasks.train import fingerprint, generate, observer, train

TEXTS = {
    "zh": [
        ("中国的首都是哪里？", "北京。"),
        ("把“谢谢”译成英文", "Thank you."),
        ("三加五等于几？", "等于八。"),
        ("写一句祝福", "愿你平安喜乐，万事胜意。"),
        ("水的化学式是什么？", "H2O"),
        ("推荐一种水果", "苹果，富含维生素。"),
        ("订单什么时候发货？", "您的订单将在两天内发货。"),
        ("给猫起个名字", "小橘"),
        ("一年有几个季节？", "四个：春、夏、秋、冬。"),
        ("反义词：高", "低"),
    ],
    "en": [
        ("What is the capital of France?", "Paris."),
        ("Translate 'cat' into Chinese", "猫"),
        ("What is 7 times 6?", "42"),
        ("Write a short slogan for tea", "Steep. Sip. Smile."),
        ("Name a planet", "Saturn, the one with rings."),
        ("Is the shop open on Sunday?", "Yes, from ten to four."),
        ("Opposite of hot", "cold"),
        ("Say hello", "Hello! How can I help you today?"),
        ("def of a prime number", "A number above one with no divisor but one and itself."),
        ("Who wrote Hamlet?", "William Shakespeare."),
    ],
}
EXACT = TrainParams(
    block_size=64, pretrain_steps=0, max_steps=3, eval_every=3, tensorboard=False, dtype="float32", threads=1
)
SMALL = TrainParams(block_size=64, batch_size=2, pretrain_steps=2, max_steps=5, eval_every=3, tensorboard=False)


def examples() -> pl.DataFrame:
    return examples_frame(
        [
            {
                "id": f"{language}{i}",
                "language": language,
                "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
            }
            for language, pairs in TEXTS.items()
            for i, (question, answer) in enumerate(pairs)
        ]
    )


@pytest.fixture(scope="module")
def tokens(tmp_path_factory) -> Path:
    """The twenty rows as a tokenized release; val and test are three of them."""
    folder = tmp_path_factory.mktemp("data")
    for split, rows in {"train": examples(), "val": examples()[::7], "test": examples()[::7]}.items():
        (folder / "release").mkdir(exist_ok=True)
        rows.write_parquet(folder / "release" / f"{split}.parquet")
    tokenize(folder / "release", folder / "tokenize", TokenizeParams(vocab_size=400))
    return folder / "tokenize"


@pytest.fixture(scope="module")
def rows() -> TokenRows:
    return encode_examples(examples(), train_tokenizer([str(TEXTS)] * 2, 400))


def sha256s(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_twenty_rows_are_learned_by_heart_within_300_steps(rows):
    config = ModelConfig(vocab_size=400, n_layer=2, n_head=4, n_kv_head=2, n_embd=64, n_hidden=176, block_size=64)
    params = TrainParams(
        pretrain_steps=50, max_steps=200, batch_size=8, learning_rate=5e-3, weight_decay=0.0, eval_every=250
    )
    fitted = fit(rows, rows, config, params)
    assert fitted.progress.step <= 300
    assert answer_loss(fitted.model, rows) < 0.05


def test_a_mask_shifted_by_one_gives_another_loss(rows):
    torch.manual_seed(0)
    model = Transformer(model_config(400, SMALL)).eval()
    batch = fill(rows, [[0]], 64)
    n_answer_tokens = int(rows.rows["n_answer_tokens"][0])
    losses = model.token_losses(*batch[:3])[0]
    tokens, weights = rows[0]
    logits = model(torch.from_numpy(tokens.astype("int64"))[None])[0].log_softmax(dim=-1)
    by_hand = [-logits[t - 1, int(tokens[t])].item() for t in range(len(tokens)) if weights[t]]
    assert len(by_hand) == n_answer_tokens
    assert losses.tolist() == pytest.approx(by_hand, abs=1e-5)


def test_gradients_are_those_of_a_float64_reference(rows):
    """The reference is the same equations in float64, one row at a time; float32 may differ by rounding alone."""
    torch.manual_seed(0)
    config = ModelConfig(vocab_size=400, n_layer=2, n_head=4, n_kv_head=2, n_embd=32, n_hidden=48, block_size=64)
    model = Transformer(config)
    exact = Transformer(config).double()
    exact.load_state_dict(model.state_dict())
    model.loss(*fill(rows, [[0, 1], [12, 13]], 64)).backward()
    alone = [exact.token_losses(*fill(rows, [[index]], 64)[:2])[0] for index in (0, 1, 12, 13)]
    torch.cat(alone).mean().backward()
    for (name, weight), reference in zip(model.named_parameters(), exact.parameters(), strict=True):
        error = (weight.grad.double() - reference.grad).norm() / reference.grad.norm()
        assert error < 1e-5, (name, error)


def test_gradients_agree_with_finite_differences(rows):
    torch.manual_seed(0)
    config = ModelConfig(vocab_size=400, n_layer=1, n_head=2, n_kv_head=1, n_embd=8, n_hidden=12, block_size=64)
    model = Transformer(config).double()
    for weight in model.parameters():  # far from the start, where attention is flat
        torch.nn.init.normal_(weight, std=0.5)
    batch = fill(rows, [[0, 11]], 64)
    model.loss(*batch).backward()
    chance = torch.Generator().manual_seed(0)
    for name, weight in model.named_parameters():
        direction = torch.randn(weight.shape, generator=chance, dtype=torch.float64)
        with torch.no_grad():
            losses = []
            for step in (1e-5, -2e-5):
                weight += step * direction
                losses.append(model.loss(*batch).item())
            weight += 1e-5 * direction
        slope = (losses[0] - losses[1]) / 2e-5
        assert (weight.grad * direction).sum().item() == pytest.approx(slope, rel=1e-5, abs=1e-8), name


def test_two_passes_of_one_step_have_the_gradient_of_one_large_pass(rows):
    torch.manual_seed(0)
    config = model_config(400, EXACT)
    plan = [[0], [3], [10, 11], [19]]  # answers of different lengths: a mean of the passes' means would differ
    weights = rows.loss_weights.copy()
    weights[rows.offsets[3] : rows.offsets[4]] *= 0.5  # so shares by number of labels would differ too
    rows = TokenRows(rows.rows, rows.tokens, weights)
    grads = []
    for batch_size in (4, 1):
        run = Run(Transformer(config), EXACT)
        torch.manual_seed(0)
        for weight in run.model.parameters():
            torch.nn.init.normal_(weight, std=0.05)
        run.learn(micro_batches(rows, plan, 64, batch_size, all_text=False))
        grads.append([weight.grad.clone() for weight in run.model.parameters()])
    for one, four in zip(*grads, strict=True):
        torch.testing.assert_close(one, four, atol=1e-6, rtol=1e-4)


def test_a_weight_of_two_counts_twice(rows):
    torch.manual_seed(0)
    model = Transformer(model_config(400, SMALL))
    batch = fill(rows, [[0], [12]], 64)
    losses, row = model.token_losses(*batch[:3])
    weights = batch.weights.clone()
    weights[0] *= 2
    expected = (2 * losses[row == 0].sum() + losses[row == 1].sum()) / (2 * (row == 0).sum() + (row == 1).sum())
    assert model.loss(*batch[:3], weights).item() == pytest.approx(expected.item(), abs=1e-6)


def test_a_run_stops_when_val_gets_no_better_and_a_resumed_one_stays_stopped(rows, tmp_path):
    frozen = SMALL.model_copy(update={"learning_rate": 1e-30, "max_steps": 40, "eval_every": 2, "patience": 3})
    lines = []
    progress = fit(rows, rows, model_config(400, frozen), frozen, work=tmp_path, on_step=lines.append).progress
    assert progress.is_over
    assert (progress.best_step, progress.step) == (2, 8)  # judged at 2 in pretraining, and at 4, 6 and 8 in vain
    again = fit(rows, rows, model_config(400, frozen), frozen, work=tmp_path, on_step=lines.append).progress
    assert (again.step, len(lines)) == (8, 8)


def test_the_rows_shown_without_instruction_hang_on_seed_and_step_and_are_about_as_many_as_asked_for():
    plan = [list(range(start, start + 10)) for start in range(0, 2000, 10)]
    first = drawn(plan, 0.1, [0, 7])
    assert first == drawn(plan, 0.1, [0, 7])
    assert first != drawn(plan, 0.1, [0, 8])
    assert 150 < len(first) < 250
    assert drawn(plan, 0.0, [0, 7]) == set()


def test_flex_attention_is_refused_where_it_has_no_gradient(rows):
    with pytest.raises(ParamsError, match=r"train\.attention: flex has no gradient on a CPU"):
        fit(rows, rows, model_config(400, SMALL), SMALL.model_copy(update={"attention": "flex", "device": "cpu"}))


def test_bfloat16_comes_close_to_float32(rows):
    lines = {}
    for dtype in ("float32", "bfloat16"):
        params = SMALL.model_copy(update={"dtype": dtype})
        lines[dtype] = fit(rows, rows, model_config(400, params), params).progress.best_loss
    assert lines["bfloat16"] == pytest.approx(lines["float32"], rel=0.02)
    assert lines["bfloat16"] != lines["float32"]


def test_the_last_states_stay_and_a_damaged_one_is_passed_over(rows, tmp_path, caplog):
    params = SMALL.model_copy(update={"eval_every": 2, "keep_states": 2})
    expected = fit(rows, rows, model_config(400, params), params, work=tmp_path)
    assert [path.name for path in states(tmp_path)] == ["step-00000006", "step-00000007"]
    (tmp_path / "step-00000007" / "optimizer.safetensors").write_bytes(b"half")
    lines = []
    resumed = fit(rows, rows, model_config(400, params), params, work=tmp_path, on_step=lines.append)
    assert [line["step"] for line in lines] == [7]
    assert "trying the state before it" in caplog.text
    assert torch.equal(resumed.model.embedding.weight, expected.model.embedding.weight)


@pytest.mark.parametrize("tracker", ["tensorboard", "wandb"])
def test_curves_are_written_and_no_server_is_asked(rows, tmp_path, tracker, monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setattr("socket.socket.connect", only_to_this_machine(socket.socket.connect))
    params = SMALL.model_copy(update={"tensorboard": tracker == "tensorboard", "wandb": tracker == "wandb"})
    with curves(tmp_path, "train", params) as plot:
        fit(rows, rows, model_config(400, params), params, on_step=plot)
    deadline = time.monotonic() + 20  # a process of wandb's own writes, and may not be done yet
    while not (is_written := holds(tmp_path / tracker, b"val_loss")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert is_written
    assert [path.name for path in tmp_path.iterdir()] == [tracker]


def holds(folder: Path, text: bytes) -> bool:
    return any(text in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def only_to_this_machine(connect):
    def checked(sock, address):
        assert sock.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1", "localhost"), address
        return connect(sock, address)

    return checked


class Killed(Exception):
    """Stands for a process that dies between two steps."""


def killed_at(step: int):
    def observe(line):
        if line["step"] == step:
            raise Killed

    return observe


def test_a_resumed_run_has_the_losses_and_weights_of_an_uninterrupted_one(rows, tmp_path):
    config = model_config(400, SMALL)
    whole, again = [], []
    expected = fit(rows, rows, config, SMALL, on_step=whole.append)
    with pytest.raises(Killed):
        fit(rows, rows, config, SMALL, work=tmp_path / "work", on_step=killed_at(5))
    resumed = fit(rows, rows, config, SMALL, work=tmp_path / "work", on_step=again.append)
    assert [line["step"] for line in again] == [4, 5, 6, 7]  # the state after step 3 was there
    assert again == whole[3:]
    assert asdict(resumed.progress) == asdict(expected.progress)
    for name, weight in expected.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name]), name


def test_a_killed_step_goes_on_and_leaves_the_same_bytes(tokens, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="tasks.train")
    train(tokens, tmp_path / "whole" / "train", SMALL)
    data = tmp_path / "killed"
    train_rows, val_rows = (TokenRows.read(tokens / "tokens" / split) for split in ("train", "val"))
    work = data / "run" / "train" / fingerprint(tokens, SMALL)
    vocab_size = json.loads((tmp_path / "whole/train/checkpoint/config.json").read_text())["vocab_size"]
    with pytest.raises(Killed):
        fit(train_rows, val_rows, model_config(vocab_size, SMALL), SMALL, work=work, on_step=killed_at(6))
    assert (work / "step-00000006" / "progress.json").is_file()
    assert [line.split(" (")[0] for line in caplog.messages] == ["step 3", "step 6", "step 7"]
    caplog.clear()
    train(tokens, data / "train", SMALL)
    assert [line.split(" (")[0] for line in caplog.messages] == ["step 7"]  # it began after step 6
    assert sha256s(data / "train") == sha256s(tmp_path / "whole" / "train")
    assert not (data / "run" / "train").exists()


def test_a_state_is_of_another_run_where_weights_would_differ_and_only_there(tokens, monkeypatch):
    def of(**changed):
        return fingerprint(tokens, SMALL.model_copy(update={"device": "cpu", "dtype": "float32"} | changed))

    alike = [{"keep_states": 9}, {"tensorboard": True}, {"wandb": True}]
    assert {of(**changed) for changed in alike} == {of()}
    others = [{"dtype": "bfloat16"}, {"threads": 1}, {"seed": 1}, {"keep": "last"}]
    assert len({of(), *(of(**changed) for changed in others)}) == 5
    assert of(dtype="auto") in {of(), of(dtype="bfloat16")}  # what it comes to on this machine
    assert (of(device="auto") == of()) is not torch.cuda.is_available()
    before = of()
    monkeypatch.setattr(torch, "__version__", "0.0")
    assert of() != before


def test_the_speed_is_that_of_the_steps_alone(caplog):
    """A run that goes on after step 40, with 4,000 tokens behind it; steps take 2 s, evaluating 50 s, plotting 7 s."""
    caplog.set_level(logging.INFO, logger="tasks.train")
    now = [1000.0]

    def plot(line):
        now[0] += 7

    observe = observer(plot, ModelConfig(vocab_size=1), 1e9, clock=lambda: now[0])
    for step in range(41, 50):
        line = {"step": step, "phase": "finetune", "train_loss": 1.0, "n_tokens": 100 * step, "n_labels": 10}
        if is_evaluated := step % 3 == 0:
            line["val_loss"] = 2.0
        now[0] += 2 + 50 * is_evaluated
        observe(line)
    mfu = train_flops(ModelConfig(vocab_size=1), 200, 20) / 4 / 1e9
    assert [line.partition("token")[2] for line in caplog.messages] == [
        "",  # of step 41 there is no beginning, and 42 was evaluated
        f"; 50 tokens/s, MFU {mfu:.1%}",
        f"; 50 tokens/s, MFU {mfu:.1%}",
    ]


@pytest.mark.parametrize("is_pretraining", [True, False])
def test_the_line_of_a_step_counts_what_was_to_be_said(rows, is_pretraining):
    plan = [[0], [3], [10, 11], [19]]
    line = Run(Transformer(model_config(400, EXACT)), EXACT).learn(micro_batches(rows, plan, 64, 2, is_pretraining))
    members = [index for of_row in plan for index in of_row]
    assert line["n_tokens"] == rows.lengths[members].sum()
    answers = rows.rows["n_answer_tokens"].to_numpy()[members].sum()
    assert line["n_labels"] == (line["n_tokens"] - len(members) if is_pretraining else answers)


def test_another_seed_gives_other_weights(rows):
    config = model_config(400, SMALL)
    first, second = (fit(rows, rows, config, SMALL.model_copy(update={"seed": seed})).model for seed in (0, 1))
    assert not torch.equal(first.embedding.weight, second.embedding.weight)


def test_the_state_holds_safetensors_and_json_only(rows, tmp_path):
    fit(rows, rows, model_config(400, SMALL), SMALL, work=tmp_path / "work")
    files = [path for path in (tmp_path / "work").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".safetensors", ".json"}


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(rows):
    wild = SMALL.model_copy(update={"learning_rate": 1e30, "warmup_ratio": 0.0})
    with pytest.raises(GateError, match=r"at step [2-7]; expected finite numbers; a train\.learning_rate"):
        fit(rows, rows, model_config(400, wild), wild)


def test_the_rate_rises_to_its_peak_and_falls_to_its_floor():
    params = TrainParams(learning_rate=1.0, warmup_ratio=0.1, min_lr_ratio=0.2)
    rates = [learning_rate(step, 100, params) for step in range(100)]
    assert rates[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] == pytest.approx(0.2, abs=1e-3)
    assert rates[55] == pytest.approx(0.6, abs=0.01)  # half way down the cosine


def test_rows_longer_than_the_block_are_left_out_of_row_losses_not_cut(rows):
    torch.manual_seed(0)
    model = Transformer(ModelConfig(vocab_size=400, block_size=24)).eval()
    table = row_losses(model, rows)
    short = rows.rows.filter(pl.col("n_tokens") <= 24)
    assert 0 < len(short) < len(rows)
    assert table["id"].to_list() == short["id"].to_list()
    assert table["n_tokens"].to_list() == short["n_answer_tokens"].to_list()
    assert answer_loss(model, rows) == pytest.approx(
        model.loss(*fill(rows, [[i] for i in _indices(rows, 24)], 24)).item()
    )


def _indices(rows: TokenRows, block_size: int) -> list[int]:
    return [i for i in range(len(rows)) if rows.lengths[i] <= block_size]


def test_train_leaves_a_checkpoint_that_answers_and_a_folder_for_transformers(tokens, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    params = SMALL.model_copy(update={"tensorboard": True})
    report = train(tokens, tmp_path / "train", params)
    assert [line["step"] for line in report.measures["history"]] == [3, 6, 7]
    assert {path.name for path in (tmp_path / "train" / "checkpoint").iterdir()} == {"config.json", "model.safetensors"}
    assert {path.name for path in (tmp_path / "train" / "hf").iterdir()} == {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    other = params.model_copy(update={"seed": 1, "max_steps": 1})
    train(tokens, tmp_path / "train", other)
    folders = {f"train-{fingerprint(tokens, of_run)[:8]}" for of_run in (params, other)}  # their curves are not mixed
    assert {path.parent.name for path in (tmp_path / "run" / "tensorboard").glob("*/events.*")} == folders
    answer = generate(tmp_path / "train" / "checkpoint", tokens / "tokenizer.json", "你好", max_new_tokens=4)
    assert isinstance(answer, str)
    with pytest.raises(ParamsError, match="expected fewer than 64"):
        generate(tmp_path / "train" / "checkpoint", tokens / "tokenizer.json", "你好" * 99)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(SourceError, match="no token files here"):
        train(tmp_path, tmp_path / "train", SMALL)
    with pytest.raises(SourceError, match="no checkpoint here"):
        generate(tmp_path, tmp_path / "tokenizer.json", "你好")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_that_is_not_there_is_refused(rows):
    with pytest.raises(ParamsError, match="cuda is not available"):
        fit(rows, rows, model_config(400, SMALL), SMALL.model_copy(update={"device": "cuda"}))
