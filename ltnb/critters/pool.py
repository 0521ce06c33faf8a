"""The pool: unlabelled pictures as a web search returns them, most of them of no species at all.

15 % show a species of the world (``target``), 30 % an animal that differs from a species in exactly one attribute and
is itself none (``near-miss``), the rest differ from every species in two or more (``other``). Three quarters are
sketches, cut-outs on white and mock-ups. Pictures are drawn one by one from their number, so a smaller pool is the
beginning of a larger one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache

import numpy as np

from ltnb.critters.attributes import ATTRIBUTES, FINE_ATTRIBUTES, STYLES, TEXTURES, Traits, combination_code, uniforms
from ltnb.critters.images import CritterImages, render_seed
from ltnb.critters.species import excluded_combinations, morph_values, species_world

POOL_KINDS = ("target", "near-miss", "other")
_TARGET, _NEAR = 0.15, 0.30
_STYLE_SHARES = np.array([0.25, 0.25, 0.25, 0.25])  # of STYLES
_NAMES = (*ATTRIBUTES, *FINE_ATTRIBUTES)
_SIZES = np.array([len(v) for v in (*ATTRIBUTES.values(), *FINE_ATTRIBUTES.values())])
_COLOURS = (_NAMES.index("colour"), _NAMES.index("second_colour"))
_STREAM = 40  # of the counter-based numbers; the renderer uses stream 0 of the same seed
_ATTEMPTS = 64


@dataclass(frozen=True)
class PoolRecipe:
    """What each picture of a pool shows; N pictures.

    Attributes:
        traits: (N, 8) int64, columns as ``ATTRIBUTES`` and ``FINE_ATTRIBUTES``, -1 = free.
        style: (N,) int64, of ``STYLES``.
        kind: (N,) int64, of ``POOL_KINDS``.
        species: (N,) int64, the class shown by a target, -1 elsewhere.
        near_species: (N,) int64, the class that a near-miss resembles, -1 elsewhere.
        changed: (N,) int64, the column of `traits` in which a near-miss differs from it, -1 elsewhere.
    """

    traits: np.ndarray
    style: np.ndarray
    kind: np.ndarray
    species: np.ndarray
    near_species: np.ndarray
    changed: np.ndarray

    def take(self, rows: np.ndarray) -> PoolRecipe:
        """Some of the pictures."""
        return PoolRecipe(*(getattr(self, field.name)[rows] for field in fields(self)))


@cache
def near_misses(world: str, num_classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All animals that differ from one of the first species in one visible attribute and are no species of any world.

    Nor are they a morph of a species of this world. Fine attributes count where they belong to the species.

    Args:
        world: one of :data:`ltnb.critters.species.WORLDS`.
        num_classes: how many species are classes of the data set.

    Returns:
        (K, 8) traits, (K,) species, (K,) changed column, (K,) cumulative probability: each species, and each attribute
        of a species, is equally likely.
    """
    drawn = species_world(world)
    whole = np.hstack([drawn.table, drawn.fine])
    taken = {tuple(row) for row in whole.tolist()}
    for row, column in zip(whole, drawn.morph, strict=True):
        if column >= 0:
            taken |= {(*row[:column], value, *row[column + 1 :]) for value in morph_values(row[:5], column)}
    rows, origin, columns = [], [], []
    for c, row in enumerate(whole[:num_classes]):
        for column in range(len(_NAMES)):
            plain = row[1] == TEXTURES.index("plain")
            if row[column] < 0 or (_NAMES[column] == "pattern_scale" and plain):
                continue
            for value in range(_SIZES[column]):
                other = row.copy()
                other[column] = value
                medium = _NAMES[column] == "limb_length" and value == 1  # too like both others
                if value == row[column] or other[2] == other[3] or medium:
                    continue
                if tuple(other.tolist()) not in taken:
                    rows.append(other)
                    origin.append(c)
                    columns.append(column)
    table, species, changed = np.stack(rows), np.array(origin), np.array(columns)
    coarse = changed < len(ATTRIBUTES)
    keep = ~(coarse & np.isin(combination_code(table), excluded_combinations()))
    table, species, changed = table[keep], species[keep], changed[keep]
    group = species * len(_NAMES) + changed
    weight = 1 / np.bincount(group)[group]
    attributes = np.array([len(np.unique(changed[species == c])) for c in range(num_classes)])
    weight /= attributes[species]
    return table, species, changed, np.cumsum(weight / weight.sum())


