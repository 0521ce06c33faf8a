"""Which class a classifier names where: decision regions in the plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ltnb._checks import to_array
from ltnb.plots._labels import draw_legend, sentence
from ltnb.plots.style import PALETTE, axes_for, context, figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GRID = 201
_MARKERS = "osD^vP"


def decision_regions(
    scores: Callable[[Any], Any],
    points: Any,
    labels: Any,
    *,
    class_names: Sequence[str] | None = None,
    best: Callable[[Any], Any] | None = None,
    title: str | None = None,
    legend: bool = True,
    ax: Axes | None = None,
) -> Figure:
    """Regions of a classifier of points in the plane, with the training points on top.

    Args:
        scores: Takes a float64 array (M, 2) and gives scores (M, C), of which the largest names the class.
        points: (N, 2).
        labels: (N,) integers in [0, C), C at most 6.
        class_names: C names for the legend; None counts them.
        best: Scores as above, whose boundaries are drawn too, dashed: those that a method should come near.
        title: Title.
        legend: Whether to name the classes.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure. Class i has a colour of the palette and a marker of its own.

    Raises:
        ValueError: If shapes do not fit or there are more than 6 classes.
    """
    from matplotlib.colors import ListedColormap

    x, y = to_array(points, "points").astype(np.float64), to_array(labels, "labels")
    if x.ndim != 2 or x.shape[1] != 2 or y.shape != (len(x),) or not len(x):
        raise ValueError(f"points must have shape (N, 2) and labels (N,), got {x.shape} and {y.shape}")
    if y.dtype.kind not in "iu" or y.min() < 0:
        raise ValueError(f"labels must be integers from 0 on, got {y.dtype} from {y.min()}")
    low, high = x.min(axis=0), x.max(axis=0)
    low, high = low - 0.06 * (high - low), high + 0.06 * (high - low)
    axes = [np.linspace(low[i], high[i], _GRID) for i in (0, 1)]
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    values = to_array(scores(grid), "scores")
    num_classes = values.shape[1] if values.ndim == 2 else 0
    if len(values) != len(grid) or not int(y.max()) < num_classes <= len(_MARKERS):
        raise ValueError(f"scores must give (M, C) with {int(y.max()) + 1} <= C <= {len(_MARKERS)}, got {values.shape}")
    named = values.argmax(axis=1).reshape(_GRID, _GRID)
    names = [f"class {i}" for i in range(num_classes)] if class_names is None else list(class_names)
    if len(names) != num_classes:
        raise ValueError(f"class_names must have {num_classes} entries, got {len(names)}")
    with context():
        ax = axes_for(ax, width=4.2, height=3.8)
        colours = list(PALETTE[:num_classes])
        shades = ListedColormap(colours)
        ax.pcolormesh(*axes, named, cmap=shades, vmin=-0.5, vmax=num_classes - 0.5, alpha=0.22, shading="nearest")
        _boundaries(ax, axes, named, colors="#333333", linewidths=0.7)
        if best is not None:
            aim = to_array(best(grid), "best").argmax(axis=1).reshape(_GRID, _GRID)
            _boundaries(ax, axes, aim, colors="black", linewidths=1.0, linestyles="dashed")
        for i, (colour, marker) in enumerate(zip(colours, _MARKERS, strict=False)):
            ax.plot(*x[y == i].T, marker, color=colour, markersize=3, markeredgecolor="white", markeredgewidth=0.3)
            ax.plot([], [], marker, color=colour, label=f"{names[i]} ({int((y == i).sum())})")
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[], yticks=[])
        if legend:
            box: dict[str, Any] = {"frameon": True, "framealpha": 0.9, "edgecolor": "none"}
            draw_legend(ax, loc="upper left", fontsize=8, handletextpad=0.2, **box)
        if title:
            ax.set_title(sentence(title), fontsize=10)
        return figure_of(ax)


def _boundaries(ax: Axes, axes: Sequence[np.ndarray], named: np.ndarray, **look: Any) -> None:
    """Where one class ends and the next begins."""
    present = np.unique(named)
    for i in present if len(present) > 1 else ():
        ax.contour(*axes, (named == i).astype(float), levels=[0.5], **look)
