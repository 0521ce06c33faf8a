"""The input size of an image tower: its table of positions is interpolated, as open_clip does on loading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ltnb._checks import check_integer, fail

_HOLDERS = {"VisionTransformer": "", "ModifiedResNet": "attnpool"}  # class → the submodule with the table


def side(tower: nn.Module) -> int | None:
    """Side of the square that an image tower reads, in pixels; None for a class that `resize_positions` refuses."""
    if type(tower).__name__ not in _HOLDERS:
        return None
    size: Any = tower.image_size
    return int(size[0]) if isinstance(size, tuple) else int(size)


def adopt_size(tower: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Gives an image tower the input size of weights that are about to be loaded, if their table is that of a square.

    Args:
        tower: the image tower; its weights may be changed.
        state: weights of the whole model, those of the image tower under ``visual.``.
    """
    old = side(tower)
    if old is None:
        return
    name = ".".join(filter(None, (_HOLDERS[type(tower).__name__], "positional_embedding")))
    own, table = tower.get_parameter(name), state.get(f"visual.{name}")
    if table is None or table.ndim != 2 or table.shape[1] != own.shape[1]:
        return
    grid, own_grid = (round((len(rows) - 1) ** 0.5) for rows in (table, own))
    if grid not in (0, own_grid) and grid**2 == len(table) - 1:
        resize_positions(tower, grid * (old // own_grid))


def resize_positions(tower: nn.Module, pixels: int) -> None:
    """Makes an image tower read squares of another side, in place.

    Args:
        tower: open_clip's ``VisionTransformer`` or ``ModifiedResNet``.
        pixels: the new side, a multiple of the tower's patch (or of its total stride).

    Raises:
        ValueError: a tower of another class or without a learned table, or a side that does not fit.
    """
    kind, old = type(tower).__name__, side(tower)
    if old is None:
        fail("backbone", f"one with an image tower of class {' or '.join(_HOLDERS)}", kind)
    holder: Any = tower.get_submodule(_HOLDERS[kind])
    table: Tensor = holder.positional_embedding
    grid = round((len(table) - 1) ** 0.5)
    stride = old // grid
    pixels = check_integer(pixels, "image_size", stride)
    if pixels % stride:
        fail("image_size", f"a multiple of {stride}", repr(pixels))
    new = pixels // stride
    if new == grid:
        return
    with torch.no_grad():
        places = table[1:].T.reshape(1, -1, grid, grid).float()
        places = functional.interpolate(places, (new, new), mode="bicubic", antialias=True, align_corners=False)
        resized = torch.cat([table[:1], places.flatten(2)[0].T.to(table.dtype)])
    holder.positional_embedding = nn.Parameter(resized, requires_grad=table.requires_grad)
    if kind == "VisionTransformer":
        tower.image_size, tower.grid_size = (pixels, pixels), (new, new)  # type: ignore[assignment]
    else:
        tower.image_size = pixels  # type: ignore[assignment]
