"""Which code measured a number: hashes of the package, its weights and a lesson, whatever else is committed."""

from __future__ import annotations

import ast
import hashlib
import json
from functools import cache
from pathlib import Path

from ltnb._files import sha256_of
from ltnb._project import project_root

PACKAGE = Path(__file__).resolve().parent
# what a lesson's numbers do not depend on
_NOT_HASHED = {"runner", "cli.py", "__main__.py", "__pycache__"}


def code_version(lesson: str) -> str:
    """16 hex digits that change with the package, the weights in it and the code cells of a lesson, and nothing else.

    Comments, layout and docstrings do not count.

    Args:
        lesson: name of the notebook without its ending; without a checkout the package alone counts.
    """
    root = project_root()
    notebook = None if root is None else root / "notebooks" / f"{lesson}.ipynb"
    cells = []
    if notebook is not None and notebook.is_file():
        content = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        cells = [_meaning("".join(cell["source"])) for cell in content if cell["cell_type"] == "code"]
    text = json.dumps([_package_meanings(), cells], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _meaning(source: str) -> str:
    """Python without comments, layout and docstrings; what is no Python as it is."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                del node.body[0]
    return ast.dump(tree)


@cache
def _package_meanings() -> dict[str, str]:
    """File to hash of its code, or of its bytes where it is none; documents do not count."""
    found = {name: digest for name, digest in package_hashes().items() if not name.endswith((".py", ".pyi", ".md"))}
    for name in package_hashes():
        if name.endswith(".py"):
            code = _meaning((PACKAGE / name).read_text(encoding="utf-8"))
            found[name] = hashlib.sha256(code.encode()).hexdigest()
    return found


@cache
def package_hashes() -> dict[str, str]:
    """File to hash, for all of the package that a lesson's numbers can depend on."""
    paths = {path.relative_to(PACKAGE): path for path in PACKAGE.rglob("*") if path.is_file()}
    return {name.as_posix(): sha256_of(path) for name, path in paths.items() if not set(name.parts) & _NOT_HASHED}
