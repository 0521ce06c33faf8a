"""Standard runs that need not be made again, because their record is committed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ltnb._code import code_version
from ltnb.runner.catalogue import read_parameters
from ltnb.runner.plan import Task

if TYPE_CHECKING:
    from ltnb.results import Record


def committed_record(task: Task) -> Record | None:
    """The record in ``figures/records`` of this lesson and seed, with these parameters and the code of today.

    Where a run was made, device and precision among them, is for a reader of the record to see.
    """
    from ltnb.results import load_standard

    settings = {**read_parameters(Path(task.notebook)), **task.parameters}
    wanted = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
    code = code_version(task.lesson)
    for record in load_standard(task.lesson):
        same = record.seed == task.seed and record.environment.get("code") == code
        if same and record.parameters == {name: value for name, value in wanted.items() if name != "out"}:
            return record
    return None
