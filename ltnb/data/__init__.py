"""Data: long-tailed picture collections, precomputed features, class counts and shot groups.

Everything is imported when first used, so that ``from ltnb.data import shot_groups`` costs NumPy alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ltnb.data.containers import FeatureData, LongTailData
    from ltnb.data.features import load_features
    from ltnb.data.longtail import exponential_counts, pareto_counts, shot_groups
    from ltnb.data.registry import load

__all__ = [
    "FeatureData",
    "LongTailData",
    "exponential_counts",
    "load",
    "load_features",
    "pareto_counts",
    "shot_groups",
    "truth",
]

_HOMES = {
    "FeatureData": "ltnb.data.containers",
    "LongTailData": "ltnb.data.containers",
    "exponential_counts": "ltnb.data.longtail",
    "load": "ltnb.data.registry",
    "load_features": "ltnb.data.features",
    "pareto_counts": "ltnb.data.longtail",
    "shot_groups": "ltnb.data.longtail",
    "truth": "ltnb.critters.truth",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
