"""Methods side by side: overall, many, medium and few."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ltnb.plots._labels import name_ticks, sentence
from ltnb.plots.style import GROUP_COLOURS, ORANGE, PALETTE, axes_for, context, figure_of, legend_above, title_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def group_bars(
    reports: Mapping[str, Any],
    *,
    groups: Sequence[str] = ("overall", "many", "medium", "few"),
    errors: Mapping[str, Any] | None = None,
    published: Mapping[str, Any] | None = None,
    ylabel: str = "accuracy (%)",
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Grouped bars of accuracy, one cluster a method, in the order of ``reports``.

    Args:
        reports: Method -> ``metrics.Report`` or mapping with the names in ``groups``; None or NaN leaves the bar out.
        groups: Which numbers to show, in order.
        errors: Method -> the same names with half-widths of an interval, drawn as error bars.
        published: Method -> the same names with the paper's numbers, drawn as diamonds; a method or number may be
            missing.
        ylabel: Label of the vertical axis.
        title: Title above the legend.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure. Values are written where the bars are wide enough: on top, or at the foot inside the bars when error
        bars or diamonds need the place on top.

    Raises:
        ValueError: If there is no method or no group, or a name in errors or published is not a method.
    """
    if not reports or not groups:
        raise ValueError(f"reports and groups must not be empty, got {len(reports)} methods and {len(groups)} groups")
    for name, mapping in (("errors", errors), ("published", published)):
        unknown = [method for method in mapping or {} if method not in reports]
        if unknown:
            raise ValueError(f"{name} must name methods of reports, got {unknown[0]!r}")
    methods = list(reports)
    value = _table(reports, methods, groups)
    error = _table(errors or {}, methods, groups)
    paper = _table(published or {}, methods, groups)
    width = 0.84 / len(groups)
    with context():
        ax = axes_for(ax, width=float(np.clip(1.2 + 0.36 * value.size, 5.5, 13.0)), height=3.8)
        room = ax.get_position().width * figure_of(ax).get_figwidth() / len(methods)
        written = room * width > 0.26
        foot = 0.15 * float(np.nanmax(value, initial=0.0)) if errors or published else np.inf
        handles: list[Any] = []
        for j, group in enumerate(groups):
            colour = GROUP_COLOURS.get(group, PALETTE[j % len(PALETTE)])
            at = np.arange(len(methods)) + (j - (len(groups) - 1) / 2) * width
            known = np.flatnonzero(np.isfinite(value[:, j]))
            handles.append(ax.bar(at[known], value[known, j], width * 0.94, color=colour, label=group))
            if np.isfinite(error[known, j]).any():
                ax.errorbar(at[known], value[known, j], error[known, j], fmt="none", ecolor="#222222", capsize=2)
            marks = ax.plot(at, paper[:, j], "D", markersize=5, color="white", markeredgecolor="black", zorder=4)
            for i in known if written else ():
                top = float(np.nanmax([value[i, j], value[i, j] + error[i, j], paper[i, j]]))
                place = None if value[i, j] > foot else (top, 7 if np.isfinite(paper[i, j]) else 2)
                _write(ax, at[i], value[i, j], place, dark=colour != ORANGE)
        if published:
            marks[0].set_label("paper")
            handles.append(marks[0])
        letters = 8.0 if len(methods) > 8 else 9.5
        lines = [
            textwrap.fill(str(method), max(8, int(room * 120 / letters)), break_long_words=False) for method in methods
        ]
        name_ticks(ax, lines, fontsize=letters)
        ax.tick_params(axis="x", length=0)
        ax.set_ylabel(sentence(ylabel))
        ax.margins(x=0.02, y=0.1)
        legend_above(ax, len(groups) + 1, handles)
        title_above(ax, title, legend_rows=1)
        return figure_of(ax)


def _write(ax: Axes, x: float, value: float, above: tuple[float, int] | None, *, dark: bool) -> None:
    """Write a bar's value above (height, points), or at the foot inside the bar."""
    height, lift = above or (0.0, 3)
    colour = "white" if above is None and dark else "black"
    ax.annotate(
        f"{value:.1f}", (x, height), (0, lift), textcoords="offset points", ha="center", fontsize=7.5, color=colour
    )


def _table(source: Mapping[str, Any], methods: Sequence[str], groups: Sequence[str]) -> np.ndarray:
    """Numbers as (methods, groups), NaN where missing."""
    rows = [[_number(source[method], group) if method in source else np.nan for group in groups] for method in methods]
    return np.array(rows, dtype=np.float64)


def _number(report: Any, group: str) -> float:
    found = report.get(group) if isinstance(report, Mapping) else getattr(report, group)
    return float("nan") if found is None else float(found)
