"""The seed of a part that draws at random, given as a number or by a ``torch.Generator``."""

from __future__ import annotations

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
