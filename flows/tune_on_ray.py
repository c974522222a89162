"""The search of `flows/tune.py` under Ray Tune: the same loss over the same ranges, as many trials at a time as fit.

Values are drawn at random; of the trials that reach a rung the better half goes on (asynchronous successive halving,
Li et al. 2020, arXiv:1810.05934). Every search begins anew: what it leaves below run/tune/ray is Ray's own.
Only paths and params travel, so a cluster needs the data folder at the same place on every node.
"""

import logging
import math
import os
import shutil
from pathlib import Path
from typing import Any

from flows.search_space import Judged, Objective, Space, Values
from flows.tune import log_trial
from tasks.core.errors import GateError, ParamsError
from tasks.core.params import TrainParams

BETTER_SHARE = 2  # one of so many goes on from a rung, as under a median
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AIR_NEW_OUTPUT": "0", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1"}


def search_on_ray(objective: Objective, folder: Path, name: str, trials: int) -> list[Judged]:
    """Run `trials` trials, the params as they are among them, on the cluster in RAY_ADDRESS or on a local one."""
    os.environ.update({key: value for key, value in QUIET.items() if key not in os.environ})
    try:
        import ray
        from ray import tune
        from ray.tune.schedulers import ASHAScheduler
        from ray.tune.search.basic_variant import BasicVariantGenerator
    except ImportError:
        raise ParamsError(
            "tune --ray: Ray Tune is not installed; install the extra ray: pip install 'instructflow[ray]'"
        ) from None

    shutil.rmtree(folder / name, ignore_errors=True)  # of an earlier search
    ray.init(include_dashboard=False, log_to_driver=False, ignore_reinit_error=True, logging_level=logging.ERROR)
    try:
        tuner = tune.Tuner(
            tune.with_resources(
                tune.with_parameters(run_trial, objective=objective),
                resources(objective.params, ray.cluster_resources()),
            ),
            param_space=ray_space(objective.space),
            tune_config=tune.TuneConfig(
                metric="val_loss",
                mode="min",
                num_samples=trials,
                search_alg=BasicVariantGenerator([objective.first], random_state=objective.params.seed),
                scheduler=ASHAScheduler(
                    "step",
                    max_t=objective.n_steps + 1,
                    grace_period=objective.patient_steps,
                    reduction_factor=BETTER_SHARE,
                ),
            ),
            run_config=tune.RunConfig(name=name, storage_path=str(folder.resolve()), verbose=0),
        )
        results = tuner.fit()
    finally:
        ray.shutdown()
    for result in results:
        if result.error:
            raise getattr(result.error, "cause", None) or result.error  # as it was raised in the worker
    found = [judged(number, result.config, result.metrics, objective) for number, result in enumerate(results)]
    for trial, result in zip(found, results, strict=True):
        log_trial(trial, result.metrics["time_total_s"])
    return found


def run_trial(config: Values, objective: Objective) -> None:
    """Run one trial in a worker of Ray; `val_loss` is `loss_of` those so far, inf of one that diverged."""
    from ray import tune

    told: dict[str, Any] = {"val_loss": math.inf, "step": 0, "state": "pruned"}  # what it is if it ends here

    losses: list[float] = []

    def report(step: int, val_loss: float) -> None:
        losses.append(val_loss)
        told.update(step=step, val_loss=objective.loss_of(losses))
        tune.report(dict(told))

    try:
        objective(config, report)
        tune.report(told | {"state": "complete"})
    except GateError as error:
        tune.report(told | {"state": "diverged", "val_loss": math.inf, "reason": str(error)})


def judged(number: int, config: Values, metrics: dict[str, Any], objective: Objective) -> Judged:
    """What is reported of one of Ray's trials, by what it told last."""
    state = metrics["state"]
    if state == "pruned" and metrics["step"] == objective.n_steps:  # ended by the scheduler when nothing was left to do
        state = "complete"
    val_loss = None if state == "diverged" else float(metrics["val_loss"])
    return Judged(number, config, state, val_loss, metrics["step"] or None, metrics.get("reason"))


def ray_space(space: Space) -> dict[str, Any]:
    """The ranges in Ray Tune's words."""
    from ray import tune

    return {
        name: (tune.loguniform if found.is_log else tune.uniform)(found.low, found.high)
        for name, found in space.items()
    }


def resources(params: TrainParams, cluster: dict[str, float]) -> dict[str, float]:
    """What one trial takes: its threads, as far as the cluster has so many, and a GPU where it may use one.

    Ray hides the GPUs from a trial that did not ask for one.
    """
    asked = {"cpu": float(min(params.threads, cluster.get("CPU", 1)))}
    return asked | ({"gpu": 1.0} if params.device != "cpu" and cluster.get("GPU", 0) >= 1 else {})
