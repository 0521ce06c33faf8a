"""Individuals: what differs between pictures of one species, all drawn from (seed, number of the picture).

Part of it captions speak of (the surroundings), part of it nobody mentions (fine attributes, pose, light, noise).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ltnb.critters.attributes import (
    ACCESSORIES,
    COLOURS,
    COVERS,
    HABITATS,
    LIMB_LENGTHS,
    MARKINGS,
    PATTERN_SCALES,
    SHAPES,
    SURROUNDINGS,
    WEATHERS,
    Traits,
    uniforms,
)


@dataclass(frozen=True)
class Difficulty:
    """How much individuals of one species vary."""

    turn: float
    """largest rotation, radians"""
    scale: tuple[float, float]
    """half body size as a fraction of half the picture"""
    shift: float
    """largest shift of the centre, fraction of half the picture"""
    shear: float
    shade: float
    """spread of each colour channel of an individual's coat"""
    light: tuple[float, float]
    cast: float
    """spread of the colour of the light"""
    companion: float
    """probability of a second animal beside it"""
    accessory: float
    """probability of something that it wears or holds"""
    weather: float
    """probability of rain, fog or dusk"""
    cover: float
    """probability of something in front of it"""
    noise: float
    talk: float
    """how much captions say of the surroundings, against how much they usually say"""

    def towards(self, other: Difficulty, share: float) -> Difficulty:
        """A mixture: `share` = 0 is this one, 1 the other."""

        def between(a: float, b: float) -> float:
            return a + (b - a) * share

        values: dict[str, Any] = {}
        for name in (f.name for f in fields(self)):
            a, b = getattr(self, name), getattr(other, name)
            values[name] = tuple(map(between, a, b)) if isinstance(a, tuple) else between(a, b)
        return Difficulty(**values)


WORLD = Difficulty(
    turn=0.38,
    scale=(0.44, 0.64),
    shift=0.14,
    shear=0.14,
    shade=0.08,
    light=(0.72, 1.2),
    cast=0.08,
    companion=0.85,
    accessory=0.45,
    weather=0.3,
    cover=0.4,
    noise=0.02,
    talk=1.0,
)
"""The difficulty of every data set; frozen with the world version (see the datasheet, ``README.md`` here)."""

EASY = Difficulty(
    turn=0.15,
    scale=(0.55, 0.7),
    shift=0.1,
    shear=0.0,
    shade=0.05,
    light=(0.85, 1.1),
    cast=0.03,
    companion=0.0,
    accessory=0.0,
    weather=0.0,
    cover=0.0,
    noise=0.0,
    talk=0.0,
)
"""Portraits: what the first pre-training pictures are like."""

_NAMES = """
turn scale x y shear_x flip r1 g1 b1 r2 g2 b2 light cast_r cast_g cast_b gradient_x gradient_y fine
pattern_scale pattern_turn pattern_x pattern_y pattern_tile marking limb_length habitat scene scene_x scene_y
scene_flip covered cover cover_kind cover_x cover_y cover_scale cover_turn accompanied companion companion_colour side
companion_x companion_y companion_scale companion_flip companion_shade equipped accessory accessory_kind
weathered weather weather_kind noise_x noise_amount
""".split()


def luck(seed: int, indices: np.ndarray) -> dict[str, np.ndarray]:
    """The (N,) uniform numbers, by what they decide, of individuals `indices` of one stream."""
    table = uniforms(seed, indices, len(_NAMES))
    return {name: table[:, i] for i, name in enumerate(_NAMES)}


def shown(seed: int, indices: np.ndarray, traits: Traits, difficulty: Difficulty = WORLD) -> Traits:
    """What each picture really shows: the traits with everything free (-1) drawn.

    Args:
        seed: the stream of individuals.
        indices: (N,) picture numbers.
        traits: what is fixed for each picture.
        difficulty: how often there is a companion, an accessory, weather, something in front.

    Returns:
        (N,) integer arrays without any -1.
    """
    return drawn(luck(seed, indices), traits, difficulty)


def drawn(u: dict[str, np.ndarray], traits: Traits, difficulty: Difficulty) -> Traits:
    """:func:`shown`, from numbers that are drawn already."""

    def free(fixed: np.ndarray, number: np.ndarray, count: int) -> np.ndarray:
        return np.where(fixed < 0, (number * count).astype(np.int64), fixed)

    def sometimes(fixed: np.ndarray, name: str, chance: np.ndarray, share: float, kinds: int) -> np.ndarray:
        """One of `kinds` with probability `share`, else what comes after them: none."""
        value = np.where(chance < share, (u[name] * kinds).astype(np.int64), kinds)
        return np.where(fixed < 0, value, fixed)

    d = difficulty
    weather = 1 + (u["weather"] * (len(WEATHERS) - 1)).astype(np.int64)
    return traits._replace(
        marking=free(traits.marking, u["marking"], len(MARKINGS) + 1),  # the last one is none
        limb_length=free(traits.limb_length, u["limb_length"], len(LIMB_LENGTHS)),
        pattern_scale=free(traits.pattern_scale, u["fine"], len(PATTERN_SCALES)),
        habitat=free(traits.habitat, u["habitat"], len(HABITATS)),
        companion=sometimes(traits.companion, "companion", u["accompanied"], d.companion, len(SHAPES)),
        companion_colour=free(traits.companion_colour, u["companion_colour"], len(COLOURS)),
        accessory=sometimes(traits.accessory, "accessory", u["equipped"], d.accessory, len(ACCESSORIES)),
        weather=np.where(traits.weather < 0, np.where(u["weathered"] < d.weather, weather, 0), traits.weather),
        cover=sometimes(traits.cover, "cover", u["covered"], d.cover, len(COVERS)),
    )


NO = {name: len(values) - 1 for name, values in SURROUNDINGS.items() if name in ("companion", "accessory", "cover")}
"""The number that stands for none, by surrounding; weather 0 is clear."""
