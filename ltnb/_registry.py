"""Parts by their name in snake case: ``create("balanced_softmax", class_counts)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

T = TypeVar("T")


def create_from(table: Mapping[str, Callable[..., T]], kind: str, name: str, args: Any, kwargs: Any) -> T:
    """Call the entry `name` of a table of parts.

    Args:
        table: name to class or function.
        kind: what the parts are, for the message.
        name: one of the names.
        args: positional arguments of the part.
        kwargs: keyword arguments of the part.

    Raises:
        ValueError: no part has this name; the message lists them.
    """
    if name not in table:
        close = get_close_matches(str(name), list(table), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"name must be a {kind} ({', '.join(table)}), got {name!r}{hint}")
    return table[name](*args, **kwargs)
