"""`compare-arms`: what each step and each source brings, found by training without it.

An arm is what the pipeline would have trained on had one step been left out, or one source not been there. The steps
after it run again, with the build's params, below `data/run/arms/<arm>/`, on what the build left before it. In the
place of split every row that is related to a held-out one of the build is left out, and all others are train. An arm
has no gate, no release and no tokenizer of its own. Each is compared with the curated arm as lift compares raw with it:
same model, steps, tokens, seeds, tokenizer and held-out rows. The build's own folders are only read.

A step is left out with all that it does for others: clean names the language too, so without it the steps that go by
language know but what a source states.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.arm_results import tell, write_results
from flows.build import data_folder, one_build_at_a_time
from flows.runners import RUNNERS, Runner
from flows.steps import TASKS
from flows.steps import step as as_task
from tasks.core.errors import ParamsError, SourceError
from tasks.core.files import example_files, file_hash, read_examples, read_json, whole_folder
from tasks.core.ledger import STEPS, Outcome, event, ledger_frame
from tasks.core.params import LiftParams, Params, Source, TrainParams
from tasks.core.params_file import load_params
from tasks.core.project import find_project
from tasks.core.report import Report, leave
from tasks.core.schema import SPLITS
from tasks.core.shards import RunShards
from tasks.core.tokens import load_tokenizer, read_released
from tasks.core.verdict import bits_by_seed, interval_over_rows
from tasks.dag import ROW_WISE, stages
from tasks.lift import counts_of, dedup_of, encode_arms, exclusions, hold_out, train_arms

CAN_BE_LEFT_OUT = ("clean", "dedup", "decontaminate", "score", "augment")
OF_SOURCES = ("ingest", "clean")  # steps that leave a folder a source
Call = Callable[..., Any]  # (name of the run, name of the function, *arguments, **settings) -> what the function gives


@dataclass(frozen=True)
class Arm:
    """Training rows without one step, or without one source."""

    name: str  # of its folder
    subject: str  # what is left out, as a sentence names it
    sources: dict[str, Source]  # what is read
    without: str | None = None  # the step; None for a source


def arms_of(steps: Iterable[str], sources: Iterable[str], params: Params) -> list[Arm]:
    """One arm a step and one a source, each once; raises ParamsError for what cannot be left out."""
    arms = []
    for step in dict.fromkeys(steps):
        if step not in CAN_BE_LEFT_OUT:
            raise ParamsError(f"--without {step}: cannot be left out; expected one of {', '.join(CAN_BE_LEFT_OUT)}")
        arms.append(Arm(f"without-{step}", step, params.sources, step))
    for name in dict.fromkeys(sources):
        others = {other: source for other, source in params.sources.items() if other != name}
        if name not in params.sources:
            raise ParamsError(f"--without-source {name}: no such source; expected one of {', '.join(params.sources)}")
        if not others:
            raise ParamsError(f"--without-source {name}: the only source; expected one of several")
        arms.append(Arm(f"without-source-{name}", f"source {name}", others))
    return arms


def plan(arm: Arm, data: Path, folder: Path) -> list[tuple[str, Path]]:
    """The steps to run again into `folder`, each with what it reads: first what the build or the links have, then ours.

    Without augment, split alone runs again; without a source, dedup and all after it.
    """
    chain = [step for step in STEPS if step != arm.without]
    begin = min(STEPS.index(arm.without or "dedup"), chain.index("split"))
    before = chain[begin - 1]
    first = (folder if before in OF_SOURCES else data) / before
    return list(zip(chain[begin:], [first, *(folder / step for step in chain[begin:-1])], strict=True))


def run_arm(
    arm: Arm, project: Path, data: Path, folder: Path, params: Params, call: Call, run_shards: RunShards
) -> Path:
    """Run the plan of `arm` in `folder`; gives the folder with the rows that it trains on."""
    no_budgets = params.dedup.model_copy(update={"min_retention": 0.0, "max_cluster": None})  # they guard a release
    known = stages(project, data, params.model_copy(update={"sources": arm.sources, "dedup": no_budgets}))
    stage_of = {stage.step: stage for stage in known}
    planned = plan(arm, data, folder)
    if (first := planned[0][1]).parent == folder:
        link_sources(data / first.name, first, arm.sources)
    dedup = folder if "dedup" in dict(planned) else data
    for step, examples in planned:
        run, target, stage = f"{arm.name}: {step}", folder / step, stage_of[step]
        if step == "split":
            call(run, "set_apart", examples, target, params.split.rows_per_shard, data=data, dedup=dedup / "dedup")
        else:
            settings = stage.settings | ({"run_shards": run_shards} if step in ROW_WISE else {})
            call(run, step, examples, *stage.arguments[1:-2], target, stage.arguments[-1], **settings)
    return folder / planned[-1][0]


def link_sources(built: Path, target: Path, sources: Iterable[str]) -> None:
    """Give `target` the examples of these sources as links to the build's, for dedup deletes what it does not know."""
    for name in sources:
        for file in example_files(built / name):
            link = target / name / "examples" / file.name
            link.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(file.resolve(), link)
            except OSError:  # another file system, or one without links
                shutil.copyfile(file, link)


