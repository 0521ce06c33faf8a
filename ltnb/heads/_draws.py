"""Where the initial weights of heads are drawn from: a seed, or a generator of the caller."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ltnb._checks import check_integer, fail


def generator_of(seed: Any, generator: Any) -> torch.Generator:
    """The caller's generator, which moves on, or a new one with the seed.

    Args:
        seed: A whole number from 0 on; None means 0.
        generator: A ``torch.Generator`` on the CPU, or None.

    Raises:
        ValueError: Both are given, or one is of another type.
    """
    if generator is None:
        return torch.Generator().manual_seed(0 if seed is None else check_integer(seed, "seed", 0))
    if not isinstance(generator, torch.Generator) or generator.device.type != "cpu":
        fail("generator", "a torch.Generator on the CPU or None", generator)
    if seed is not None:
        fail("seed", "None where a generator is given", repr(seed))
    return generator


def uniform_linear(
    in_features: int, out_features: int, like: torch.Tensor, generator: torch.Generator, *, bias: bool = True
) -> nn.Linear:
    """A linear layer drawn from U(-1/sqrt(D), 1/sqrt(D)), as every ``nn.Linear`` is, but from this generator."""
    layer = nn.utils.skip_init(nn.Linear, in_features, out_features, bias=bias)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -(in_features**-0.5), in_features**-0.5, generator=generator)
    return layer.to(device=like.device, dtype=like.dtype)
