"""Loss curves of one or several trainings, with validation accuracy beside them where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ltnb._checks import check_choice
from ltnb.plots._labels import sentence
from ltnb.plots.style import PALETTE, context, figure_of, legend_above, panels, title_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DASHES = ("-", "--", "-.", ":")


def loss_curves(
    histories: Mapping[str, Any],
    *,
    x: str = "epoch",
    score: str = "validation accuracy (%)",
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Training loss against epochs or steps; validation score in a second panel when the histories have one.

    Args:
        histories: Name -> ``training.History``, its ``to_dict()``, or a plain sequence of losses, or of (x, loss) where
            not every step was logged.
        x: ``"epoch"`` draws the mean loss of every epoch, ``"step"`` every step's loss, pale, with a running mean over
            a twentieth of the steps.
        score: Label of the second panel.
        title: Title of the first panel.
        ax: Axes for the losses alone; None makes a figure, with the second panel if any history has scores.

    Returns:
        The figure.

    Raises:
        ValueError: If there is no history, or one has no losses.
    """
    from matplotlib.ticker import MaxNLocator

    check_choice(x, "x", ("epoch", "step"))
    if not histories:
        raise ValueError("histories must hold at least one history, got none")
    losses = {
        name: _series(history, f"{'train' if x == 'epoch' else 'step'}_loss") for name, history in histories.items()
    }
    scores = {name: _series(history, "val_score") for name, history in histories.items()}
    empty = [name for name, values in losses.items() if not len(values)]
    if empty:
        raise ValueError(f"histories must hold losses per {x}, got none for {empty[0]!r}")
    second = ax is None and any(len(values) for values in scores.values())
    with context():
        axes = [ax] if ax is not None else list(panels(1, 1 + second, width=5.0 + 3.6 * second, height=3.4)[1][0])
        for i, (name, values) in enumerate(losses.items()):
            look: dict[str, Any] = {
                "color": PALETTE[i % len(PALETTE)],
                "linestyle": DASHES[(i + i // len(PALETTE)) % len(DASHES)],  # curves that coincide are both seen
            }
            logged = values.ndim == 2
            steps, values = (values[:, 0], values[:, 1]) if logged else (np.arange(1, len(values) + 1), values)
            if x == "step" and not logged:
                axes[0].plot(steps, values, alpha=0.25, linewidth=0.8, color=look["color"])
                values = _running_mean(values, max(1, len(values) // 20))
            axes[0].plot(steps, values, label=name, marker="o" if x == "epoch" else None, markersize=4, **look)
            if second and len(scores[name]):
                axes[1].plot(np.arange(1, len(scores[name]) + 1), scores[name], marker="o", markersize=4, **look)
        axes[0].set(xlabel=x, ylabel="training loss (nats)")
        if second:
            axes[1].set(xlabel="epoch", ylabel=sentence(score))
        for i, axis in enumerate(axes):
            if x == "epoch" or i:
                axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        columns = min(2 + second, len(losses))
        legend_above(axes[0], columns)
        title_above(axes[0], title, legend_rows=-(-len(losses) // columns))
        return figure_of(axes[0])


def _series(history: Any, name: str) -> np.ndarray:
    if isinstance(history, Mapping):
        values = history.get(name, [])
    elif hasattr(history, "train_loss"):
        values = getattr(history, name)
    elif isinstance(history, Sequence | np.ndarray):
        values = [] if name == "val_score" else history
    else:
        raise ValueError(f"histories must hold History objects, dicts or sequences, got {type(history).__name__}")
    return np.asarray(values, dtype=np.float64)


def _running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Mean over the last ``window`` values at each place (fewer at the start)."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    start = np.maximum(np.arange(len(values)) - window + 1, 0)
    end = np.arange(1, len(values) + 1)
    return (total[end] - total[start]) / (end - start)
