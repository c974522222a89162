"""Training speed and memory beside a plain PyTorch loop and transformers' Trainer; what a compiled model gives; the
seconds that planning an epoch takes.

`pytest tests/benchmarks/test_training_speed.py -s` prints the tables. Needs the extras `train` and `bench`; takes real
rows of the folder that INSTRUCTFLOW_DATA names, and without it the project's own sources. INSTRUCTFLOW_ROUNDS says how
often each runs (2), in turn, each time with another seed.

Every run is a process of its own, on 2 cores and 2 threads, on the same rows, with a model of the same shape and as
many rows a batch. What counts is tokens of examples per second of the measured steps, padding not counted: a packed row
holds more of them than a padded one.
"""

import json
import os
import sys
import time
from dataclasses import asdict
from importlib.util import find_spec
from math import isclose
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
import yaml
from cost import PROJECT, Cost, measured, print_table

from tasks.core.dataset import packed_batches, trainable
from tasks.core.files import example_files, read_table, write_text
from tasks.core.model import IGNORE_INDEX
from tasks.core.params import IngestParams, Source, TrainParams
from tasks.core.tokens import TokenRows, encode_examples, train_tokenizer
from tasks.core.training import model_config
from tasks.exporters.huggingface import write_settings
from tasks.ingest import ingest
from tasks.tokenize import training_texts

DATA = Path(os.environ.get("INSTRUCTFLOW_DATA") or os.devnull).resolve()
ROUNDS = int(os.environ.get("INSTRUCTFLOW_ROUNDS", "2"))
WARMUP = 3  # steps before those that are measured
STEPS = 12
STEPS_GROUPED = 50  # Trainer sorts 50 batches at a time, the longest first: fewer would be its long rows only
MAX_ROWS = 4000  # of each real source
VOCAB_SIZE = 4096
PLANNED_ROWS = 100_000
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
PARAMS = TrainParams(
    size="micro", block_size=256, batch_size=8, pretrain_steps=0, max_steps=WARMUP + STEPS + 1, eval_every=10**6,
    dtype="float32", device="cpu", threads=2, tensorboard=False,
)  # fmt: skip

OURS = "instructflow, float32"
COMPILED = "instructflow, float32, compiled"
TRAINER = "Trainer, float32"
OUR_PARAMS = {
    OURS: PARAMS,
    "instructflow, bfloat16": PARAMS.model_copy(update={"dtype": "bfloat16"}),
    COMPILED: PARAMS.model_copy(update={"compile": True}),
}
PEERS = {
    "plain PyTorch, padded, float32": "plain",
    TRAINER: "trainer",
    "Trainer, float32, group_by_length": "trainer-grouped",
    "Trainer, bfloat16": "trainer-bf16",
}

# Ours, as a whole process. The last step is left out: it is judged too, as that of no peer is.
FIT = """
import json, sys, time
from pathlib import Path
from tasks.core.params import TrainParams
from tasks.core.tokens import TokenRows
from tasks.core.training import fit, model_config

tokens, result, vocab_size, warmup, params = sys.argv[1:]
warmup, params = int(warmup), TrainParams.model_validate_json(params)
rows = TokenRows.read(Path(tokens))
lines, ends = [], [time.perf_counter()]

def on_step(line):
    lines.append(line)
    ends.append(time.perf_counter())

fit(rows, rows.head(0), model_config(int(vocab_size), params), params, on_step=on_step)
steps = len(lines) - 1 - warmup
told = json.dumps({
    "rows_out": lines[-2]["n_tokens"] - lines[warmup - 1]["n_tokens"],
    "places": steps * params.batch_size * params.block_size,
    "steps": steps,
    "seconds": ends[-2] - ends[warmup],
    "seconds_before": ends[warmup] - ends[0],
    "losses": [line["train_loss"] for line in lines],
})
Path(result).write_text(told)
print(told)
"""

needs_trainer = pytest.mark.skipif(
    not (find_spec("transformers") and find_spec("accelerate")),
    reason="transformers' Trainer is not installed: the extras `train` and `bench` have it",
)


