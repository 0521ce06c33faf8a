"""Paired comparisons over seeds: mean difference with its interval, and Holm's correction for several of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ltnb._checks import fail

__all__ = ["PairedDifference", "holm", "paired_difference", "seeds_to_decide"]

LEVEL = 0.95
MARGIN = 0.5
"""Percentage points: differences that lie within count as none."""
MOST_SEEDS = 1000


@dataclass(frozen=True)
class PairedDifference:
    """Right minus left over the seeds that have both, in the unit of the numbers.

    Attributes:
        n: seeds.
        mean: mean difference; NaN without seeds.
        sd: sample standard deviation of the differences; NaN for fewer than two seeds.
        low: lower end of the 95 % interval of the mean, Student's t with n - 1 degrees of freedom; NaN as above.
        high: its upper end.
        p: two-sided p-value of the paired t-test; NaN as above.
    """

    n: int
    mean: float
    sd: float
    low: float
    high: float
    p: float


def paired_difference(left: Sequence[float | None], right: Sequence[float | None]) -> PairedDifference:
    """The paired t-test of numbers that stand for the same seeds in the same order.

    Differences that are all equal have no spread: their interval is a point, and p is 0, or 1 where they are zero.

    Args:
        left: numbers of the rival, one a seed; None or NaN where a seed has none.
        right: the same of the method.

    Raises:
        ValueError: unequal lengths.

    Example:
        >>> from ltnb.results import paired_difference
        >>> found = paired_difference([60.0, 61.0, 59.0], [62.0, 64.0, 60.0])
        >>> found.n, found.mean, round(found.low, 2), round(found.high, 2)
        (3, 2.0, -0.48, 4.48)
    """
    from scipy import stats

    if len(left) != len(right):
        fail("right", f"as many as left ({len(left)})", len(right))
    pairs = [(a, b) for a, b in zip(left, right, strict=True) if a is not None and b is not None]
    difference = np.array([b - a for a, b in pairs if math.isfinite(b - a)], dtype=np.float64)
    n = len(difference)
    mean = float(difference.mean()) if n else math.nan
    if n < 2:
        return PairedDifference(n, mean, math.nan, math.nan, math.nan, math.nan)
    sd = float(difference.std(ddof=1))
    if sd <= 1e-12 * max(1.0, abs(mean)):  # rounding of equal differences
        return PairedDifference(n, mean, 0.0, mean, mean, float(abs(mean) <= 1e-9))
    error = sd / math.sqrt(n)
    reach = float(stats.t.ppf(0.5 + LEVEL / 2, n - 1)) * error
    p = 2 * float(stats.t.sf(abs(mean) / error, n - 1))
    return PairedDifference(n, mean, sd, mean - reach, mean + reach, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values (1979): any of them at or below 0.05 is decided with a family-wise error of 5 %.

    Args:
        p_values: one a comparison; NaN where there is none, which does not count and stays NaN.

    Example:
        >>> from ltnb.results import holm
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    adjusted = [math.nan] * len(p_values)
    order = sorted((i for i, p in enumerate(p_values) if not math.isnan(p)), key=lambda i: p_values[i])
    largest = 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


def seeds_to_decide(found: PairedDifference, *, comparisons: int = 1, margin: float = MARGIN) -> int | None:
    """How many seeds would decide if mean and spread stayed as they are.

    Decided: zero lies outside the interval at Holm's strictest level, 0.05 / comparisons, or the 95 % interval lies
    within ± margin.

    Args:
        found: of two seeds or more.
        comparisons: how many are corrected for.
        margin: percentage points.

    Returns:
        The number; None where 1,000 would not do, or with fewer than two seeds.
    """
    from scipy import stats

    if found.n < 2:
        return None
    n = np.arange(2, MOST_SEEDS + 1)
    error = found.sd / np.sqrt(n)
    strict = stats.t.ppf(1 - 0.025 / comparisons, n - 1) * error < abs(found.mean)
    within = stats.t.ppf(0.5 + LEVEL / 2, n - 1) * error + abs(found.mean) <= margin
    enough = n[strict | within]
    return int(enough[0]) if len(enough) else None
