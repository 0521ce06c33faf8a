"""Concepts to search pictures for: single words and pairs, with the pictures that show them (after VL-LTR Fig. 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ltnb._checks import check_integer
from ltnb.critters.attributes import RARE
from ltnb.critters.truth import VALUES, CritterTruth

SINGLE = ("colour", "texture", "limbs", "shape", "habitat")
"""Attributes whose values are asked for: those of the animal that gives a picture its class, and where it is."""
PAIRED = ("colour", "texture")
"""Attributes that are asked for with a shape, as in "striped fish"."""


@dataclass(frozen=True)
class Concept:
    """A word or two.

    Attributes:
        kind: ``frequent word``, ``rare word``, ``frequent pair`` or ``rare pair``; rare ones hold a word of `RARE`.
        text: what is asked.
        shown: bool (N,), which pictures show it; a companion does not count.
    """

    kind: str
    text: str
    shown: np.ndarray


def concepts(known: CritterTruth, part: str = "test", *, least: int = 5) -> list[Concept]:
    """All concepts that some pictures show, single words first.

    Args:
        known: the truth about a rendered world.
        part: ``train``, ``val``, ``test`` or ``pool``.
        least: pictures that must show a pair; of a single word one is enough.

    Raises:
        ValueError: an unknown part, or ``least`` is no integer from 1 on.
    """
    check_integer(least, "least", 1)
    asked = [{name: word} for name in SINGLE for word in VALUES[name]]
    asked += [{name: word, "shape": shape} for name in PAIRED for word in VALUES[name] for shape in VALUES["shape"]]
    found = []
    for words in asked:
        rare = any(RARE.get(name) == word for name, word in words.items())
        kind = f"{'rare' if rare else 'frequent'} {'word' if len(words) == 1 else 'pair'}"
        shown = known.shows(part, **words)
        if shown.sum() >= (1 if len(words) == 1 else least):
            found.append(Concept(kind, " ".join(words.values()), shown))
    return found


def names_as_concepts(names: Sequence[str], labels: Any, kind: str = "class name") -> list[Concept]:
    """The class names as what is asked for: a picture shows a name if it is of that class.

    Args:
        names: C names.
        labels: (N,) classes of the pictures.
        kind: what these names are called.
    """
    return [Concept(kind, name, np.asarray(labels) == c) for c, name in enumerate(names)]
