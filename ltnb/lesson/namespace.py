"""What a notebook knows of itself: the cells that ran, and the values of its names."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from ltnb._literals import literal_assignments
from ltnb._project import project_root


def notebook_parameters(lesson: str) -> dict[str, Any]:
    """The parameters of the notebook that runs, see :func:`parameters_among`.

    Where the notebook's history is not kept, as nbval runs it, the names are those of the lesson's own parameters cell.

    Args:
        lesson: name of the notebook without its ending.

    Raises:
        ValueError: called from elsewhere.
    """
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None:
        raise ValueError("parameters must be given outside of a notebook, got None")
    values = shell.user_ns
    return parameters_among(values["In"], values) or parameters_among(_parameters_cell(lesson), values)


def _parameters_cell(lesson: str) -> list[str]:
    """The cell tagged ``parameters`` of a lesson of the checkout; empty where there is none."""
    root = project_root()
    path = None if root is None else root / "notebooks" / f"{lesson}.ipynb"
    if path is None or not path.is_file():
        return []
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", [])]


def parameters_among(cells: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """The present values of all names that cells of nothing but ``name = literal`` have set.

    Args:
        cells: source of each cell that ran.
        values: the notebook's names.

    Example:
        >>> from ltnb.lesson.namespace import parameters_among
        >>> parameters_among(["lr = 0.1", "x = print(lr)", "lr = 0.3"], {"lr": 0.3, "x": None})
        {'lr': 0.3}
    """
    names: dict[str, None] = {}
    for source in cells:
        with suppress(SyntaxError, ValueError):  # a magic, a cell that did not run, or one that does something
            names |= dict.fromkeys(literal_assignments(source))
    return {name: values[name] for name in names if name in values}
