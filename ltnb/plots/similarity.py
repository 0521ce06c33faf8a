"""Pictures against sentences: the table of cosines that CLIP computes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ltnb._checks import to_array
from ltnb._optional import require
from ltnb.plots._labels import drawable, sentence
from ltnb.plots.grid import pixels
from ltnb.plots.style import context, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def similarity_map(
    similarities: Any, images: Sequence[Any], sentences: Sequence[str], *, title: str | None = None
) -> Figure:
    """Heat map with a row a picture and a column a sentence; the largest number of each row has a frame.

    Args:
        similarities: Shape (N, S), cosines or any numbers; a dozen of each are legible.
        images: N pictures as in `image_grid`; they stand before their rows.
        sentences: S texts, written above their columns.
        title: Title.

    Returns:
        The figure.

    Raises:
        ValueError: If shapes do not fit together or a number is not finite.
    """
    require(["seaborn"], "a heat map")
    import seaborn as sns
    from matplotlib.patches import Rectangle

    values = to_array(similarities, "similarities")
    if values.shape != (len(images), len(sentences)) or not values.size or not np.isfinite(values).all():
        raise ValueError(
            f"similarities must be finite, of shape ({len(images)}, {len(sentences)}) like images and sentences, "
            f"got shape {values.shape}"
        )
    labels = drawable([textwrap.fill(str(text), 13) for text in sentences])
    lines = max(label.count("\n") + 1 for label in labels)
    rows, columns = values.shape
    with context():
        figure, axes = panels(1, 1, width=1.6 + 1.0 * columns, height=0.6 + 0.17 * lines + 0.62 * rows)
        ax = axes[0, 0]
        bar = {"label": "cosine", "shrink": 0.8}
        sns.heatmap(values, annot=True, fmt=".2f", cmap="cividis", annot_kws={"fontsize": 9}, cbar_kws=bar, ax=ax)
        ax.set_xticks(np.arange(columns) + 0.5, labels, rotation=0, fontsize=8, parse_math=False)
        ax.set(yticks=[])
        ax.tick_params(length=0, labeltop=True, labelbottom=False)
        for i, image in enumerate(images):
            inset = ax.inset_axes((-0.75 / columns, 1 - (i + 0.95) / rows, 0.7 / columns, 0.9 / rows))
            inset.imshow(pixels(image, f"images[{i}]"))
            inset.set(xticks=[], yticks=[])
            inset.spines[:].set_visible(False)
            best = int(values[i].argmax())
            ax.add_patch(Rectangle((best + 0.03, i + 0.03), 0.94, 0.94, fill=False, edgecolor="white", linewidth=2.5))
            ax.add_patch(Rectangle((best + 0.03, i + 0.03), 0.94, 0.94, fill=False, edgecolor="black", linewidth=1.0))
        if title:
            ax.set_title(sentence(title), pad=12 + 11 * lines)
        return figure
