"""Classes in the order in which charts show them: many before medium before few, larger before smaller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ltnb._checks import check_counts, to_array
from ltnb.plots._labels import name_ticks

GROUPS = ("many", "medium", "few")


def group_names(groups: Mapping[str, Any], num_classes: int) -> np.ndarray:
    """Group of every class.

    Args:
        groups: ``{"many": mask, "medium": mask, "few": mask}`` with bool masks of shape (C,), as ``shot_groups``
            returns.
        num_classes: C.

    Returns:
        Array of C strings.

    Raises:
        ValueError: If a group is missing or unknown, a mask has another shape, or a class is in no group or in two.
    """
    if set(groups) != set(GROUPS):
        raise ValueError(f"groups must have the keys many, medium and few, got {list(groups)}")
    masks = np.stack([_mask(groups[name], name, num_classes) for name in GROUPS])
    if not np.all(masks.sum(axis=0) == 1):
        worst = int(np.argmax(masks.sum(axis=0) != 1))
        raise ValueError(f"groups must hold every class once, got class {worst} in {int(masks[:, worst].sum())} groups")
    return np.array(GROUPS)[masks.argmax(axis=0)]


def _mask(mask: Any, name: str, num_classes: int) -> np.ndarray:
    array = to_array(mask, f"groups[{name!r}]")
    if array.shape != (num_classes,) or array.dtype != np.bool_:
        found = f"shape {array.shape} and dtype {array.dtype}"
        raise ValueError(f"groups[{name!r}] must be a bool mask of shape ({num_classes},), got {found}")
    return array


def display_order(
    class_counts: Any, groups: Mapping[str, Any] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Sort classes for display.

    Args:
        class_counts: Training images per class, shape (C,).
        groups: As for :func:`group_names`, or None for the order by count alone.

    Returns:
        ``order``: class indices, shape (C,), ties in the order of the indices; the counts and the group names (or
        None), both in that order.
    """
    counts = check_counts(class_counts, minimum=0)
    if groups is None:
        order = np.argsort(-counts, kind="stable")
        return order, counts[order], None
    names = group_names(groups, len(counts))
    rank = np.array([GROUPS.index(name) for name in names])
    order = np.lexsort((-counts, rank))
    return order, counts[order], names[order]


def class_ticks(ax: Any, labels: list[str]) -> None:
    """Write one upright class name under each bar, in letters that still fit."""
    name_ticks(ax, labels, rotation=90, fontsize=max(6.0, min(9.0, 480 / max(len(labels), 1))))
    ax.tick_params(axis="x", length=2, pad=1)


def named_width(num_classes: int, named: bool) -> float:
    """Width in inches of a chart with one bar per class."""
    return min(14.0, max(7.0, 0.19 * num_classes)) if named else 7.0
