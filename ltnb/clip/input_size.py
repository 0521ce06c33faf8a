"""Another input size for an image tower: its table of positions is interpolated, as open_clip does on loading."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ltnb._checks import check_integer, fail


def resize_positions(tower: nn.Module, pixels: int) -> None:
    """Makes an image tower read squares of another side, in place.

    Args:
        tower: open_clip's ``VisionTransformer`` or ``ModifiedResNet``.
        pixels: the new side, a multiple of the tower's patch (or of its total stride).

    Raises:
        ValueError: a tower of another class or without a learned table, or a side that does not fit.
    """
    kind = type(tower).__name__
    if kind not in ("VisionTransformer", "ModifiedResNet"):
        fail("backbone", "one with an image tower of class VisionTransformer or ModifiedResNet", kind)
    holder: Any = tower if kind == "VisionTransformer" else tower.attnpool
    table: Tensor = holder.positional_embedding
    grid = round((len(table) - 1) ** 0.5)
    old = tower.image_size[0] if isinstance(tower.image_size, tuple) else int(tower.image_size)  # type: ignore[arg-type]
    stride = old // grid
    pixels = check_integer(pixels, "image_size", stride)
    if pixels % stride:
        fail("image_size", f"a multiple of {stride}", repr(pixels))
    new = pixels // stride
    with torch.no_grad():
        places = table[1:].T.reshape(1, -1, grid, grid).float()
        places = functional.interpolate(places, (new, new), mode="bicubic", antialias=True, align_corners=False)
        resized = torch.cat([table[:1], places.flatten(2)[0].T.to(table.dtype)])
    holder.positional_embedding = nn.Parameter(resized, requires_grad=table.requires_grad)
    if kind == "VisionTransformer":
        tower.image_size, tower.grid_size = (pixels, pixels), (new, new)  # type: ignore[assignment]
    else:
        tower.image_size = pixels  # type: ignore[assignment]