class Ran(NamedTuple):
    """One process: what it cost, and what it says of its measured steps."""

    cost: Cost
    told: dict[str, Any]

    @property
    def speed(self) -> float:
        """Tokens of examples per second."""
        return self.told["rows_out"] / self.told["seconds"]


def real_sources() -> dict[str, Source]:
    """Both halves of a bilingual set of instructions; without it what the project ships, less the planted defects."""
    if (DATA / "alpaca_zh_en").is_dir():
        named = yaml.safe_load(Path(__file__).with_name("real.yaml").read_text(encoding="utf-8"))["sources"]
        bilingual = {name: source for name, source in named.items() if name.startswith("open_chinese")}
        return {
            name: Source(**source | {"path": source["path"].replace("$INSTRUCTFLOW_DATA", str(DATA)),
                                     "max_rows": MAX_ROWS})
            for name, source in bilingual.items()
        }  # fmt: skip
    named = yaml.safe_load((PROJECT / "params.yaml").read_text(encoding="utf-8"))["sources"]
    return {
        name: Source(**source | {"path": str(PROJECT / source["path"]), "weight": 1.0})
        for name, source in named.items()
        if name != "planted"
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Real rows that can be trained on, as our token files (tokens/) and as plain arrays for the peers (peers/)."""
    root = tmp_path_factory.mktemp("training")
    frames = []
    for name, source in real_sources().items():
        ingest(Path(source.path), root / name, IngestParams(), name=name, source=source)
        frames += [read_table(file) for file in example_files(root / name)]
    examples = pl.concat(frames).sort("id")
    tokenizer = train_tokenizer(training_texts(examples), VOCAB_SIZE)
    assert tokenizer.get_vocab_size() == VOCAB_SIZE
    rows = encode_examples(examples, tokenizer)
    rows = encode_examples(examples[trainable(rows, PARAMS.block_size)], tokenizer)
    rows.write(root / "tokens")
    peers = root / "peers"
    (peers / "hf").mkdir(parents=True)
    np.save(peers / "tokens.npy", rows.tokens)
    np.save(peers / "labels.npy", np.where(rows.has_loss, rows.tokens.astype(np.int32), IGNORE_INDEX))
    np.save(peers / "offsets.npy", rows.offsets)
    write_text(tokenizer.to_str(), root / "tokenizer.json")
    config = model_config(VOCAB_SIZE, PARAMS)
    (peers / "shape.json").write_text(json.dumps(asdict(config)))
    write_settings(config, root / "tokenizer.json", peers / "hf")
    lengths = rows.lengths.clip(max=PARAMS.block_size)
    languages = ", ".join(f"{n:,} {name}" for name, n in rows.rows["language"].value_counts().sort("language").rows())
    quantiles = ", ".join(f"{np.quantile(lengths, q):.0f} ({q:.0%})" for q in QUANTILES)
    print(f"\n{len(rows):,} rows ({languages}), cut at {PARAMS.block_size} tokens; tokens a row: mean "
          f"{lengths.mean():.1f}, quantiles {quantiles}; {rows.has_loss.mean():.0%} of them answer.")  # fmt: skip
    return root


def ran(name: str, folder: Path, seed: int) -> Ran:
    """Train once as `name` says, in a process of its own."""
    result = folder / "result.json"
    env = {
        "OMP_WAIT_POLICY": "PASSIVE",  # as both doors of ours have it; peers gain by it too where cores are shared
        "HF_HUB_OFFLINE": "1",
        "TORCHINDUCTOR_CACHE_DIR": str(folder / f"inductor-{seed}"),  # compiled anew each time
    }
    if name in OUR_PARAMS:
        params = OUR_PARAMS[name].model_copy(update={"seed": seed}).model_dump_json()
        cost = measured([sys.executable, "-c", FIT, folder / "tokens", result, VOCAB_SIZE, WARMUP, params], env)
    else:
        script, peer = Path(__file__).with_name("peer_train.py"), PEERS[name]
        options = {
            "batch-size": PARAMS.batch_size,
            "warmup": WARMUP,
            "steps": STEPS_GROUPED if peer == "trainer-grouped" else STEPS,
            "seed": seed,
            "threads": PARAMS.threads,
        }
        named = [f"--{option}={value}" for option, value in options.items()]
        cost = measured([sys.executable, script, peer, folder / "peers", result, *named], env)
    return Ran(cost, json.loads(result.read_text()))


@pytest.fixture(scope="module")
def runs(folder) -> dict[str, list[Ran]]:
    """Every way to train, in turn, `ROUNDS` times."""
    runs: dict[str, list[Ran]] = {}
    for seed in range(ROUNDS):
        for name in (*OUR_PARAMS, *PEERS):
            runs.setdefault(name, []).append(ran(name, folder, seed))
    return runs


@needs_trainer
@pytest.mark.timeout(3600)
def test_it_trains_faster_than_the_trainer_of_transformers_and_in_no_more_memory(runs):
    speeds = {name: median(run.speed for run in of_name) for name, of_name in runs.items()}
    mib = {name: median(run.cost.mib_largest for run in of_name) for name, of_name in runs.items()}

    def told(name: str, what: str) -> float:
        return median(run.told[what] for run in runs[name])

    table = [
        [
            name,
            f"{told(name, 'steps'):.0f}",
            f"{told(name, 'rows_out') / told(name, 'steps'):,.0f}",
            f"{told(name, 'rows_out') / told(name, 'places'):.0%}",
            f"{told(name, 'seconds') / told(name, 'steps'):.2f}",
            f"{speeds[name]:,.0f}",
            " ".join(f"{run.speed:,.0f}" for run in runs[name]),
            f"{speeds[name] / speeds[TRAINER]:.2f}",
            f"{mib[name]:,.0f}",
            " ".join(f"{run.cost.mib_largest:,.0f}" for run in runs[name]),
        ]
        for name in runs
    ]
    columns = ("", "steps", "tokens/step", "no padding", "s/step", "tokens/s", "of each round", "to Trainer's",
               "MiB, peak", "of each round")  # fmt: skip
    title = f"{PARAMS.size}, {VOCAB_SIZE} tokens, {PARAMS.batch_size} rows of {PARAMS.block_size}, median of {ROUNDS}"
    print_table(f"Training, {title}", columns, table)
    compiling = median(
        slow.told["seconds_before"] - quick.told["seconds_before"]
        for slow, quick in zip(runs[COMPILED], runs[OURS], strict=True)
    )
    saved = told(OURS, "seconds") / told(OURS, "steps") - told(COMPILED, "seconds") / told(COMPILED, "steps")
    when = f"even after {compiling / saved:,.0f} steps" if saved > 0 else "never even"
    print(f"Compiling takes {compiling:.1f} s and is {when}.")
    assert speeds[OURS] >= 1.5 * speeds[TRAINER]
    assert mib[OURS] <= mib[TRAINER]


@needs_trainer
@pytest.mark.timeout(3600)
def test_a_compiled_model_has_the_same_losses(runs):
    for plain, compiled in zip(runs[OURS], runs[COMPILED], strict=True):
        pairs = list(zip(plain.told["losses"], compiled.told["losses"], strict=True))
        apart = [abs(a - b) / a for a, b in pairs]
        print(f"\nLosses of a compiled model: {max(apart[:3]):.1e} apart in 3 steps, {max(apart):.1e} in {len(apart)}.")
        assert all(isclose(a, b, rel_tol=1e-4) for a, b in pairs[:3]), pairs[:3]


def test_an_epoch_is_planned_in_seconds(folder):
    rows = TokenRows.read(folder / "tokens")
    times = -(-PLANNED_ROWS // len(rows))
    many = TokenRows(
        pl.concat([rows.rows] * times), np.tile(rows.tokens, times), np.tile(rows.loss_weights, times)
    ).head(PLANNED_ROWS)
    begin, n_rows = time.perf_counter(), 0
    for plan in packed_batches(many, PARAMS.batch_size, PARAMS.block_size, PARAMS.seed):
        n_rows += sum(map(len, plan))
        if n_rows > 0.99 * PLANNED_ROWS:  # the last rows are planned together; what is left over waits for more
            break
    seconds = time.perf_counter() - begin
    print(f"\nAn epoch of {PLANNED_ROWS:,} rows is planned in {seconds:.1f} s.")
    assert seconds < 120
