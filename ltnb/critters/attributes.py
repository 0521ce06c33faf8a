"""What a picture of a critter can show, and the random numbers that draw individuals.

A critter is a body shape, a texture, two colours and a kind of limbs. What is around it (habitat, companion, accessory,
weather, something in front of it) is individual, and captions speak of both. Everything is stored as small integers,
one column each; -1 stands for "drawn for the individual".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

WORLD_VERSION = "critters-2"
"""Changes whenever a picture, a species or a text of the rendered world changes; it goes into every record."""

SHAPES = (
    "fish",
    "bird",
    "snail",
    "cat",
    "snake",
    "beetle",
    "starfish",
    "jellyfish",
    "bear",
    "rabbit",
    "turtle",
    "frog",
)
TEXTURES = ("plain", "striped", "spotted", "checkered", "ringed", "patched", "zigzag", "netted")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey")
LIMBS = ("wings", "fins", "legs", "stilts", "tentacles", "quills", "horns")
HABITATS = ("meadow", "desert", "sea", "snow", "night", "forest", "cave", "city")
ACCESSORIES = ("hat", "crown", "glasses", "balloon", "umbrella", "flag")
WEATHERS = ("clear", "rain", "fog", "dusk")
COVERS = ("leaf", "rock", "branch", "grass")
NONE = "none"
STYLES = ("photo", "sketch", "cutout", "mockup")
MARKINGS = ("front", "middle", "rear")
LIMB_LENGTHS = ("short", "medium", "long")
PATTERN_SCALES = ("coarse", "fine")

ATTRIBUTES = {
    "shape": SHAPES,
    "texture": TEXTURES,
    "colour": COLOURS,
    "second_colour": COLOURS,
    "limbs": LIMBS,
}
"""What a species is, in storage order; captions speak of it."""

FINE_ATTRIBUTES = {"marking": MARKINGS, "limb_length": LIMB_LENGTHS, "pattern_scale": PATTERN_SCALES}
"""What no pre-training caption mentions: free in ``critters_lt``, part of the species in ``critters_latin_lt``."""

SURROUNDINGS = {
    "habitat": HABITATS,
    "companion": (*SHAPES, NONE),
    "companion_colour": COLOURS,
    "accessory": (*ACCESSORIES, NONE),
    "weather": WEATHERS,
    "cover": (*COVERS, NONE),
}
"""What differs from picture to picture, independent of the species; captions speak of it."""

OUTDOORS = ("habitat", "weather", "cover")
"""The surroundings that only photographs show: sketches, cut-outs and mock-ups stand on paper."""

RARE = {"shape": "turtle", "texture": "netted", "colour": "purple", "limbs": "quills", "habitat": "cave"}
"""Concepts that the pre-training stream shows eight times less often than the others (after VL-LTR Fig. 6)."""

RGB = (
    np.array(
        [
            (214, 46, 42),  # red
            (240, 138, 28),  # orange
            (246, 214, 52),  # yellow
            (58, 158, 68),  # green
            (48, 98, 208),  # blue
            (130, 62, 168),  # purple
            (244, 150, 190),  # pink
            (128, 82, 44),  # brown
            (36, 34, 40),  # black
            (246, 246, 242),  # white
            (142, 144, 148),  # grey
        ],
        dtype=np.float32,
    )
    / 255.0
)
"""(11, 3) RGB in 0..1, one row a colour name."""


class Traits(NamedTuple):
    """What N pictures show, (N,) integer arrays; -1 is drawn for the individual, except among the species' attributes.

    The values are those of :data:`ATTRIBUTES`, :data:`FINE_ATTRIBUTES`, :data:`SURROUNDINGS` and :data:`STYLES`; a
    ``marking`` of 3 is none.
    """

    shape: np.ndarray
    texture: np.ndarray
    colour: np.ndarray
    second_colour: np.ndarray
    limbs: np.ndarray
    marking: np.ndarray
    limb_length: np.ndarray
    pattern_scale: np.ndarray
    habitat: np.ndarray
    companion: np.ndarray
    companion_colour: np.ndarray
    accessory: np.ndarray
    weather: np.ndarray
    cover: np.ndarray
    style: np.ndarray

    @classmethod
    def of(
        cls,
        table: np.ndarray,
        fine: np.ndarray | None = None,
        surroundings: np.ndarray | None = None,
        style: np.ndarray | int = 0,
    ) -> Traits:
        """From an (N, 5) table of :data:`ATTRIBUTES`, perhaps (N, 3) fine attributes, (N, 6) surroundings, styles."""
        n = len(table)
        parts = [table, *(np.full((n, k), -1) if p is None else p for p, k in ((fine, 3), (surroundings, 6)))]
        columns = [column for part in parts for column in np.asarray(part, dtype=np.int64).T]
        return cls._make([*columns, np.broadcast_to(np.asarray(style, dtype=np.int64), (n,))])

    def take(self, rows: np.ndarray | slice) -> Traits:
        """The traits of some rows."""
        return Traits(*(column[rows] for column in self))


def uniforms(seed: int, indices: np.ndarray, columns: int, stream: int = 0) -> np.ndarray:
    """Uniform numbers that depend on (seed, stream, index, column) and on nothing else.

    A counter-based generator (the finaliser of splitmix64, Steele et al. 2014, applied three times) so that
    picture *i* is the same
    picture whatever the batch it is drawn in.

    Args:
        seed: any non-negative integer.
        indices: (N,) picture numbers.
        columns: how many numbers each picture needs.
        stream: separates uses of the same seed.

    Returns:
        (N, columns) float64 in [0, 1).
    """

    def mix(x: np.ndarray) -> np.ndarray:
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))

    with np.errstate(over="ignore"):
        gamma = np.uint64(0x9E3779B97F4A7C15)
        key = mix(np.array([(seed * 1_000_003 + stream) & (2**64 - 1)], dtype=np.uint64) + gamma)
        rows = mix(key + np.asarray(indices, dtype=np.uint64) * gamma + gamma)
        cells = mix(rows[:, None] + (np.arange(columns, dtype=np.uint64) + np.uint64(1))[None] * gamma)
    return (cells >> np.uint64(11)).astype(np.float64) * 2.0**-53


def combination_code(table: np.ndarray) -> np.ndarray:
    """One integer for each row of an (N, 5) table of :data:`ATTRIBUTES`: (N,)."""
    table = np.asarray(table, dtype=np.int64)
    code = np.zeros(len(table), dtype=np.int64)
    for column, values in enumerate(ATTRIBUTES.values()):
        code = code * len(values) + table[:, column]
    return code
