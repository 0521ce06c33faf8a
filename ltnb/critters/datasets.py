"""Critters: two rendered worlds with long tails, and the datasheet of both.

What is in it
    64 x 64 RGB pictures of invented animals: 12 body shapes, 8 textures, 11 colours (each animal has two), 7 kinds of
    limbs, 8 habitats. A class is a species, a fixed combination of shape, texture, both colours and limbs, with a
    habitat in which most of its individuals are seen. ``critters_lt``: 60 species in 15 families of four; within a
    family one attribute differs from the first member. Their names tell the shape and two more attributes, as "tree
    frog" does. ``critters_latin_lt``: 96 species in 16 families, binomials as names; two species at a time share all
    that was said and differ only in fine attributes (where the marking sits, short or long limbs, coarse or fine
    pattern) that no pre-training caption mentions. Training counts fall exponentially; validation and test are
    balanced. Each species has a corpus (1 to 160 sentences) and ten descriptors; each data set has a pool of
    unlabelled pictures, of which at most one in six shows a species. See :mod:`ltnb.critters.texts` and
    :mod:`ltnb.critters.pool`. In size ``small`` only the first six families are classes, 24 and 36 species.
    Six to ten of them make up a group in ``critters_lt``, nine to fifteen in the other world: enough for a lesson to
    run through in minutes. The premises below are not claimed for it, zero-shot least of all (a group of six or ten
    species is easy or hard by chance).

What is not in it
    No photograph, no real animal, person or place, and no text by anyone: every picture is computed and every
    sentence is written by a grammar of this package (names of towns are stock words). No two objects of equal rank in
    a picture, no text in a picture, no viewpoint other than from the side. Label noise: none. Sentences are far more
    alike than those of an encyclopaedia. A result on Critters says nothing about the accuracy of a method on
    photographs.

Intended use
    To run every step of the five papers in minutes without a download, and to check claims that need the truth: which
    sentence is informative, what a retrieved picture shows, which attribute decides. Not for ranking methods by their
    absolute numbers, and not for pre-training on the species.

How individuals vary
    Pose, size, place, shear, shade of the coat, light and its colour, an occluder, a second small animal behind,
    camera noise, and the habitat: :class:`ltnb.critters.render.Difficulty` holds the numbers and is frozen with
    the world version.

Why the difficulty is what it is
    Three premises were set on purpose, once, on species that no data set uses (worlds ``calibration`` and
    ``calibration_latin``, see :func:`calibration_data`), and frozen: zero-shot CLIP at 40 to 70 % and flat over many,
    medium and few; near chance with Latin names; a linear probe clearly worse on few than on many. They are premises,
    not findings, and none of them stands among the claims.

    Measured with mini-vit on the calibration worlds, seed 0, 20 test pictures a class (``a1_train_mini_clip`` measures
    them again): zero-shot 61.7 % with telling names (many 66.0, medium 61.7, few 59.0; correlation of accuracy with
    log class size -0.04), 1.1 % with binomials (chance 1.0 %); linear probe many 96.7, medium 88.6, few 62.1. On the
    way there the pictures were made easier once: with smaller, darker and more often hidden animals a small ViT
    reached 12 % zero-shot after 200,000 pairs.

No shortcuts
    - No species of any world occurs in the pre-training stream: its attribute table rejects their combinations.
    - Which species is head and which is tail is drawn by the seed; counts know nothing of attributes, names or texts.
    - Texts depend on the world alone. How much text a species has, and of which kinds, is independent of its
      pictures.
    - Informative and wrong sentences share their forms, and all use words of the captions only (binomials apart);
      history, publishing and places occur in captions as well; no corpus sentence has the form of a caption.
    - At least 80 % of the pool shows no species; near-misses differ from one in a single attribute.
    - Kinds of sentences and true species of pool pictures are in no object that a method is given: :func:`truth`
      works them out again.

Shortcuts that are left
    - In ``critters_lt`` 199 of the 681 informative sentences (29 %) hold the class name, and sentences of no other kind
      do: a telling name would make them true. In ``critters_latin_lt`` the binomial stands in sentences of every kind.
    - Partial and wrong sentences can be told apart by their words alone, without a picture: a partial sentence tells
      one attribute, a wrong one two or more.

    So a method may seem to select anchors well without looking at a picture. On ``critters_lt`` read its precision
    beside two numbers: the share of informative sentences (35 %), and a baseline that only looks for the class name,
    which is never wrong and finds 29 % of them (32 % and 23 % in size ``small``).

Individuals
    Picture number k of class c is individual ``1,000,000 c + k`` of the stream ``2**32 + 16 seed + 4 world + split``
    (:func:`ltnb.critters.images.render_seed`). So the same seed gives the same first pictures of a class at
    every imbalance and size, the parts of a data set never share an individual, and no data set shares one with
    pre-training, whose stream has seed 990,001. The pool of ``small`` is its own: targets and near-misses are made of
    its species.

Version
    :data:`ltnb.critters.attributes.WORLD_VERSION`; it changes whenever a picture, a species or a text changes.
"""

