"""What to run and with which values: lessons, their parameters and profiles, all checked before anything runs.

papermill itself only warns about a parameter that a notebook does not have, and takes a value of any type.

A profile is a small YAML file: ``seeds`` is a list of whole numbers; ``lessons`` maps a lesson's name to the parameters
that differ from the notebook's own, ``{}`` for none; ``seeds_of`` gives some of the lessons seeds of their own.
``profiles/quick.yaml`` is the shortest example.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ltnb._literals import literal_assignments
from ltnb._project import project_root

__all__ = ["Profile", "builtin_profiles", "check_overrides", "check_seeds", "find_lesson", "lesson_paths"]
__all__ += ["load_profile", "parse_text", "read_parameters", "unknown"]


@dataclass(frozen=True)
class Profile:
    """Its name (the folder under ``runs/``), its seeds, and lesson name to the parameters that differ there.

    ``seeds_of`` holds the seeds of those lessons that have their own.
    """

    name: str
    seeds: tuple[int, ...]
    lessons: Mapping[str, Mapping[str, Any]]
    seeds_of: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def unknown(what: str, name: object, known: Iterable[str], there: str = "it has") -> ValueError:
    """The error for a name that does not exist: it lists those that do, and the one that may have been meant."""
    names = list(known)
    close = get_close_matches(str(name), names, n=1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    return ValueError(f"{what} {name!r}{meant} ({there}: {', '.join(names) or 'none yet'})")


def lesson_paths() -> dict[str, Path]:
    """Lesson name to notebook path, in the order of their names, for every notebook of the project."""
    root = project_root()
    if root is None:
        raise FileNotFoundError("lessons are not installed with the package: clone ltnb and run from inside the clone")
    return {path.stem: path for path in sorted((root / "notebooks").glob("*.ipynb"))}


def find_lesson(name: str) -> Path:
    """The absolute path of a lesson, given its name (``02_ballad``) or the path of any notebook (``my/own.ipynb``)."""
    return _named("lesson", name, (".ipynb",), lesson_paths).resolve()


def read_parameters(path: Path) -> dict[str, Any]:
    """The default parameters of a lesson, in the order in which they stand.

    Raises ValueError unless it has exactly one code cell tagged ``parameters``, of assignments of literals only.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path.name} is not a notebook ({type(error).__name__}: {error})") from None
    if len(tagged) != 1 or tagged[0].get("cell_type") != "code":
        raise ValueError(f"{path.name} needs exactly one code cell tagged 'parameters', it has {len(tagged)}")
    try:
        return literal_assignments("".join(tagged[0]["source"]))
    except SyntaxError as error:
        raise ValueError(f"{path.name}: the parameters cell is not Python: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path.name}: a parameters cell holds 'name = literal' only, not: {error}") from None


