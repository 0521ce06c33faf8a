"""Right answers in percent against guessing: a point a question, with what the choice of pictures leaves open."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ltnb._checks import to_array
from ltnb.plots._labels import draw_legend, drawable, sentence
from ltnb.plots.style import MARKERS, PALETTE, context, panels, title_above

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVEL = 95
DRAWS = 500
BESIDE = 3.0
"""Points between a share and guessing below which the number would stand on the mark of guessing."""


def answer_intervals(
    answers: Mapping[str, Any],
    *,
    kinds: Mapping[str, str] | None = None,
    xlabel: str = "right answers (%)",
    title: str | None = None,
    seed: int = 0,
) -> Figure:
    """A row a question: the share of right answers with a 95 % interval, and a mark where guessing would be.

    Read it row by row: a question is answered better than by guessing where its interval lies right of the mark. The
    interval is the percentile bootstrap over pictures (seaborn's), so it speaks of pictures like these and of this one
    model.

    Args:
        answers: Question -> an object with ``right``, (N,) bool, and ``chance``, percent right by guessing, as
            `ltnb.critters.naming.Answers`; N may differ. Rows are drawn from top to bottom.
        kinds: Question -> a word for its kind, which decides colour and marker; eight kinds at most look apart. None
            gives all questions one look.
        xlabel: What the share is of.
        title: Title.
        seed: Of the bootstrap.

    Returns:
        The figure, with the percentages written beside the points.

    Raises:
        ValueError: If there is no question, one has no answer or no kind, or answers are not bool.

    Example:
        >>> import numpy as np
        >>> from ltnb.critters.naming import Answers
        >>> from ltnb.plots import answer_intervals
        >>> shape = Answers(np.array([True, True, False]), chance=8.3)
        >>> figure = answer_intervals({"shape": shape}, title="Naming")
        >>> figure.axes[0].get_title(loc="left")
        'Naming'
    """
    import seaborn
    from matplotlib.lines import Line2D

    if not answers:
        raise ValueError("answers must hold at least one question, got none")
    values = {name: to_array(each.right, f"answers[{name!r}].right") for name, each in answers.items()}
    for name, right in values.items():
        if right.ndim != 1 or not len(right) or right.dtype != bool:
            raise ValueError(
                f"answers[{name!r}].right must be bool of shape (N,), got {right.dtype} of shape {right.shape}"
            )
        if kinds is not None and name not in kinds:
            raise ValueError(f"kinds must name the kind of every question, got none of {name!r}")
    names = list(values)
    kind_of = dict.fromkeys(names, "right") if kinds is None else {name: kinds[name] for name in names}
    looks = {
        k: (PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]) for i, k in enumerate(dict.fromkeys(kind_of.values()))
    }
    with context():
        figure, axes = panels(1, 1, width=8.2, height=1.1 + 0.3 * len(names))
        ax = axes[0, 0]
        for kind, (colour, marker) in looks.items():
            rows = [(100.0 * r, name) for name in names if kind_of[name] == kind for r in values[name]]
            x, y = zip(*rows, strict=True)
            seaborn.pointplot(
                x=list(x), y=list(y), order=names, orient="y", errorbar=("ci", LEVEL), n_boot=DRAWS, seed=seed,
                color=colour, markers=marker, linestyle="none", markersize=6, err_kws={"linewidth": 1.8}, ax=ax,
            )  # fmt: skip
        guess = [float(each.chance) for each in answers.values()]
        ax.plot(guess, range(len(names)), "|", color="black", markersize=13, markeredgewidth=2.0, gid="chance")
        for place, name in enumerate(names):
            mean = 100 * float(np.mean(values[name]))
            aside = 0 if abs(mean - guess[place]) > BESIDE else 9 if mean >= guess[place] else -9  # not on the mark
            ax.annotate(f"{mean:.0f}", (mean, place), (aside, 7), textcoords="offset points", ha="center", fontsize=7.5)
        ax.set(xlim=(0, 104), ylim=(len(names) - 0.4, -0.7), ylabel="", xlabel=sentence(xlabel))
        ax.set_yticks(range(len(names)), drawable(names), parse_math=False)
        ax.tick_params(axis="y", length=0)
        ax.grid(visible=True, axis="both")
        handles = [
            Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=6, label=textwrap.fill(kind, 20))
            for kind, (colour, marker) in looks.items()
        ]
        chances = Line2D([], [], color="black", marker="|", linestyle="none", markersize=13, markeredgewidth=2.0)
        chances.set_label("guessing")
        draw_legend(ax, [*handles, chances], loc="upper left", bbox_to_anchor=(1.0, 1.0), labelspacing=0.7)
        title_above(ax, title)
        return figure