from __future__ import annotations

import numpy as np

from ltnb._checks import check_choice, check_integer, check_number
from ltnb.critters.attributes import WORLD_VERSION, Traits
from ltnb.critters.images import CritterImages, render_seed
from ltnb.critters.pool import pool_images
from ltnb.critters.species import SpeciesWorld, species_world, with_morphs
from ltnb.critters.texts import world_texts
from ltnb.critters.truth import RENDERED, CritterTruth, PoolTruth, truth
from ltnb.data.containers import LongTailData
from ltnb.data.longtail import exponential_counts

__all__ = [
    "CritterImages",
    "CritterTruth",
    "PoolTruth",
    "calibration_data",
    "critters_latin_lt",
    "critters_lt",
    "truth",
]

SIZES = {"small": (6, 20, 80), "quick": (None, 20, 80), "standard": (None, 100, 200)}
"""Size -> families (None: all), pictures a class in each of val and test, pool pictures a class."""
CLASS_STRIDE = 1_000_000
_GROUP_IMBALANCE = 100


def critters_lt(
    imbalance: float = 100,
    seed: int = 0,
    *,
    size: str = "quick",
    n_max: int = 320,
    test_per_class: int | None = None,
    val_per_class: int | None = None,
    pool_size: int | None = None,
) -> LongTailData:
    """The world of 60 species whose names tell part of the truth.

    Args:
        imbalance: largest over smallest class count. From 50 upwards the training counts themselves define many,
            medium and few; below, the counts at imbalance 100 do.
        seed: draws the individuals and which species is head and which is tail.
        size: ``quick`` (20 test pictures a class) or ``standard`` (100), validation likewise; ``small`` is ``quick``
            with the first six families only, 24 species here and 36 in the other world.
        n_max: training pictures of the largest class. 302 to 395 leave at least 15 species in each of many, medium and
            few at imbalance 100 and 50 in both worlds, and at least 6 in ``small``.
        test_per_class: test pictures of a class, where `size` does not fit.
        val_per_class: validation pictures of a class.
        pool_size: pictures in the pool, 80 a class in ``quick`` and 200 in ``standard``; 0 for no pool.

    Returns:
        The data set; picture (3, 64, 64) uint8. ``data.train.images(indices)`` draws many at once.

    Raises:
        ValueError: an argument out of range.
    """
    return _critters("critters_lt", imbalance, seed, size, n_max, test_per_class, val_per_class, pool_size)


def critters_latin_lt(
    imbalance: float = 100,
    seed: int = 0,
    *,
    size: str = "quick",
    n_max: int = 320,
    test_per_class: int | None = None,
    val_per_class: int | None = None,
    pool_size: int | None = None,
) -> LongTailData:
    """The world of 96 species with binomials, which differ in fine attributes too.

    Arguments, result and errors are those of :func:`critters_lt`.
    """
    return _critters("critters_latin_lt", imbalance, seed, size, n_max, test_per_class, val_per_class, pool_size)


