"""Pictures found for words by two models, side by side: what each puts first, and whether it is right."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ltnb._checks import check_number
from ltnb.plots._labels import drawable, sentence
from ltnb.plots.grid import pixels
from ltnb.plots.style import BLUE, VERMILLION, context, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAP = 0.6
"""Between the blocks of two models, in pictures."""
LABEL = 22
"""Characters of a word in a line."""


def before_after(
    words: Sequence[str],
    found: Mapping[str, Sequence[Sequence[tuple[Any, bool | None]]]],
    *,
    size: float = 0.62,
    title: str | None = None,
) -> Figure:
    """A row a word, a block of pictures a model, best first.

    Args:
        words: W words or names, written left of their rows.
        found: Model -> W lists of (picture, whether it shows the word), as many pictures in each list of all models;
            True draws a solid blue frame, False a dashed vermillion one, None nothing. Pictures as in `image_grid`.
        size: Edge of a picture in inches.
        title: Title.

    Returns:
        The figure.

    Raises:
        ValueError: If there is no word or model, or the lists are not of one length.

    Example:
        >>> import numpy as np
        >>> from ltnb.plots import before_after
        >>> red, blue = np.zeros((2, 4, 4, 3), np.uint8) + np.eye(3, dtype=np.uint8)[[0, 2]][:, None, None] * 255
        >>> figure = before_after(["red"], {"CLIP": [[(blue, False)]], "tuned": [[(red, True)]]})
    """
    from matplotlib.patches import Rectangle

    check_number(size, "size", 0.0, ends="(]")
    wide = {len(row) for rows in found.values() for row in rows}
    if not words or not found or {len(rows) for rows in found.values()} != {len(words)} or len(wide) != 1 or 0 in wide:
        raise ValueError(
            f"found must hold {len(words)} lists of equally many pictures for at least one word and model, got "
            f"{ {name: [len(row) for row in rows] for name, rows in found.items()} }"
        )
    k, height = wide.pop(), len(words)
    width = len(found) * k + (len(found) - 1) * GAP
    with context():
        figure, axes = panels(1, 1, width=size * width + 2.4, height=size * height + 0.5 + (0.3 if title else 0.0))
        ax = axes[0, 0]
        for block, (name, rows) in enumerate(found.items()):
            left = block * (k + GAP)
            ax.text(left, -0.15, drawable([name])[0], va="bottom", fontsize=10, parse_math=False)
            for i, row in enumerate(rows):
                for j, (picture, right) in enumerate(row):
                    x, y = left + j, float(i)
                    ax.imshow(
                        pixels(picture, f"found[{name!r}][{i}][{j}]"), extent=(x + 0.03, x + 0.97, y + 0.97, y + 0.03)
                    )
                    if right is not None:
                        edge, line = (BLUE, "-") if right else (VERMILLION, "--")
                        look: dict[str, Any] = {"fill": False, "linewidth": 1.6, "edgecolor": edge, "linestyle": line}
                        ax.add_patch(Rectangle((x + 0.05, y + 0.05), 0.9, 0.9, **look))
        ax.set(xlim=(0, width), ylim=(height, 0), aspect="equal", xticks=[])
        labels = drawable([textwrap.fill(str(word), LABEL) for word in words])
        ax.set_yticks([i + 0.5 for i in range(height)], labels, fontsize=8.5, parse_math=False)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.grid(visible=False)
        if title:
            figure.suptitle(sentence(title), x=0.01, ha="left", fontsize=11)
        return figure
