"""Old spellings of arguments, accepted for a while with a warning."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def renamed_argument(old: str, new: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator: the keyword `old` still works and means `new`; a ``DeprecationWarning`` says so.

    Args:
        old: the former keyword.
        new: the one in the signature.

    Returns:
        The function with the signature that it has, which raises ``TypeError`` when both are given.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if old in kwargs:
                if new in kwargs:
                    raise TypeError(f"{function.__qualname__}: {old} is the old name of {new}, give {new} alone")
                warnings.warn(f"{old} is now called {new}", DeprecationWarning, stacklevel=2)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate
