"""Long-tailed recognition with vision-language models: a thin package behind runnable lessons.

``import ltnb`` loads nothing else: ``ltnb.losses``, ``ltnb.clip`` and the other parts are imported when they are first
named. What a type checker sees of this stands in ``__init__.pyi``.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__version__ = "0.1.0"

_PARTS = (
    *("losses", "heads", "samplers", "metrics", "anchors", "retrieval", "tuning", "regime", "stages"),
    *("clip", "data", "training", "plots", "papers", "results", "lesson", "runner", "critters"),
)


def __getattr__(name: str) -> ModuleType:
    if name in _PARTS:
        return importlib.import_module(f"ltnb.{name}")
    raise AttributeError(f"module 'ltnb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PARTS})
