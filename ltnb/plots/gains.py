"""The gains of several methods over one, as several sources have measured them: paper, standard runs, this run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ltnb.plots._labels import draw_legend, drawable, sentence
from ltnb.plots.style import MARKERS, PALETTE, axes_for, context, figure_of, title_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def gains_by_source(
    gains: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    xlabel: str = "gain in accuracy (points)",
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """A row a method, in it a marker for each source: the mean gain, with its 95 % interval where there are seeds.

    Read it row by row: markers on one side of the line agree on the direction. Gains can be compared across data
    sets, heights of accuracies cannot.

    Args:
        gains: Source -> method -> one gain a seed, percentage points, as `ltnb.results.gains` gives them; a method that
            a source does not have is left out there. Methods are drawn from top to bottom.
        xlabel: What the gain is of.
        title: Title.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure. Whiskers are Student's t over seeds; one number has none.

    Raises:
        ValueError: If no source has a gain, or a gain is not finite.

    Example:
        >>> from ltnb.plots import gains_by_source
        >>> figure = gains_by_source({"published": {"mine": [2.0]}, "standard": {"mine": [1.0, 1.5, 0.5]}})
        >>> len(figure.axes[0].containers)
        2
    """
    from ltnb.results import paired_difference

    methods = list(dict.fromkeys(method for found in gains.values() for method in found))
    if not methods:
        raise ValueError("gains must hold at least one method, got none")
    for source, found in gains.items():
        for method, values in found.items():
            if not len(values) or not np.isfinite(values).all():
                raise ValueError(f"gains[{source!r}][{method!r}] must be finite numbers, at least one, got {values!r}")
    with context():
        ax = axes_for(ax, width=7.6, height=1.2 + (0.14 + 0.13 * len(gains)) * len(methods))
        ax.axvline(0.0, color="#333333", linewidth=1.0, zorder=1)
        for i, (source, found) in enumerate(gains.items()):
            look: dict[str, Any] = {"color": PALETTE[i % len(PALETTE)], "marker": MARKERS[i % len(MARKERS)]}
            shift = 0.6 * (i - (len(gains) - 1) / 2) / max(1, len(gains))
            seeds = [paired_difference([0.0] * len(values), list(values)) for values in found.values()]
            reach = np.nan_to_num([[each.mean - each.low, each.high - each.mean] for each in seeds]).T
            places = [methods.index(method) + shift for method in found]
            errors = reach if reach.size and reach.any() else None
            ax.errorbar([each.mean for each in seeds], places, xerr=errors, linestyle="none", label=source, **look)
        ax.set_yticks(range(len(methods)), drawable(methods), parse_math=False)
        ax.set(ylim=(len(methods) - 0.4, -0.6), xlabel=sentence(xlabel))
        ax.grid(visible=True, axis="x")
        ax.grid(visible=False, axis="y")
        for edge in range(1, len(methods)):
            ax.axhline(edge - 0.5, color="#dddddd", linewidth=0.8, zorder=0)
        draw_legend(ax, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        title_above(ax, title)
        return figure_of(ax)