def _critters(
    name: str,
    imbalance: float,
    seed: int,
    size: str,
    n_max: int,
    test_per_class: int | None,
    val_per_class: int | None,
    pool_size: int | None,
) -> LongTailData:
    world = RENDERED[name]
    whole = species_world(world)
    families, balanced, pool_per_class = SIZES[check_choice(size, "size", list(SIZES))]
    c = len(whole.names) if families is None else int(np.sum(whole.family < families))
    species, texts = whole.first(c), world_texts(world).first(c)
    n_test = check_integer(balanced if test_per_class is None else test_per_class, "test_per_class", 1)
    n_val = check_integer(balanced if val_per_class is None else val_per_class, "val_per_class", 1)
    n_pool = check_integer(c * pool_per_class if pool_size is None else pool_size, "pool_size", 0)
    place = _places(world, seed, len(whole.names))[:c].argsort().argsort()  # ranks among the first c
    counts = exponential_counts(n_max, c, imbalance)[place]
    few_many = counts
    if check_number(imbalance, "imbalance", 1.0) < 50:
        few_many = exponential_counts(n_max, c, min(_GROUP_IMBALANCE, n_max))[place]
    return LongTailData(
        name=name,
        **_splits(species, world, seed, counts, n_val, n_test),
        class_names=list(species.names),
        class_counts=counts,
        corpus=[list(sentences) for sentences in texts.corpus],
        descriptors=[list(descriptors) for descriptors in texts.descriptors],
        pool=pool_images(world, seed, n_pool, c) if n_pool else None,
        group_counts=few_many,
        world=WORLD_VERSION,
    )


def calibration_data(
    world: str = "calibration", seed: int = 0, *, test_per_class: int = 20, imbalance: float = _GROUP_IMBALANCE
) -> LongTailData:
    """A long-tailed set of calibration species, on which the premises are measured; no lesson trains or tests on it.

    Args:
        world: ``calibration`` (telling names) or ``calibration_latin``.
        seed: as in :func:`critters_lt`.
        test_per_class: test and validation pictures of a class.
        imbalance: largest over smallest class count; the largest has 320.

    Returns:
        The data set, without texts and pool.

    Raises:
        ValueError: an argument out of range.
    """
    species = species_world(check_choice(world, "world", ("calibration", "calibration_latin")))
    c, n_test = len(species.names), check_integer(test_per_class, "test_per_class", 1)
    counts = exponential_counts(320, c, imbalance)[_places(world, seed, c)]
    return LongTailData(
        name=world,
        **_splits(species, world, seed, counts, n_test, n_test),
        class_names=list(species.names),
        class_counts=counts,
        corpus=[[] for _ in range(c)],
        descriptors=[[] for _ in range(c)],
        pool=None,
        group_counts=counts,
        world=WORLD_VERSION,
    )


def _places(world: str, seed: int, c: int) -> np.ndarray:
    """Which place each of `c` classes takes from head to tail: one permutation a seed, the same at every imbalance."""
    return np.random.default_rng((render_seed(world, "train", seed), c)).permutation(c)


def _splits(
    species: SpeciesWorld, world: str, seed: int, counts: np.ndarray, n_val: int, n_test: int
) -> dict[str, CritterImages]:
    """The long-tailed training pictures and the balanced validation and test ones."""
    balanced = np.ones_like(counts)
    sizes = {"train": counts, "val": n_val * balanced, "test": n_test * balanced}
    return {split: _individuals(species, world, split, seed, each) for split, each in sizes.items()}


def _individuals(species: SpeciesWorld, world: str, split: str, seed: int, counts: np.ndarray) -> CritterImages:
    """The first `counts` individuals of each species in one stream, as (N,) photographs in class order."""
    labels = np.repeat(np.arange(len(counts)), counts)
    within = np.concatenate([np.arange(n) for n in counts])
    stream, numbers = render_seed(world, split, seed), CLASS_STRIDE * labels + within
    return CritterImages(
        stream,
        numbers,
        Traits.of(with_morphs(species, labels, stream, numbers), species.fine[labels]),
        labels,
        f"{world} {split}, seed {seed}",
    )
