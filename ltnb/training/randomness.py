"""Seeds that depend on (seed, epoch) only, so that a resumed run draws what an uninterrupted one would."""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np
import torch


def mixed_seed(*parts: int) -> int:
    """Make one 63-bit seed of several integers, without the collisions of a sum."""
    return int(np.random.SeedSequence([part % 2**64 for part in parts]).generate_state(1, np.uint64)[0]) >> 1


def seed_default_generators(device: torch.device, *parts: int) -> None:
    """Seed torch's CPU generator and, for a GPU, the generator of that device alone."""
    seed = mixed_seed(*parts)
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


def kept_default_generators(device: torch.device) -> AbstractContextManager[None]:
    """Context that puts torch's CPU generator and that of ``device`` back at its end, whatever happens inside."""
    index = [] if device.type != "cuda" else [torch.cuda.current_device() if device.index is None else device.index]
    return torch.random.fork_rng(devices=index)
