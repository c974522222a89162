"""The search judges by val, goes on where it stopped, ends what is hopeless, and leaves a params file that loads."""

import fcntl
import json
import logging
import shutil
import sys
from pathlib import Path

import optuna
import polars as pl
import pytest
import torch
import yaml
from optuna.trial import TrialState, create_trial
from typer.testing import CliRunner

from flows.cli import app
from flows.search_space import SPACE, Objective, Range, scaled
from flows.tune import judged, open_study, sampler_seed, show_search, tune
from tasks.core.errors import GateError, ParamsError, SourceError
from tasks.core.params import Params, TokenizeParams, TrainParams
from tasks.core.params_file import load_params
from tasks.core.schema import examples_frame
from tasks.tokenize import tokenize

PAIRS = [
    ("中国的首都是哪里？", "北京。"),
    ("三加五等于几？", "等于八。"),
    ("反义词：高", "低"),
    ("What is 7 times 6?", "42"),
    ("Name a planet", "Saturn, the one with rings."),
    ("Opposite of hot", "cold"),
]
TINY = TrainParams(block_size=64, batch_size=1, pretrain_steps=1, max_steps=2, eval_every=1, threads=1)


def examples(pairs=PAIRS) -> pl.DataFrame:
    return examples_frame(
        [
            {
                "id": f"row{i}",
                "language": "en" if question.isascii() else "zh",
                "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
            }
            for i, (question, answer) in enumerate(pairs)
        ]
    )


def tokenized(data: Path, val: pl.DataFrame) -> Path:
    """A data folder with the token files of the six rows; there is no test split, for nothing may read it."""
    (data / "release").mkdir(parents=True)
    for split, rows in {"train": examples(), "val": val, "test": examples()}.items():
        rows.write_parquet(data / "release" / f"{split}.parquet")
    tokenize(data / "release", data / "tokenize", TokenizeParams(vocab_size=400))
    for file in (data / "tokenize" / "tokens" / "test").iterdir():
        file.unlink()
    return data


@pytest.fixture(scope="module")
def tokens(tmp_path_factory) -> Path:
    return tokenized(tmp_path_factory.mktemp("tuned"), examples()[::2]) / "tokenize"


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    """A database without a study: making its tables takes as long as several trials."""
    file = tmp_path_factory.mktemp("database") / "study.db"
    optuna.storages.RDBStorage(f"sqlite:///{file}")
    return file


@pytest.fixture
def fresh(tokens, tmp_path) -> Path:
    """A data folder with these tokens, and nothing else."""
    (tmp_path / "tokenize").symlink_to(tokens)
    return tmp_path


@pytest.fixture
def data(fresh, database) -> Path:
    """The same with a database that has no study."""
    (fresh / "run" / "tune").mkdir(parents=True)
    shutil.copy(database, fresh / "run" / "tune")
    return fresh


@pytest.fixture(autouse=True)
def _logged(caplog):
    caplog.set_level(logging.INFO, logger="flows")


def study_of(data: Path, params: TrainParams) -> optuna.Study:
    objective = Objective(data / "tokenize", params)
    return open_study(objective, data / "run" / "tune" / "study.db", f"train-{objective.fingerprint()[:12]}")


def add_whole_trials(study: optuna.Study, n: int, params: TrainParams, *, val_loss: float) -> None:
    """Put `n` trials beside those of the study, with the loss `val_loss` at each step."""
    space = Objective(Path(), params).space
    found = {name: optuna.distributions.FloatDistribution(r.low, r.high, log=r.is_log) for name, r in space.items()}
    for i in range(n):
        values = {name: SPACE[name].low + (SPACE[name].high - SPACE[name].low) * (i + 1) / (n + 1) for name in SPACE}
        study.add_trial(
            create_trial(
                value=val_loss,
                params=values,
                distributions=found,
                intermediate_values=dict.fromkeys((1, 2, 3), val_loss),
            )
        )


