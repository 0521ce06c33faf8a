"""One notebook in one process: ``python -m ltnb.runner.worker``, started by :mod:`ltnb.runner.execution`.

Reads what to do as JSON from standard input and writes one JSON object a line to standard output:

- ``{"cell": 3, "cells": 40, "stage": "2 Phase A"}`` when a code cell starts (counted over code cells, from 1),
- ``{"failed": {"cell": 3, "stage": ..., "error": "ValueError: ..."}}`` when one raised,
- ``{"done": true}`` at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, TextIO

from ltnb.runner.processes import die_with_parent, private_jupyter

__all__ = ["stages"]


def stages(cells: list[Any]) -> list[str]:
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


def main() -> int:
    """Run the notebook named on standard input; 0 when every cell ran, 1 when one raised."""
    job = json.load(sys.stdin)
    die_with_parent(job["parent"])
    # libraries may print: the events keep the real standard output, everything else goes to the log
    events = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    jupyter = Path(job["folder"]) / ".jupyter"
    os.environ.update(private_jupyter(jupyter))
    try:
        return _run(job, events)
    finally:
        shutil.rmtree(jupyter, ignore_errors=True)


def _run(job: dict[str, Any], events: TextIO) -> int:
    import papermill
    from papermill.engines import NBClientEngine, papermill_engines

    def emit(**event: Any) -> None:
        events.write(json.dumps(event) + "\n")

    where = {"cell": 0, "stage": ""}

    class ReportingEngine(NBClientEngine):
        """papermill's own engine, telling which cell it starts."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
            cells, titles = nb_man.nb.cells, stages(nb_man.nb.cells)
            code = [i for i, cell in enumerate(cells) if cell.cell_type == "code" and cell.source.strip()]
            start = nb_man.cell_start

            def cell_start(cell: Any, cell_index: int | None = None, **more: Any) -> Any:
                if cell_index in code:
                    where.update(cell=code.index(cell_index) + 1, stage=titles[cell_index])
                    emit(cells=len(code), **where)
                return start(cell, cell_index, **more)

            nb_man.cell_start = cell_start
            return super().execute_managed_notebook(nb_man, kernel_name, **options)

    papermill_engines.register("ltnb", ReportingEngine)
    output = str(Path(job["folder"]) / f"{job['lesson']}.ipynb")
    try:
        papermill.execute_notebook(
            _literal(job["notebook"]),
            _literal(output),
            parameters=job["parameters"],
            engine_name="ltnb",
            kernel_name="python3",
            language="python",  # a notebook need not say so itself
            progress_bar=False,
            cwd=job["folder"],
        )
    except papermill.PapermillExecutionError as error:
        emit(failed={**where, "error": f"{error.ename}: {error.evalue}"})
        return 1
    except Exception as error:  # the kernel died, or the notebook cannot be read: say so in one line as well
        emit(failed={**where, "error": f"{type(error).__name__}: {error}"})
        return 1
    emit(done=True)
    return 0


def _literal(path: str) -> str:
    """A path that papermill, which formats paths with the parameters, leaves as it is."""
    return path.replace("{", "{{").replace("}", "}}")


if __name__ == "__main__":
    sys.exit(main())
