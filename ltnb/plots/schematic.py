"""A method as boxes and arrows: what is frozen, what is trained, and the shapes that flow between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ltnb._checks import check_choice
from ltnb.plots._labels import drawable
from ltnb.plots.grid import pixels
from ltnb.plots.style import PALETTE, context, panels, title_above

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS: dict[str, dict[str, Any]] = {
    "data": {"facecolor": "#f4f4f4", "edgecolor": "#555555", "linewidth": 1.2},
    "frozen": {"facecolor": "#dfeaf4", "edgecolor": PALETTE[0], "linewidth": 1.4, "linestyle": "--"},
    "trained": {"facecolor": "#fdebd0", "edgecolor": PALETTE[1], "linewidth": 2.4},
    "rule": {"facecolor": "#e6f4ee", "edgecolor": PALETTE[2], "linewidth": 1.4, "linestyle": "-."},
    "loss": {"facecolor": "white", "edgecolor": "black", "linewidth": 1.2},
}
"""Kind of a box -> its look: a frozen part has a dashed line, a trained one a thick line, and a rule has no
weights of its own."""
PICTURE = 0.5
"""Inches from one small picture to the next."""


def schematic(
    boxes: Mapping[str, tuple[float, float, str]],
    arrows: Sequence[tuple[str, str] | tuple[str, str, str]],
    *,
    pictures: Mapping[str, Sequence[tuple[Any, str]]] | None = None,
    size: tuple[float, float] = (1.7, 0.62),
    title: str | None = None,
) -> Figure:
    """Boxes on a grid, joined by arrows.

    Args:
        boxes: Text of a box -> (column, row, kind); rows count from the top, halves are allowed, and the kind is one of
            :data:`KINDS`. Lines of the text are broken by hand.
        arrows: (from, to) or (from, to, label); the label says the shape or the name of what flows.
        pictures: Text of a box -> (picture, caption of a few letters) of what goes into it, in two rows to its left.
        size: Width and height of a box in inches; columns stand 2.3 inches apart and rows 1 inch.
        title: Title.

    Returns:
        The figure, with a legend of the kinds that occur.

    Raises:
        ValueError: If there is no box, a kind is unknown, an arrow leads from or to no box, or pictures belong to none.

    Example:
        >>> from ltnb.plots import schematic
        >>> boxes = {"pictures": (0, 0, "data"), "tower": (1, 0, "frozen"), "classifier": (2, 0, "trained")}
        >>> figure = schematic(boxes, [("pictures", "tower"), ("tower", "classifier", "(N, D)")])
    """
    from matplotlib.patches import FancyBboxPatch, Patch

    if not boxes:
        raise ValueError("boxes must hold at least one, got none")
    for arrow in arrows:
        for end in arrow[:2]:
            if end not in boxes:
                raise ValueError(f"arrows must join boxes ({', '.join(map(repr, boxes))}), got {end!r}")
    for text in pictures or {}:
        check_choice(text, "box of pictures", tuple(boxes))
    step_x, step_y, (wide, high) = 2.3, 1.0, size
    places = {text: (step_x * column, -step_y * row) for text, (column, row, _) in boxes.items()}
    kinds = [check_choice(kind, f"kind of {text!r}", tuple(KINDS)) for text, (_, _, kind) in boxes.items()]
    xs, ys = zip(*places.values(), strict=True)
    left, right, bottom, top = min(xs) - wide, max(xs) + wide, min(ys) - high, max(ys) + high
    columns = max((-(-len(shown) // 2) for shown in (pictures or {}).values()), default=0)
    left -= PICTURE * columns
    with context():
        figure, axes = panels(1, 1, width=right - left, height=top - bottom + 0.5)
        ax = axes[0, 0]
        ax.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.grid(visible=False)
        for (text, (x, y)), kind, label in zip(places.items(), kinds, drawable(list(boxes)), strict=True):
            corner, look = (x - wide / 2, y - high / 2), KINDS[kind]
            ax.add_patch(FancyBboxPatch(corner, wide, high, boxstyle="round,pad=0.02,rounding_size=0.08", **look))
            ax.text(x, y, label, ha="center", va="center", fontsize=9, parse_math=False, gid=text)
        for start, end, *flows in arrows:
            (x0, y0), (x1, y1) = places[start], places[end]
            ends = _border(x0, y0, x1, y1, wide, high), _border(x1, y1, x0, y0, wide, high)
            look = {"arrowstyle": "-|>", "color": "#333333", "linewidth": 1.3, "shrinkA": 2, "shrinkB": 2}
            ax.annotate("", ends[1], ends[0], arrowprops=look)
            if flows:
                middle = [(a + b) / 2 for a, b in zip(*ends, strict=True)]
                patch = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"}
                ax.text(
                    *middle, drawable(flows)[0], ha="center", va="center", fontsize=7.5, bbox=patch, parse_math=False
                )
        for text, shown in (pictures or {}).items():
            x, y = places[text]
            _two_rows(ax, shown, x - wide / 2 - 0.1, y)
        ax.set(xlim=(left, right), ylim=(bottom, top), aspect="auto")  # a picture changes them
        handles = [Patch(label=kind, **look) for kind, look in KINDS.items() if kind in kinds]
        ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=len(handles), frameon=False)
        title_above(ax, title)
        return figure


def _two_rows(ax: Any, shown: Sequence[tuple[Any, str]], right: float, y: float) -> None:
    """Pictures in two rows that end at ``right`` and have their middle at ``y``, each above its caption."""
    columns, side, text = -(-len(shown) // 2), PICTURE - 0.06, 0.14
    captions = drawable([caption for _, caption in shown])
    for i, ((picture, _), caption) in enumerate(zip(shown, captions, strict=True)):
        x, low = right - PICTURE * (columns - i % columns), y + (text if i < columns else -side)
        ax.imshow(pixels(picture, "a picture"), extent=(x, x + side, low, low + side), zorder=2)
        ax.text(x + side / 2, low - 0.02, caption, ha="center", va="top", fontsize=7, parse_math=False)


def _border(x: float, y: float, to_x: float, to_y: float, wide: float, high: float) -> tuple[float, float]:
    """Where the line from the middle of a box to another point leaves the box."""
    dx, dy = to_x - x, to_y - y
    reach = [size / 2 / abs(d) for size, d in ((wide + 0.04, dx), (high + 0.04, dy)) if d]
    share = min(reach, default=0.0)
    return x + share * dx, y + share * dy
