"""Pictures and sentences of some classes on one map: how far apart the two lie, and which pictures are misjudged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ltnb._checks import check_label_array, to_array
from ltnb.plots.embedding import tsne

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def modalities(
    images: Any,
    image_labels: Any,
    texts: Any,
    text_labels: Any,
    class_names: Sequence[str],
    *,
    classes: Sequence[int],
    wrong: Any = None,
    texts_per_class: int = 20,
    seed: int = 0,
    legend: bool = True,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """t-SNE of pictures and sentences of a few classes, all of length 1; misjudged pictures are crosses.

    Args:
        images: Shape (N, D).
        image_labels: (N,) classes.
        texts: Shape (S, D).
        text_labels: (S,) classes.
        class_names: Name of every class.
        classes: Those that are shown, at most eight.
        wrong: (N,) bool, pictures to cross out; None crosses none.
        texts_per_class: At most so many sentences of a class, spread evenly over their order.
        seed: Of the t-SNE.
        legend: Whether to draw the legend.
        title: Title.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure; see `tsne`.

    Raises:
        ValueError: If shapes do not fit together or a label has no name.
    """
    y, text_y = (
        check_label_array(labels, name, num_classes=len(class_names))
        for labels, name in ((image_labels, "image_labels"), (text_labels, "text_labels"))
    )
    x, text_x = to_array(images, "images"), to_array(texts, "texts")
    crossed = np.zeros(len(y), dtype=bool) if wrong is None else to_array(wrong, "wrong").astype(bool)
    if len(x) != len(y) or len(text_x) != len(text_y) or crossed.shape != y.shape:
        raise ValueError(
            f"images, labels and wrong must be of one length, and so must texts and labels, got {len(x)}, {len(y)}, "
            f"{len(crossed)} and {len(text_x)}, {len(text_y)}"
        )
    here = np.isin(y, classes)
    sentences = []
    for c in classes:
        rows = np.flatnonzero(text_y == c)
        sentences.extend(rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), texts_per_class)).astype(int))])
    parts = {"picture": np.flatnonzero(here & ~crossed), "misjudged picture": np.flatnonzero(here & crossed)}
    points = np.concatenate([*(x[rows] for rows in parts.values()), text_x[sentences]]).astype(np.float64)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    labels = np.concatenate([*(y[rows] for rows in parts.values()), text_y[sentences]])
    kinds = [kind for kind, rows in parts.items() for _ in rows] + ["sentence"] * len(sentences)
    return tsne(points, labels, class_names, kinds=kinds, seed=seed, legend=legend, title=title, ax=ax)