def test_the_params_as_they_are_come_first_and_the_best_is_told_beside_them(fresh, capsys):
    data = fresh
    result = tune(data, TINY, trials=2)
    first, second = result["trials"]
    assert first["values"] == {name: getattr(TINY, name) for name in SPACE}
    assert second["values"] != first["values"]
    for name, value in second["values"].items():
        assert SPACE[name].low <= value <= SPACE[name].high
    losses = [first["val_loss"], second["val_loss"]]
    assert result["best"] == losses.index(min(losses))
    assert result["gain"] == first["val_loss"] - min(losses)
    told = json.loads((data / "run" / "tune" / "report.json").read_text())
    assert {name: value for name, value in result.items() if name != "file"} == told
    show_search(result)
    shown = capsys.readouterr().out
    assert "0, as it is" in shown
    assert f"{first['val_loss']:.4f}" in shown
    assert f"{first['val_loss'] - second['val_loss']:+.4f}" in shown


def test_the_command_takes_params_and_data_of_the_project(data, monkeypatch):
    (data / "project").mkdir()
    (data / "project" / "dvc.yaml").write_text("stages: {}\n")
    (data / "project" / "params.yaml").write_text(yaml.safe_dump({"train": TINY.model_dump()}))
    (data / "project" / "data").symlink_to(data)
    monkeypatch.chdir(data / "project")
    ran = CliRunner().invoke(app, ["tune", "--trials", "1", "--steps", "2", "--study", "quick"])
    assert ran.exception is None
    assert "1 trials of 2 steps, 1 complete" in " ".join(ran.output.split())
    assert "No trial is better than the params as they are." in ran.output
    assert json.loads((data / "run" / "tune" / "report.json").read_text())["study"].startswith("quick-")


def test_the_loss_of_a_trial_is_the_lowest_that_training_with_its_values_has_on_val(data):
    from tasks.core.tokens import TokenRows, load_tokenizer
    from tasks.core.training import fit, model_config

    [first] = tune(data, TINY, trials=1)["trials"]
    train, val = (TokenRows.read(data / "tokenize" / "tokens" / split) for split in ("train", "val"))
    config = model_config(load_tokenizer(data / "tokenize" / "tokenizer.json").get_vocab_size(), TINY)
    assert first["val_loss"] == fit(train, val, config, TINY).progress.best_loss
    assert first["step"] == 3


def test_where_the_last_weights_stay_their_loss_is_that_of_the_trial(data):
    wild = TINY.model_copy(update={"keep": "last", "learning_rate": 0.2, "dtype": "float32"})
    losses = []
    objective = Objective(data / "tokenize", wild)
    assert objective(objective.first, lambda step, val_loss: losses.append(val_loss)) == losses[-1]
    study = study_of(data, wild)
    for state, losses in ((TrialState.COMPLETE, [3.0, 1.0, 2.0]), (TrialState.PRUNED, [4.0, 5.0])):
        study.add_trial(
            create_trial(
                state=state,
                value=losses[-1] if state == TrialState.COMPLETE else None,
                intermediate_values=dict(enumerate(losses)),
            )
        )
    assert [judged(trial, objective).val_loss for trial in study.trials] == [2.0, 5.0]
    best = Objective(data / "tokenize", wild.model_copy(update={"keep": "best"}))
    assert [judged(trial, best).val_loss for trial in study.trials] == [1.0, 4.0]


def test_a_search_that_goes_on_draws_what_an_uninterrupted_one_draws(data, caplog):
    whole, parts = data, data / "parts"
    shutil.copytree(whole, parts, symlinks=True)
    expected = tune(whole, TINY, trials=3)
    tune(parts, TINY, trials=2)
    caplog.clear()
    resumed = tune(parts, TINY, trials=3)
    assert resumed["trials"] == expected["trials"]
    assert len({json.dumps(trial["values"]) for trial in resumed["trials"]}) == 3
    assert "goes on: 2 trials have ended" in caplog.text
    assert len([line for line in caplog.messages if line.startswith("trial ")]) == 1
    caplog.clear()
    assert tune(parts, TINY, trials=2)["trials"] == expected["trials"]  # it has more than enough
    assert not [line for line in caplog.messages if line.startswith("trial ")]
    assert (parts / "run/tune/best.yaml").read_bytes() == (whole / "run/tune/best.yaml").read_bytes()


def test_a_trial_that_was_cut_off_is_marked_failed_and_replaced_by_one_of_the_same_values(data, caplog):
    study = study_of(data, TINY)
    study.enqueue_trial({name: getattr(TINY, name) for name in SPACE})
    study.ask()  # nobody tells how it ended
    result = tune(data, TINY, trials=1)
    assert "trial 0: was cut off" in caplog.text
    assert [(trial["number"], trial["state"]) for trial in result["trials"]] == [(1, "complete")]
    assert result["first"] == 1
    assert [trial.state for trial in study_of(data, TINY).trials] == [TrialState.FAIL, TrialState.COMPLETE]


