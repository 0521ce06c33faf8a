"""Several methods against one: the mean change over classes, with what the choice of classes leaves open."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ltnb._checks import to_array
from ltnb.plots._groups import GROUPS, group_names
from ltnb.plots._labels import draw_legend, drawable, sentence
from ltnb.plots.style import MARKERS, PALETTE, context, panels, title_above

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVEL = 95
DRAWS = 1000


def gain_intervals(
    gains: Mapping[str, Any],
    groups: Mapping[str, Any],
    *,
    kinds: Mapping[str, str] | None = None,
    xlabel: str = "gain in accuracy (points)",
    title: str | None = None,
    one_scale: bool = False,
    seed: int = 0,
) -> Figure:
    """A point a method and group: the mean gain over classes, with a 95 % interval.

    Read it row by row: a point right of the line is a method that gains on these classes, and where its interval meets
    the line another choice of classes might have said the opposite. The interval is the percentile bootstrap over
    classes (seaborn's), so it speaks of classes like these; a single class has none.

    Args:
        gains: Method -> accuracy after minus accuracy before of each class, percentage points, shape (C,); NaN where a
            class has no test image. Rows are drawn from top to bottom.
        groups: ``{"many": mask, "medium": mask, "few": mask}`` with bool masks of shape (C,), as ``shot_groups``
            returns; a panel each, after one of all classes, and none where a group is empty.
        kinds: Method -> a word for its kind, which decides colour and marker; eight kinds at most look apart. None
            gives all methods one look.
        xlabel: What the gain is of.
        title: Title above the panels.
        one_scale: Whether all panels have the same horizontal axis, so that groups can be compared.
        seed: Of the bootstrap.

    Returns:
        The figure.

    Raises:
        ValueError: If there is no method, a method has no kind, shapes do not fit together, or nothing is finite.

    Example:
        >>> import numpy as np
        >>> from ltnb.data import shot_groups
        >>> from ltnb.plots import gain_intervals
        >>> figure = gain_intervals({"mine": np.array([0.0, 5.0, 20.0])}, shot_groups([300, 50, 3]))
        >>> [ax.get_title(loc="left") for ax in figure.axes]
        ['all (3 classes)', 'many (1 class)', 'medium (1 class)', 'few (1 class)']
    """
    if not gains:
        raise ValueError("gains must hold at least one method, got none")
    values = {name: to_array(gain, f"gains[{name!r}]").astype(np.float64) for name, gain in gains.items()}
    size = len(next(iter(values.values())))
    names = group_names(groups, size)
    for name, gain in values.items():
        if gain.shape != (size,) or not np.isfinite(gain).any():
            raise ValueError(f"gains[{name!r}] must be {size} numbers, at least one of them finite, got {gain.shape}")
        if kinds is not None and name not in kinds:
            raise ValueError(f"kinds must name the kind of every method, got none of {name!r}")
    shown = {"all": np.ones(size, dtype=bool)} | {g: names == g for g in GROUPS if (names == g).any()}
    kind_of = dict.fromkeys(values, "") if kinds is None else {name: kinds[name] for name in values}
    order = list(dict.fromkeys(kind_of.values()))
    looks = {kind: (PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]) for i, kind in enumerate(order)}
    with context():
        figure, axes = panels(1, len(shown), width=3.4 + 2.3 * len(shown), height=1.7 + 0.27 * len(values))
        for ax, (group, mask) in zip(axes.flat, shown.items(), strict=True):
            _panel(ax, {name: gain[mask] for name, gain in values.items()}, kind_of, looks, seed)
            ax.set_xlabel("")
            known = np.isfinite(np.stack([gain[mask] for gain in values.values()])).any(axis=0)
            title_above(ax, f"{group} ({known.sum()} class{'es' if known.sum() != 1 else ''})")
            ax.tick_params(axis="y", labelleft=ax is axes[0, 0], length=0)
        if one_scale:
            ends = [ax.get_xlim() for ax in axes.flat]
            for ax in axes.flat:
                ax.set_xlim(min(low for low, _ in ends), max(high for _, high in ends))
        axes[0, 0].set_yticks(range(len(values)), drawable(list(values)), parse_math=False)
        figure.supxlabel(sentence(xlabel), fontsize=axes[0, 0].xaxis.label.get_size())
        if title:
            figure.suptitle(sentence(title), x=0.01, ha="left", fontsize=axes[0, 0].title.get_size() + 1)
        if kinds is not None:
            _legend(figure, axes[0, -1], looks)
        return figure


def _panel(
    ax: Any, values: Mapping[str, np.ndarray], kind_of: Mapping[str, str], looks: Mapping[str, Any], seed: int
) -> None:
    """One panel: the points of each kind with seaborn's bootstrap, and a line at no gain."""
    import seaborn

    names = list(values)
    ax.axvline(0.0, color="#333333", linewidth=1.0, zorder=1)
    for kind, (colour, marker) in looks.items():
        rows = [(x, name) for name in names if kind_of[name] == kind for x in values[name] if np.isfinite(x)]
        if not rows:
            continue
        x, y = zip(*rows, strict=True)
        seaborn.pointplot(
            x=list(x), y=list(y), order=names, orient="y", errorbar=("ci", LEVEL), n_boot=DRAWS, seed=seed,
            color=colour, markers=marker, linestyle="none", markersize=5.5, err_kws={"linewidth": 1.8}, ax=ax,
        )  # fmt: skip
    ax.set(ylim=(len(names) - 0.4, -0.6), ylabel="")
    ax.grid(visible=True, axis="both")
    ax.margins(x=0.08)


def _legend(figure: Any, ax: Any, looks: Mapping[str, Any]) -> None:
    """Kinds with their colours and markers, right of the panels."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=5.5, label=textwrap.fill(kind, 18))
        for kind, (colour, marker) in looks.items()
    ]
    draw_legend(ax, handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), handletextpad=0.3, labelspacing=0.6)
