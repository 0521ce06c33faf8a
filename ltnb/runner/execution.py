"""Runs tasks, several side by side or on a cluster; each notebook has a kernel process of its own."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import textwrap
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from ltnb.runner import folders
from ltnb.runner.kernel import notebook_client
from ltnb.runner.plan import Task

__all__ = ["Progress", "Result", "available_cores", "execute", "run_all", "run_on_cluster", "stages"]

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Result:
    """What became of a task.

    Attributes:
        task: the task.
        status: ``done`` (ran now), ``kept`` (a finished run was there) or ``failed``.
        seconds: wall time, 0 when kept.
        folder: where the notebook lies, finished or as far as it came.
        error: where and why in short, None unless failed.
    """

    task: Task
    status: Literal["done", "kept", "failed"]
    seconds: float
    folder: Path
    error: str | None = None


class Progress:
    """What is told while tasks run; this one keeps it to itself (:class:`ltnb.runner.display.Display` shows it)."""

    def started(self, task: Task) -> None:
        """A task has begun."""

    def advanced(self, task: Task, cell: int, cells: int, stage: str) -> None:
        """A task has come to code cell ``cell`` (from 1) of ``cells``, under the heading ``stage``."""

    def ended(self, result: Result) -> None:
        """A task is through, or was through before."""


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_all(tasks: Iterable[Task], jobs: int, progress: Progress, lock_fd: int | None = None) -> list[Result]:
    """Run tasks, up to ``jobs`` at a time, and give one result a task, in their order.

    Those that a valid finished run already answers are kept, and a failing task does not stop the others. When this is
    interrupted, everything that still runs is ended first.

    Args:
        tasks: what :func:`ltnb.runner.plan.plan` gave; no two with the same folder.
        jobs: kernels side by side; the cores are shared out among them (``OMP_NUM_THREADS``).
        progress: told what happens.
        lock_fd: what :func:`ltnb.runner.folders.lock` gave; the kernels inherit it.
    """
    threads = max(1, available_cores() // jobs)
    free = asyncio.Semaphore(jobs)

    async def run(task: Task) -> Result:
        async with free:
            result = await _execute(task, threads, progress, lock_fd)
        progress.ended(result)
        return result

    async def run_each() -> list[Result]:
        order = sorted(tasks, key=folders.is_finished, reverse=True)  # what is kept is said first
        runs = {task.folder: asyncio.ensure_future(run(task)) for task in order}
        try:
            await asyncio.gather(*runs.values())
        finally:
            for one in runs.values():
                one.cancel()
            await asyncio.wait(runs.values())
        return [runs[task.folder].result() for task in tasks]

    tasks = list(tasks)
    loop = asyncio.new_event_loop()
    with ThreadPoolExecutor(1) as thread:  # in the main thread, Jupyter would take Ctrl-C for itself
        work = loop.create_task(run_each())
        try:
            return thread.submit(loop.run_until_complete, work).result()
        except KeyboardInterrupt:
            loop.call_soon_threadsafe(work.cancel)
            raise


def run_on_cluster(tasks: Iterable[Task], address: str, progress: Progress, timeout: str = "10s") -> list[Result]:
    """Send tasks to an existing dask cluster and wait for all of them; results as :func:`run_all` gives them.

    The workers need this repository and the ``--runs-dir`` under the same paths (a shared file system) and ltnb
    installed. A worker runs as many lessons side by side as it has threads (``dask worker --nthreads 1`` for one). A
    task whose worker was lost is ``failed``.

    Args:
        tasks: what :func:`ltnb.runner.plan.plan` gave.
        address: of the scheduler, such as ``tcp://host:8786``.
        progress: told when tasks end.
        timeout: how long to wait for the scheduler.

    Raises:
        ValueError: ``dask.distributed`` is not installed, or no scheduler answers.
    """
    if importlib.util.find_spec("distributed") is None:
        raise ValueError("--scheduler needs dask.distributed: pip install 'ltnb[cluster]'")
    from distributed import Client, as_completed

    try:
        client = Client(address, timeout=timeout)
    except (OSError, ValueError, TimeoutError) as error:
        raise ValueError(f"no dask scheduler at {address!r}: {' '.join(str(error).split())}") from None
    results: dict[Any, Result] = {}
    with client:
        futures = {client.submit(execute, task, pure=False): task for task in tasks}
        for future in as_completed(futures):
            task, lost = futures[future], future.exception()
            result = Result(task, "failed", 0.0, folders.partial_folder(task), str(lost)) if lost else future.result()
            results[future] = result
            progress.ended(result)
    return [results[future] for future in futures]


def execute(task: Task) -> Result:
    """Run one task on one core and wait for it: what a cluster's worker calls. A valid finished run is kept."""
    return asyncio.run(_execute(task, 1, Progress(), None))