def test_a_search_that_was_killed_before_its_first_trial_runs_that_once(data):
    study_of(data, TINY).enqueue_trial({name: getattr(TINY, name) for name in SPACE})
    first, second = tune(data, TINY, trials=2)["trials"]
    assert first["values"] == {name: getattr(TINY, name) for name in SPACE} != second["values"]


def test_a_trial_worse_than_the_median_is_ended_before_its_last_step_but_not_the_first(data, capsys):
    add_whole_trials(study_of(data, TINY), 5, TINY, val_loss=0.01)
    result = tune(data, TINY, trials=7)
    first, other = result["trials"][5:]
    assert (first["number"], first["state"], first["step"]) == (result["first"], "complete", 3)
    assert (other["state"], other["step"]) == ("pruned", 2)  # step 1 of 3 is before the share in which none is ended
    show_search(result)
    shown = " ".join(capsys.readouterr().out.split())
    assert "best of 7 trials, all judged by the same rows of val with one seed: expect less on other rows" in shown


def test_a_trial_that_diverges_is_told_with_its_reason_and_is_no_crash(data, caplog, capsys):
    wild = TINY.model_copy(update={"learning_rate": 1e30, "warmup_ratio": 0.0})
    add_whole_trials(study_of(data, wild), 1, wild, val_loss=9.0)
    result = tune(data, wild, trials=2)
    diverged = result["trials"][1]
    assert (diverged["state"], diverged["val_loss"]) == ("diverged", None)
    assert "expected finite numbers" in diverged["reason"]
    assert "trial 1: diverged" in caplog.text
    assert (result["best"], result["gain"]) == (0, None)
    assert "train.learning_rate: its range is widened to 0.0003 … 1e+30" in caplog.text
    assert "as the params were: diverged" in Path(result["file"]).read_text()
    show_search(result)
    assert "1 complete, 0 pruned, 1 diverged" in capsys.readouterr().out


def test_where_every_trial_diverges_there_is_no_best(data):
    wild = TINY.model_copy(update={"learning_rate": 1e30, "warmup_ratio": 0.0})
    with pytest.raises(GateError, match=r"none of 1 trials came to its end.*expected finite numbers"):
        tune(data, wild, trials=1)
    assert not (data / "run" / "tune" / "best.yaml").exists()


def test_the_file_loads_and_differs_from_the_defaults_in_train_alone(data):
    result = tune(data, TINY, trials=2, steps=2, out=data / "found.yaml")
    best = result["trials"][result["best"]]["values"]
    assert result["file"] == str(data / "found.yaml")
    assert load_params(data / "found.yaml") == Params(train=TINY.model_copy(update=best))
    assert set(best) < set(TrainParams.model_fields)


def test_other_tokens_or_other_fixed_params_are_another_study(data, tmp_path_factory, caplog, monkeypatch):
    result = tune(data, TINY, trials=1)
    caplog.clear()
    shorter = tune(data, TINY, trials=1, steps=2)
    assert shorter["study"] != result["study"]
    assert len(shorter["trials"]) == 1
    assert "1 of that name had other tokens, fixed params, ranges or code and stay apart" in caplog.text
    other = tokenized(tmp_path_factory.mktemp("other"), examples()[1::2])
    assert Objective(other / "tokenize", TINY).fingerprint() != Objective(data / "tokenize", TINY).fingerprint()
    warmer = TINY.model_copy(update={"learning_rate": 1e-3})  # searched, so the trials stay comparable
    assert Objective(data / "tokenize", warmer).fingerprint() == Objective(data / "tokenize", TINY).fingerprint()
    assert tune(data, TINY, trials=1, study="another")["study"].startswith("another-")

    def of(**changed):
        return Objective(data / "tokenize", TINY.model_copy(update=changed)).fingerprint()

    alike = [{"threads": 2}, {"keep_states": 9}, {"tensorboard": False}, {"wandb": True}]
    assert {of(**changed) for changed in alike} == {of()}
    assert len({of(), of(keep="last"), of(seed=1), of(patience=1)}) == 4  # with `keep` another loss is the trial's
    before = of()
    monkeypatch.setattr(torch, "__version__", "0.0")
    assert of() != before


