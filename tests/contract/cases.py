"""What a case of the contract suite consists of, and changes of the input that several cases share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

Inputs = dict[str, Any]
Rng = np.random.Generator


def same(output: torch.Tensor) -> torch.Tensor:
    return output


@dataclass(frozen=True)
class BadInput:
    """``argument`` replaced by ``change(good value)`` must raise a ValueError that starts with ``named``."""

    argument: str
    why: str
    change: Callable[[Any], Any]
    named: str = ""


@dataclass(frozen=True)
class ModuleCase:
    """A loss or a head.

    part: the name in the registry of the package (``ltnb.losses.names()``); every name needs a case.
    build: makes the module; keyword arguments override those of the case.
    inputs: float64 inputs in call order. extreme: inputs whose |logits| (or features) reach 1e4.
    oracle: ``oracle(state, **inputs)`` on NumPy values, ``state`` being the module's parameters and buffers.
    differentiable: names of the inputs that gradcheck differentiates (parameters are always included).
    limits: name -> function that returns (value, expected value).
    symmetries: name -> function (inputs, rng) -> (changed inputs, what it does to the output).
    no_effect: parameters whose gradient is zero by the equation itself.
    bad_calls, bad_builds: the tables of bad input, for the call and for the constructor.
    terms, mean_of: of a loss, whether it has terms (``reduction="none"``), and the mean that is documented for them.
    soft: of a loss, the input that may hold a share for every class.
    """

    name: str
    build: Callable[..., nn.Module]
    inputs: Callable[[Rng], Inputs]
    extreme: Callable[[Rng], Inputs]
    oracle: Callable[..., Any]
    differentiable: tuple[str, ...]
    limits: dict[str, Callable[[Rng], tuple[torch.Tensor, torch.Tensor]]] = field(default_factory=dict)
    symmetries: dict[str, Callable[[Inputs, Rng], tuple[Inputs, Callable]]] = field(default_factory=dict)
    no_effect: tuple[str, ...] = ()
    bad_calls: tuple[BadInput, ...] = ()
    bad_builds: tuple[tuple[Inputs, str], ...] = ()
    is_loss: bool = True
    part: str = ""
    terms: bool = True
    mean_of: Callable[[torch.Tensor, Inputs], torch.Tensor] = lambda terms, inputs: terms.mean()
    soft: str = ""


@dataclass(frozen=True)
class FunctionCase:
    """A plain function or constructor, for the table of bad input: ``call(**good)`` works, each change must not."""

    name: str
    call: Callable[..., Any]
    good: Inputs
    bad: tuple[BadInput, ...]


@dataclass(frozen=True)
class SamplerCase:
    """A sampler of ``labels``. probabilities: ``f(class_counts, progress)``, the law of one draw's class."""

    name: str
    build: Callable[..., Any]
    probabilities: Callable[[np.ndarray, float], list[float]]
    epochs: int = 4
    with_replacement: bool = True
    scheduled: bool = False


def randn(rng: Rng, *shape: int) -> torch.Tensor:
    return torch.from_numpy(rng.standard_normal(shape))


def permuted(*names: str) -> Callable[[Inputs, Rng], tuple[Inputs, Callable]]:
    def change(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
        order = torch.from_numpy(rng.permutation(len(inputs[names[0]])))
        return {**inputs, **{name: inputs[name][order] for name in names}}, same

    return change


def rescaled(name: str) -> Callable[[Inputs, Rng], tuple[Inputs, Callable]]:
    """Every row times its own positive factor, up to lengths whose squares leave float64."""

    def change(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
        factors = torch.from_numpy(10.0 ** rng.uniform(-200, 200, len(inputs[name])))
        return {**inputs, name: inputs[name] * factors[:, None]}, same

    return change


def rotated(first: str, second: str) -> Callable[[Inputs, Rng], tuple[Inputs, Callable]]:
    def change(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
        turn = torch.linalg.qr(randn(rng, inputs[first].shape[1], inputs[first].shape[1])).Q
        return {**inputs, first: inputs[first] @ turn, second: inputs[second] @ turn}, same

    return change
