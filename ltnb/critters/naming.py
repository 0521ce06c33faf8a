"""What a CLIP can name: photographs of given attributes, prompts that name one attribute, and how many are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ltnb._checks import check_integer
from ltnb.clip import zero_shot_weights
from ltnb.clip.backbone import Backbone
from ltnb.critters.attributes import ATTRIBUTES, COLOURS, LIMBS, RARE, SHAPES, TEXTURES, Traits
from ltnb.critters.individuals import shown
from ltnb.critters.pretrain import STREAM_SEED
from ltnb.critters.render import render
from ltnb.critters.words import ACCESSORY_PHRASES, COVER_PHRASES, HABITAT_PHRASES, WEATHER_PHRASES

PHOTO_SEED = STREAM_SEED + 1
"""Individuals that are asked about; neither pre-training nor a data set draws from this seed."""
_AT_ONCE = 250
_COLOUR, _SECOND = list(ATTRIBUTES).index("colour"), list(ATTRIBUTES).index("second_colour")

PROMPTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "shape": (SHAPES, ("a photo of a {}.",)),
    "texture": (TEXTURES, ("a photo of a {} critter.",)),
    "colour": (COLOURS, ("a photo of a {} critter.",)),
    "second_colour": (COLOURS, tuple(f"a photo of a critter with {{}} {limbs}." for limbs in LIMBS)),
    "limbs": (LIMBS, ("a photo of a critter with {}.",)),
    "companion": (SHAPES, ("a photo of a critter beside a {}.",)),
    "companion_colour": (COLOURS, tuple(f"a photo of a critter beside a {{}} {shape}." for shape in SHAPES)),
    "habitat": (tuple(HABITAT_PHRASES.values()), ("a photo of a critter {}.",)),
    "accessory": (tuple(forms[0] for forms in ACCESSORY_PHRASES.values()), ("a photo of a critter {}.",)),
    "weather": (tuple(forms[0] for forms in WEATHER_PHRASES.values()), ("a photo of a critter {}.",)),
    "cover": (tuple(COVER_PHRASES.values()), ("a photo of a critter {}.",)),
}
"""Attribute -> what its values are called, and the prompts that name it alone. A second colour and the colour of a
companion cannot be named without the limbs or the companion, so there are prompts with each of them."""

RARE_VALUES = {
    **RARE,
    **{"second_colour": RARE["colour"], "companion": RARE["shape"], "companion_colour": RARE["colour"]},
}
"""Attribute -> its value that pre-training shows eight times less often than the others."""


@dataclass(frozen=True)
class Answers:
    """Answers to one question on N pictures, in the form of a report for `Record.add` and `answer_intervals`."""

    right: np.ndarray
    """(N,) bool"""
    chance: float
    """percent right by guessing"""

    @property
    def overall(self) -> float:
        """Percent right."""
        return 100 * float(self.right.mean())

    @property
    def standard_errors(self) -> dict[str, float]:
        """Of ``overall``, percentage points, as if pictures were drawn one by one."""
        return {"overall": float(np.sqrt(self.overall * (100 - self.overall) / len(self.right)))}

    def where(self, mask: np.ndarray) -> Answers:
        """The answers on some of the pictures, (N,) bool."""
        return Answers(self.right[mask], self.chance)


@dataclass(frozen=True)
class Named(Answers):
    """How well one attribute is named: on the pictures that show something of it, is the nearest prompt the true one?

    Guessing is right once in the number of values.
    """

    rare: np.ndarray
    """(N,) bool, whether the true value is the rare one; all False where the attribute has none"""
    said: np.ndarray
    """(N,) the place of the nearest prompt among the values"""


def random_attributes(count: int, rng: np.random.Generator) -> np.ndarray:
    """An (N, 5) table of attributes at equal rates; the two colours of an animal differ.

    Args:
        count: N.
        rng: draws them.
    """
    sizes = [len(words) for words in ATTRIBUTES.values()]
    table = rng.integers(sizes, size=(check_integer(count, "count", 1), len(sizes)))
    table[:, _SECOND] = (table[:, _COLOUR] + rng.integers(1, len(COLOURS), size=count)) % len(COLOURS)
    return table


@torch.no_grad()
def photographs(
    model: Backbone, table: np.ndarray, surroundings: np.ndarray | None = None
) -> tuple[Tensor, dict[str, np.ndarray]]:
    """Photographs of animals that pre-training did not show, encoded.

    Args:
        model: the encoder.
        table: (N, 5) attributes.
        surroundings: (N, 6) surroundings, -1 where they are drawn for the individual; None draws all of them.

    Returns:
        Unit features (N, D) on the CPU, and all that the pictures show: name of a trait -> (N,) integers.
    """
    traits, numbers = Traits.of(table, surroundings=surroundings), np.arange(len(table))
    parts = []
    for start in range(0, len(table), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        pictures = render(PHOTO_SEED, numbers[rows], traits.take(rows))
        parts.append(model.encode_images(model.preprocess(pictures)).cpu())
    return torch.cat(parts), shown(PHOTO_SEED, numbers, traits)._asdict()


def name_attributes(model: Backbone, x: Tensor, seen: dict[str, np.ndarray]) -> dict[str, Named]:
    """Ask for each attribute by the prompts that name it alone.

    A companion, an accessory, weather or a cover is asked for where there is one.

    Args:
        model: the encoder of the prompts.
        x: unit features (N, D) of pictures.
        seen: what they show, both from :func:`photographs`.

    Returns:
        Attribute of :data:`PROMPTS` -> how well it is named.
    """
    named = {}
    for attribute, (words, prompts) in PROMPTS.items():
        value = seen[attribute] - (attribute == "weather")  # weather 0 is clear, and nobody says so
        there = (value >= 0) & (value < len(words))
        if attribute == "companion_colour":
            there &= seen["companion"] < len(SHAPES)
        weights = zero_shot_weights(model, words, prompts).cpu()
        said = (x @ weights.T).argmax(dim=1).numpy()[there]
        right = said == value[there]
        rare = np.zeros(len(right), dtype=bool)
        if attribute in RARE_VALUES:
            spoken = RARE_VALUES[attribute]
            rare = value[there] == words.index(HABITAT_PHRASES[spoken] if attribute == "habitat" else spoken)
        named[attribute] = Named(right, 100 / len(words), rare, said)
    return named
