"""How much the captions of the pre-training stream tell: what is there and is mentioned, read from their letters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ltnb._checks import fail
from ltnb.critters.attributes import ATTRIBUTES, COLOURS, LIMBS, OUTDOORS, SHAPES, SURROUNDINGS, TEXTURES
from ltnb.critters.words import (
    ACCESSORY_PHRASES,
    BESIDE,
    COVER_PHRASES,
    EPITHETS,
    HABITAT_PHRASES,
    LIMB_ADJECTIVES,
    LIMB_SINGULAR,
    WEATHER_PHRASES,
)

COLUMNS = {**ATTRIBUTES, **SURROUNDINGS}
"""Columns of a table of the stream -> their values."""
_COLOUR = "|".join(COLOURS)
_BESIDE = f"(?:{'|'.join(BESIDE)}) an? (?:(?:{_COLOUR}) )?"
PATTERNS: dict[str, dict[str, str]] = {
    "shape": {word: word for word in SHAPES},
    "texture": {word: f"{word}|{EPITHETS[word]}" for word in TEXTURES},
    "limbs": {w: f"{w}|(?:{_COLOUR})?{LIMB_SINGULAR[w]}|(?:\\w+-)?{LIMB_ADJECTIVES[w]}" for w in LIMBS},
    "habitat": HABITAT_PHRASES,
    "companion": {word: _BESIDE + word for word in SHAPES},
    "accessory": {word: "|".join(forms) for word, forms in ACCESSORY_PHRASES.items()},
    "weather": {word: "|".join(forms) for word, forms in WEATHER_PHRASES.items()},
    "cover": COVER_PHRASES,
}
"""Attribute -> value -> a regular expression of what captions say for it. Colours are left out: one word stands for
three of them, that of the coat, of the limbs and of the companion."""


@dataclass(frozen=True)
class Mentioned:
    """How often captions speak of one attribute."""

    pictures: int
    """that show something of the kind"""
    share: float
    """of their captions that mention it with the true word, 0 to 1; NaN without a picture"""


def mentions(captions: Sequence[str], table: np.ndarray, style: np.ndarray) -> dict[str, Mentioned]:
    """How often a caption mentions what its picture shows, attribute by attribute.

    Pictures whose companion has the shape of the animal itself are left out, since one word would count for both.
    Habitat, weather and cover are asked of photographs alone: sketches, cut-outs and mock-ups do not show them.

    Args:
        captions: N captions.
        table: (N, 11) what the pictures show, as :func:`ltnb.critters.captions.stream_batch` gives it.
        style: (N,) their styles, as :func:`ltnb.critters.captions.stream_style` gives them.

    Returns:
        Attribute of :data:`PATTERNS` -> how often.

    Raises:
        ValueError: there is not one row of the table, or one style, for each caption.
    """
    table = np.asarray(table)
    if table.shape != (len(captions), len(COLUMNS)):
        fail("table", f"of shape ({len(captions)}, {len(COLUMNS)}) like captions", table.shape)
    style = np.asarray(style)
    if style.shape != (len(captions),):
        fail("style", f"of shape ({len(captions)},) like captions", style.shape)
    values = {name: [words[i] for i in table[:, k]] for k, (name, words) in enumerate(COLUMNS.items())}
    apart = np.array(values["shape"]) != np.array(values["companion"])
    found = {}
    for name, said in PATTERNS.items():
        asked = apart & (style == 0) if name in OUTDOORS else apart
        there = [i for i, value in enumerate(values[name]) if value in said and asked[i]]
        told = [bool(re.search(rf"\b(?:{said[values[name][i]]})\b", captions[i])) for i in there]
        found[name] = Mentioned(len(there), float(np.mean(told)) if told else float("nan"))
    return found
