"""The long tail itself: training images per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ltnb.plots._groups import GROUPS, class_ticks, display_order, named_width
from ltnb.plots.grid import pixels
from ltnb.plots.style import GROUP_COLOURS, PALETTE, axes_for, context, figure_of, legend_above, title_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def class_distribution(
    class_counts: Any,
    groups: Mapping[str, Any] | None = None,
    *,
    class_names: Sequence[str] | None = None,
    pictures: Mapping[int, Any] | None = None,
    log: bool = True,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Bars of training images per class, largest first, coloured by many, medium and few.

    Args:
        class_counts: Training images per class, shape (C,), integers >= 0.
        groups: ``{"many": mask, "medium": mask, "few": mask}`` with bool masks of shape (C,), as ``shot_groups``
            returns; None draws all bars in one colour.
        class_names: C names to write under the bars; legible up to about 80 classes. None writes ranks.
        pictures: Class -> a picture of it, as in `image_grid`; they stand in a row above the bars, each with a line to
            its own. A dozen has room.
        log: Logarithmic count axis.
        title: Title above the legend.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure.

    Raises:
        ValueError: If shapes or groups do not fit together, or a class of `pictures` is none of 0..C-1.
    """
    order, counts, names = display_order(class_counts, groups)
    if class_names is not None and len(class_names) != len(counts):
        raise ValueError(f"class_names must have {len(counts)} entries, got {len(class_names)}")
    with context():
        wide = max(named_width(len(counts), class_names is not None), 1.1 * len(pictures or ()))
        ax = axes_for(ax, width=wide, height=3.4 + (class_names is not None))
        width = 0.85 if len(counts) <= 150 else 1.0
        for group in ("all",) if names is None else GROUPS:
            here = range(len(counts)) if names is None else [i for i, name in enumerate(names) if name == group]
            if not len(here):
                continue
            label = f"{group} ({len(here)} classes)"
            ax.bar(list(here), counts[list(here)], width, color=GROUP_COLOURS.get(group, PALETTE[0]), label=label)
        if log:
            ax.set_yscale("log")
            ax.set_ylim(bottom=0.8)
        ax.set_xlim(-1, len(counts))
        if class_names is None:
            ax.set_xlabel("class, sorted by training images")
        else:
            class_ticks(ax, [str(class_names[i]) for i in order])
        ax.set_ylabel("training images")
        if pictures:
            _row_of_pictures(ax, order, counts, pictures)
            if names is not None:
                ax.legend(loc="upper right", frameon=True, facecolor="white", edgecolor="none", framealpha=1.0)
            ax.set_title(title or "", y=1.36)
            return figure_of(ax)
        if names is not None:
            legend_above(ax, 3)
        title_above(ax, title, legend_rows=names is not None)
        return figure_of(ax)


def _row_of_pictures(ax: Axes, order: Any, counts: Any, pictures: Mapping[int, Any]) -> None:
    """Pictures at equal distances above the axes, from the largest class to the smallest, with lines to their bars."""
    from matplotlib.patches import ConnectionPatch

    rank = {int(c): i for i, c in enumerate(order)}
    for c in pictures:
        if c not in rank:
            raise ValueError(f"pictures must be of classes 0..{len(rank) - 1}, got {c!r}")
    shown = sorted(pictures, key=rank.__getitem__)
    box, figure = ax.get_position(), figure_of(ax)
    across = 0.9 / len(shown)  # of the width; pictures are square
    side = across * box.width * figure.get_figwidth() / (box.height * figure.get_figheight())
    for i, c in enumerate(shown):
        middle = (i + 0.5) / len(shown)
        inset = ax.inset_axes((middle - across / 2, 1.06, across, side))
        inset.imshow(pixels(pictures[c], f"pictures[{c}]"))
        inset.set(xticks=[], yticks=[])
        inset.spines[:].set_visible(False)
        look: dict[str, Any] = {"color": "#888888", "linewidth": 0.8}
        bar = (float(rank[c]), float(counts[rank[c]]))
        ax.add_artist(ConnectionPatch((0.5, 0.0), bar, inset.transAxes, ax.transData, **look))
