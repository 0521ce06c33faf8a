"""Long-tailed recognition with vision-language models: a thin package behind runnable lessons.

``import ltnb`` loads nothing else: ``ltnb.losses``, ``ltnb.clip`` and the other parts are imported when they are first
named.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ltnb import anchors as anchors
    from ltnb import clip as clip
    from ltnb import critters as critters
    from ltnb import data as data
    from ltnb import heads as heads
    from ltnb import lesson as lesson
    from ltnb import losses as losses
    from ltnb import metrics as metrics
    from ltnb import papers as papers
    from ltnb import plots as plots
    from ltnb import results as results
    from ltnb import retrieval as retrieval
    from ltnb import runner as runner
    from ltnb import samplers as samplers
    from ltnb import training as training
    from ltnb import tuning as tuning

__version__ = "0.1.0"

_PARTS = (
    *("losses", "heads", "samplers", "metrics", "anchors", "retrieval", "tuning"),
    *("clip", "data", "training", "plots", "papers", "results", "lesson", "runner", "critters"),
)

if not TYPE_CHECKING:  # mypy would take any misspelled name for a module

    def __getattr__(name: str) -> ModuleType:
        if name in _PARTS:
            return importlib.import_module(f"ltnb.{name}")
        raise AttributeError(f"module 'ltnb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PARTS})
