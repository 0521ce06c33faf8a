"""Runs tasks, several side by side or on a cluster; each notebook has a kernel process of its own."""

from __future__ import annotations

import asyncio
import os
import re
import textwrap
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from ltnb.runner import folders
from ltnb.runner.kernel import notebook_client
from ltnb.runner.plan import Task

__all__ = ["Progress", "Result", "available_cores", "execute", "run_all", "run_on_cluster", "stages"]


@dataclass(frozen=True)
class Result:
    """What became of a task: ``done`` (ran now), ``kept`` (a finished run was there) or ``failed``.

    ``seconds`` is 0 when kept, ``folder`` is where the notebook lies, finished or as far as it came, and ``error`` says
    where and why it failed, in short.
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

    Those that a valid finished run already answers are kept, and a failing task does not stop the others. The cores are
    shared out among the jobs (``OMP_NUM_THREADS``), and the kernels inherit ``lock_fd``, which
    :func:`ltnb.runner.folders.lock` gave. When this is interrupted, everything that still runs is ended first.
    """
    tasks = list(tasks)
    threads = max(1, available_cores() // jobs)
    free = asyncio.Semaphore(jobs)

    async def run(task: Task) -> Result:
        async with free:
            result = await _execute(task, threads, progress, lock_fd)
        progress.ended(result)
        return result

    async def run_each() -> list[Result]:
        order = sorted(tasks, key=folders.is_finished, reverse=True)  # what is kept is said first
        try:
            async with asyncio.TaskGroup() as group:
                runs = {task.folder: group.create_task(run(task)) for task in order}
        except BaseExceptionGroup as errors:  # such as a closed pipe of the progress
            raise errors.exceptions[0] from None
        return [runs[task.folder].result() for task in tasks]

    loop = asyncio.new_event_loop()
    work = loop.create_task(run_each())
    with closing(loop), ThreadPoolExecutor(1) as thread:  # in the main thread, Jupyter would take Ctrl-C for itself
        try:
            return thread.submit(loop.run_until_complete, work).result()
        except KeyboardInterrupt:
            loop.call_soon_threadsafe(work.cancel)
            raise


def run_on_cluster(tasks: Iterable[Task], address: str, progress: Progress, timeout: str = "10s") -> list[Result]:
    """Send tasks to the dask scheduler at an address (``tcp://host:8786``); results as :func:`run_all` gives them.

    The workers need this repository and the ``--runs-dir`` under the same paths (a shared file system) and ltnb
    installed. A worker runs as many lessons side by side as it has threads (``dask worker --nthreads 1`` for one). A
    task whose worker was lost is ``failed``. Raises ValueError where no scheduler answers within ``timeout``.
    """
    from distributed import Client, as_completed

    try:
        client = Client(address, timeout=timeout)
    except (OSError, ValueError, TimeoutError) as error:
        raise ValueError(f"no dask scheduler at {address!r}: {' '.join(str(error).split())}") from None
    results: dict[str, Result] = {}
    with client:
        futures = {client.submit(execute, task, pure=False): task for task in tasks}
        for future in as_completed(futures):
            task, lost = futures[future], future.exception()
            result = Result(task, "failed", 0.0, folders.partial_folder(task), str(lost)) if lost else future.result()
            results[task.folder] = result
            progress.ended(result)
    return [results[task.folder] for task in futures.values()]


def execute(task: Task) -> Result:
    """Run one task on one core and wait for it: what a cluster's worker calls. A valid finished run is kept."""
    return asyncio.run(_execute(task, 1, Progress(), None))


def stages(cells: Iterable[Any]) -> list[str]:
    """For every cell the heading under which it stands, as plain text (empty before the first heading)."""
    titles, current = [], ""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            text = re.sub(r"^```.*?^```", "", "".join(cell["source"]), flags=re.MULTILINE | re.DOTALL)
            headings = re.findall(r"^#+(.*)", text, flags=re.MULTILINE) or [current]
            current = re.sub("[*`]", "", headings[-1]).strip()
        titles.append(current)
    return titles


async def _execute(task: Task, threads: int, progress: Progress, lock_fd: int | None) -> Result:
    """Run one task; whatever goes wrong with the lesson, its kernel, its record or the disk is a failed result."""
    if folders.is_finished(task):
        return Result(task, "kept", 0.0, Path(task.folder))
    begun, place = time.monotonic(), "the start"
    progress.started(task)

    def on_cell_start(cell: Any, cell_index: int) -> None:
        nonlocal place
        if cell_index in code:
            nbformat.write(notebook, path)
            number, stage = code.index(cell_index) + 1, titles[cell_index]
            place = f"code cell {number}" + (f" ({stage})" if stage else "")
            progress.advanced(task, number, len(code), stage)

    try:
        import nbformat
        from papermill.iorw import load_notebook_node
        from papermill.parameterize import parameterize_notebook

        folder = folders.prepare(task)
        path, log = folder / f"{task.lesson}.ipynb", folder / "kernel.log"  # what the kernel writes past the notebook
        language = {"kernel_name": "python3", "language": "python"}  # a notebook need not say so itself
        notebook = parameterize_notebook(load_notebook_node(task.notebook), dict(task.parameters), **language)
        titles = stages(notebook.cells)
        code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]
        with log.open("wb") as file, TemporaryDirectory(".jupyter", dir=folder, ignore_cleanup_errors=True) as private:
            process = {"cwd": str(folder), "pass_fds": [] if lock_fd is None else [lock_fd]}
            client = notebook_client(notebook, private, threads, stdout=file, stderr=file, **process)
            client.on_cell_start = on_cell_start
            try:
                await client.async_execute()
            finally:
                nbformat.write(notebook, path)
        log.unlink()
        place = "the end"
        seconds = time.monotonic() - begun
        return Result(task, "done", seconds, folders.finish(task, seconds))
    except BrokenPipeError:  # nobody reads the progress any more
        raise
    except Exception as error:
        says = f"{place}: {getattr(error, 'ename', type(error).__name__)}: {getattr(error, 'evalue', error)}"
        says = textwrap.shorten(says, 300, placeholder="...")
        return Result(task, "failed", time.monotonic() - begun, folders.mark_failed(task), says)
