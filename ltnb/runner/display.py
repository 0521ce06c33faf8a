"""Shows how far the runs are: one line a section in a log, a block that redraws itself on a terminal."""

from __future__ import annotations

import shutil
import time
from typing import TextIO

from ltnb.runner.execution import Progress, Result
from ltnb.runner.plan import Task

__all__ = ["Display"]

_BAR = 24


class Display(Progress):
    """Progress of several tasks at once.

    On a terminal every running task has one line with a bar, redrawn in place, and finished tasks scroll up above them.
    Anywhere else a line is printed when a task begins, comes to a new section, or ends.

    Args:
        stream: where to write, e.g. ``sys.stderr``.
        total: number of tasks.
        in_place: whether the stream is a terminal; asked of the stream when None.
    """

    def __init__(self, stream: TextIO, total: int, in_place: bool | None = None) -> None:
        self.stream = stream
        self.total = total
        self.in_place = stream.isatty() if in_place is None else in_place
        self.finished = 0
        self._begun: dict[str, float] = {}
        self._state: dict[str, tuple[Task, int, int, str]] = {}
        self._drawn = 0
        self._last_draw = 0.0

    def started(self, task: Task) -> None:
        """A task has begun."""
        self._begun[task.folder] = time.monotonic()
        self._state[task.folder] = (task, 0, 0, "starting")
        if not self.in_place:
            self._print(f"{task.label}: started")
        self._draw()

    def advanced(self, task: Task, cell: int, cells: int, stage: str) -> None:
        """A task has come to a code cell; a log hears of it only where a new section begins."""
        before = self._state[task.folder]
        stage = stage or f"cell {cell}"
        self._state[task.folder] = (task, cell, cells, stage)
        if self.in_place:
            self._draw()
        elif stage != before[3]:
            self._print(f"{task.label}: {self._clock(task):>6}  {cell:3d}/{cells}  {stage}")

    def ended(self, result: Result) -> None:
        """A task is through, or was through before."""
        self._state.pop(result.task.folder, None)
        self.finished += 1
        count = f"[{self.finished}/{self.total}]"
        if result.status == "kept":
            self._print(f"{count} {result.task.label}: kept (finished before, nothing has changed)")
        elif result.status == "done":
            self._print(f"{count} {result.task.label}: done in {clock(result.seconds)}")
        else:
            self._print(f"{count} {result.task.label}: FAILED after {clock(result.seconds)}")
        self._draw()

    def tick(self) -> None:
        """Some time has passed: clocks move on."""
        if time.monotonic() - self._last_draw >= 0.5:
            self._draw()

    def _clock(self, task: Task) -> str:
        return clock(time.monotonic() - self._begun[task.folder])

    def _print(self, line: str) -> None:
        self._erase()
        self.stream.write(line + "\n")
        self.stream.flush()

    def _erase(self) -> None:
        if self._drawn:
            self.stream.write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0

    def _draw(self) -> None:
        if not self.in_place:
            return
        self._erase()
        width = shutil.get_terminal_size().columns - 1
        for task, cell, cells, stage in self._state.values():
            full = _BAR * max(cell - 1, 0) // cells if cells else 0
            bar = "█" * full + "░" * (_BAR - full)
            line = f"{task.label:28s} {bar} {cell:3d}/{cells:<3d} {self._clock(task):>6}  {stage}"
            self.stream.write(line[:width] + "\n")
        self._drawn = len(self._state)
        self._last_draw = time.monotonic()
        self.stream.flush()


def clock(seconds: float) -> str:
    """``42 s`` or ``3:07``."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60}:{whole % 60:02d}"
