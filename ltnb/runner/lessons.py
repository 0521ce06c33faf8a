"""What ``make lessons`` leaves in a lesson that it has re-executed in place.

Only what a reader needs is kept: sources, outputs, tags, what is folded, and a kernelspec that exists everywhere.
Timings, widget states and the traces of other tools go, so that a diff shows what has changed.
"""

from __future__ import annotations

from typing import Any

__all__ = ["normalise"]

_KEPT = ("tags", "jupyter", "jp-MarkdownHeadingCollapsed")


def normalise(notebook: Any, resources: Any = None) -> tuple[Any, Any]:
    """Change an ``nbformat`` 4 notebook node so that it can be committed: a preprocessor of nbconvert.

    Raises:
        ValueError: a cell writes to stderr, which no committed lesson may.
    """
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    for i, cell in enumerate(notebook.cells):
        cell.metadata = {key: cell.metadata[key] for key in _KEPT if cell.metadata.get(key)}
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if not any("widget" in kind for kind in out.get("data", {}))]
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise ValueError(f"cell {i} writes to stderr: {output.text.strip()[-120:]}")
            if "metadata" in output:
                output.metadata = {}
    return notebook, resources
