"""Which lessons there are."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from ltnb._project import project_root

__all__ = ["find_lesson", "lesson_paths", "suggest"]


def lesson_paths() -> dict[str, Path]:
    """Lesson name to notebook path, in the order of their names, for every notebook of the project.

    Raises:
        FileNotFoundError: the package was installed without its repository, and the working directory is in no clone.
    """
    root = project_root()
    if root is None:
        raise FileNotFoundError("lessons are not installed with the package: clone ltnb and run from inside the clone")
    return {path.stem: path for path in sorted((root / "notebooks").glob("*.ipynb"))}


def find_lesson(name: str) -> Path:
    """The notebook of a lesson.

    Args:
        name: a lesson's name (``02_ballad``) or the path of any notebook (``my/own.ipynb``).

    Returns:
        The absolute path of the notebook.

    Raises:
        ValueError: no such lesson; the message lists those that exist.
        FileNotFoundError: a path was given and no file is there.
    """
    if name.endswith(".ipynb"):
        path = Path(name).resolve()
        if not path.is_file():
            raise FileNotFoundError(f"no such notebook: {name}")
        return path
    lessons = lesson_paths()
    if name not in lessons:
        known = ", ".join(lessons) or "none yet"
        raise ValueError(f"unknown lesson {name!r}{suggest(name, lessons)} (lessons: {known})")
    return lessons[name]


def suggest(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` when a known name is close to ``name``, else an empty string."""
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
