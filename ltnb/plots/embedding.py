"""t-SNE of features, coloured by class, as in BALLAD's Figure 6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ltnb._checks import check_label_array, to_array
from ltnb._optional import require
from ltnb.plots._labels import draw_legend
from ltnb.plots.style import PALETTE, axes_for, context, figure_of, panels, title_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("o", "^", "s", "D", "v", "p", "<", ">")
KIND_MARKERS = ("o", "X", "^", "s")
ROWS_PER_COLUMN = 20


def tsne_embedding(features: Any, *, perplexity: float | None = None, seed: int = 0) -> np.ndarray:
    """Two-dimensional t-SNE of features, started from their principal components.

    Args:
        features: Shape (N, D), N >= 4, finite; at least two distinct rows.
        perplexity: Roughly the number of neighbours looked at; below N. None takes 30, or (N - 1) / 3 if that is less.
        seed: Seed of what randomness the method has left.

    Returns:
        float32 array of shape (N, 2). Only neighbourhoods mean something in it: not the axes, sizes of clusters or
        distances between them. The same machine gives the same array; another CPU may not.

    Raises:
        ValueError: If features are not a finite matrix with at least four rows, no two rows differ (in float32), or
            perplexity is not in (0, N).
    """
    require(["sklearn"], "t-SNE")
    from sklearn.manifold import TSNE

    x = to_array(features, "features")
    if x.ndim != 2 or len(x) < 4 or x.shape[1] < 2 or not np.isfinite(x).all():
        raise ValueError(f"features must be finite, of shape (N, D) with N >= 4 and D >= 2, got shape {x.shape}")
    chosen = min(30.0, (len(x) - 1) / 3) if perplexity is None else float(perplexity)
    if not 0 < chosen < len(x):
        raise ValueError(f"perplexity must lie between 0 and the number of samples {len(x)}, got {perplexity!r}")
    x = x.astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        if np.square(x - x[0]).mean(axis=0).max() == 0:  # scikit-learn divides by this spread, and then crashes
            raise ValueError(f"features must have at least two distinct rows, got {len(x)} that are equal in float32")
    model = TSNE(2, perplexity=chosen, init="pca", learning_rate="auto", random_state=seed, n_jobs=1)
    return np.asarray(model.fit_transform(x), dtype=np.float32)


def tsne(
    features: Any,
    labels: Any,
    class_names: Sequence[str],
    *,
    kinds: Sequence[str] | None = None,
    embedding: Any = None,
    perplexity: float | None = None,
    seed: int = 0,
    legend: bool = True,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Scatter plot of a t-SNE, one colour and marker a class, with a legend of the class names.

    Args:
        features: Shape (N, D); ignored (and may be None) when ``embedding`` is given.
        labels: Class indices, shape (N,).
        class_names: Name of every class; the legend shows those that occur in ``labels``, in the order of their index.
        kinds: What each row is, such as "picture" or "sentence": then the marker says the kind and the colour the
            class, for which at most eight classes look apart.
        embedding: Coordinates of shape (N, 2) from :func:`tsne_embedding`, to draw the same points again.
        perplexity: As in :func:`tsne_embedding`.
        seed: As in :func:`tsne_embedding`.
        legend: Whether to draw the legend; one is enough for two charts of the same classes.
        title: Title.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure. Two figures of the same classes use the same colours; looks repeat beyond 64 classes.

    Raises:
        ValueError: If shapes do not fit together or a label has no name.
    """
    classes = check_label_array(labels, "labels", num_classes=len(class_names))
    points = to_array(
        tsne_embedding(features, perplexity=perplexity, seed=seed) if embedding is None else embedding, "embedding"
    )
    if points.shape != (len(classes), 2):
        raise ValueError(f"embedding must have shape ({len(classes)}, 2) like labels, got {points.shape}")
    present = np.unique(classes)
    colours, markers = _looks(len(present))
    kind_of = np.asarray(["" for _ in classes] if kinds is None else kinds)
    if kind_of.shape != (len(classes),):
        raise ValueError(f"kinds must be {len(classes)} texts like labels, got shape {kind_of.shape}")
    marker_of = dict(zip(dict.fromkeys(kind_of.tolist()), KIND_MARKERS, strict=False))
    if len(marker_of) < len(set(kind_of.tolist())):
        raise ValueError(f"kinds must be at most {len(KIND_MARKERS)} different ones, got {len(set(kind_of.tolist()))}")
    columns = -(-len(present) // ROWS_PER_COLUMN) if legend else 0
    with context():
        ax = axes_for(ax, width=5.0 + 1.7 * columns, height=4.6)
        size = _size(len(classes))
        for label, colour, marker in zip(present, colours, markers, strict=True):
            name: str | None = class_names[label]
            for kind, shape in marker_of.items():
                here = points[(classes == label) & (kind_of == kind)]
                look: dict[str, Any] = {
                    "color": [colour],
                    "marker": marker if kinds is None else shape,
                    "alpha": 0.85,
                    "edgecolors": "white",
                    "linewidths": 0.5,
                }
                if len(here):
                    ax.scatter(here[:, 0], here[:, 1], s=size, label=name, **look)
                    name = None  # one entry a class
        if kinds is not None:
            for kind, shape in marker_of.items():
                ax.scatter([], [], s=size, color="#555555", marker=shape, linewidths=0, label=kind)
        ax.set(xticks=[], yticks=[], xlabel="t-SNE 1 (no unit)", ylabel="t-SNE 2 (no unit)")
        ax.spines[["top", "right"]].set_visible(True)
        if legend:
            _legend(ax, columns, size)
        title_above(ax, title)
        return figure_of(ax)


def neighbour_purity(features: Any, labels: Any) -> float:
    """Percent of the rows whose nearest other row, by cosine, is of the same class.

    Args:
        features: Shape (N, D), N >= 2.
        labels: Class indices, shape (N,).

    Raises:
        ValueError: If shapes do not fit together.
    """
    x, y = to_array(features, "features").astype(np.float64), to_array(labels, "labels")
    if x.ndim != 2 or len(x) < 2 or y.shape != (len(x),):
        raise ValueError(f"features must be (N, D) with N >= 2 and labels (N,), got {x.shape} and {y.shape}")
    x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    similar = x @ x.T
    np.fill_diagonal(similar, -2.0)
    return 100.0 * float(np.mean(y[similar.argmax(axis=1)] == y))


def tsne_panels(
    spaces: Mapping[str, tuple[Any, Any]], labels: Any, class_names: Sequence[str], *, seed: int = 0
) -> Figure:
    """The same rows in several feature spaces side by side: t-SNE of directions, errors crossed out.

    A title says for how many rows the nearest neighbour is of the same class, see :func:`neighbour_purity`: that is
    measured in the space itself, where the map can mislead.

    Args:
        spaces: Title -> (features of shape (N, D), bool mask of shape (N,) of the rows that are classified wrongly).
        labels: Class indices, shape (N,).
        class_names: Name of every class; the last panel has the legend.
        seed: As in :func:`tsne_embedding`.

    Returns:
        The figure.

    Raises:
        ValueError: If there is no space, or shapes do not fit together.
    """
    if not spaces:
        raise ValueError("spaces must hold at least one, got none")
    with context():
        figure, axes = panels(1, len(spaces), width=4.3 * len(spaces) + 2.0, height=4.2)
        for ax, (title, (features, wrong)) in zip(axes.flat, spaces.items(), strict=True):
            x, crossed = to_array(features, "features").astype(np.float64), to_array(wrong, "wrong")
            if crossed.dtype != np.bool_ or crossed.shape != (len(x),):
                raise ValueError(f"wrong must be a bool mask of shape ({len(x)},), got {crossed.shape}")
            points = tsne_embedding(x / np.linalg.norm(x, axis=1, keepdims=True), seed=seed)
            pure = neighbour_purity(x, labels)
            full = f"{title}\nneighbour of the same class: {pure:.0f} %"
            tsne(None, labels, class_names, embedding=points, title=full, legend=False, ax=ax)
            look: dict[str, Any] = {"color": "black", "marker": "x", "linewidths": 1.0}
            ax.scatter(*points[crossed].T, s=16, label="taken for another class", **look)
        present = len(np.unique(to_array(labels, "labels")))
        _legend(axes.flat[-1], -(-(present + 1) // ROWS_PER_COLUMN), _size(len(points)))
        return figure


def _size(n: int) -> float:
    """Area of each of n points."""
    return float(np.clip(9000 / max(n, 1), 7, 34))


def _legend(ax: Axes, columns: int, size: float) -> None:
    """Classes right of the axes, their markers large enough to be told apart."""
    larger = max(1.0, (34 / size) ** 0.5)
    look: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "fontsize": 8}
    draw_legend(ax, ncols=columns, markerscale=larger, **look)


def _looks(n: int) -> tuple[list[str], list[str]]:
    """Colours and markers for n classes: neighbours differ in both, and no look comes twice up to 64."""
    colours = [PALETTE[i % len(PALETTE)] for i in range(n)]
    return colours, [MARKERS[(i + i // len(PALETTE)) % len(MARKERS)] for i in range(n)]