def check_overrides(lesson: str, defaults: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides whose names the lesson knows and whose values have the type of the default.

    An int is taken where a float stands (and becomes one), a bool never counts as a number, and a default of None takes
    any value. The elements of a list are held to the type of the default's elements. Anything else is a ValueError.
    """
    checked = {}
    for name, value in overrides.items():
        if name not in defaults:
            raise unknown(f"{lesson} has no parameter", name, defaults)
        checked[name] = _fitting(f"parameter {name!r} of {lesson}", value, defaults[name])
    return checked


def parse_text(lesson: str, defaults: Mapping[str, Any], name: str, text: str) -> Any:
    """The value of a parameter typed on a command line, read as the type of its default asks, and checked.

    Where the default is a string the text needs no quotes; elsewhere it is a literal (``1e-4``, ``[1, 2]``, ``true``).
    """
    default, value = defaults.get(name), text
    if not isinstance(default, str):
        with suppress(ValueError, SyntaxError):  # the check says what was expected
            value = ast.literal_eval(text.capitalize() if isinstance(default, bool) else text)
    return check_overrides(lesson, defaults, {name: value})[name]


def builtin_profiles() -> dict[str, Path]:
    """Name to file of the profiles that come with the package."""
    return {path.stem: path for path in sorted((Path(__file__).parent / "profiles").glob("*.yaml"))}


def load_profile(name: str) -> Profile:
    """Read a profile: ``quick``, ``standard``, or a YAML file of your own, given its path.

    Raises ValueError for an unknown name and for content that is not a profile, FileNotFoundError where no file is.
    """
    path = _named("profile", name, (".yaml", ".yml"), builtin_profiles)
    content = _read_yaml(path)
    if not isinstance(content, dict) or not isinstance(content.get("lessons"), dict):
        raise ValueError(f"{path.name} is not a profile: it needs 'lessons', a mapping of lesson to parameters")
    for key in content:
        if key not in ("seeds", "seeds_of", "lessons"):
            raise unknown(f"{path.name}: unknown key", key, ("seeds", "seeds_of", "lessons"))
    lessons = {str(lesson): parameters or {} for lesson, parameters in content["lessons"].items()}
    for lesson, parameters in lessons.items():
        if not isinstance(parameters, dict):
            raise ValueError(f"{path.name}: the parameters of {lesson!r} must be a mapping, got {parameters!r}")
    own = content.get("seeds_of", {})
    if not isinstance(own, dict):
        raise ValueError(f"{path.name}: 'seeds_of' must be a mapping of lesson to seeds, got {own!r}")
    for lesson in own:
        if lesson not in lessons:
            raise unknown(f"{path.name}: 'seeds_of' names a lesson that is not in it:", lesson, lessons)
    own = {lesson: check_seeds(seeds) for lesson, seeds in own.items()}
    return Profile(path.stem, check_seeds(content.get("seeds", [0])), lessons, own)


def check_seeds(seeds: Any) -> tuple[int, ...]:
    """Seeds as a tuple; raises ValueError unless they are distinct whole numbers from 0 on, at least one."""
    fits = isinstance(seeds, list | tuple) and all(type(seed) is int and seed >= 0 for seed in seeds)
    if not fits or not seeds or len(set(seeds)) != len(seeds):
        raise ValueError(f"seeds must be distinct whole numbers from 0 on, got {seeds!r}")
    return tuple(seeds)


def _named(kind: str, name: str, suffixes: tuple[str, ...], known: Callable[[], Mapping[str, Path]]) -> Path:
    """The file of a name that is known, or of a path with one of the suffixes."""
    if name.endswith(suffixes):
        if not Path(name).is_file():
            raise FileNotFoundError(f"no such {'notebook' if kind == 'lesson' else 'profile file'}: {name}")
        return Path(name)
    paths = known()
    if name not in paths:
        raise unknown(f"unknown {kind}", name, paths, f"a {suffixes[0]} file of your own, or")
    return paths[name]


def _fitting(what: str, value: Any, default: Any) -> Any:
    """The value as the type of the default, which it must have."""
    if default is None:
        return value
    kind = type(default)
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(default, list | tuple) and isinstance(value, list | tuple):
        if default and len({type(item) for item in default}) == 1:
            value = [_fitting(f"{what}, element {i}", item, default[0]) for i, item in enumerate(value)]
        return kind(value)
    if type(value) is not kind:
        given = f"{type(value).__name__} {value!r}{_hint(value, default)}"
        raise ValueError(f"{what}: expected {kind.__name__}, got {given}")
    return value


def _hint(value: Any, default: Any) -> str:
    """YAML's traps: ``1e-4`` is a string there, and ``no`` is a bool."""
    if isinstance(default, str) and isinstance(value, bool):
        return " (in YAML put quotes around yes, no, on and off)"
    with suppress(ValueError):
        if isinstance(default, int | float) and isinstance(value, str):
            number = f"{float(value):g} without quotes"
            digits, _, exponent = value.lower().partition("e")
            return f" (in YAML write {digits}.0e{exponent})" if exponent and "." not in digits else f" (write {number})"
    return ""


def _read_yaml(path: Path) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML in which a key that stands twice is an error."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            keys = [key.value for key, _ in node.value]
            if twice := {key for key in keys if keys.count(key) > 1}:
                raise ValueError(f"{path.name}: {min(twice)!r} stands twice")
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not YAML: {' '.join(str(error).split())}") from None
