"""Rows of the tables of bad input that several cases share, one generator for each kind of argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from contract.cases import BadInput


def _poked(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    def change(x: torch.Tensor) -> torch.Tensor:
        x = x.clone()
        x[-1, -1] = value
        return x

    return change


def set_last(value: int) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda y: torch.cat([y[:-1], torch.tensor([value])])


def bad_features(name: str, *, width: bool = True) -> Iterator[BadInput]:
    """Rows for an argument of shape (N, D), floating point; ``width``: D is fixed by something else."""
    yield BadInput(name, "not a tensor", lambda x: x.numpy())
    yield BadInput(name, "integers", lambda x: x.long())
    yield BadInput(name, "one-dimensional", lambda x: x[0])
    yield BadInput(name, "three-dimensional", lambda x: x[None])
    yield BadInput(name, "empty", lambda x: x[:0])
    yield BadInput(name, "NaN", _poked(float("nan")))
    yield BadInput(name, "infinity", _poked(float("inf")))
    yield BadInput(name, "minus infinity", _poked(-float("inf")))
    if width:
        yield BadInput(name, "another width", lambda x: x[:, :-1])


def bad_targets(name: str, num_classes: int | None = None) -> Iterator[BadInput]:
    """Rows for an argument of integer labels of shape (N,), in 0..num_classes-1 if that is known."""
    yield BadInput(name, "a list", lambda y: y.tolist())
    yield BadInput(name, "floats", lambda y: y.double())
    yield BadInput(name, "booleans", lambda y: y > 0)
    yield BadInput(name, "one too few", lambda y: y[:-1])
    yield BadInput(name, "two-dimensional", lambda y: y[:, None])
    yield BadInput(name, "negative", set_last(-1))
    yield BadInput(name, "torch's ignored label", set_last(-100))
    if num_classes is not None:
        yield BadInput(name, "too large", set_last(num_classes))


def bad_shares(name: str) -> Iterator[BadInput]:
    """Rows for labels of five classes that may be shares of shape (N, C) too, given the hard ones."""

    def shares(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda y: change(torch.nn.functional.one_hot(y, 5).double())

    yield BadInput(name, "shares, one class more", shares(lambda y: torch.nn.functional.pad(y, (0, 1))))
    yield BadInput(name, "shares, one sample less", shares(lambda y: y[:-1]))
    yield BadInput(name, "shares that are integers", shares(lambda y: y.long()))
    yield BadInput(name, "shares, NaN", shares(_poked(float("nan"))))
    yield BadInput(name, "shares, too small a sum", shares(lambda y: 0.999 * y))
    yield BadInput(name, "shares, too large a sum", shares(lambda y: y + 1e-4))
    yield BadInput(name, "shares, negative", shares(lambda y: 2 * y - y.roll(1, dims=1)))


def bad_temperature(name: str = "temperature") -> Iterator[BadInput]:
    for value in (0, -0.1, float("nan"), float("inf"), True, "0.07", None, torch.tensor(0.0), torch.tensor(-1.0)):
        yield BadInput(name, repr(value), lambda _, value=value: value)
    yield BadInput(name, "two elements", lambda _: torch.tensor([0.1, 0.2]))
    yield BadInput(name, "integer tensor", lambda _: torch.tensor(1))
    yield BadInput(name, "NaN tensor", lambda _: torch.tensor(float("nan")))
    yield BadInput(name, "a logit scale", lambda _: 100)
    yield BadInput(name, "a learnable logit scale", lambda _: torch.tensor(14.3))


def bad_counts(name: str = "class_counts", *, prior: bool = True) -> Iterator[BadInput]:
    """Rows for class counts; ``prior``: a class without images is an error too."""
    if prior:
        yield BadInput(name, "a class without images", lambda n: [*list(n)[:-1], 0])
    yield BadInput(name, "negative", lambda n: [*list(n)[:-1], -1])
    yield BadInput(name, "floats", lambda n: np.asarray(n, dtype=float))
    yield BadInput(name, "booleans", lambda n: np.asarray(n) > 0)
    yield BadInput(name, "two-dimensional", lambda n: np.asarray(n)[None])
    yield BadInput(name, "empty", lambda n: np.asarray(n)[:0])
    yield BadInput(name, "a number", lambda n: 5)
    yield BadInput(name, "ragged", lambda n: [[1, 2], [3]])
    yield BadInput(name, "text", lambda n: ["many", "few"])


def bad_values(name: str, *values: Any) -> Iterator[BadInput]:
    for value in values:
        yield BadInput(name, repr(value), lambda _, value=value: value)
