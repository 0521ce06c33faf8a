"""What the renderer paints with: maps between coordinates, look-ups in tables drawn once, one colour over another.

A picture is (3, 4096) float32 in 0..1 until it is finished; x to the right and y down, both from -1 to 1.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from ltnb.critters import scenes, shapes, things
from ltnb.critters.attributes import LIMBS, RGB, SHAPES

SIZE = 64
INK = torch.full((1, 3, 1), 0.08)
WHITE = torch.ones(1, 3, 1)

_axis = (torch.arange(SIZE, dtype=torch.float32) + 0.5) / SIZE * 2 - 1
PX = _axis.repeat(SIZE)
PY = _axis.repeat_interleave(SIZE)


@cache
def banks() -> dict[str, torch.Tensor]:
    """The look-up tables as tensors."""
    atlas = shapes.atlas()
    noise = np.random.default_rng(20_264).standard_normal(3 * SIZE * SIZE).astype(np.float32)
    return {
        "atlas": torch.from_numpy(atlas),
        "bodies": torch.from_numpy(atlas[:: len(LIMBS) * len(shapes.REACH), [0, 2, 3]]),  # without limbs
        "scenes": torch.from_numpy(scenes.scenes()),
        "tiles": torch.from_numpy(scenes.tiles()),
        "veils": torch.from_numpy(scenes.veils()),
        "covers": torch.from_numpy(things.covers()),
        "accessories": torch.from_numpy(things.accessories()),
        "grain": torch.from_numpy(noise).unfold(0, SIZE * SIZE, 61),  # overlapping windows of one strip
        "rgb": torch.from_numpy(RGB),
        "spots": torch.tensor([shapes.MARKING_SPOTS[s] for s in SHAPES], dtype=torch.float32),
    }


def affine(
    scale: np.ndarray, turn: np.ndarray, cx: np.ndarray, cy: np.ndarray, mirror: np.ndarray, shear: np.ndarray
) -> np.ndarray:
    """(N, 2, 3) maps from picture coordinates (-1..1) to object coordinates."""
    c, s = np.cos(turn), np.sin(turn)
    a, b = c / scale * mirror, s / scale * mirror
    d, e = -s / scale + shear * c / scale, c / scale + shear * s / scale
    return np.stack([np.stack([a, b, -(a * cx + b * cy)], -1), np.stack([d, e, -(d * cx + e * cy)], -1)], 1)


def coordinates(matrix: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Object coordinates x and y of each pixel, (N, 4096), under (N, 2, 3) maps."""
    m = torch.from_numpy(matrix.astype(np.float32))[..., None]
    return m[:, 0, 0] * PX + m[:, 0, 1] * PY + m[:, 0, 2], m[:, 1, 0] * PX + m[:, 1, 1] * PY + m[:, 1, 2]


def grid(matrix: np.ndarray) -> torch.Tensor:
    """(N, 2, 3) maps -> the (N, 64, 64, 2) grid that :func:`look_up` wants, three times as fast as F.affine_grid."""
    m = torch.from_numpy(matrix.astype(np.float32))[..., None, None]
    rows = m[:, :, 1] * _axis[:, None] + m[:, :, 2]
    return torch.addcmul(rows, m[:, :, 0], _axis).permute(0, 2, 3, 1)


def look_up(bank: str, rows: np.ndarray, at: torch.Tensor, pad: str = "border") -> torch.Tensor:
    """Bilinear look-up of rows of a bank at a (N, 64, 64, 2) grid in -1..1: (N, channels, 4096)."""
    chosen = banks()[bank].index_select(0, torch.from_numpy(rows))
    return F.grid_sample(chosen, at, padding_mode=pad, align_corners=False).flatten(2)


def one_of(u: np.ndarray, count: int) -> np.ndarray:
    """Numbers in [0, 1) as integers below `count`."""
    return (u * count).astype(np.int64)


def spread(u: np.ndarray, low: float, high: float) -> np.ndarray:
    """Numbers in [0, 1) between two others."""
    return low + (high - low) * u


def each(array: np.ndarray) -> torch.Tensor:
    """A number a picture as an (N, 1) float32 tensor."""
    return torch.from_numpy(np.asarray(array, dtype=np.float32))[:, None]


def over(image: torch.Tensor, cover: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
    """`image` (N, 3, P), painted in place with `colour` (N, 3, P or 1) where `cover` (N, P) is."""
    return image.lerp_(colour, cover[:, None])
