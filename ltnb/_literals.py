"""Cells that hold nothing but ``name = literal``: the parameters of a lesson."""

from __future__ import annotations

import ast
from contextlib import suppress
from typing import Any


def literal_assignments(source: str) -> dict[str, Any]:
    """Name to value, in the order in which they stand.

    Raises:
        SyntaxError: not Python.
        ValueError: another statement stands there; the message is that statement.
    """
    values = {}
    for line in ast.parse(source).body:
        match line:
            case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), value=ast.expr() as value):
                with suppress(ValueError):
                    values[name] = ast.literal_eval(value)
                    continue
        raise ValueError(ast.unparse(line))
    return values
