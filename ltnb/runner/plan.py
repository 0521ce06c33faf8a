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
from ltnb.data.locate import MissingDataError, find_folder, stamp
from ltnb.data.registry import DATASETS, data_stamp
from ltnb.data.tree import files_below
from ltnb.runner.settings import Profile, check_overrides, find_lesson, read_parameters, unknown

__all__ = ["Task", "plan", "plan_one"]

PACKAGE = Path(__file__).resolve().parents[1]
# what a lesson's numbers do not depend on
_NOT_HASHED = ("runner", "cli.py", "__main__.py", "__pycache__")
_LIBRARIES = ("torch", "numpy", "open_clip_torch", "scikit-learn", "torchvision", "timm", "pillow", "accelerate")
# arithmetic that torch and the libraries below it take from the environment: how exact products are, which instructions
_VARIABLES = frozenset(
    {
        "NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "CUBLAS_WORKSPACE_CONFIG", "ATEN_CPU_CAPABILITY",
        "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA",
        "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "OPENBLAS_CORETYPE", "PYTHONHASHSEED",
    }
)  # fmt: skip
_PREFIXES = ("ACCELERATE_",)  # mixed precision, CPU only, compilation


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
    """Paths among the parameters, made absolute: ``features``, ``corpus``, ``folder:...``, ``backbone="arch:file"``.

    The elements of a list are looked at one by one.
    """
    if isinstance(value, list | tuple):
        return type(value)(_absolute(name, item) for item in value)
    if not isinstance(value, str) or not value:
        return value
    if name in ("features", "corpus"):
        path = Path(value).expanduser().resolve()
        if not (path.is_file() if name == "features" else path.is_dir()):
            kind = "file" if name == "features" else "folder"
            raise FileNotFoundError(f"parameter {name!r}: no such {kind}: {value}")
        return str(path)
    head, _, tail = value.partition(":")
    if head == "folder" and tail:
        try:
            return f"folder:{find_folder(tail)}"
        except MissingDataError as error:
            raise FileNotFoundError(f"parameter {name!r}: no such folder: {tail} ({error})") from None
    if "backbone" in name and tail and Path(tail).expanduser().exists():
        return f"{head}:{Path(tail).expanduser().resolve()}"
    return value


def _key(notebook: Path, defaults: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    settings = {**defaults, **parameters}
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    content = {
        "cells": [(cell["cell_type"], "".join(cell["source"])) for cell in cells],
        "parameters": parameters,
        "inputs": {key: _stamp(value) for key, value in settings.items()},
        "environment": _environment(),
        # the standard rows that a lesson shows; those of a standard run are made of the run itself
        "standard": None if settings.get("profile") == "standard" else _records_hash(notebook.stem),
        "package": _package_hash(),
        "versions": {name: _version(name) for name in _LIBRARIES},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _stamp(value: Any) -> Any:
    """What lies on disk under the data sets, files and folders that a parameter names, a list's one by one.

    Other content under the same name is another input. None for a value that names nothing.
    """
    if isinstance(value, list | tuple):
        return [_stamp(item) for item in value]
    if not isinstance(value, str) or not value:
        return None
    if value in DATASETS or value.startswith("folder:"):
        return data_stamp(value)
    path = Path(value if os.path.isabs(value) else value.partition(":")[2])
    if not path.is_absolute():
        return None
    return stamp(files_below(path) if path.is_dir() else [path]) if path.exists() else None


def _environment() -> dict[str, str | bool]:
    """The variables that libraries read by themselves and that change numbers."""
    read = {name: value for name, value in os.environ.items() if name in _VARIABLES or name.startswith(_PREFIXES)}
    return {**read, "no GPU to be seen": os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")}


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
