"""Render critters: (seed, index, traits) in, 64 x 64 RGB out, vectorised over the batch.

Every picture depends on its own row alone, so the result is the same in any batch, in any order.
"""

from __future__ import annotations

import numpy as np
import torch

from ltnb.critters import layers
from ltnb.critters.attributes import Traits
from ltnb.critters.individuals import WORLD, Difficulty, drawn, luck
from ltnb.critters.raster import SIZE

__all__ = ["CHUNK", "SIZE", "render"]

CHUNK = 32
"""Pictures rendered at a time: small enough to stay in a core's cache."""


def render(seed: int, indices: np.ndarray, traits: Traits, difficulty: Difficulty = WORLD) -> torch.Tensor:
    """Draw pictures.

    Args:
        seed: the stream of individuals.
        indices: (N,) non-negative picture numbers; with the same seed, number and traits the picture is the same.
        traits: what is fixed for each picture.
        difficulty: how much individuals vary.

    Returns:
        uint8 tensor (N, 3, 64, 64), RGB.
    """
    indices = np.asarray(indices, dtype=np.int64)
    out = torch.empty((len(indices), 3, SIZE, SIZE), dtype=torch.uint8)
    for start in range(0, len(indices), CHUNK):
        rows = slice(start, start + CHUNK)
        u = luck(seed, indices[rows])
        out[rows] = _drawn(layers.Batch(u, drawn(u, traits.take(rows), difficulty), difficulty))
    return out


def _drawn(batch: layers.Batch) -> torch.Tensor:
    """One chunk, from back to front."""
    image, lines = layers.companion(batch, layers.ground(batch))
    body = layers.Body.of(batch)
    image = layers.critter(batch, image, body)
    image = layers.accessory(batch, image, body)
    image = layers.cover(batch, image)
    image = layers.pencil(batch, image, body, lines)
    image = layers.weather(batch, image)
    return layers.camera(batch, image)
