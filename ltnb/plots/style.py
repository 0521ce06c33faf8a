"""How all charts look: fonts, sizes and a palette that readers with any common colour blindness can tell apart.

Every plot function draws inside :func:`context`, so a lesson needs no set-up; :func:`use_style` gives the same look to
charts that a reader draws with pyplot. Colours are those of Okabe and Ito (2008), which were chosen for this purpose.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from ltnb._files import replacing
from ltnb._optional import CHARTS, require
from ltnb.plots._labels import draw_legend, fonts, sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, VERMILLION, GREEN = "#0072B2", "#E69F00", "#D55E00", "#009E73"
PALETTE = (BLUE, ORANGE, GREEN, "#CC79A7", VERMILLION, "#56B4E9", "#6B5B00", "#4D4D4D")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""Told apart without colour, in the order in which they are used."""
GROUP_COLOURS = {"overall": "#4D4D4D", "many": BLUE, "medium": ORANGE, "few": VERMILLION}
"""The same colour for the same group in every chart."""

SCREEN_DPI = 100
FILE_DPI = 150


def settings() -> dict[str, Any]:
    """The matplotlib parameters of the style, as a new dict."""
    require(CHARTS, "a chart")
    import seaborn
    from matplotlib.rcsetup import cycler

    return {
        **seaborn.axes_style("ticks"),
        **seaborn.plotting_context("notebook", font_scale=0.9),
        "font.family": list(fonts()),
        "text.usetex": False,
        "axes.prop_cycle": cycler(color=list(PALETTE)),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "patch.force_edgecolor": False,
        "patch.linewidth": 0.0,
        "grid.color": "#E4E4E4",
        "legend.frameon": False,
        "figure.dpi": SCREEN_DPI,
        "savefig.dpi": FILE_DPI,
        "image.interpolation": "nearest",
    }


def use_style() -> None:
    """Make the style matplotlib's default for the rest of the program: one call at the top of a notebook."""
    style = settings()
    import matplotlib

    matplotlib.rcParams.update(style)


def context() -> AbstractContextManager[None]:
    """The style for the length of a ``with`` block; matplotlib's own settings come back after it."""
    style = settings()
    import matplotlib

    return matplotlib.rc_context(style)


def panels(rows: int = 1, columns: int = 1, *, width: float = 7.0, height: float = 3.4) -> tuple[Figure, np.ndarray]:
    """A new figure with a grid of axes, for charts that take ``ax``.

    Args:
        rows: Rows of axes.
        columns: Columns of axes.
        width: Width of the whole figure in inches.
        height: Height of the whole figure in inches.

    Returns:
        The figure and an object array of its axes, shape (rows, columns).
    """
    from ltnb.plots._figure import Figure

    with context():
        figure = Figure(figsize=(width, height), dpi=SCREEN_DPI, layout="constrained")
        return figure, figure.subplots(rows, columns, squeeze=False)


def axes_for(ax: Axes | None, *, width: float = 7.0, height: float = 3.4) -> Axes:
    """Return ``ax``, or the axes of a new figure of that size in inches when it is None."""
    return panels(width=width, height=height)[1][0, 0] if ax is None else ax


def figure_of(ax: Axes) -> Figure:
    """The whole figure that the axes belong to."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("ax must belong to a figure, got axes that were removed from theirs")
    return figure


def title_above(ax: Axes, title: str | None, legend_rows: int = 0) -> None:
    """Set the title, leaving room for a legend of that many rows between it and the axes."""
    if title:
        ax.set_title(sentence(title), pad=8 + 17 * legend_rows)


def legend_above(ax: Axes, columns: int, handles: list[Any] | None = None) -> None:
    """Put the legend above the axes, where it covers no data."""
    draw_legend(
        ax,
        handles,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        borderaxespad=0.2,
        borderpad=0.2,
        columnspacing=1.4,
        handlelength=1.4,
        handletextpad=0.5,
    )


def save(figure: Figure, path: str | os.PathLike[str], *, dpi: int = FILE_DPI) -> None:
    """Write a figure as PNG; the file is whole or not there at all, whenever the program is stopped.

    Args:
        figure: What a plot function returned.
        path: Where to write; must end in ``.png``. Missing folders are made.
        dpi: Dots per inch.

    Raises:
        ValueError: If the name does not end in ``.png``.
    """
    if not str(path).endswith(".png"):
        raise ValueError(f"path must end in .png, got {str(path)!r}")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=dpi)
