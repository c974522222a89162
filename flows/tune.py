"""`tune`: search the params with which the small Transformer has the lowest loss on val; the best become a params file.

Optuna proposes by a tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for Hyper-Parameter
Optimization", section 4) and ends trials that are worse than the median at the same step. Below the data folder:

    run/tune/study.db       all studies, in SQLite
    run/tune/report.json    every trial of the last search
    run/tune/best.yaml      the best as a params file; it holds what differs from the defaults in code

A trial's values depend on the seed and on the trials that ended before it, on nothing else: a search that was killed
goes on as if nothing had happened.
"""

import fcntl
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from rich.console import Console
from rich.table import Table

from flows.search_space import SPACE, Judged, Objective, scaled
from tasks.core.errors import GateError, ParamsError, SourceError
from tasks.core.files import write_json, write_text
from tasks.core.params import TrainParams
from tasks.core.schema import stable_hash

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)

SHOWN = 5  # best trials in the table
PRUNER_STARTUP_TRIALS = 5  # whole trials before any is ended early: the median of fewer says little
HEADER = "# The best params that `instructflow tune` found.\n"


def tune(
    data: Path,
    params: TrainParams,
    *,
    trials: int = 20,
    steps: int | None = None,
    study: str = "train",
    out: Path | None = None,
    on_ray: bool = False,
) -> dict[str, Any]:
    """Search until `trials` have ended in all, each of `steps` (None: those of `params`); returns what report.json has.

    The params as they are come first. Raises ParamsError for a missing extra, a bad name or an `out` that is another
    file, SourceError without token files, GateError when every trial diverged.
    """
    if not re.fullmatch(r"[A-Za-z0-9_]+", study):
        raise ParamsError(f"--study: {study!r} is no name; expected letters, digits and _")
    folder = data / "run" / "tune"
    best_file = out or folder / "best.yaml"
    check_target(best_file)
    objective = Objective(data / "tokenize", scaled(params, steps))
    if not (data / "tokenize" / "tokens" / "val").is_dir():
        raise SourceError(f"{data / 'tokenize'}: no token files here; run `instructflow build --only tokenize` first")
    name = f"{study}-{objective.fingerprint()[:12]}"
    for param, found in objective.space.items():
        if found != SPACE[param]:
            log.info(
                "train.%s: its range is widened to %g … %g, to hold the value it has", param, found.low, found.high
            )
    with one_search_at_a_time(folder):
        if on_ray:
            from flows.tune_on_ray import search_on_ray

            judged = search_on_ray(objective, folder / "ray", name, trials)
        else:
            judged = search(objective, folder / "study.db", name, trials)
        result = summary(judged, objective, name)
        write_json(result, folder / "report.json")
        write_text(params_file(result, params), best_file)
    return result | {"file": str(best_file)}


def search(objective: Objective, database: Path, name: str, trials: int) -> list[Judged]:
    """Run Optuna's study `name` of `database` until `trials` have ended, the params as they are among them."""
    try:
        import optuna
        from optuna.trial import TrialState
    except ImportError:
        raise ParamsError(
            "tune: Optuna is not installed; install the extra tune: pip install 'instructflow[tune]'"
        ) from None

    study = open_study(objective, database, name)
    for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
        log.info("trial %d: was cut off; another takes its place", trial.number)
        study.tell(trial.number, state=TrialState.FAIL)
    while True:
        ended = ended_trials(study)
        is_first_judged = any(trial.params == objective.first for trial in ended)
        if len(ended) >= trials and is_first_judged:
            return [judged(trial, objective) for trial in ended]
        if not is_first_judged and not study.get_trials(deepcopy=False, states=[TrialState.WAITING]):
            study.enqueue_trial(objective.first)
        study.sampler = optuna.samplers.TPESampler(seed=sampler_seed(objective.params.seed, len(ended)))
        run_trial(study, objective)


