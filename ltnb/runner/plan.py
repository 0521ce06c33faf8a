"""Turns a profile into tasks, one a lesson and seed, with everything checked before anything runs."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ltnb._project import project_root
from ltnb.runner.settings import Profile, check_overrides, find_lesson, read_parameters, unknown

__all__ = ["Task", "plan", "plan_one"]

PACKAGE = Path(__file__).resolve().parents[1]
# what a lesson's numbers do not depend on
_NOT_HASHED = ("runner", "cli.py", "__main__.py", "__pycache__")


@dataclass(frozen=True)
class Task:
    """One notebook to run once.

    Attributes:
        lesson: its name.
        notebook: absolute path of the notebook.
        seed: the run's seed, also in ``parameters``.
        parameters: what is injected into the notebook.
        folder: absolute path of the run's folder; only a finished run stands there.
        key: hash of everything the result depends on, so that a finished run is reused only while it is still valid.
    """

    lesson: str
    notebook: str
    seed: int
    parameters: Mapping[str, Any]
    folder: str
    key: str

    @property
    def label(self) -> str:
        """``lesson seed k``, for messages."""
        return f"{self.lesson} seed {self.seed}"


def plan(profile: Profile, runs_dir: Path, only: Iterable[str] = (), seeds: Iterable[int] = ()) -> list[Task]:
    """The tasks of a profile, lesson by lesson, in ``runs_dir/<profile>/<lesson>/seed<k>``.

    ``only`` keeps these lessons and ``seeds`` stand instead of the profile's; all, and the profile's, when empty.

    Raises:
        ValueError: an unknown lesson, an unknown or mistyped parameter, two notebooks of one name.
        FileNotFoundError: a parameter names a file or folder that is not there.
    """
    only = list(only)
    for name in only:
        if name not in profile.lessons:
            raise unknown(f"profile {profile.name} has no lesson", name, profile.lessons)
    chosen = {name: value for name, value in profile.lessons.items() if not only or name in only}
    tasks: dict[str, tuple[str, Task]] = {}
    for lesson, parameters in chosen.items():
        for seed in tuple(seeds) or profile.seeds:
            task = plan_one(lesson, {**parameters, "seed": seed}, runs_dir / profile.name)
            if task.folder in tasks:
                both = f"{tasks[task.folder][0]!r} and {lesson!r}"
                raise ValueError(f"profile {profile.name}: {both} would write into one folder, {task.folder}")
            tasks[task.folder] = lesson, task
    return [task for _, task in tasks.values()]


def plan_one(lesson: str, parameters: Mapping[str, Any], folder: Path) -> Task:
    """One task: the lesson with these parameters, in ``folder/<lesson>/seed<k>``.

    A lesson runs inside its own folder with ``out="."``, so nothing that it records depends on where that folder is;
    relative paths among the parameters are read from the present working directory.

    Raises:
        ValueError: an unknown lesson, an unknown or mistyped parameter, a negative seed, a lesson without ``seed`` and
            ``out``.
        FileNotFoundError: a parameter names a file or folder that is not there.
    """
    notebook = find_lesson(lesson)
    name = notebook.stem
    defaults = read_parameters(notebook)
    for required in ("seed", "out"):
        if required not in defaults:
            raise ValueError(f"{name} has no parameter {required!r}: the runner sets it in every lesson")
    if "out" in parameters:
        raise ValueError("parameter 'out' is the runner's own: use --runs-dir to say where results go")
    checked = check_overrides(name, defaults, parameters)
    checked = {key: _absolute(key, value) for key, value in checked.items()}
    seed = checked.setdefault("seed", defaults["seed"])
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"parameter 'seed' of {name} must be a whole number from 0 on, got {seed!r}")
    checked["out"] = "."
    target = (folder / name / f"seed{seed}").resolve()
    return Task(name, str(notebook), seed, checked, str(target), _key(notebook, defaults, checked))


def _absolute(name: str, value: Any) -> Any:
    """Paths among the parameters, made absolute: ``features``, ``dataset="folder:..."``, ``*backbone="arch:file"``."""
    if not isinstance(value, str) or not value:
        return value
    if name == "features":
        path = Path(value).expanduser().resolve()
        if not path.is_file():
            raise FileNotFoundError(f"parameter 'features': no such file: {value}")
        return str(path)
    head, colon, tail = value.partition(":")
    if name == "dataset" and head == "folder" and tail:
        path = Path(tail).expanduser().resolve()
        if not path.is_dir():
            raise FileNotFoundError(f"parameter 'dataset': no such folder: {tail}")
        return f"folder:{path}"
    if name.endswith("backbone") and colon and Path(tail).expanduser().is_file():
        return f"{head}:{Path(tail).expanduser().resolve()}"
    return value


def _key(notebook: Path, defaults: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    settings = {**defaults, **parameters}
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    content = {
        "cells": [(cell["cell_type"], "".join(cell["source"])) for cell in cells],
        "parameters": parameters,
        "files": {key: _stamp(value) for key, value in settings.items() if isinstance(value, str)},
        # the standard rows that a lesson shows; those of a standard run are made of the run itself
        "standard": None if settings.get("profile") == "standard" else _records_hash(notebook.stem),
        "package": _package_hash(),
        "versions": {name: _version(name) for name in ("torch", "numpy", "open_clip_torch", "scikit-learn")},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _stamp(value: str) -> list[int] | str | None:
    """Size and time of what a parameter names: other content under the same name is another input."""
    path = Path(value if os.path.isabs(value) else value.partition(":")[2])
    if not path.is_absolute():
        return None
    if value.startswith("folder:") and path.is_dir():
        return _folder_stamp(path)
    return [path.stat().st_size, path.stat().st_mtime_ns] if path.is_file() else None


def _folder_stamp(folder: Path) -> str:
    """SHA-256 over name, size and time of every file below a folder, in order; links are followed."""
    total = hashlib.sha256()
    seen: set[str] = set()
    for where, inner, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(where)
        inner[:] = [] if real in seen else sorted(inner)  # a link to a folder above it would have no end
        seen.add(real)
        for path in (Path(where, name) for name in sorted(files)):
            if path.is_file():
                facts = f"{path.stat().st_size} {path.stat().st_mtime_ns}"
                total.update(os.fsencode(path.relative_to(folder)) + b"\0" + facts.encode() + b"\0")
    return total.hexdigest()


def _records_hash(lesson: str) -> str | None:
    """SHA-256 of the lesson's committed standard records, None where there are none."""
    root = project_root()
    path = root / "figures" / "records" / f"{lesson}.json" if root else None
    return hashlib.sha256(path.read_bytes()).hexdigest() if path and path.is_file() else None


@cache
def _package_hash() -> str:
    total = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        relative = path.relative_to(PACKAGE)
        if path.is_file() and not set(relative.parts) & set(_NOT_HASHED):
            total.update(relative.as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
