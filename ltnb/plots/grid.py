"""A sheet of small pictures with captions, and a border that says right or wrong."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ltnb._checks import check_integer, check_number, to_array
from ltnb.plots._labels import drawable, sentence
from ltnb.plots.style import BLUE, VERMILLION, context, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def image_grid(
    images: Sequence[Any],
    titles: Sequence[str] | None = None,
    *,
    columns: int = 8,
    correct: Sequence[bool | None] | None = None,
    size: float = 1.1,
    title: str | None = None,
) -> Figure:
    """Pictures in rows, each with an optional caption and border.

    Args:
        images: PIL images, uint8 tensors or arrays of shape (3, H, W) or (H, W, 3), or floating-point ones in 0..1.
        titles: One caption a picture, wrapped to its width.
        columns: Pictures in a row.
        correct: True draws a solid blue border and a tick, False a dashed vermillion one and a cross, None nothing.
        size: Edge of one picture in inches.
        title: Title of the sheet.

    Returns:
        The figure; places left over in the last row stay empty.

    Raises:
        ValueError: If there is no picture, one has another shape, or the lists differ in length.
    """
    check_integer(columns, "columns", 1)
    check_number(size, "size", 0.0, ends="(]")
    if not len(images):
        raise ValueError("images must hold at least one picture, got none")
    for name, values in (("titles", titles), ("correct", correct)):
        if values is not None and len(values) != len(images):
            raise ValueError(f"{name} must have {len(images)} entries like images, got {len(values)}")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    wide = max(8, int(size * 14))
    captions = [textwrap.fill(str(text), wide) for text in titles] if titles is not None else [""] * len(images)
    lines = max(text.count("\n") + 1 if text else 0 for text in captions)
    if correct is not None:
        captions = [
            f"{'' if ok is None else '✓ ' if ok else '✗ '}{text}" for ok, text in zip(correct, captions, strict=True)
        ]
        lines = max(lines, 1)
    captions = drawable(captions)
    with context():
        height = rows * (size + 0.12 + 0.145 * lines) + (0.35 if title else 0.0)
        figure, axes = panels(rows, columns, width=columns * (size + 0.12), height=height)
        for i, ax in enumerate(axes.flat):
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            if i >= len(images):
                continue
            ax.imshow(pixels(images[i], f"images[{i}]"))
            ax.set_title(captions[i], fontsize=7.5, loc="center", pad=3, parse_math=False)
            if correct is not None and correct[i] is not None:
                ax.spines[:].set(visible=True, linewidth=2.5, **_BORDER[bool(correct[i])])
        if title:
            figure.suptitle(sentence(title), x=0.01, ha="left", fontsize=11)
        return figure


_BORDER: dict[bool, dict[str, Any]] = {
    True: {"edgecolor": BLUE, "linestyle": "-"},
    False: {"edgecolor": VERMILLION, "linestyle": "--"},
}


def pixels(image: Any, name: str) -> np.ndarray:
    """A picture as (H, W, 3), uint8 or floats in 0..1."""
    array = to_array(image, name)
    if array.ndim == 3 and array.shape[0] == 3 and array.shape[2] != 3:
        array = array.transpose(1, 2, 0)
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype.kind not in "uf":
        raise ValueError(f"{name} must be RGB, uint8 or floats in 0..1, got shape {array.shape} of {array.dtype}")
    if array.dtype.kind == "f" and not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"{name} must lie in 0..1, got values from {array.min():g} to {array.max():g}")
    return array