def pool_recipe(world: str, seed: int, size: int, num_classes: int) -> PoolRecipe:
    """What the first `size` pictures of a data set's pool show.

    Args:
        world: one of :data:`ltnb.critters.species.WORLDS`.
        seed: of the data set.
        size: how many pictures.
        num_classes: the first so many species of the world are the classes of the data set.
    """
    drawn = species_world(world)
    stream = render_seed(world, "pool", seed)
    numbers = np.arange(size)
    u = uniforms(stream, numbers, 4, stream=_STREAM)
    kind = np.searchsorted([_TARGET, _TARGET + _NEAR], u[:, 0], side="right")
    species, near, changed = (np.full(size, -1) for _ in range(3))
    species[kind == 0] = (u[kind == 0, 1] * num_classes).astype(np.int64)
    traits = np.full((size, len(_NAMES)), -1)
    traits[kind == 0] = np.hstack([drawn.table, drawn.fine])[species[kind == 0]]

    table, origin, columns, cumulative = near_misses(world, num_classes)
    chosen = np.searchsorted(cumulative, u[kind == 1, 1], side="right").clip(max=len(table) - 1)
    traits[kind == 1], near[kind == 1], changed[kind == 1] = table[chosen], origin[chosen], columns[chosen]
    traits[kind == 2, : len(ATTRIBUTES)] = _others(world, stream, numbers[kind == 2])

    style = np.searchsorted(np.cumsum(_STYLE_SHARES)[:-1], u[:, 2], side="right")
    # a pencil sketch shows no colour, hence no difference in colour either
    unseen = (style == STYLES.index("sketch")) & np.isin(changed, _COLOURS)
    coloured = np.array([i for i, name in enumerate(STYLES) if name != "sketch"])
    style[unseen] = coloured[(u[unseen, 3] * len(coloured)).astype(np.int64)]
    return PoolRecipe(traits, style, kind, species, near, changed)


def _others(world: str, stream: int, numbers: np.ndarray) -> np.ndarray:
    """(N, 5) attributes of animals that differ from every species of the world in two attributes or more."""
    known = species_world(world).table
    table = np.empty((len(numbers), len(ATTRIBUTES)), dtype=np.int64)
    todo = np.arange(len(numbers))
    for attempt in range(1, _ATTEMPTS):
        u = uniforms(stream, numbers[todo], len(ATTRIBUTES), stream=_STREAM + attempt)
        table[todo] = (u * _SIZES[: len(ATTRIBUTES)]).astype(np.int64)
        nearest = (table[todo, None] != known).sum(-1).min(1)
        todo = todo[(nearest < 2) | (table[todo, 2] == table[todo, 3])]
        if not len(todo):
            break
    return table


def pool_images(world: str, seed: int, size: int, num_classes: int) -> CritterImages:
    """The pool as a dataset of unlabelled pictures, every label -1; arguments as for :func:`pool_recipe`."""
    recipe = pool_recipe(world, seed, size, num_classes)
    coarse, fine = recipe.traits[:, : len(ATTRIBUTES)], recipe.traits[:, len(ATTRIBUTES) :]
    traits = Traits.of(coarse, fine, style=recipe.style)
    return CritterImages(
        render_seed(world, "pool", seed), np.arange(size), traits, np.full(size, -1), f"{world} pool, seed {seed}"
    )
