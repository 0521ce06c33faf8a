"""Re-executes lessons in place, with their default parameters, ready to commit.

``python -m ltnb.runner.lessons [LESSON ...]`` (``make lessons``) takes the named lessons, or all.

Only what a reader needs is kept: sources, outputs, tags, and a kernelspec that exists everywhere. Timings, widget
states and the traces of other tools go, so that a diff shows what has changed.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ltnb._files import replacing
from ltnb.runner.display import clock, make_printable
from ltnb.runner.kernel import notebook_client
from ltnb.runner.settings import find_lesson, lesson_paths

__all__ = ["execute_in_place", "normalise"]


def normalise(notebook: Any) -> Any:
    """Keep only metadata that readers and tools need; changes the ``nbformat`` 4 notebook node and returns it."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    for cell in notebook.cells:
        cell.metadata = {key: cell.metadata[key] for key in ("tags", "jupyter") if cell.metadata.get(key)}
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if not any("widget" in kind for kind in out.get("data", {}))]
            for output in cell.outputs:
                if "metadata" in output:
                    output.metadata = {}
    return notebook


def execute_in_place(path: Path) -> list[str]:
    """Run a lesson with its default parameters, in its own folder, and write it back with its outputs.

    Returns:
        What a committed lesson must not hold and this one does (text on stderr), one line each.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised; the file stays as it was.
    """
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory(ignore_cleanup_errors=True) as private:
        notebook_client(notebook, private, cwd=str(path.parent)).execute()
    normalise(notebook)
    with replacing(path) as temporary:
        nbformat.write(notebook, temporary)
    return [
        f"cell {i} writes to stderr: {output.text.strip().splitlines()[-1][:120]}"
        for i, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", [])
        if output.get("name") == "stderr" and output.text.strip()
    ]


def main(names: list[str]) -> int:
    """Re-execute the named lessons, or all; 0 when every one ran without writing to stderr."""
    from nbclient.exceptions import CellExecutionError

    make_printable(sys.stdout, sys.stderr)
    try:
        paths = [find_lesson(name) for name in names] or list(lesson_paths().values())
    except (ValueError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    failed = False
    if not paths:
        print("no lessons in notebooks/")
    for path in paths:
        begun = time.monotonic()
        try:
            complaints = execute_in_place(path)
            print(f"{path.stem}: {clock(time.monotonic() - begun)}, {path.stat().st_size // 1000} kB", flush=True)
        except (CellExecutionError, RuntimeError) as error:
            complaints = ["FAILED, left as it was\n" + re.sub(r"\x1b\[[0-9;]*m", "", str(error))]
        for complaint in complaints:
            print(f"{path.stem}: {complaint}", file=sys.stderr)
        failed |= bool(complaints)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
