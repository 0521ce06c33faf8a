"""Shows how far the runs are: bars on a terminal, one line a section in a log."""

from __future__ import annotations

import codecs
import io
from typing import Any, TextIO

from ltnb.runner.execution import Progress, Result
from ltnb.runner.plan import Task

__all__ = ["Display", "clock", "make_printable"]

_PLAIN = {"±": "+-", "–": "-", "—": "-", "→": "->", "…": "...", "█": "#", "░": "."}


class Display(Progress):
    """Progress of several tasks at once, for a ``with`` block.

    On a terminal (``in_place``; asked of the stream when None) every running task has a bar, and finished tasks scroll
    up above them. Anywhere else, and on a terminal that cannot move its cursor, a line is printed when a task begins,
    comes to a new section, or ends.
    """

    def __init__(self, stream: TextIO, total: int, in_place: bool | None = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        make_printable(stream)
        terminal = stream.isatty() if in_place is None else in_place
        self.console = Console(file=stream, force_terminal=terminal, force_jupyter=False, highlight=False)
        self.live = terminal and not self.console.is_dumb_terminal
        label, stage = (
            TextColumn(f"{{task.{field}}}", markup=False, table_column=Column(no_wrap=True, overflow="crop"))
            for field in ("description", "fields[stage]")
        )
        columns = label, BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn(), stage
        self.bars = Progress(
            *columns, console=self.console, disable=not self.live, transient=True, redirect_stdout=False
        )
        self.stream, self.total, self.finished = stream, total, 0
        self.running: dict[str, Any] = {}  # by folder: its bar, a task of rich's

    def __enter__(self) -> Display:
        self.bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.live:
            self.bars.stop()

    def started(self, task: Task) -> None:
        """A task has begun."""
        self.bars.add_task(task.label, total=None, stage="starting")
        self.running[task.folder] = self.bars.tasks[-1]
        if not self.live:
            self._print(f"{task.label}: started")

    def advanced(self, task: Task, cell: int, cells: int, stage: str) -> None:
        """A task has come to a code cell; a log hears of it only where a new section begins."""
        bar = self.running[task.folder]
        before, stage = bar.fields["stage"], stage or f"cell {cell}"
        self.bars.update(bar.id, completed=cell - 1, total=cells, stage=stage)
        if not self.live and stage != before:
            self._print(f"{task.label}: {clock(bar.elapsed):>6}  {cell:3d}/{cells}  {stage}")

    def ended(self, result: Result) -> None:
        """A task is through, or was through before."""
        if result.task.folder in self.running:
            self.bars.remove_task(self.running.pop(result.task.folder).id)
        self.finished += 1
        says = {"kept": "kept (finished before, nothing has changed)", "done": "done in ", "failed": "FAILED after "}
        took = "" if result.status == "kept" else clock(result.seconds)
        self._print(f"[{self.finished}/{self.total}] {result.task.label}: {says[result.status]}{took}")

    def _print(self, line: str) -> None:
        if self.live:
            self.console.print(line, soft_wrap=True, markup=False, emoji=False)
        else:
            self.stream.write(line + "\n")
            self.stream.flush()


def clock(seconds: float) -> str:
    """``42 s`` or ``3:07``."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60}:{whole % 60:02d}"


def make_printable(*streams: TextIO) -> None:
    """Let streams print every text: what their encoding lacks is written in plain letters instead of being an error."""
    codecs.register_error("ltnb.plain", _plain)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="ltnb.plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(letter, "?") for letter in error.object[error.start : error.end]), error.end