def test_changed_params_are_judged_in_a_study_that_had_its_trials(data):
    tune(data, TINY, trials=1)
    warmer = TINY.model_copy(update={"learning_rate": 1e-3})
    result = tune(data, warmer, trials=1)
    assert [trial["values"]["learning_rate"] for trial in result["trials"]] == [2e-3, 1e-3]
    assert result["first"] == 1


def test_steps_are_scaled_in_one_proportion():
    params = TrainParams(pretrain_steps=260, max_steps=60, eval_every=100)
    assert scaled(params, None) == params
    for steps, expected in {160: (130, 30, 50), 16: (13, 3, 5), 1: (0, 1, 1), 640: (520, 120, 200)}.items():
        found = scaled(params, steps)
        assert (found.pretrain_steps, found.max_steps, found.eval_every) == expected
    assert scaled(params.model_copy(update={"pretrain_steps": 0}), 30).pretrain_steps == 0


def test_a_range_holds_the_value_of_the_params():
    objective = Objective(Path(), TINY.model_copy(update={"weight_decay": 0.5, "learning_rate": 1e-4}))
    assert objective.space["weight_decay"] == Range(0.0, 0.5)
    assert objective.space["learning_rate"] == Range(1e-4, 1e-2, is_log=True)
    assert objective.space["min_lr_ratio"] == SPACE["min_lr_ratio"]


def test_the_seed_of_the_next_values_depends_on_the_params_and_on_what_ended():
    seeds = [sampler_seed(seed, n) for seed in (0, 1) for n in range(50)]
    assert len(set(seeds)) == 100
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_what_cannot_be_used_is_named(data, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(SourceError, match="no token files here; run `instructflow build --only tokenize` first"):
        tune(empty, TINY, trials=1)
    assert list(empty.iterdir()) == []
    with pytest.raises(ParamsError, match=r"--study: 'a/b' is no name"):
        tune(data, TINY, trials=1, study="a/b")
    (data / "params.yaml").write_text("train: {}\n")
    with pytest.raises(ParamsError, match="is there and no result of tune; expected a new file"):
        tune(data, TINY, trials=1, out=data / "params.yaml")
    assert (data / "params.yaml").read_text() == "train: {}\n"


def test_a_val_without_an_answer_that_fits_is_refused(tmp_path):
    long = tokenized(tmp_path, examples([("数一数", "一二三四五六七八九十" * 40), ("Count", "one two three " * 60)]))
    with pytest.raises(SourceError, match=r"val: no answer that fits train\.block_size 64; expected rows of val"):
        tune(long, TINY, trials=1)


def test_a_database_that_is_none_is_named(data):
    (data / "run" / "tune" / "study.db").write_bytes(b"no database at all, " * 100)
    with pytest.raises(SourceError, match=r"study\.db: cannot be used: .*move it away to begin anew"):
        tune(data, TINY, trials=1)


def test_two_searches_in_one_folder_at_a_time_are_refused(data):
    with (data / "run" / "tune" / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ParamsError, match="another search is running there"):
            tune(data, TINY, trials=1)
    assert len(tune(data, TINY, trials=1)["trials"]) == 1


def test_a_missing_extra_is_named(fresh, monkeypatch):
    for module in ("ray", "optuna"):
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    with pytest.raises(ParamsError, match=r"install the extra ray: pip install 'instructflow\[ray\]'"):
        tune(fresh, TINY, trials=1, on_ray=True)
    with pytest.raises(ParamsError, match=r"install the extra tune: pip install 'instructflow\[tune\]'"):
        tune(fresh, TINY, trials=1)
    assert not (fresh / "run" / "tune" / "study.db").exists()


def test_a_search_on_ray_has_the_first_trial_of_a_search_by_optuna(data):
    pytest.importorskip("ray.tune")
    result = tune(data, TINY, trials=2, on_ray=True)
    first, second = result["trials"]
    assert first["val_loss"] == tune(data, TINY, trials=1)["trials"][0]["val_loss"]
    assert second["values"] != first["values"]
    assert load_params(data / "run" / "tune" / "best.yaml").train.threads == 1
