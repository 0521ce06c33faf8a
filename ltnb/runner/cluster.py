"""The same tasks on an existing dask cluster (``ltnb reproduce --scheduler ADDRESS``)."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from ltnb.runner.execution import Progress, Result, execute
from ltnb.runner.folders import partial_folder
from ltnb.runner.plan import Task

__all__ = ["run_on_cluster"]


def run_on_cluster(tasks: Iterable[Task], address: str, progress: Progress, timeout: str = "10s") -> list[Result]:
    """Send tasks to the workers of a dask cluster and wait for all of them.

    The workers need this repository and the ``--runs-dir`` under the same paths (a shared file system) and ltnb
    installed. A worker runs as many lessons side by side as it has threads (``dask worker --nthreads 1`` for one).

    Args:
        tasks: what :func:`ltnb.runner.plan.plan` gave.
        address: of the scheduler, such as ``tcp://host:8786``.
        progress: told when tasks end.
        timeout: how long to wait for the scheduler.

    Returns:
        One result a task, in the order of the tasks; a task whose worker was lost is ``failed``.

    Raises:
        ValueError: ``dask.distributed`` is not installed, or no scheduler answers.
    """
    if importlib.util.find_spec("distributed") is None:
        raise ValueError("--scheduler needs dask.distributed: pip install 'ltnb[cluster]'")
    from distributed import Client, as_completed

    tasks = list(tasks)
    try:
        client = Client(address, timeout=timeout)
    except (OSError, ValueError, TimeoutError) as error:
        raise ValueError(f"no dask scheduler at {address!r}: {' '.join(str(error).split())}") from None
    results: dict[str, Result] = {}
    with client:
        futures = {client.submit(execute, task, pure=False): task for task in tasks}
        for future in as_completed(futures):
            task = futures[future]
            lost = future.exception()
            result = future.result() if lost is None else Result(task, "failed", 0.0, partial_folder(task), str(lost))
            results[task.folder] = result
            progress.ended(result)
    return [results[task.folder] for task in tasks]
