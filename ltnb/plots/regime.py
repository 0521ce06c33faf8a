"""What a name is worth: class means of a few pictures against zero-shot, for one or several encoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ltnb.plots._labels import draw_legend
from ltnb.plots.style import MARKERS, PALETTE, axes_for, context, figure_of, title_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ltnb.regime import Regime


def regime_curves(regimes: Mapping[str, Regime], *, title: str | None = None, ax: Axes | None = None) -> Figure:
    """Accuracy of class means against pictures a class, with zero-shot as a level line of the same colour.

    Read it row by row: where the curve lies below its dashed line, the name of a class tells more than so many pictures
    do; a ring marks the crossing, a hollow marker at the right end whose line it is. Compare where curves cross their
    own lines, not how high they are.

    Args:
        regimes: Name of a row -> ``regime.Regime``; a colour and a marker each, eight rows at most look apart.
        title: Title.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure. The legend says in words how many pictures each row's name is worth.

    Raises:
        ValueError: If there is no row, or a row has no class means or a number that is not finite.

    Example:
        >>> from ltnb.plots import regime_curves
        >>> from ltnb.regime import Regime
        >>> figure = regime_curves({"mine": Regime(60.0, {1: 30.0, 2: 42.0, 5: 66.0}, 1.1)})
        >>> figure.axes[0].get_xscale()
        'log'
    """
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FixedLocator, NullLocator

    if not regimes:
        raise ValueError("regimes must hold at least one row, got none")
    for name, row in regimes.items():
        if not row.class_means or not np.isfinite([row.zero_shot, *row.class_means.values()]).all():
            raise ValueError(f"regimes[{name!r}] must have class means, and finite numbers, got {row}")
    shots = sorted({k for row in regimes.values() for k in row.class_means})
    low, high = shots[0] / 1.25, shots[-1] * 1.25
    with context():
        ax = axes_for(ax, width=7.8, height=max(4.0, 1.4 + 0.45 * len(regimes)))
        handles: list[Any] = []
        for i, (name, row) in enumerate(regimes.items()):
            look: dict[str, Any] = {"color": PALETTE[i % len(PALETTE)], "marker": MARKERS[i % len(MARKERS)]}
            pictures, accuracy = zip(*sorted(row.class_means.items()), strict=True)
            level: dict[str, Any] = {
                "linestyle": "--",
                "linewidth": 1.3,
                "markevery": [1],
                "markerfacecolor": "white",
                **look,
            }
            ax.plot([low, high], [row.zero_shot] * 2, markersize=6, zorder=3, clip_on=False, **level)
            ax.plot(pictures, accuracy, markersize=6, linewidth=1.8, **look)
            if pictures[0] <= row.worth <= pictures[-1]:
                ring = {**look, "marker": "o", "markersize": 13, "fillstyle": "none", "linestyle": "none"}
                ax.plot(row.worth, row.zero_shot, markeredgewidth=1.6, **ring)
            label = f"{name}:\n{row.worth_in_words}"
            handles.append(Line2D([], [], markersize=6, linewidth=1.8, label=label, **look))
        grey = "#555555"
        handles.append(Line2D([], [], color=grey, linewidth=1.8, label="class means of so many pictures"))
        handles.append(Line2D([], [], color=grey, linewidth=1.3, linestyle="--", label="zero-shot, from the names"))
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(FixedLocator(shots))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticks(shots, [f"{k:,}" for k in shots])
        ax.set_xlim(low, high)
        ax.margins(y=0.08)
        ax.set(xlabel="pictures a class", ylabel="accuracy (%)")
        place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "title": "A name is worth", "alignment": "left"}
        draw_legend(ax, handles, handlelength=2.0, labelspacing=0.7, **place)
        title_above(ax, title)
        return figure_of(ax)
