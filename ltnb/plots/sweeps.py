"""Accuracy against the value of one setting, as in BALLAD's Figure 5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ltnb.plots._labels import draw_legend, sentence
from ltnb.plots.style import GROUP_COLOURS, MARKERS, PALETTE, axes_for, context, figure_of, title_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def sweep(
    x: Sequence[float],
    ys: Mapping[str, Any],
    *,
    xlabel: str,
    ylabel: str = "accuracy (%)",
    errors: Mapping[str, Any] | None = None,
    mark_best: bool = True,
    published: tuple[float, float] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Lines over the values of a setting, with a star on the best value of each line.

    Args:
        x: The K values that were tried.
        ys: Name -> K results; NaN where a run is missing. Lines named overall, many, medium or few have the groups'
            colours.
        xlabel: What was varied, with its unit if it has one.
        ylabel: What was measured, with its unit.
        errors: Name -> K half-widths of an interval, drawn as a band.
        mark_best: Whether to put a star on the largest value of each line and print it in the legend.
        published: (value of the setting, result) of the paper's best run. Only its place is drawn, as a dotted vertical
            line, because the paper's data are not ours; the result stands in the legend.
        title: Title.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure.

    Raises:
        ValueError: If a line has not as many values as x, or no finite one.
    """
    places = np.asarray(x, dtype=np.float64)
    lines = {name: np.asarray(values, dtype=np.float64) for name, values in ys.items()}
    bands = {name: np.asarray(values, dtype=np.float64) for name, values in (errors or {}).items()}
    for name, values in (*lines.items(), *bands.items()):
        if values.shape != places.shape or not np.isfinite(values).any():
            raise ValueError(
                f"ys[{name!r}] must hold {len(places)} values, at least one of them finite, got {values.shape}"
            )
    if not lines:
        raise ValueError("ys must hold at least one line, got none")
    with context():
        ax = axes_for(ax, width=7.4, height=3.8)
        taken = {GROUP_COLOURS.get(name) for name in lines}
        free = [colour for colour in PALETTE if colour not in taken] or list(PALETTE)
        for i, (name, values) in enumerate(lines.items()):
            colour = GROUP_COLOURS.get(name, free[i % len(free)])
            best = int(np.nanargmax(values))
            label = f"{name}: best {values[best]:.1f} at {places[best]:g}" if mark_best else name
            ax.plot(places, values, marker=MARKERS[i % len(MARKERS)], markersize=5, color=colour, label=label)
            if name in bands:
                low, high = values - bands[name], values + bands[name]
                ax.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)
            if mark_best:
                ax.plot(places[best], values[best], marker="*", markersize=13, color=colour, linestyle="none")
        if published is not None:
            label = f"paper: best {published[1]:g} at {published[0]:g}"
            ax.axvline(published[0], color="#777777", linestyle=":", linewidth=1.6, label=label)
        ax.margins(y=0.08)
        ax.set(xlabel=sentence(xlabel), ylabel=sentence(ylabel))
        draw_legend(ax, loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=1.6)
        title_above(ax, title)
        return figure_of(ax)
