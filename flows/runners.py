"""Where the shards of a row-wise step run: in this process's pool, in threads, or on Ray. The bytes are the same.

Only paths and params travel, so a Ray cluster needs the project's folder at the same place on every node and the
package installed there.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from tasks.core.shards import RunShards, ShardFunction, in_process, in_processes

Runner = Literal["one", "processes", "threads", "ray"]


def in_threads(function: ShardFunction, jobs: Sequence[tuple[Any, ...]]) -> list[int]:
    """Run the jobs in threads: enough where polars does the work."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda job: function(*job), jobs))


def on_ray(function: ShardFunction, jobs: Sequence[tuple[Any, ...]]) -> list[int]:
    """Run the jobs on Ray (extra `ray`): the cluster in RAY_ADDRESS, or a local one that ends with the step."""
    import ray

    ray.init(include_dashboard=False, log_to_driver=False, ignore_reinit_error=True)
    try:
        remote = ray.remote(function)
        results: list[int] = ray.get([remote.remote(*job) for job in jobs])
        return results
    finally:
        ray.shutdown()


RUNNERS: dict[Runner, RunShards] = {"one": in_process, "processes": in_processes, "threads": in_threads, "ray": on_ray}