def stages(cells: Iterable[Any]) -> list[str]:
    """For every cell the heading under which it stands, as plain text (empty before the first heading)."""
    titles, current = [], ""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            fenced = False
            for line in "".join(cell["source"]).splitlines():
                fenced ^= line.startswith("```")
                if line.startswith("#") and not fenced:
                    current = line.lstrip("#").replace("*", "").replace("`", "").strip()
        titles.append(current)
    return titles


async def _execute(task: Task, threads: int, progress: Progress, lock_fd: int | None) -> Result:
    """Run one task; whatever goes wrong with the lesson, its kernel, its record or the disk is a failed result."""
    if folders.is_finished(task):
        return Result(task, "kept", 0.0, Path(task.folder))
    progress.started(task)
    begun = time.monotonic()
    place = "the start"

    def at_cell(cell: int, cells: int, stage: str) -> None:
        nonlocal place
        place = f"code cell {cell}" + (f" ({stage})" if stage else "")
        progress.advanced(task, cell, cells, stage)

    try:
        folder = folders.prepare(task)
        await _run_notebook(task, folder, threads, at_cell, [] if lock_fd is None else [lock_fd])
        place = "the end"
        seconds = time.monotonic() - begun
        return Result(task, "done", seconds, folders.finish(task, seconds))
    except BrokenPipeError:  # nobody reads the progress any more
        raise
    except Exception as error:
        says = f"{getattr(error, 'ename', type(error).__name__)}: {getattr(error, 'evalue', error)}"
        says = textwrap.shorten(f"{place}: {says}", 300, placeholder="...")
        return Result(task, "failed", time.monotonic() - begun, folders.mark_failed(task), says)


async def _run_notebook(
    task: Task, folder: Path, threads: int, at_cell: Callable[[int, int, str], None], pass_fds: list[int]
) -> None:
    import nbformat
    import papermill

    path = folder / f"{task.lesson}.ipynb"
    # papermill formats paths with the parameters: braces in them are doubled
    source, target = (str(name).replace("{", "{{").replace("}", "}}") for name in (task.notebook, path))
    options: dict[str, Any] = {"kernel_name": "python3", "language": "python"}  # a notebook need not say so itself
    notebook = papermill.execute_notebook(source, target, dict(task.parameters), prepare_only=True, **options)
    titles = stages(notebook.cells)
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]

    def on_cell_start(cell: Any, cell_index: int) -> None:
        if cell_index in code:
            nbformat.write(notebook, path)
            at_cell(code.index(cell_index) + 1, len(code), titles[cell_index])

    environment = {name: os.environ.get(name, str(threads)) for name in _THREADS}
    if data := os.environ.get("LTNB_DATA"):
        environment["LTNB_DATA"] = os.path.abspath(os.path.expanduser(data))
    log = folder / "kernel.log"  # what the kernel writes past the notebook
    with log.open("wb") as file, TemporaryDirectory(".jupyter", dir=folder, ignore_cleanup_errors=True) as private:
        process: dict[str, Any] = {"cwd": str(folder), "pass_fds": pass_fds, "stdout": file, "stderr": file}
        client = notebook_client(notebook, private, environment, **process)
        client.on_cell_start = on_cell_start
        try:
            await client.async_execute()
        finally:
            nbformat.write(notebook, path)
    log.unlink()
