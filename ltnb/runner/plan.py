"""Turns a profile into tasks, one a lesson and seed, with everything checked before anything runs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from ltnb._code import package_hashes
from ltnb._files import sha256_of
from ltnb._project import project_root
from ltnb.data.locate import MissingDataError, find_folder, stamp
from ltnb.data.registry import data_stamp
from ltnb.data.tree import files_below
from ltnb.runner.catalogue import Profile, check_overrides, find_lesson, read_parameters, unknown

__all__ = ["Task", "file_hash", "plan", "plan_one"]

_LIBRARIES = (
    *("torch", "numpy", "open_clip_torch", "scikit-learn", "torchvision", "timm", "accelerate", "transformers"),
    *("tokenizers", "pillow", "pillow-heif", "pillow-avif-plugin", "pillow-jxl-plugin"),  # which pictures can be read
)
# arithmetic that torch and the libraries below it take from the environment: how exact products are, which instructions
_VARIABLES = (
    "ACCELERATE_", "NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "CUBLAS_WORKSPACE_CONFIG",
    "ATEN_CPU_CAPABILITY", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE", "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "OPENBLAS_CORETYPE", "PYTHONHASHSEED",
)  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One notebook (an absolute path) to run once, with these parameters, the seed among them.

    Only a finished run stands in ``folder`` (absolute too). ``key`` is a hash of everything that the result depends on,
    so that a finished run is reused only while it is still valid.
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


def plan(profile: Profile, runs_dir: Path, only: Sequence[str] = (), seeds: Sequence[int] = ()) -> list[Task]:
    """The tasks of a profile, lesson by lesson, in ``runs_dir/<profile>/<lesson>/seed<k>``; errors as of `plan_one`.

    ``only`` keeps these lessons and ``seeds`` stand instead of the profile's; all, and the profile's, when empty.
    Raises ValueError for two notebooks of one name, too.
    """
    for name in only:
        if name not in profile.lessons:
            raise unknown(f"profile {profile.name} has no lesson", name, profile.lessons)
    tasks, given = [], dict[str, str]()
    for lesson in [name for name in profile.lessons if name in only or not only]:
        for seed in seeds or profile.seeds_of.get(lesson, profile.seeds):
            task = plan_one(lesson, {**profile.lessons[lesson], "seed": seed}, runs_dir / profile.name)
            if (other := given.setdefault(task.lesson, lesson)) != lesson:
                both = f"{other!r} and {lesson!r}"
                raise ValueError(f"profile {profile.name}: {both} would write into one folder, {task.folder}")
            tasks.append(task)
    return tasks


def plan_one(lesson: str, parameters: Mapping[str, Any], folder: Path) -> Task:
    """One task: the lesson with these parameters, in ``folder/<lesson>/seed<k>``.

    A lesson runs inside its own folder with ``out="."``, so nothing that it records depends on where that folder is;
    relative paths among the parameters are read from the present working directory.

    Raises:
        ValueError: an unknown lesson, one without ``seed`` and ``out``, an unknown or mistyped parameter.
        FileNotFoundError: a parameter names a file or folder that is not there.
    """
    notebook = find_lesson(lesson)
    name, defaults = notebook.stem, read_parameters(notebook)
    if "out" in parameters:
        raise ValueError("parameter 'out' is the runner's own: use --runs-dir to say where results go")
    # the runner sets both in every lesson: one without them is refused here
    given = {"seed": defaults.get("seed"), **parameters, "out": "."}
    checked = {key: _absolute(key, value) for key, value in check_overrides(name, defaults, given).items()}
    seed = checked["seed"]
    if type(seed) is not int or seed < 0:
        raise ValueError(f"parameter 'seed' of {name} must be a whole number from 0 on, got {seed!r}")
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
    head, _, tail = value.partition(":")
    if kind := {"features": "file", "corpus": "folder"}.get(name):
        path = Path(value).expanduser().resolve()
        if not (path.is_file() if kind == "file" else path.is_dir()):
            raise FileNotFoundError(f"parameter {name!r}: no such {kind}: {value}")
        return str(path)
    if head == "folder" and tail:
        try:
            return f"folder:{find_folder(tail)}"
        except MissingDataError as error:
            raise FileNotFoundError(f"parameter {name!r}: no such folder: {tail} ({error})") from None
    if "backbone" in name and tail and (path := Path(tail).expanduser()).exists():
        return f"{head}:{path.resolve()}"
    return value


def _key(notebook: Path, defaults: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    settings = {**defaults, **parameters}
    root, shown = project_root(), None
    if root and settings.get("profile") != "standard":  # a standard run does not depend on what is shown beside it
        records = root / "figures" / "records"
        shown = [file_hash(records / f"{notebook.stem}.json"), file_hash(records / "real" / "regime.json")]
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    content = {
        "cells": [(cell["cell_type"], "".join(cell["source"])) for cell in cells],
        "parameters": parameters,
        "inputs": {key: _stamp(value) for key, value in settings.items()},
        "environment": {name: value for name, value in os.environ.items() if name.startswith(_VARIABLES)},
        "no GPU to be seen": os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"),
        "records": shown,
        "package": package_hashes(),
        "versions": {name: [found.version for found in distributions(name=name)] for name in _LIBRARIES},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _stamp(value: Any) -> Any:
    """What lies on disk under the data sets, files and folders that a parameter names, a list's one by one.

    Other content under the same name is another input. None for a value that names nothing.
    """
    if isinstance(value, list | tuple):
        return [_stamp(item) for item in value]
    if not isinstance(value, str):
        return None
    path = Path(value if os.path.isabs(value) else value.partition(":")[2])
    if value.startswith("folder:") or not path.is_absolute():
        return data_stamp(value)
    return stamp(files_below(path) if path.is_dir() else [path]) if path.exists() else None


def file_hash(path: Path) -> str | None:
    """SHA-256 of a file, None where there is none."""
    return sha256_of(path) if path.is_file() else None
