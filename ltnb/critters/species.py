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
    HABITATS,
    SHAPES,
    TEXTURES,
    combination_code,
    uniforms,
)
from ltnb.critters.words import EPITHETS, LIMB_ADJECTIVES, LIMB_SINGULAR


@dataclass(frozen=True)
class SpeciesWorld:
    """The species of one world.

    Attributes:
        names: C class names.
        table: (C, 5) int64, columns as :data:`~ltnb.critters.attributes.ATTRIBUTES`.
        fine: (C, 3) int64, columns as :data:`~ltnb.critters.attributes.FINE_ATTRIBUTES`; -1 = free.
        family: (C,) int64; species of one family differ in few attributes.
        told: (C, 5) bool, which attributes the name tells.
        morph: (C,) int64, the attribute in which some individuals are morphs, -1 for species without morphs.
    """

    names: tuple[str, ...]
    table: np.ndarray
    fine: np.ndarray
    family: np.ndarray
    told: np.ndarray
    morph: np.ndarray

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


MORPHING = 0.5
"""Share of the species that may have morphs; those that would look like a sister's have none."""
MORPHS = 0.25
"""Share of the individuals of such a species that are morphs: one attribute is another, drawn for the individual."""
_MORPH_STREAM = 30  # of the counter-based numbers; the renderer uses stream 0 of the same seed
_MORPHABLE = (1, 2, 3)  # texture and colours
_TELLS_ALL = 0.85  # share of the names that tell all five attributes; the others tell four
_MISLEADING = 0.08  # share of the names with a word that misleads: a habitat, or another animal


def _base(rng: np.random.Generator, shape: int) -> np.ndarray:
    row = np.array([rng.integers(size) for size in _SIZES])
    row[0] = shape
    row[3] = (row[2] + 1 + rng.integers(len(COLOURS) - 1)) % len(COLOURS)
    return row


def _sibling(rng: np.random.Generator, base: np.ndarray, column: int) -> np.ndarray:
    row = base.copy()
    while row[column] == base[column] or row[2] == row[3]:
        row[column] = rng.integers(_SIZES[column])
    return row


def _telling_name(rng: np.random.Generator, row: np.ndarray, must_tell: int | None) -> tuple[str, list[bool]]:
    """A name, and which attributes it tells; `must_tell` is the column that differs from the base of the family."""
    shape, texture, colour, second, limbs = (values[i] for values, i in zip(ATTRIBUTES.values(), row, strict=True))
    told = [True] * 5
    if rng.random() >= _TELLS_ALL:
        told[rng.choice([c for c in _CHANGEABLE if c != must_tell])] = False
    words = []
    if told[1]:
        words.append(EPITHETS[texture] if rng.random() < 0.3 else texture)
    if told[2]:
        words.append(colour if told[4] or not told[3] else f"{colour}-and-{second}")
    if rng.random() < 0.25:
        words.reverse()
    if told[3] and told[4]:
        words.append(f"{second}{LIMB_SINGULAR[limbs]}" if rng.random() < 0.4 else f"{second}-{LIMB_ADJECTIVES[limbs]}")
    elif told[4]:
        words.append(LIMB_ADJECTIVES[limbs])
    if rng.random() < _MISLEADING:
        words.append(str(rng.choice([other for other in (*HABITATS, *SHAPES) if other != shape])))
    return " ".join([*words, shape]), told


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
    told: list[list[bool]] = []
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
                tells = [[False] * len(base)] * len(found)
            else:
                must_tell = [None, *columns.tolist()]
                named = [_telling_name(rng, row, column) for row, column in zip(group, must_tell, strict=True)]
                found, tells = [name for name, _ in named], [which for _, which in named]
            if len(set(found)) == len(found) and not set(found) & set(names) and not codes & seen:
                break
        seen |= codes
        names += found
        told += tells
        for row in group:
            variants = _fine_variants(rng, plain=row[1] == 0)[:fine_variants] if fine_variants else [[-1, -1, -1]]
            for variant in variants:
                rows.append(row)
                family.append(number)
                fine.append(variant)
    table = np.stack(rows)
    column = rng.choice(_MORPHABLE, size=len(table))
    column[table[:, 1] == TEXTURES.index("plain")] = 2  # nothing else of a plain animal shows well
    whole = np.hstack([table, np.array(fine)])
    morph = _told_apart(whole, np.where(rng.random(len(table)) < MORPHING, column, -1))
    return SpeciesWorld(tuple(names), table, np.array(fine), np.array(family), np.array(told), morph)


def _told_apart(whole: np.ndarray, morph: np.ndarray) -> np.ndarray:
    """`morph` without the species whose morphs would look like those of a sister before it.

    Args:
        whole: (C, 8) attributes and fine attributes of the species.
        morph: (C,) the column in which each has morphs, -1 for none.
    """
    own = {tuple(row) for row in whole.tolist()}
    taken: set[tuple[int, ...]] = set()
    result = morph.copy()
    for c in np.flatnonzero(morph >= 0):
        row, k = whole[c].tolist(), int(morph[c])
        looks = {(*row[:k], value, *row[k + 1 :]) for value in range(_SIZES[k])} - own
        if looks & taken:
            result[c] = -1
        taken |= looks
    return result


def _fine_variants(rng: np.random.Generator, plain: bool) -> list[list[int]]:
    """Fine attributes in random order: marking, short or long limbs (never medium), coarse or fine pattern.

    A plain coat has no pattern whose scale could be seen, so of two variants that differ in it alone only one stays.
    """
    order = rng.permutation(len(FINE_ATTRIBUTES["marking"]) * 4)
    if plain:
        order = order[np.sort(np.unique(order % 6, return_index=True)[1])]
    return [[int(i) % 3, 2 * (int(i) // 3 % 2), int(i) // 6] for i in order]


def with_morphs(species: SpeciesWorld, labels: np.ndarray, seed: int, numbers: np.ndarray) -> np.ndarray:
    """What individuals of some species really are: those of most, and morphs that are one attribute off.

    Args:
        species: the species.
        labels: (N,) species of each individual.
        seed: the stream of individuals.
        numbers: (N,) number of each individual in it.

    Returns:
        (N, 5) attributes; those of a morph are never the attributes of another species, see :func:`morph_values`.
    """
    table = species.table[labels].copy()
    u = uniforms(seed, numbers, 2, stream=_MORPH_STREAM)
    for c in np.flatnonzero(species.morph >= 0):
        rows = np.flatnonzero((labels == c) & (u[:, 0] < MORPHS))
        values = morph_values(species.table[c], int(species.morph[c]))
        table[rows, species.morph[c]] = values[(u[rows, 1] * len(values)).astype(np.int64)]
    return table


def morph_values(row: np.ndarray, column: int) -> np.ndarray:
    """What morphs of a species may have instead of their own value, each equally likely: (K,) int64.

    No value that makes the two colours equal or another species of any world: a picture has one true label.
    """
    others = np.tile(row, (_SIZES[column], 1))
    others[:, column] = np.arange(_SIZES[column])
    return np.flatnonzero((others[:, 2] != others[:, 3]) & ~np.isin(combination_code(others), excluded_combinations()))


@lru_cache(maxsize=1)
def excluded_combinations() -> np.ndarray:
    """Sorted codes of every combination that pre-training must not show: the species of all four worlds."""
    return np.unique(np.concatenate([combination_code(species_world(w).table) for w in WORLDS]))
