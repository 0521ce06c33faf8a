"""What a part draws from: a seed, or a ``torch.Generator`` of the caller."""

from __future__ import annotations

from typing import Any

import torch

from ltnb._checks import check_integer, fail


def chosen_seed(seed: int, generator: torch.Generator | None) -> int:
    """Seed of a draw: the one that is given or, where there is a generator, the next number of it.

    Args:
        seed: At least 0; its default, 0, beside a generator.
        generator: Moved on by one number, on any device; None takes the seed.

    Returns:
        An integer from 0 on, below 2^63 where it comes from the generator.

    Raises:
        ValueError: If the seed is no integer from 0 on, the generator is none, or both are given.
    """
    seed = check_integer(seed, "seed", 0)
    if generator is None:
        return seed
    if not isinstance(generator, torch.Generator):
        fail("generator", "a torch.Generator or None", generator)
    if seed != 0:
        fail("seed", "left out where a generator is given", repr(seed))
    return int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device))


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
