"""Critters: two rendered worlds with long tails.

What is in them, how they were made and what they are not for stands in the datasheet, ``README.md`` beside this file.

Picture number k of class c is individual ``1,000,000 c + k`` of the stream ``2**32 + 16 seed + 4 world + split``
(:func:`ltnb.critters.images.render_seed`). So the same seed gives the same first pictures of a class at every imbalance
and size, the parts of a data set never share an individual, and no data set shares one with pre-training, whose stream
has seed 990,001. The pool of ``small`` is its own: targets and near-misses are made of its species.
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
    "calibration_lt",
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
    """The world of 60 species whose names tell most of what CLIP knows of them.

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


def calibration_lt(imbalance: float = 100, seed: int = 0, *, test_per_class: int = 20) -> LongTailData:
    """`calibration_data` of the telling world by a name that `ltnb.data.load` knows, to choose hyper-parameters on.

    Args:
        imbalance: largest over smallest class count.
        seed: as in :func:`critters_lt`.
        test_per_class: test and validation pictures of a class.
    """
    return calibration_data("calibration", seed, test_per_class=test_per_class, imbalance=imbalance)


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
