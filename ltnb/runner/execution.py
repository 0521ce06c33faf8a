"""Runs one task in a process of its own, and many of them side by side."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ltnb.runner import folders
from ltnb.runner.plan import Task
from ltnb.runner.processes import python_path

__all__ = ["Progress", "Result", "available_cores", "execute", "run_all"]

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Result:
    """What became of a task.

    Attributes:
        task: the task.
        status: ``done`` (ran now), ``kept`` (a finished run was there) or ``failed``.
        seconds: wall time, 0 when kept.
        folder: where the notebook lies, finished or as far as it came.
        error: in short, None unless failed.
    """

    task: Task
    status: str
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

    def tick(self) -> None:
        """Some time has passed."""


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Run:
    """A task that is running: its process, and what it has said so far."""

    def __init__(self, task: Task, threads: int, lock_fd: int | None) -> None:
        self.task = task
        self.begun = time.monotonic()
        self.error: str | None = None
        folder = folders.prepare(task)
        self.log = folder / "worker.log"
        job = {
            "lesson": task.lesson,
            "notebook": task.notebook,
            "parameters": dict(task.parameters),
            "folder": str(folder),
            "parent": os.getpid(),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ltnb.runner.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,  # a line that waits in a buffer would not wake the selector
                cwd=folder,
                env=_environment(threads),
                pass_fds=() if lock_fd is None else (lock_fd,),
                start_new_session=True,  # Ctrl-C is for the command, which then ends its workers
            )
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        try:
            self.stdin.write(json.dumps(job).encode())
            self.stdin.close()
        except BrokenPipeError:  # it ended at once: its log says why
            pass

    def handle(self, line: bytes, progress: Progress) -> None:
        """Take one line of what the worker says."""
        event: dict[str, Any] = json.loads(line)
        if "cells" in event:
            progress.advanced(self.task, event["cell"], event["cells"], event["stage"])
        elif "failed" in event:
            failed = event["failed"]
            place = f"code cell {failed['cell']}" + (f" ({failed['stage']})" if failed["stage"] else "")
            self.error = f"{place}: {_short(failed['error'])}" if failed["cell"] else _short(failed["error"])

    def conclude(self) -> Result:
        """Wait for the process, and keep or set aside its folder."""
        status = self.process.wait()
        self.stdout.close()
        seconds = time.monotonic() - self.begun
        if status == 0:
            self.log.unlink(missing_ok=True)
            try:
                return Result(self.task, "done", seconds, folders.finish(self.task, seconds))
            except ValueError as error:
                self.error = str(error)
        if self.error is None:
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            self.error = f"the worker ended with status {status}" + (f": {_short(lines[-1])}" if lines else "")
        return Result(self.task, "failed", seconds, folders.mark_failed(self.task), self.error)

    def kill(self) -> None:
        """End the process at once; its kernel ends with it."""
        self.process.kill()
        self.process.wait()


def run_all(tasks: Iterable[Task], jobs: int, progress: Progress, lock_fd: int | None = None) -> list[Result]:
    """Run tasks, up to ``jobs`` at a time; those that a valid finished run already answers are kept.

    A failing task does not stop the others. When this is interrupted, everything that still runs is ended first.

    Args:
        tasks: what :func:`ltnb.runner.plan.plan` gave; no two with the same folder.
        jobs: processes side by side; the cores are shared out among them (``OMP_NUM_THREADS``).
        progress: told what happens.
        lock_fd: what :func:`ltnb.runner.folders.lock` gave; the workers inherit it.

    Returns:
        One result a task, in the order of the tasks.
    """
    tasks = list(tasks)
    threads = max(1, available_cores() // jobs)
    results: dict[str, Result] = {}
    for task in tasks:
        if folders.is_finished(task):
            results[task.folder] = Result(task, "kept", 0.0, Path(task.folder))
            progress.ended(results[task.folder])
    waiting = [task for task in tasks if task.folder not in results]
    running: list[_Run] = []
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    run = _Run(waiting.pop(0), threads, lock_fd)
                    running.append(run)
                    selector.register(run.stdout, selectors.EVENT_READ, run)
                    progress.started(run.task)
                for ready, _ in selector.select(timeout=0.5):
                    run = ready.data
                    line = run.stdout.readline()
                    if line:
                        run.handle(line, progress)
                        continue
                    selector.unregister(run.stdout)
                    running.remove(run)
                    results[run.task.folder] = run.conclude()
                    progress.ended(results[run.task.folder])
                progress.tick()
        finally:
            for run in running:
                run.kill()
    return [results[task.folder] for task in tasks]


def execute(task: Task, threads: int = 1) -> Result:
    """Run one task and wait for it: what a cluster's worker calls. A valid finished run is kept."""
    if folders.is_finished(task):
        return Result(task, "kept", 0.0, Path(task.folder))
    run = _Run(task, threads, None)
    try:
        for line in run.stdout:
            run.handle(line, Progress())
    except BaseException:
        run.kill()
        raise
    return run.conclude()


def _environment(threads: int) -> dict[str, str]:
    """The worker's environment: its share of the cores, and this very ltnb whatever its working directory."""
    environment = dict(os.environ)
    for name in _THREADS:
        environment.setdefault(name, str(threads))
    environment["PYTHONPATH"] = python_path()
    if environment.get("LTNB_DATA"):
        environment["LTNB_DATA"] = os.path.abspath(os.path.expanduser(environment["LTNB_DATA"]))
    return environment


def _short(text: str, width: int = 300) -> str:
    """One line of an error, cut where it gets long."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 3] + "..."