def set_apart(examples: Path, target: Path, rows_per_shard: int, *, data: Path, dedup: Path) -> Report:
    """Write to `target` as train all `examples` but those that are related to a held-out row of the build in `data`.

    Related is what tasks/lift.py says of raw rows, as the build's own dedup knows it, and then what the rows as they
    are now, and the folder `dedup` that they went through, say of held-out rows and of all that were related so.
    """
    held_out = pl.concat([read_released(data / "release", split) for split in ("val", "test")])
    raw, rows = read_examples(data / "ingest"), read_examples(examples)
    of_build = exclusions(raw, *dedup_of(data / "dedup"), held_out)
    related = pl.concat([held_out, raw.join(of_build, on="id", how="semi")])
    of_arm = exclusions(rows, *dedup_of(dedup), related)
    excluded = of_arm.join(of_build, on="id", how="left", suffix="_of_build", maintain_order="left")
    reasons = excluded.select("id", reason=pl.coalesce("reason_of_build", "reason"))
    kept = rows.join(excluded, on="id", how="anti").with_columns(split=pl.lit("train"))
    ledger = ledger_frame([event("split", id, "drop", reason) for id, reason in reasons.iter_rows()])
    with whole_folder(target) as folder:
        return leave(folder, "split", len(rows), Outcome(kept, ledger), rows_per_shard)


def judge_arms(data: Path, folders: dict[str, Path], params: LiftParams, train_params: TrainParams) -> dict[str, Any]:
    """Train curated and every arm with every seed: rows and tokens of each, bits per byte by seed, intervals over rows.

    Raises SourceError for an arm that has nothing to learn from.
    """
    train, _, test = (read_released(data / "release", split) for split in SPLITS)
    tokenizer = load_tokenizer(data / "tokenize" / "tokenizer.json")
    arms = encode_arms({"curated": train} | {arm: read_examples(rows) for arm, rows in folders.items()}, tokenizer)
    if empty := [arm for arm, rows in arms.items() if not rows.has_loss.any()]:
        raise SourceError(f"{empty[0]}: no answer is left to train on; expected an arm with rows")
    held = hold_out(test, tokenizer, train_params.block_size, params.max_rows)
    judged, _ = train_arms(arms, held, tokenizer.get_vocab_size(), params, train_params)
    of_arms = {arm: judged.filter(arm=arm) for arm in arms}
    bits = {arm: bits_by_seed(rows, params.seeds) for arm, rows in of_arms.items()}
    over_rows = {arm: interval_over_rows(of_arms["curated"], rows, held.answers) for arm, rows in of_arms.items()}
    return {"bits": bits, "over_rows": over_rows, "held_out_rows": len(held.rows), **counts_of(arms)}


def check_build(data: Path, params: Params) -> None:
    """Raise where the arms would not differ from the build in one thing alone.

    ParamsError for other params than the build's, SourceError where no build is or the tokenizer is of another one.
    """
    manifest = data / "release" / "manifest.json"
    if not manifest.is_file():
        raise SourceError(f"{data}: no release here; expected what `instructflow build` leaves")
    built = read_json(manifest)["params"]
    now = params.model_dump(mode="json", include=set(built))
    names = [(section, name) for section in built for name in {**built[section], **now[section]}]
    if other := [(section, name) for section, name in names if built[section].get(name) != now[section].get(name)]:
        raise ParamsError(
            f"{'.'.join(other[0])}: {data} was built with another one, and an arm leaves out one thing alone; "
            "run `instructflow build` first"
        )
    released = {split: file_hash(data / "release" / f"{split}.parquet", "sha256") for split in SPLITS}
    if Report.read(data / "tokenize").measures.get("release") != released:
        raise SourceError(f"{data / 'tokenize'}: made of another release; run `instructflow train` first")


def compare(
    project: Path, data: Path, params: Params, arms: Sequence[Arm], call: Call, run_shards: RunShards
) -> dict[str, Any]:
    """Run and judge all `arms`, and leave the results in `data`/run/arms, in the place of those of an earlier call."""
    check_build(data, params)
    place = data / "run" / "arms"
    shutil.rmtree(place, ignore_errors=True)
    rows = {arm.name: run_arm(arm, project, data, place / arm.name, params, call, run_shards) for arm in arms}
    found = call("judge arms", "judge_arms", data, rows, params.lift, params.train)
    excluded = {arm.name: Report.read(place / arm.name / "split").ledger.get("drop", {}) for arm in arms}
    told = tell({arm.name: arm.subject for arm in arms}, found, excluded)
    write_results(told, place)
    return told


ARM_TASKS = {**TASKS, "set_apart": as_task(set_apart), "judge_arms": as_task(judge_arms, tags=["training"])}


@flow(name="compare-arms")
def compare_arms(
    steps: list[str],
    sources: list[str],
    params: Params | None = None,
    data: str | None = None,
    runner: Runner = "processes",
) -> State[Any]:
    """Compare the curated arm with one arm a step of `steps` and one a source of `sources`, each left out.

    `params` and `data` as in `build-dataset`. Raises ParamsError for what cannot be left out.
    """

    def call(run: str, function: str, *arguments: Any, **settings: Any) -> Any:
        return ARM_TASKS[function].with_options(task_run_name=run)(*arguments, **settings)

    project = find_project(Path.cwd())
    folder, chosen = data_folder(project, params, data), params or load_params(project / "params.yaml")
    arms = arms_of(steps, sources, chosen)
    with one_build_at_a_time(folder):
        told = compare(project, folder, chosen, arms, call, RUNNERS[runner])
    return Completed(message="; ".join(f"{name}: {arm['verdict']}" for name, arm in told["arms"].items()))
