"""Whose colour is whose: pictures of two animals of two colours, the right sentence and five wrong ones.

The first two wrong sentences hold the same words as the right one, so that a model which reads a sentence as a bag of
words is right in half of the pictures. In the others one word is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltnb._checks import check_integer
from ltnb.critters.attributes import COLOURS, LIMBS, SHAPES
from ltnb.critters.individuals import NO
from ltnb.critters.words import with_article

SAME_WORDS = ("same words, colours swapped", "same words, animals swapped")
ONE_WORD = ("companion in the other's colour", "companion in nobody's colour", "companion of another kind")
TESTS = {**dict.fromkeys(SAME_WORDS, "the same words in another order"), **dict.fromkeys(ONE_WORD, "one wrong word")}
"""Test -> its kind."""
RIGHT = "right"


@dataclass(frozen=True)
class Pairs:
    """N pictures of a plain animal beside a companion, (N,) integers each; colours and kinds differ within a row."""

    animal: np.ndarray
    colour: np.ndarray
    companion: np.ndarray
    companion_colour: np.ndarray
    absent: np.ndarray
    """a kind of animal that the picture does not show"""
    absent_colour: np.ndarray
    """a colour of nobody in the picture"""
    limbs: np.ndarray
    limb_colour: np.ndarray

    @property
    def table(self) -> np.ndarray:
        """(N, 5) attributes, for `ltnb.critters.naming.photographs`; texture 0 is plain."""
        return np.stack([self.animal, 0 * self.animal, self.colour, self.limb_colour, self.limbs], axis=1)

    @property
    def surroundings(self) -> np.ndarray:
        """(N, 6) surroundings: any habitat, the companion, and nothing else in the picture."""
        same = np.ones_like(self.animal)
        bare = [NO["accessory"] * same, 0 * same, NO["cover"] * same]
        return np.stack([-same, self.companion, self.companion_colour, *bare], axis=1)

    def sentences(self) -> dict[str, list[str]]:
        """The right sentence of each picture, and the wrong one of each test: :data:`RIGHT` and :data:`TESTS`."""
        own, other = (self.colour, self.animal), (self.companion_colour, self.companion)
        return {
            RIGHT: _sentences(*own, *other),
            "same words, colours swapped": _sentences(self.companion_colour, self.animal, self.colour, self.companion),
            "same words, animals swapped": _sentences(*other, *own),
            "companion in the other's colour": _sentences(*own, self.colour, self.companion),
            "companion in nobody's colour": _sentences(*own, self.absent_colour, self.companion),
            "companion of another kind": _sentences(*own, self.companion_colour, self.absent),
        }


def draw_pairs(count: int, rng: np.random.Generator) -> Pairs:
    """Pictures of two animals, all kinds and colours at equal rates.

    Args:
        count: N.
        rng: draws them.
    """
    check_integer(count, "count", 1)

    def without_repeats(values: int, columns: int) -> np.ndarray:
        """(columns, count) of numbers below `values`, all different within a picture."""
        return rng.permuted(np.tile(np.arange(values), (count, 1)), axis=1)[:, :columns].T

    animal, companion, absent = without_repeats(len(SHAPES), 3)
    colour, companion_colour, absent_colour, limb_colour = without_repeats(len(COLOURS), 4)
    limbs = rng.integers(len(LIMBS), size=count)
    return Pairs(animal, colour, companion, companion_colour, absent, absent_colour, limbs, limb_colour)


def _sentences(colours: np.ndarray, animals: np.ndarray, other_colours: np.ndarray, others: np.ndarray) -> list[str]:
    """A red cat beside a blue frog, one sentence a picture."""
    return [
        f"a photo of a {COLOURS[a]} {SHAPES[b]} beside {with_article(f'{COLOURS[c]} {SHAPES[d]}')}."
        for a, b, c, d in zip(colours, animals, other_colours, others, strict=True)
    ]