def open_study(objective: Objective, database: Path, name: str) -> "Study":
    """Create or load the study; raises SourceError where the database cannot be used."""
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    database.parent.mkdir(parents=True, exist_ok=True)
    pruner = optuna.pruners.MedianPruner(PRUNER_STARTUP_TRIALS, n_warmup_steps=objective.patient_steps)
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{database}")
        known = optuna.get_all_study_names(storage)
        study = optuna.create_study(study_name=name, storage=storage, pruner=pruner, load_if_exists=True)
    except (SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:
        found = str(error).splitlines()[0]
        raise SourceError(f"{database}: cannot be used: {found}; move it away to begin anew") from None
    others = [other for other in known if other != name and other.rpartition("-")[0] == name.rpartition("-")[0]]
    if name in known:
        log.info("study %s goes on: %d trials have ended", name, len(ended_trials(study)))
    elif others:
        log.info(
            "study %s begins anew: %d of that name had other tokens, fixed params, ranges or code and stay apart",
            name,
            len(others),
        )
    else:
        log.info("study %s begins", name)
    return study


def run_trial(study: "Study", objective: Objective) -> None:
    """Run one trial and tell the study how it ended: whole, pruned, or diverged, which counts as pruned."""
    from optuna import TrialPruned
    from optuna.trial import TrialState

    started = time.monotonic()
    trial = study.ask()
    values = {n: trial.suggest_float(n, r.low, r.high, log=r.is_log) for n, r in objective.space.items()}

    def report(step: int, val_loss: float) -> None:
        trial.report(val_loss, step)
        is_spared = values == objective.first or step == objective.n_steps  # what is gained is told from a whole first
        if not is_spared and trial.should_prune():
            raise TrialPruned

    try:
        study.tell(trial, objective(values, report))
    except TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
    except GateError as error:
        trial.set_user_attr("reason", str(error))
        study.tell(trial, state=TrialState.PRUNED)  # not FAIL, which the sampler would not learn from
    log_trial(judged(study.get_trials(deepcopy=False)[trial.number], objective), time.monotonic() - started)


def ended_trials(study: "Study") -> list["FrozenTrial"]:
    """The trials that were judged, in order; one that was killed is none."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=[TrialState.COMPLETE, TrialState.PRUNED])


def judged(trial: "FrozenTrial", objective: Objective) -> Judged:
    """What is reported of one of Optuna's trials."""
    losses, reason = trial.intermediate_values, trial.user_attrs.get("reason")
    state = "diverged" if reason else trial.state.name.lower()
    val_loss = None if reason else objective.loss_of([losses[step] for step in sorted(losses)])
    return Judged(trial.number, dict(trial.params), state, val_loss, max(losses, default=None), reason)


def sampler_seed(seed: int, n_ended: int) -> int:
    """The seed of the next trial's values: a search that goes on must not repeat what it drew before."""
    return int(stable_hash(seed, n_ended)[:8], 16)


def log_trial(trial: Judged, seconds: float) -> None:
    """Say in one line how a trial ended."""
    if trial.state == "diverged":
        log.info("trial %d: diverged, %.0f s; %s", trial.number, seconds, trial.reason)
    else:
        how = "pruned at" if trial.state == "pruned" else "whole,"
        log.info("trial %d: val %.4f, %s step %s, %.0f s", trial.number, trial.val_loss, how, trial.step, seconds)


def summary(trials: list[Judged], objective: Objective, name: str) -> dict[str, Any]:
    """All that is known of the trials, with the number of the first and of the best, and what was gained.

    Raises GateError when none came to its end.
    """
    whole = {t.number: t.val_loss for t in trials if t.state == "complete" and t.val_loss is not None}
    if not whole:
        told = [trial.reason for trial in trials if trial.reason]
        raise GateError(f"tune: none of {len(trials)} trials came to its end; the last reason: {told[-1:] or 'none'}")
    best = min(whole, key=lambda number: (whole[number], number))
    first = next(trial.number for trial in trials if trial.values == objective.first)
    return {
        "study": name,
        "steps": objective.n_steps,
        "space": {param: asdict(found) for param, found in objective.space.items()},
        "first": first,
        "best": best,
        "gain": whole[first] - whole[best] if first in whole else None,  # nats; None where the first was not whole
        "trials": [asdict(trial) for trial in trials],
    }


def params_file(result: dict[str, Any], params: TrainParams) -> str:
    """The best trial as a params file: `params`, with its own numbers of steps, and the values found."""
    best = trial_of(result, result["best"])
    train = params.model_copy(update=best["values"])
    differing = {name: value for name, value in train.model_dump().items() if value != getattr(TrainParams(), name)}
    return (
        f"{HEADER}# Loss on val {best['val_loss']:.4f} nats per answer token after {result['steps']} steps; "
        f"as the params were: {loss_text(trial_of(result, result['first']))}.\n"
        "# To use them, put these lines into the section train of params.yaml, or of your own file for --params: this\n"
        "# one names no source, and all that it does not name is as in the code.\n"
        f"{yaml.safe_dump({'train': differing}, sort_keys=False, allow_unicode=True)}"
    )


def trial_of(result: dict[str, Any], number: int) -> dict[str, Any]:
    """The trial with this number."""
    found: dict[str, Any] = next(trial for trial in result["trials"] if trial["number"] == number)
    return found


def loss_text(trial: dict[str, Any]) -> str:
    """The trial's loss as shown."""
    if trial["state"] == "diverged":
        return "diverged"
    return f"{trial['val_loss']:.4f}" + (f" (pruned at step {trial['step']})" if trial["state"] == "pruned" else "")


def check_target(path: Path) -> None:
    """Raise ParamsError where `path` is a file that `tune` did not write: params.yaml, say."""
    if path.is_dir() or (path.is_file() and not path.read_bytes().startswith(HEADER.encode())):
        raise ParamsError(f"--out: {path} is there and no result of tune; expected a new file")


@contextmanager
def one_search_at_a_time(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, so that a trial found running was killed; raises ParamsError where another holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ParamsError(f"{folder}: another search is running there; expected one at a time") from None
        yield


def show_search(result: dict[str, Any]) -> None:
    """Print the first trial beside the best ones, what was gained, and what to do with the file."""
    first = trial_of(result, result["first"])
    others = [trial for trial in result["trials"] if trial["state"] == "complete" and trial is not first]
    shown = [first, *sorted(others, key=lambda trial: (trial["val_loss"], trial["number"]))[:SHOWN]]
    table = Table("trial")
    for trial in shown:
        table.add_column(f"{trial['number']}, as it is" if trial is first else str(trial["number"]), justify="right")
    table.add_row("val loss", *(loss_text(trial) for trial in shown))
    if result["gain"] is not None:
        table.add_row("gained", "", *(f"{first['val_loss'] - trial['val_loss']:+.4f}" for trial in shown[1:]))
    for name in SPACE:
        table.add_row(name, *(f"{trial['values'][name]:.3g}" for trial in shown))
    states = [trial["state"] for trial in result["trials"]]
    counts = ", ".join(f"{states.count(state)} {state}" for state in ("complete", "pruned", "diverged"))
    console = Console()
    console.print(
        f"Study {result['study']}: {len(states)} trials of {result['steps']} steps, {counts}", highlight=False
    )
    console.print(table)
    console.print("Losses are nats per answer token of val.")
    if result["gain"]:
        console.print(
            f"What is gained is that of the best of {len(states)} trials, all judged by the same rows of val with one "
            "seed: expect less on other rows.",
            highlight=False,
        )
    if result["best"] == result["first"]:
        console.print("No trial is better than the params as they are.")
    console.print(
        f"Best: {result['file']}\nTo use it, put its lines into the section train of params.yaml, then run "
        "`instructflow build`.",
        highlight=False,
        soft_wrap=True,
    )
