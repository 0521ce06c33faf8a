"""One parameter of a lesson at several values, on species that no lesson uses: how its learning rates were chosen.

Run: ``python benchmarks/sweep.py 02_ballad lr_a 0.001 0.003 0.01 --until "5. Which part does what?" --report ballad``.
The lesson runs with ``dataset="calibration_lt"`` as it is, up to the heading, once for each value and seed;
``--report`` is an expression whose Report is taken there. Results go into ``figures/records/world/sweeps.json`` as they
come, so that a cut loses one run.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from ltnb._code import code_version
from ltnb._files import replacing
from ltnb.results import environment
from ltnb.runner.catalogue import find_lesson, parse_text, read_parameters
from ltnb.runner.execution import available_cores, stages
from ltnb.runner.kernel import notebook_client

FILE = Path("figures/records/world/sweeps.json")
METRICS = ("overall", "many", "medium", "few")


def measured(lesson: str, parameters: dict[str, Any], until: str, expression: str) -> dict[str, float | None]:
    """The report that an expression gives where a lesson has come to a heading, in percent."""
    notebook = parameterize_notebook(load_notebook_node(str(find_lesson(lesson))), parameters)
    titles = stages(notebook.cells)
    if until not in titles:
        raise ValueError(f"--until must be a heading of {lesson}, got {until!r}; there are {', '.join(titles)}")
    notebook.cells = notebook.cells[: titles.index(until)]
    ask = f"import json\nprint(json.dumps({{k: getattr({expression}, k) for k in {METRICS}}}))"
    notebook.cells.append(nbformat.v4.new_code_cell(ask))
    with tempfile.TemporaryDirectory() as private:
        notebook_client(notebook, private, available_cores(), cwd=private).execute()
    return json.loads(notebook.cells[-1].outputs[-1]["text"].splitlines()[-1])


def main() -> None:
    """Measure what is not there yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("lesson")
    parser.add_argument("parameter")
    parser.add_argument("values", nargs="+")
    parser.add_argument("--until", required=True, help="heading before which the lesson is stopped")
    parser.add_argument("--report", required=True, help="expression of a Report there")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("-p", dest="others", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    arguments = parser.parse_args()
    defaults = read_parameters(find_lesson(arguments.lesson))
    others = {name: parse_text(arguments.lesson, defaults, name, text) for name, text in arguments.others}
    for text in arguments.values:
        value = parse_text(arguments.lesson, defaults, arguments.parameter, text)
        for seed in arguments.seeds:
            parameters = {"dataset": "calibration_lt", **others, arguments.parameter: value, "seed": seed}
            run = {"lesson": arguments.lesson, "parameters": parameters, "until": arguments.until}
            run |= {"report": arguments.report, "code": code_version(arguments.lesson)}
            done = json.loads(FILE.read_text())["runs"] if FILE.is_file() else []
            if any(all(each.get(key) == content for key, content in run.items()) for each in done):
                continue
            found = measured(arguments.lesson, parameters, arguments.until, arguments.report)
            facts = {"date": datetime.now(UTC).date().isoformat(), "environment": environment("cpu")}
            FILE.parent.mkdir(parents=True, exist_ok=True)
            with replacing(FILE) as temporary:
                temporary.write_text(json.dumps({"runs": [*done, run | {"found": found} | facts]}, indent=1) + "\n")
            print(f"{arguments.parameter} {value}, seed {seed}: {found}", flush=True)


if __name__ == "__main__":
    main()
