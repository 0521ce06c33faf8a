"""Rendered pictures as a dataset: each is drawn when it is first asked for and kept in memory, never on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch

from ltnb._checks import check_choice, check_integer, fail, to_array
from ltnb.critters.attributes import WORLD_VERSION, Traits
from ltnb.critters.individuals import WORLD
from ltnb.critters.render import SIZE, render
from ltnb.critters.species import WORLDS

SPLITS = ("train", "val", "test", "pool")
FIRST_SEED = 2**32
"""Data sets draw from render seeds at and above this one; pre-training from one below it."""


def render_seed(world: str, split: str, seed: int) -> int:
    """The stream of individuals of one part of one data set.

    ``2**32 + 16 * seed + 4 * (number of the world) + (number of the split)``: no two parts, worlds or seeds share a
    stream, and none is the pre-training stream (seed 990,001) or any other below 2**32.

    Args:
        world: one of :data:`ltnb.critters.species.WORLDS`.
        split: one of :data:`SPLITS`.
        seed: of the data set, 0 to 2**32 - 1.

    Raises:
        ValueError: an argument out of range.
    """
    world, split = check_choice(world, "world", WORLDS), check_choice(split, "split", SPLITS)
    if check_integer(seed, "seed", 0) >= 2**32:
        raise ValueError(f"seed must be below 2**32, got {seed}")
    return FIRST_SEED + 16 * seed + 4 * WORLDS.index(world) + SPLITS.index(split)


class CritterImages:
    """Pictures of one part of a rendered data set, following the image protocol.

    A picture takes 12 kB of memory once it is drawn. ``labels`` is an int64 array (N,), ``fingerprint`` a word on the
    recipe and a hash of everything that a picture depends on: world version, difficulty, stream, numbers of the
    individuals, traits and labels.

    Args:
        seed: render seed, the stream of individuals.
        numbers: (N,) number of each individual in the stream.
        traits: what is fixed for each picture.
        labels: (N,) classes; -1 for the pictures of a pool.
        recipe: a word on what they are; part of the fingerprint.

    Raises:
        ValueError: the arrays have different lengths.
    """

    def __init__(self, seed: int, numbers: np.ndarray, traits: Traits, labels: np.ndarray, recipe: str) -> None:
        self._seed = seed
        self._numbers = np.asarray(numbers, dtype=np.int64)
        self._traits = traits
        self.labels = np.asarray(labels, dtype=np.int64)
        self.recipe = recipe
        self._pictures: Any = None
        self._drawn: np.ndarray | None = None
        if not len(self.labels) == len(self._numbers) == len(traits.shape):
            lengths = len(self._numbers), len(traits.shape)
            raise ValueError(f"labels has {len(self.labels)} entries for {lengths[0]} numbers and {lengths[1]} traits")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Picture (3, 64, 64) uint8 and label number ``index``; negative numbers count from the end."""
        return self.images([index])[0], int(self.labels[index])

    def images(self, indices: Sequence[int] | np.ndarray | torch.Tensor) -> torch.Tensor:
        """Pictures (B, 3, 64, 64) uint8 at ``indices`` in one call, the fast way; negative numbers count from the end.

        Raises:
            IndexError: an index out of range.
            ValueError: indices that are no integers (a mask is none).
        """
        rows = self._rows(indices)
        if len(rows) == 0:
            return torch.empty((0, 3, SIZE, SIZE), dtype=torch.uint8)
        if self._drawn is None:
            self._pictures = torch.empty((len(self), 3, SIZE, SIZE), dtype=torch.uint8)
            self._drawn = np.zeros(len(self), dtype=bool)
        new = np.unique(rows[~self._drawn[rows]])
        if len(new):
            self._pictures[new] = render(self._seed, self._numbers[new], self._traits.take(new))
            self._drawn[new] = True
        return self._pictures[rows]

    def _rows(self, indices: Sequence[int] | np.ndarray | torch.Tensor) -> np.ndarray:
        """Indices as (B,) int64 from the beginning, all within range."""
        rows, n = to_array(indices, "indices").reshape(-1), len(self)
        if len(rows) and rows.dtype.kind not in "iu":
            fail("indices", "integers", rows)
        wrong = rows[(rows < -n) | (rows >= n)]
        if len(wrong):
            raise IndexError(f"index {wrong[0]} is out of range for {n} pictures")
        rows = rows.astype(np.int64)
        return np.where(rows < 0, rows + n, rows)

    def __getstate__(self) -> dict[str, Any]:
        """Without the drawn pictures, so that worker processes draw their own."""
        return {**self.__dict__, "_pictures": None, "_drawn": None}

    def subset(self, indices: Sequence[int] | np.ndarray) -> CritterImages:
        """The pictures at ``indices``, in that order; see :meth:`images` for what is raised."""
        rows = self._rows(indices)
        return CritterImages(self._seed, self._numbers[rows], self._traits.take(rows), self.labels[rows], self.recipe)

    @cached_property
    def fingerprint(self) -> str:
        """The recipe and a SHA-256 over all that the pictures and labels depend on, in order."""
        digest = hashlib.sha256(f"{WORLD_VERSION} {WORLD!r} {self._seed} {len(self)}\n".encode())
        for column in (self._numbers, self.labels, *self._traits):
            digest.update(np.ascontiguousarray(column, dtype=np.int64).tobytes())
        return f"{WORLD_VERSION} {self.recipe} {digest.hexdigest()}"

    def __repr__(self) -> str:
        return f"CritterImages({len(self)} images, {self.recipe!r}, {WORLD_VERSION})"
