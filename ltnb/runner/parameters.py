"""A lesson's parameters: read from the notebook, overrides checked by name and type before anything runs.

papermill itself only warns about a parameter that the notebook does not have, and takes a value of any type.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ltnb.runner.catalog import suggest

__all__ = ["check_overrides", "parse_text", "read_parameters"]


def read_parameters(path: Path) -> dict[str, Any]:
    """The default parameters of a lesson, in the order in which they stand.

    Args:
        path: a notebook with exactly one code cell tagged ``parameters`` that holds assignments of literals only.

    Returns:
        Name to default value.

    Raises:
        ValueError: the file is not a notebook, the cell is missing or there are several, or it holds more than
            literals.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} is not a notebook ({type(error).__name__}: {error})") from None
    tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
    if len(tagged) != 1 or tagged[0].get("cell_type") != "code":
        raise ValueError(f"{path.name} needs exactly one code cell tagged 'parameters', it has {len(tagged)}")
    try:
        statements = ast.parse("".join(tagged[0]["source"])).body
    except SyntaxError as error:
        raise ValueError(f"{path.name}: the parameters cell is not Python: {error}") from None
    return dict(_assignment(statement, path.name) for statement in statements)


def check_overrides(lesson: str, defaults: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides whose names the lesson knows and whose values have the type of the default.

    An int is taken where a float stands, a bool never counts as a number, and a default of None takes any value. The
    elements of a list are held to the type of the default's elements.

    Args:
        lesson: the lesson's name, for the messages.
        defaults: what :func:`read_parameters` gave.
        overrides: name to new value.

    Returns:
        The overrides, ints turned into floats where the default is one.

    Raises:
        ValueError: naming the parameter, what was expected and the value that was given.
    """
    checked = {}
    for name, value in overrides.items():
        if name not in defaults:
            raise _unknown(lesson, name, defaults)
        checked[name] = _check(f"parameter {name!r} of {lesson}", value, defaults[name])
    return checked


def parse_text(lesson: str, defaults: Mapping[str, Any], name: str, text: str) -> Any:
    """The value of a parameter typed on a command line, read as the type of its default asks.

    Where the default is a string the text needs no quotes; elsewhere it is a Python literal (``1e-4``, ``[1, 2]``,
    ``true``).

    Raises:
        ValueError: the lesson has no such parameter, or the text is not a literal of its type.
    """
    if name not in defaults:
        raise _unknown(lesson, name, defaults)
    default = defaults[name]
    if isinstance(default, str):
        return text
    if isinstance(default, bool) and text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    return _check(f"parameter {name!r} of {lesson}", value, default)


def _assignment(statement: ast.stmt, file: str) -> tuple[str, Any]:
    target: ast.expr | None = None
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, value = statement.target, statement.value
    if not isinstance(target, ast.Name):
        raise ValueError(f"{file}: line {statement.lineno} of the parameters cell is not 'name = literal'")
    try:
        return target.id, ast.literal_eval(value)
    except ValueError:
        raise ValueError(f"{file}: parameter {target.id!r} is not a literal: {ast.unparse(value)}") from None


def _unknown(lesson: str, name: str, defaults: Mapping[str, Any]) -> ValueError:
    return ValueError(
        f"{lesson} has no parameter {name!r}{suggest(str(name), defaults)} (it has: {', '.join(defaults)})"
    )


def _check(what: str, value: Any, default: Any) -> Any:
    if default is None:
        return value
    if isinstance(default, bool):
        fits = isinstance(value, bool)
    elif isinstance(default, int):
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif isinstance(default, float):
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        value = float(value) if fits else value
    elif isinstance(default, list | tuple):
        fits = isinstance(value, list | tuple)
        if fits and default and len({type(item) for item in default}) == 1:
            value = [_check(f"{what}, element {i}", item, default[0]) for i, item in enumerate(value)]
        value = tuple(value) if fits and isinstance(default, tuple) else value
    else:
        fits = isinstance(value, type(default))
    if not fits:
        expected, given = type(default).__name__, type(value).__name__
        raise ValueError(f"{what}: expected {expected}, got {given} {value!r}{_hint(value, default)}")
    return value


def _hint(value: Any, default: Any) -> str:
    """YAML's traps: ``1e-4`` is a string there, and ``no`` is a bool."""
    if isinstance(default, str) and isinstance(value, bool):
        return " (in YAML put quotes around yes, no, on and off)"
    if isinstance(default, int | float) and isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return ""
        digits, _, exponent = value.lower().partition("e")
        if exponent and "." not in digits:
            return f" (in YAML write {digits}.0e{exponent})"
        return f" (write {number:g} without quotes)"
    return ""
