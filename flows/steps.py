"""Every step as a Prefect task, with its policy: the one page of retries, timeouts and tags."""

from functools import partial

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from tasks import (
    augment,
    classify,
    clean,
    decontaminate,
    dedup,
    evaluate,
    export_annotations,
    import_annotations,
    ingest,
    lift,
    release,
    report,
    score,
    split,
    tokenize,
    train,
    validate,
)
from tasks.core.report import Report

step = partial(task, cache_policy=NO_CACHE, persist_result=False)  # DVC owns caching and versions

TASKS: dict[str, Task[..., Report | None]] = {
    fn.name: fn
    for fn in (
        step(ingest.ingest, retries=2, retry_delay_seconds=5),  # a source may lie on a network share
        step(clean.clean),
        step(dedup.dedup, timeout_seconds=4 * 3600),
        step(decontaminate.decontaminate, timeout_seconds=4 * 3600),
        step(import_annotations.import_annotations),
        step(export_annotations.export_annotations),
        step(classify.classify),
        step(score.score),
        step(split.split),
        step(augment.augment),
        step(release.release),
        step(validate.validate),
        step(tokenize.tokenize),
        step(train.train, tags=["training"]),
        step(evaluate.evaluate, tags=["training"]),
        step(lift.lift, tags=["training"]),
        step(report.report),
    )
}
