"""Packages that only parts of ltnb need: the one that is missing is named with the line that installs it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

_PIP = {"IPython": "ipython", "google.protobuf": "protobuf", "open_clip": "open_clip_torch", "sklearn": "scikit-learn"}
"""Module -> package, where the names differ."""

CHARTS = ("matplotlib", "seaborn")


def require(modules: Iterable[str], what: str) -> None:
    """Refuses to go on without some modules; none of them is imported.

    Args:
        modules: names to import.
        what: who needs them, for the message.

    Raises:
        ModuleNotFoundError: some are missing: which, and the pip line that brings them all.
    """
    missing = [module for module in modules if not _is_installed(module)]
    if missing:
        packages = [_PIP.get(module, module) for module in missing]
        raise ModuleNotFoundError(
            f"{what} needs {', '.join(packages)}: pip install {' '.join(packages)}", name=missing[0]
        )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):  # the parent is missing, or the entry in sys.modules has no origin
        return False
