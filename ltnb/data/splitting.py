"""Seeded choices of pictures: splits by class, and the cut of each class to a wanted count.

Every class draws from its own generator, seeded with (seed, class), so that adding a class moves no other one.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np


def shuffled_by_class(labels: np.ndarray, num_classes: int, seed: int) -> list[np.ndarray]:
    """The indices of each class in a seeded random order.

    Args:
        labels: (N,) integers in 0..C-1.
        num_classes: C.
        seed: non-negative integer.

    Returns:
        C int64 arrays.
    """
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels, minlength=num_classes))[:-1]
    members = np.split(order, ends)
    return [np.random.default_rng((seed, c)).permutation(indices) for c, indices in enumerate(members)]


def split_by_class(
    labels: np.ndarray,
    num_classes: int,
    seed: int,
    *,
    val_fraction: float,
    test_fraction: float,
    groups: Sequence[Hashable] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split each class into train, val and test in the same proportions.

    A class always keeps one training unit. With two units it has a test one, with three or more a validation one too
    (where the fraction is above 0). Units are pictures, or groups of pictures that may not be torn apart.

    Args:
        labels: (N,) integers in 0..C-1.
        num_classes: C.
        seed: non-negative integer.
        val_fraction: share of each class for validation, 0 or more.
        test_fraction: share of each class for the test, 0 or more; both shares together below 1.
        groups: N keys; pictures of one class with equal keys (near-copies of each other) stay together.

    Returns:
        Three sorted int64 index arrays (train, val, test) that together hold 0..N-1 once.

    Raises:
        ValueError: a fraction outside its range.
    """
    if not (val_fraction >= 0 and test_fraction >= 0 and val_fraction + test_fraction < 1):
        raise ValueError(
            "val_fraction and test_fraction must be 0 or more and sum to less than 1, "
            f"got {val_fraction} and {test_fraction}"
        )
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for indices in shuffled_by_class(labels, num_classes, seed):
        units: dict[Hashable, list[int]] = {}
        for i in indices.tolist():
            units.setdefault(i if groups is None else (groups[i],), []).append(i)
        n = len(units)
        n_test = _share(n, test_fraction, least=int(n >= 2))
        n_val = _share(n, val_fraction, least=int(n >= 3))
        n_val = max(0, min(n_val, n - n_test - 1))
        for position, unit in enumerate(units.values()):
            part = 2 if position < n_test else 1 if position < n_test + n_val else 0
            parts[part].extend(unit)
    train, val, test = (np.sort(np.asarray(part, dtype=np.int64)) for part in parts)
    return train, val, test


def _share(n: int, fraction: float, least: int) -> int:
    return min(max(round(n * fraction), least), max(n - 1, 0)) if fraction > 0 else 0
