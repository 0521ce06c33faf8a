"""The truth about a rendered data set: what each picture shows and what each sentence is. For evaluation only.

Nothing of it is held by the data set. It is worked out again here from the world and from how the pictures are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltnb._checks import check_choice
from ltnb.critters.attributes import (
    ATTRIBUTES,
    FINE_ATTRIBUTES,
    NONE,
    OUTDOORS,
    STYLES,
    SURROUNDINGS,
    TEXTURES,
    WEATHERS,
)
from ltnb.critters.images import SPLITS, CritterImages, render_seed
from ltnb.critters.individuals import shown
from ltnb.critters.pool import POOL_KINDS, pool_recipe
from ltnb.critters.species import species_world
from ltnb.critters.texts import world_texts
from ltnb.data.containers import LongTailData

RENDERED = {"critters_lt": "lt", "critters_latin_lt": "latin"}
"""Name of each rendered data set -> its world."""

VALUES = {
    **ATTRIBUTES,
    **FINE_ATTRIBUTES,
    "marking": (*FINE_ATTRIBUTES["marking"], NONE),
    **SURROUNDINGS,
    "style": STYLES,
}
"""The value words of each attribute of a picture, in the order of the integers that stand for them."""


@dataclass(frozen=True)
class PoolTruth:
    """What the N pictures of a pool show.

    Attributes:
        species: (N,) int64, the class shown, -1 for none.
        kind: (N,) str: ``target``, ``near-miss`` or ``other``.
        near_species: (N,) int64, the class that a near-miss differs from in one attribute, -1 elsewhere.
        changed: (N,) str, the name of that attribute, empty elsewhere.
        kind_rates: kind -> share of the pool.
        base_rates: (C,) float64, share of the pool that shows each class: the precision of retrieving at random.
    """

    species: np.ndarray
    kind: np.ndarray
    near_species: np.ndarray
    changed: np.ndarray
    kind_rates: dict[str, float]
    base_rates: np.ndarray


@dataclass(frozen=True)
class CritterTruth:
    """All that is known about a rendered data set.

    Attributes:
        world: ``lt`` or ``latin``.
        classes: attribute name -> (C,) int64, the attributes of each class; -1 where an attribute is individual.
        family: (C,) int64; classes of one family differ in few attributes.
        corpus_kinds: C lists, the kind of each sentence of ``data.corpus``.
        descriptor_kinds: C lists, the kind of each descriptor of ``data.descriptors``.
        images: part (``train``, ``val``, ``test``, ``pool``) -> attribute name -> (N,) int64, what each picture shows.
            A morph shows another attribute than its class. ``habitat``, ``weather`` and ``cover`` are -1 in
            pictures without surroundings, ``companion_colour`` -1 without a companion, ``pattern_scale`` -1 for plain
            animals. Sketches show hardly any colour.
        pool: which species the pool shows, None without a pool.
    """

    world: str
    classes: dict[str, np.ndarray]
    family: np.ndarray
    corpus_kinds: list[list[str]]
    descriptor_kinds: list[list[str]]
    images: dict[str, dict[str, np.ndarray]]
    pool: PoolTruth | None

    def shows(self, part: str, **words: str) -> np.ndarray:
        """Which pictures show all of some words, e.g. ``truth.shows("test", limbs="horns", companion="frog")``.

        Args:
            part: ``train``, ``val``, ``test`` or ``pool``.
            **words: attribute name = value word, see :data:`VALUES`.

        Returns:
            (N,) bool. Only ``companion`` speaks of the animal beside the critter.

        Raises:
            ValueError: unknown part, attribute or word.
        """
        attributes = self.images[check_choice(part, "part", list(self.images))]
        mask = np.ones(len(attributes["shape"]), dtype=bool)
        for name, word in words.items():
            values = VALUES[check_choice(name, "attribute", list(VALUES))]
            mask &= attributes[name] == values.index(check_choice(word, name, values))
        return mask

    def in_words(self, part: str, i: int) -> str:
        """What picture `i` of a part shows beside its animal, as in "sea, green snail, umbrella".

        Raises:
            ValueError: unknown part.
        """
        seen = self.images[check_choice(part, "part", list(self.images))]
        words = {name: VALUES[name][seen[name][i]] for name in SURROUNDINGS if seen[name][i] >= 0}
        if colour := words.pop("companion_colour", ""):
            words["companion"] = f"{colour} {words['companion']}"
        return ", ".join(word for word in words.values() if word not in (NONE, WEATHERS[0]))

    def words(self, c: int) -> dict[str, str]:
        """The attributes of class `c` in words; individual ones are left out."""
        return {name: VALUES[name][values[c]] for name, values in self.classes.items() if values[c] >= 0}


def truth(data: LongTailData) -> CritterTruth:
    """The known kinds and attributes of a rendered data set, for evaluation only: no method may read them.

    Args:
        data: what :func:`ltnb.data.load` gives for ``critters_lt`` or ``critters_latin_lt``. Its texts may have been
            cut or reordered within a class, and its pictures subset.

    Raises:
        ValueError: `data` is no rendered world, or holds texts or pictures that are not of its world.
    """
    world = RENDERED.get(data.name)
    parts = {split: getattr(data, split) for split in SPLITS if getattr(data, split) is not None}
    strange = [split for split, images in parts.items() if not isinstance(images, CritterImages)]
    if world is None or strange:
        what = f"{', '.join(strange)} of {data.name!r}" if world else repr(data.name)
        raise ValueError(f"data must be a rendered world ({', '.join(RENDERED)}): the truth about {what} is not known")
    c = len(data.class_names)
    species, texts = species_world(world).first(c), world_texts(world).first(c)
    if tuple(data.class_names) != species.names:
        raise ValueError(f"data.class_names are not the first {c} species of {data.name!r} in their order")
    columns = zip((*ATTRIBUTES, *FINE_ATTRIBUTES), np.hstack([species.table, species.fine]).T, strict=True)
    return CritterTruth(
        world=world,
        classes={name: values.copy() for name, values in columns},
        family=species.family.copy(),
        corpus_kinds=_kinds("corpus", data.corpus, texts.corpus, texts.corpus_kinds),
        descriptor_kinds=_kinds("descriptors", data.descriptors, texts.descriptors, texts.descriptor_kinds),
        images={split: image_attributes(images) for split, images in parts.items()},
        pool=_pool_truth(world, parts["pool"], c) if "pool" in parts else None,
    )


def closest(data: LongTailData, c: int) -> tuple[int, tuple[str, ...]]:
    """The class that differs least from class `c`, and the attributes in which it differs; for what is shown only.

    Of several one is taken that differs in a fine attribute, where there are such.

    Args:
        data: see :func:`truth`. About other data sets nothing is known: then it is the next class, and no attribute.
        c: a class.
    """
    classes = len(data.class_names)
    if data.name not in RENDERED:
        return (c + 1) % classes, ()
    species = species_world(RENDERED[data.name]).first(classes)
    differs = np.hstack([species.table, species.fine])
    differs = differs != differs[c]
    amount = differs.sum(axis=1) - 0.5 * differs[:, len(ATTRIBUTES) :].any(axis=1)
    amount[c] = differs.shape[1] + 1
    other = int(amount.argmin())
    names = zip((*ATTRIBUTES, *FINE_ATTRIBUTES), differs[other], strict=True)
    return other, tuple(name for name, different in names if different)


def image_attributes(images: CritterImages) -> dict[str, np.ndarray]:
    """What each of N pictures shows: attribute name -> (N,) int64, see :class:`CritterTruth`."""
    seen = shown(images._seed, images._numbers, images._traits)._asdict()
    for name in OUTDOORS:
        seen[name] = np.where(seen["style"] == STYLES.index("photo"), seen[name], -1)
    alone = seen["companion"] == SURROUNDINGS["companion"].index(NONE)
    plain = seen["texture"] == TEXTURES.index("plain")
    return seen | {
        "companion_colour": np.where(alone, -1, seen["companion_colour"]),
        "pattern_scale": np.where(plain, -1, seen["pattern_scale"]),
    }


def _kinds(
    what: str, texts: list[list[str]], known: tuple[tuple[str, ...], ...], kinds: tuple[tuple[str, ...], ...]
) -> list[list[str]]:
    result = []
    for c, (lines, all_lines, all_kinds) in enumerate(zip(texts, known, kinds, strict=True)):
        kind_of = dict(zip(all_lines, all_kinds, strict=True))
        unknown = [line for line in lines if line not in kind_of]
        if unknown:
            raise ValueError(f"data.{what} of class {c} holds a text that is not of its world: {unknown[0]!r}")
        result.append([kind_of[line] for line in lines])
    return result


def _pool_truth(world: str, pool: CritterImages, num_classes: int) -> PoolTruth:
    first = render_seed(world, "pool", 0)
    seed = (pool._seed - first) // 16
    if seed < 0 or render_seed(world, "pool", seed) != pool._seed:
        raise ValueError(f"data.pool is not a pool of world {world!r}: {pool!r}")
    recipe = pool_recipe(world, seed, int(pool._numbers.max(initial=-1)) + 1, num_classes).take(pool._numbers)
    drawn = np.stack([getattr(pool._traits, name) for name in (*ATTRIBUTES, *FINE_ATTRIBUTES)], axis=1)
    if not np.array_equal(drawn, recipe.traits):
        raise ValueError(
            f"data.pool was drawn for another number of classes than the {num_classes} of data.class_names"
        )
    names = np.array([*ATTRIBUTES, *FINE_ATTRIBUTES, ""])
    kind = np.array(POOL_KINDS)[recipe.kind]
    shown = np.bincount(recipe.species[recipe.species >= 0], minlength=num_classes)
    return PoolTruth(
        species=recipe.species,
        kind=kind,
        near_species=recipe.near_species,
        changed=names[recipe.changed],
        kind_rates={name: float(np.mean(kind == name)) for name in POOL_KINDS},
        base_rates=shown / max(len(kind), 1),
    )
