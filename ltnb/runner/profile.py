"""A profile: which lessons to run, with which parameters and seeds. A small YAML file with two keys.

``seeds`` is a list of whole numbers; ``lessons`` maps a lesson's name to the parameters that differ from the notebook's
own, ``{}`` for none. ``profiles/quick.yaml`` is the shortest example.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ltnb.runner.catalog import suggest

__all__ = ["Profile", "builtin_profiles", "load_profile"]

FOLDER = Path(__file__).parent / "profiles"


@dataclass(frozen=True)
class Profile:
    """What to run.

    Attributes:
        name: the folder under ``runs/``.
        seeds: one run a lesson and seed.
        lessons: lesson name to the parameters that differ from the notebook's own.
    """

    name: str
    seeds: tuple[int, ...]
    lessons: Mapping[str, Mapping[str, Any]]


def builtin_profiles() -> dict[str, Path]:
    """Name to file of the profiles that come with the package."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def load_profile(name: str) -> Profile:
    """Read a profile.

    Args:
        name: ``quick``, ``standard``, or the path of a YAML file of your own.

    Raises:
        ValueError: an unknown name or key, a file that is not a profile, seeds that are not distinct whole numbers.
        FileNotFoundError: a path was given and no file is there.
    """
    path = _profile_path(name)
    content = _read_yaml(path)
    if not isinstance(content, dict) or not isinstance(content.get("lessons"), dict):
        raise ValueError(f"{path.name} is not a profile: it needs 'lessons', a mapping of lesson to parameters")
    known = ("seeds", "lessons")
    for key in content:
        if key not in known:
            raise ValueError(
                f"{path.name}: unknown key {key!r}{suggest(str(key), known)} (it may have: {', '.join(known)})"
            )
    lessons = {}
    for lesson, parameters in content["lessons"].items():
        if not isinstance(parameters, dict | None):
            raise ValueError(f"{path.name}: the parameters of {lesson!r} must be a mapping, got {parameters!r}")
        lessons[str(lesson)] = parameters or {}
    return Profile(path.stem, check_seeds(content.get("seeds", [0])), lessons)


def check_seeds(seeds: Any) -> tuple[int, ...]:
    """Seeds as a tuple; raises ValueError unless they are distinct whole numbers from 0 on, at least one."""
    fits = isinstance(seeds, list | tuple) and bool(seeds)
    fits = fits and all(isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0 for seed in seeds)
    if not fits or len(set(seeds)) != len(seeds):
        raise ValueError(f"seeds must be distinct whole numbers from 0 on, got {seeds!r}")
    return tuple(seeds)


def _profile_path(name: str) -> Path:
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        if not path.is_file():
            raise FileNotFoundError(f"no such profile file: {name}")
        return path
    builtin = builtin_profiles()
    if name not in builtin:
        names = ", ".join(builtin)
        raise ValueError(
            f"unknown profile {name!r}{suggest(name, builtin)} (profiles: {names}, or a .yaml file of your own)"
        )
    return builtin[name]


def _read_yaml(path: Path) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML in which a key that stands twice is an error."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            for key in keys:
                if keys.count(key) > 1:
                    raise ValueError(f"{path.name}: {key!r} stands twice")
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{path.name} is not YAML: {' '.join(str(error).split())}") from None
