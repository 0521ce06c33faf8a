"""Where the repository is, for what does not travel with the package: lessons and records."""

from __future__ import annotations

import tomllib
from pathlib import Path


def project_root() -> Path | None:
    """Folder of the ltnb checkout: the nearest parent of the working directory, then of the package, that is one.

    Returns:
        The folder whose `pyproject.toml` names the project ltnb, or None (an installed package without a checkout).
    """
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            try:
                project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
                continue
            if project.get("project", {}).get("name") == "ltnb":
                return folder
    return None
