"""Species: fixed attribute combinations that pre-training never shows, and their names.

Two worlds are drawn from fixed seeds, ``lt`` (telling names) and ``latin`` (binomials, finer differences), and beside
each a calibration world on whose species the difficulty was set; no lesson trains or tests on those.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache, lru_cache

import numpy as np

from ltnb.critters.attributes import (
    ATTRIBUTES,
    COLOURS,
    FINE_ATTRIBUTES,
    LIMBS,
    SHAPES,
    TEXTURES,
    combination_code,
)

LIMB_ADJECTIVES = {
    "wings": "winged",
    "fins": "finned",
    "legs": "footed",
    "stilts": "stilted",
    "tentacles": "tentacled",
    "quills": "quilled",
    "horns": "horned",
}


@dataclass(frozen=True)
class SpeciesWorld:
    """The species of one world.

    Attributes:
        names: C class names.
        table: (C, 6) int64, columns as :data:`~ltnb.critters.attributes.ATTRIBUTES`.
        fine: (C, 3) int64, columns as :data:`~ltnb.critters.attributes.FINE_ATTRIBUTES`; -1 = free.
        family: (C,) int64; species of one family differ in few attributes.
    """

    names: tuple[str, ...]
    table: np.ndarray
    fine: np.ndarray
    family: np.ndarray

    def first(self, num_classes: int) -> SpeciesWorld:
        """The first species only, the classes of a data set."""
        return SpeciesWorld(*(getattr(self, field.name)[:num_classes] for field in fields(self)))


_WORLDS = {
    "lt": (61_001, 15, 4, 0),
    "latin": (61_002, 16, 3, 2),
    "calibration": (61_003, 15, 4, 0),
    "calibration_latin": (61_004, 16, 3, 2),
}
"""name: (seed, families, species a family that differ in what captions mention, fine variants of each species)."""

WORLDS = tuple(_WORLDS)

_SIZES = [len(values) for values in ATTRIBUTES.values()]
_CHANGEABLE = (1, 2, 3, 4)  # texture, colour, second colour, limbs


def _base(rng: np.random.Generator, shape: int) -> np.ndarray:
    row = np.array([rng.integers(size) for size in _SIZES])
    row[0] = shape
    row[3] = (row[2] + 1 + rng.integers(len(COLOURS) - 1)) % len(COLOURS)
    return row


def _sibling(rng: np.random.Generator, base: np.ndarray, column: int) -> np.ndarray:
    row = base.copy()
    row[5] = rng.integers(_SIZES[5])
    while row[column] == base[column] or row[2] == row[3]:
        row[column] = rng.integers(_SIZES[column])
    return row


def _telling_name(rng: np.random.Generator, row: np.ndarray, must_tell: int | None) -> str:
    """Shape and two more attributes; `must_tell` is the column that differs from the base of the family."""
    texture, colour, second, limbs = TEXTURES[row[1]], COLOURS[row[2]], COLOURS[row[3]], LIMB_ADJECTIVES[LIMBS[row[4]]]
    options = {1: (1, 2), 2: (2, 4), 3: (3, 1), 4: (4, 1)}
    told = options[must_tell] if must_tell is not None else tuple(rng.choice([1, 2, 4], 2, replace=False))
    words = []
    if 1 in told:
        words.append(texture)
    if 2 in told:
        words.append(colour)
    if 3 in told:
        words.append(f"{second}-{limbs}")
    elif 4 in told:
        words.append(limbs)
    return " ".join([*words, SHAPES[row[0]]])


_ONSETS = ("b", "c", "d", "f", "g", "l", "m", "n", "p", "r", "s", "t", "v", "br", "cr", "pl", "str")
_VOWELS = ("a", "e", "i", "o", "u", "ae")
_GENUS_ENDS = ("ra", "don", "lus", "thys", "nia", "rix", "psis", "mys")
_SPECIES_ENDS = ("ensis", "atus", "ella", "orum", "ina", "ifer", "idus", "osa")


def _latin_word(rng: np.random.Generator, ends: tuple[str, ...]) -> str:
    syllables = [_ONSETS[rng.integers(len(_ONSETS))] + _VOWELS[rng.integers(len(_VOWELS))] for _ in range(2)]
    return "".join(syllables) + ends[rng.integers(len(ends))]


@cache
def species_world(world: str) -> SpeciesWorld:
    """The species of a world.

    Args:
        world: ``lt`` (60 species), ``latin`` (96), ``calibration`` (60) or ``calibration_latin`` (96).

    Raises:
        ValueError: for any other name.
    """
    if world not in _WORLDS:
        raise ValueError(f"world must be one of {WORLDS}, got {world!r}")
    seed, families, siblings, fine_variants = _WORLDS[world]
    rng = np.random.default_rng(seed)
    rows: list[np.ndarray] = []
    fine: list[list[int]] = []
    family: list[int] = []
    names: list[str] = []
    shapes = rng.permutation(np.resize(np.arange(len(SHAPES)), families))
    seen: set[int] = set()
    for number, shape in enumerate(shapes):
        while True:
            base = _base(rng, int(shape))
            columns = rng.permutation(_CHANGEABLE)[: siblings - 1]
            group = [base, *(_sibling(rng, base, int(c)) for c in columns)]
            codes = {int(c) for c in combination_code(np.stack(group))}
            genus = _latin_word(rng, _GENUS_ENDS).capitalize()
            if fine_variants:
                found = [f"{genus} {_latin_word(rng, _SPECIES_ENDS)}" for _ in range(siblings * fine_variants)]
            else:
                found = [
                    _telling_name(rng, row, None if i == 0 else int(columns[i - 1])) for i, row in enumerate(group)
                ]
            if len(set(found)) == len(found) and not set(found) & set(names) and not codes & seen:
                break
        seen |= codes
        names += found
        for row in group:
            variants = _fine_variants(rng, plain=row[1] == 0)[:fine_variants] if fine_variants else [[-1, -1, -1]]
            for variant in variants:
                rows.append(row)
                family.append(number)
                fine.append(variant)
    return SpeciesWorld(tuple(names), np.stack(rows), np.array(fine), np.array(family))


def _fine_variants(rng: np.random.Generator, plain: bool) -> list[list[int]]:
    """Fine attributes in random order: marking, short or long limbs (never medium), coarse or fine pattern.

    A plain coat has no pattern whose scale could be seen, so of two variants that differ in it alone only one stays.
    """
    order = rng.permutation(len(FINE_ATTRIBUTES["marking"]) * 4)
    if plain:
        order = order[np.sort(np.unique(order % 6, return_index=True)[1])]
    return [[int(i) % 3, 2 * (int(i) // 3 % 2), int(i) // 6] for i in order]


@lru_cache(maxsize=1)
def excluded_combinations() -> np.ndarray:
    """Sorted codes of every combination that pre-training must not show: the species of all four worlds."""
    return np.unique(np.concatenate([combination_code(species_world(w).table) for w in WORLDS]))
