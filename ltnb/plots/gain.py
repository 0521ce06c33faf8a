"""Which classes gain and which lose, from the largest class to the smallest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ltnb._checks import to_array
from ltnb.plots._groups import GROUPS, class_ticks, display_order, named_width
from ltnb.plots._labels import sentence
from ltnb.plots.style import GROUP_COLOURS, axes_for, context, figure_of, legend_above, title_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def per_class_gain(
    gain: Any,
    class_counts: Any,
    groups: Mapping[str, Any],
    *,
    class_names: Sequence[str] | None = None,
    ylabel: str = "gain in accuracy (points)",
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Bars of the change in accuracy per class, sorted by class size, with the mean of each group.

    Read it from left (large classes) to right (small ones): a method that only helps the head has its bars above zero
    on the left. The horizontal lines are the unweighted means over the classes of a group; the legend prints them.

    Args:
        gain: Accuracy after minus accuracy before, in percentage points, shape (C,); NaN where a class has no test
            image.
        class_counts: Training images per class, shape (C,).
        groups: ``{"many": mask, "medium": mask, "few": mask}`` with bool masks of shape (C,), as ``shot_groups``
            returns.
        class_names: C names to write under the bars; legible up to about 80 classes.
        ylabel: Label of the vertical axis.
        title: Title above the legend.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure.

    Raises:
        ValueError: If shapes or groups do not fit together.
    """
    from matplotlib.lines import Line2D

    order, counts, names = display_order(class_counts, groups)
    values = to_array(gain, "gain").astype(np.float64)
    if values.shape != counts.shape:
        raise ValueError(f"gain must have shape ({len(counts)},) like class_counts, got {values.shape}")
    if class_names is not None and len(class_names) != len(counts):
        raise ValueError(f"class_names must have {len(counts)} entries, got {len(class_names)}")
    values = values[order]
    with context():
        ax = axes_for(
            ax, width=named_width(len(counts), class_names is not None), height=3.4 + (class_names is not None)
        )
        handles = []
        for group in GROUPS:
            here = np.flatnonzero(names == group)
            known = here[~np.isnan(values[here])]
            if not len(known):
                continue
            colour = GROUP_COLOURS[group]
            mean = float(values[known].mean())
            ax.axvspan(here[0] - 0.5, here[-1] + 0.5, color=colour, alpha=0.08, linewidth=0)
            ax.bar(known, values[known], 0.85 if len(counts) <= 150 else 1.0, color=colour, alpha=0.85)
            ax.plot([here[0] - 0.5, here[-1] + 0.5], [mean, mean], color=colour, linewidth=2.2, zorder=3)
            handles.append(Line2D([], [], color=colour, linewidth=2.2, label=f"{group}: mean {mean:+.1f}"))
        ax.axhline(0.0, color="#333333", linewidth=1.0)
        ax.set_xlim(-1, len(counts))
        if class_names is None:
            ax.set_xlabel("class, sorted by training images (most first)")
        else:
            class_ticks(ax, [str(class_names[i]) for i in order])
        ax.set_ylabel(sentence(ylabel))
        legend_above(ax, 3, handles)
        title_above(ax, title, legend_rows=1)
        return figure_of(ax)
