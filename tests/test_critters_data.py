"""critters_lt and critters_latin_lt: the data sets, their streams of individuals, the pool and the truth."""

from __future__ import annotations

import itertools
import pickle
import pickletools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from ltnb.critters.attributes import (
    ATTRIBUTES,
    HABITATS,
    LIMBS,
    SHAPES,
    STYLES,
    SURROUNDINGS,
    TEXTURES,
    WORLD_VERSION,
    Traits,
)
from ltnb.critters.datasets import CritterImages, critters_latin_lt, critters_lt
from ltnb.critters.images import FIRST_SEED, SPLITS, render_seed
from ltnb.critters.individuals import WORLD
from ltnb.critters.pool import POOL_KINDS, near_misses, pool_recipe
from ltnb.critters.pretrain import STREAM_SEED
from ltnb.critters.render import render
from ltnb.critters.species import MORPHS, WORLDS, species_world
from ltnb.critters.texts import DESCRIPTOR_KINDS, SENTENCE_KINDS
from ltnb.critters.truth import VALUES, closest, image_attributes
from ltnb.data import load, truth
from ltnb.data.containers import ImageDataset, LongTailData
from ltnb.data.longtail import exponential_counts, shot_groups

LOADERS = [critters_lt, critters_latin_lt]
SPECIES = {"lt": 60, "latin": 96}


@pytest.fixture(scope="module", params=["critters_lt", "critters_latin_lt"])
def data(request) -> LongTailData:
    return load(request.param, seed=3)


def individuals(images: CritterImages) -> set[tuple[int, int]]:
    return {(images._seed, number) for number in images._numbers.tolist()}


# ---- the data set


def test_what_load_gives(data):
    c = 60 if data.name == "critters_lt" else 96
    assert data.num_classes == c
    assert (np.sort(data.class_counts)[::-1] == exponential_counts(320, c, 100)).all()
    for split in (data.val, data.test):
        assert (np.bincount(split.labels, minlength=c) == 20).all()
    for part in (data.train, data.val, data.test, data.pool):
        assert isinstance(part, ImageDataset)
        assert isinstance(part, CritterImages)
    assert len(data.pool) == 80 * c
    assert (data.pool.labels == -1).all()
    assert all(len(ten) == 10 for ten in data.descriptors)
    assert min(len(lines) for lines in data.corpus) == 1
    data.corpus[0].append("mine")  # a copy of one's own
    assert "mine" not in load(data.name, seed=3, pool_size=0).corpus[0]
    data.corpus[0].pop()


def test_sizes_and_numbers_can_be_chosen():
    standard = critters_lt(size="standard")
    assert len(standard.val) == len(standard.test) == 6000
    assert len(standard.pool) == 12_000
    own = critters_lt(size="standard", n_max=30, imbalance=10, test_per_class=2, val_per_class=3, pool_size=0)
    assert (len(own.val), len(own.test), own.pool) == (180, 120, None)
    assert own.class_counts.max() == 30
    assert own.group_counts.min() == 1


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize(("loader", "c"), [(critters_lt, 24), (critters_latin_lt, 36)])
def test_a_small_data_set_is_the_first_six_families(loader, c, seed):
    small, whole = loader(size="small", seed=seed), loader(seed=seed)
    assert small.class_names == whole.class_names[:c]
    assert small.corpus == whole.corpus[:c]
    assert small.descriptors == whole.descriptors[:c]
    family = truth(whole).family
    assert set(family[:c]) == set(range(6))
    assert set(family[c:]) == set(range(6, family.max() + 1))
    assert (np.sort(small.class_counts)[::-1] == exponential_counts(320, c, 100)).all()
    more = small.class_counts[:, None] > small.class_counts
    assert (whole.class_counts[:c, None] >= whole.class_counts[:c])[more].all()  # head and tail are the same ones
    assert (np.bincount(small.test.labels, minlength=c) == 20).all()
    assert individuals(small.test) < individuals(whole.test)
    assert torch.equal(small.test.images([25, 400]), whole.test.images([25, 400]))
    for imbalance in (10, 50, 100):
        groups = shot_groups(loader(imbalance, size="small").group_counts)
        assert min(mask.sum() for mask in groups.values()) >= 6


@pytest.mark.parametrize("loader", LOADERS)
def test_the_truth_about_a_small_data_set(loader):
    small, whole = loader(size="small"), loader(pool_size=0)
    known, all_known = truth(small), truth(whole)
    c = small.num_classes
    assert known.corpus_kinds == all_known.corpus_kinds[:c]
    assert np.array_equal(known.classes["limbs"], all_known.classes["limbs"][:c])
    pool, shown = known.pool, known.images["pool"]
    assert len(small.pool) == 80 * c
    assert 0.12 < pool.kind_rates["target"] < 0.18
    assert 0.26 < pool.kind_rates["near-miss"] < 0.34
    assert pool.base_rates.min() > 0
    assert pool.near_species.max() < c
    for name in ("shape", "texture", "limbs"):
        target = pool.kind == "target"
        assert np.array_equal(shown[name][target], known.classes[name][pool.species[target]])
    with pytest.raises(ValueError, match="data.pool was drawn for another number of classes"):
        truth(replace(small, pool=loader().pool))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": "huge"}, "size must be one of 'small', 'quick', 'standard', got 'huge'"),
        ({"seed": -1}, "seed must be an integer >= 0, got -1"),
        ({"seed": 2**32}, "seed must be below"),
        ({"n_max": 0}, "n_max must be an integer >= 1, got 0"),
        ({"n_max": 50}, "n_max must leave at least one image"),
        ({"imbalance": 0.5}, "imbalance must be"),
        ({"test_per_class": 0}, "test_per_class must be an integer >= 1, got 0"),
        ({"val_per_class": 2.5}, "val_per_class must be an integer"),
        ({"pool_size": -5}, "pool_size must be an integer >= 0, got -5"),
    ],
)
@pytest.mark.parametrize("loader", LOADERS)
def test_bad_arguments_are_named(loader: Callable[..., LongTailData], arguments, message):
    with pytest.raises(ValueError, match=message):
        loader(**arguments)


# ---- pictures


def test_pictures_one_by_one_in_bulk_and_through_a_loader(data):
    rows = np.array([0, 5, len(data.test) - 1, 17, 5])
    bulk = data.test.images(rows)
    assert bulk.dtype == torch.uint8
    assert bulk.shape == (5, 3, 64, 64)
    for i, row in enumerate(rows):
        image, label = data.test[int(row)]
        assert torch.equal(image, bulk[i])
        assert label == data.test.labels[row]
        assert type(label) is int
    assert torch.equal(data.test[-1][0], bulk[2])
    assert torch.equal(data.test.images(torch.tensor(rows)), bulk)
    assert torch.equal(data.test.images(list(rows)), bulk)
    assert data.test.images([]).shape == (0, 3, 64, 64)
    for wrong in (len(data.test), -len(data.test) - 1):
        with pytest.raises(IndexError, match="out of range"):
            data.test[wrong]
        for ask in (data.test.images, data.test.subset):
            with pytest.raises(IndexError, match=f"index {wrong} is out of range for {len(data.test)} pictures"):
                ask([0, wrong])
    small = data.test.subset(rows)
    images, labels = next(iter(DataLoader(small, batch_size=5)))
    assert torch.equal(images, bulk)
    assert labels.tolist() == data.test.labels[rows].tolist()
    assert len(list(small)) == 5  # iteration ends by itself
    copy = pickle.loads(pickle.dumps(small))
    assert copy.fingerprint == small.fingerprint
    assert torch.equal(copy.images(range(5)), bulk)


@pytest.mark.parametrize("wrong", [[1.9], np.ones(1200, dtype=bool), torch.tensor([0.0, 1.0]), ["1"]])
def test_indices_that_are_no_integers_are_named(wrong):
    images = critters_lt(pool_size=0).test
    for ask in (images.images, images.subset):
        with pytest.raises(ValueError, match="indices must be integers, got array of shape"):
            ask(wrong)
    with pytest.raises(ValueError, match="indices must be integers"):
        images[1.9]
    assert torch.equal(images.images([-1, 0]), images.images(np.array([1199, 0], dtype=np.uint16)))


def test_lengths_must_agree():
    traits = Traits.of(species_world("lt").table[:3])
    with pytest.raises(ValueError, match="labels has 2 entries for 3 numbers and 3 traits"):
        CritterImages(1, np.arange(3), traits, np.zeros(2), "x")


def test_fingerprints_name_the_recipe():
    base = critters_lt()
    again = critters_lt()
    prints = [getattr(base, split).fingerprint for split in SPLITS]
    assert prints == [getattr(again, split).fingerprint for split in SPLITS]
    assert all(p.startswith(f"{WORLD_VERSION} lt {split}, seed 0 ") for p, split in zip(prints, SPLITS, strict=True))
    others = [critters_lt(seed=1), critters_lt(imbalance=50), critters_lt(n_max=330), critters_latin_lt()]
    for other in others:
        assert other.train.fingerprint != base.train.fingerprint
    found = [*prints, *(other.train.fingerprint for other in others), critters_lt(size="standard").test.fingerprint]
    found += [base.train.subset(range(5)).fingerprint, base.train.subset([0, 1, 2, 4, 3]).fingerprint]
    assert len(set(found)) == len(found)
    assert critters_lt(imbalance=50).test.fingerprint == base.test.fingerprint  # the tests do not change


def test_fingerprints_follow_the_difficulty(monkeypatch):
    before = critters_lt(pool_size=0).test.fingerprint
    monkeypatch.setattr("ltnb.critters.images.WORLD", replace(WORLD, turn=0.39))
    assert critters_lt(pool_size=0).test.fingerprint != before


def test_no_individual_is_in_two_parts_seeds_or_worlds():
    sets = [
        individuals(getattr(loader(seed=seed, size="standard"), split))
        for loader in LOADERS
        for seed in (0, 1)
        for split in SPLITS
    ]
    assert sum(map(len, sets)) == len(set().union(*sets))
    seeds = {(w, s, k): render_seed(w, s, k) for w in WORLDS for s in SPLITS for k in (*range(40), 2**32 - 1)}
    assert len(set(seeds.values())) == len(seeds)
    assert min(seeds.values()) >= FIRST_SEED > STREAM_SEED
    # nor could the counter of another seed reach the same key: seeds are multiplied by a number larger than any stream
    assert {(seed * 1_000_003) % 2**64 for seed in seeds.values()}.isdisjoint({STREAM_SEED * 1_000_003})
    for bad in [("other", "train", 0), ("lt", "dev", 0), ("lt", "train", -1), ("lt", "train", 2**32)]:
        with pytest.raises(ValueError, match="must be"):
            render_seed(*bad)


def test_the_same_seed_gives_the_same_first_pictures_at_every_imbalance_and_size():
    hundred, ten = critters_lt(100, 5), critters_lt(10, 5, size="standard")
    assert (ten.class_counts >= hundred.class_counts).all()
    assert individuals(hundred.train) <= individuals(ten.train)
    assert individuals(hundred.test) <= individuals(ten.test)
    assert individuals(hundred.pool) <= individuals(ten.pool)
    fifty = critters_lt(50, 5).class_counts
    assert (np.diff(fifty[np.lexsort((fifty, hundred.class_counts))]) >= 0).all()  # the same order from head to tail
    c = int(hundred.class_counts.argmin())
    few = np.flatnonzero(hundred.train.labels == c)
    more = np.flatnonzero(ten.train.labels == c)[: len(few)]
    assert torch.equal(hundred.train.images(few), ten.train.images(more))
    other = critters_lt(100, 6)
    assert not torch.equal(other.test.images([0]), hundred.test.images([0]))


# ---- what is around


def chi_square(a: np.ndarray, b: np.ndarray) -> float:
    """p of the hypothesis that two columns of integers are independent; rows with -1 in either are left out."""
    keep = (a >= 0) & (b >= 0)
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a[keep], b[keep]), 1)
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    statistic = ((table - expected) ** 2 / expected).sum()
    return float(torch.special.gammaincc(torch.tensor(freedom / 2.0).double(), torch.tensor(statistic / 2)))


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("split", ["train", "test", "pool"])
def test_what_is_around_knows_neither_the_class_nor_what_it_looks_like(loader, split):
    """As many training pictures of each class, so that a tail's few would show it as well."""
    data = loader(1, size="standard")
    images, known = getattr(data, split), truth(data)
    seen = image_attributes(images)
    animal = {name: seen[name] for name in (*ATTRIBUTES, "marking", "limb_length", "pattern_scale")}
    if split == "pool":
        animal["class"], animal["near class"] = known.pool.species, known.pool.near_species
        animal["kind"] = np.unique(known.pool.kind, return_inverse=True)[1]
        animal["changed"] = np.unique(known.pool.changed, return_inverse=True)[1] - 1  # the first one is none
        animal["style"] = seen["style"]
    else:
        animal["class"] = images.labels
        off = [seen[name] != known.classes[name][images.labels] for name in ATTRIBUTES]
        animal["morph"] = np.any(off, axis=0).astype(np.int64)
    for name in SURROUNDINGS:
        for other, column in animal.items():
            if not (other == "style" and name in ("habitat", "weather", "cover")):  # which only photographs have
                assert chi_square(column, seen[name]) > 1e-5, (name, other)
    for name, other in itertools.combinations(SURROUNDINGS, 2):
        assert chi_square(seen[name], seen[other]) > 1e-5, (name, other)
    # and it would be noticed: one picture in ten with a companion that goes with the class
    bound = np.random.default_rng(0).random(len(images)) < 0.1
    fitting = np.where(bound, animal["shape"], seen["companion"])
    assert chi_square(animal["shape"], fitting) < 1e-5


# ---- the pool


@pytest.mark.parametrize("world", ["lt", "latin"])
def test_the_pool_by_brute_force(world):
    """Kinds against distances counted one by one."""
    size = 1500
    recipe = pool_recipe(world, seed=1, size=size, num_classes=SPECIES[world])
    species = species_world(world)
    whole = np.hstack([species.table[:, :5], species.fine])
    shown = recipe.traits
    morphs = species.morph >= 0
    for row, kind, c, near, changed in zip(
        shown, recipe.kind, recipe.species, recipe.near_species, recipe.changed, strict=True
    ):
        off = whole != row
        distance = list(zip(off[:, :5].sum(1).tolist(), off[:, 5:].sum(1).tolist(), strict=True))
        name = POOL_KINDS[kind]
        if name == "target":
            assert distance[c] == (0, 0)
            assert (near, changed) == (-1, -1)
        elif name == "near-miss":
            assert c == -1
            assert (0, 0) not in distance
            assert sum(distance[near]) == 1
            assert row[changed] != whole[near][changed]
            visible = not (changed == 7 and row[1] == TEXTURES.index("plain"))
            assert visible
            if min(coarse for coarse, _ in distance) > 0:  # nor what a morph of any species may look like
                in_morphing = off[np.flatnonzero(morphs), species.morph[morphs]]
                assert not (off[morphs].sum(1) == in_morphing).any()
        else:
            assert (c, near, changed) == (-1, -1, -1)
            assert min(d[0] for d in distance) >= 2
    assert (shown[:, 2] != shown[:, 3]).all()
    rates = np.bincount(recipe.kind) / len(recipe.kind)
    for rate, expected in zip(rates, (0.15, 0.30, 0.55), strict=True):
        assert abs(rate - expected) < 4 * np.sqrt(expected * (1 - expected) / size)
    assert (recipe.species == -1).mean() >= 0.8
    styles = np.bincount(recipe.style, minlength=len(STYLES)) / size
    assert styles.min() > 0.2
    colour = np.isin(recipe.changed, [2, 3])
    assert not (recipe.style[colour] == STYLES.index("sketch")).any()  # where it could not be seen


@pytest.mark.parametrize("world", ["lt", "latin"])
def test_near_misses_are_even_over_species_and_attributes(world):
    table, species, changed, cumulative = near_misses(world, SPECIES[world])
    weight = np.diff(cumulative, prepend=0)
    assert cumulative[-1] == pytest.approx(1)
    assert np.bincount(species, weight) == pytest.approx(np.full(SPECIES[world], 1 / SPECIES[world]))
    kinds = set(changed.tolist())
    assert kinds == ({0, 1, 2, 3, 4} if world == "lt" else {0, 1, 2, 3, 4, 5, 6, 7})
    assert len(table) > 30 * SPECIES[world]


def test_a_smaller_pool_is_the_beginning_of_a_larger_one():
    small, large = critters_lt(pool_size=20), critters_lt(pool_size=200)
    rows = np.arange(20)
    assert torch.equal(small.pool.images(rows), large.pool.images(rows))
    assert large.pool[7][1] == -1


# ---- the truth


def test_the_truth_is_complete(data):
    known, species = truth(data), species_world("lt" if data.name == "critters_lt" else "latin")
    assert known.world in SPECIES
    assert [len(kinds) for kinds in known.corpus_kinds] == [len(lines) for lines in data.corpus]
    assert {kind for kinds in known.corpus_kinds for kind in kinds} == set(SENTENCE_KINDS)
    assert {kind for kinds in known.descriptor_kinds for kind in kinds} == set(DESCRIPTOR_KINDS)
    for split in ("train", "val", "test"):
        images, labels = known.images[split], getattr(data, split).labels
        off = np.stack([images[name] != known.classes[name][labels] for name in ATTRIBUTES], 1)
        for c, column in enumerate(species.morph):
            assert not np.delete(off[labels == c], max(column, 0), axis=1).any()
            assert column >= 0 or not off[labels == c].any()
        morphs = off[species.morph[labels] >= 0].any(1)
        assert morphs.mean() == pytest.approx(MORPHS, abs=4 * np.sqrt(MORPHS * (1 - MORPHS) / len(morphs)))
        for name in ("marking", "limb_length"):
            if known.world == "latin":
                assert np.array_equal(images[name], known.classes[name][labels])
            else:
                assert (known.classes[name] == -1).all()
                assert len(np.unique(images[name])) >= 3
        assert ((images["pattern_scale"] == -1) == (images["texture"] == TEXTURES.index("plain"))).all()
        assert (images["style"] == 0).all()
        for name in SURROUNDINGS:
            assert set(images[name]) >= set(range(len(SURROUNDINGS[name])))
            assert name not in known.classes
    for images in known.images.values():
        alone = images["companion"] == SURROUNDINGS["companion"].index("none")
        assert np.array_equal(images["companion_colour"] == -1, alone)
        for name in ("habitat", "weather", "cover"):
            assert np.array_equal(images[name] == -1, images["style"] > 0)  # paper has no surroundings
        for name in ("companion", "accessory"):
            assert images[name].min() >= 0
    pool = known.pool
    assert np.isclose(sum(pool.kind_rates.values()), 1)
    assert pool.kind_rates["target"] <= 0.2
    assert pool.base_rates.shape == (data.num_classes,)
    assert pool.base_rates.sum() == pytest.approx(pool.kind_rates["target"])
    assert pool.base_rates.min() > 0
    c = int(pool.species.max())
    assert pool.base_rates[c] == np.mean(pool.species == c)
    assert set(pool.changed[pool.kind == "near-miss"]) >= {"shape", "limbs"}
    assert set(pool.changed[pool.kind != "near-miss"]) == {""}
    assert len(species.names) == len(known.family)


def test_shows_and_words(data):
    known = truth(data)
    horned = known.shows("test", limbs="horns")
    assert np.array_equal(horned, known.classes["limbs"][data.test.labels] == LIMBS.index("horns"))
    both = known.shows("pool", limbs="horns", shape="frog")
    assert np.array_equal(both, known.shows("pool", limbs="horns") & known.shows("pool", shape="frog"))
    frogs = known.images["test"]["companion"] == SHAPES.index("frog")
    assert 0 < frogs.sum() < len(frogs)
    assert np.array_equal(known.shows("test", companion="frog"), frogs)
    assert not np.array_equal(known.shows("test", companion="frog"), known.shows("test", shape="frog"))
    alone = known.shows("pool", companion="none")
    assert not (alone & known.shows("pool", companion_colour="red")).any()
    assert np.array_equal(
        known.shows("pool", habitat="cave"), known.images["pool"]["habitat"] == HABITATS.index("cave")
    )
    assert not known.shows("pool", style="sketch", weather="rain").any()
    assert known.shows("pool", style="photo", weather="rain").any()
    words = known.words(0)
    assert words["shape"] == SHAPES[known.classes["shape"][0]]
    assert ("marking" in words) == (known.world == "latin")
    with pytest.raises(ValueError, match="limbs must be one of .* got 'wheels'"):
        known.shows("test", limbs="wheels")
    with pytest.raises(ValueError, match="attribute must be one of"):
        known.shows("test", weight="heavy")
    with pytest.raises(ValueError, match="part must be one of"):
        known.shows("dev", limbs="horns")


def test_what_is_around_in_words(data):
    """Every word stands for what is there, and nothing for what is not."""
    known = truth(data)
    seen, absent = known.images["test"], {"none", "clear"}
    for i in range(0, len(data.test), 7):
        said = known.in_words("test", i).split(", ")
        expected = [VALUES["habitat"][seen["habitat"][i]]] if seen["habitat"][i] >= 0 else []
        kind = VALUES["companion"][seen["companion"][i]]
        if kind != "none":
            expected.append(f"{VALUES['companion_colour'][seen['companion_colour'][i]]} {kind}")
        others = [VALUES[name][seen[name][i]] for name in ("accessory", "weather", "cover") if seen[name][i] >= 0]
        assert said == expected + [word for word in others if word not in absent]
    with pytest.raises(ValueError, match="part must be one of"):
        known.in_words("tests", 0)


def test_the_truth_is_what_is_drawn(data):
    """Pictures made from the truth alone; -1 is where nothing is to be seen."""
    known = truth(data)
    for split in ("train", "val", "test", "pool"):
        part, images = getattr(data, split), known.images[split]
        rows = np.arange(0, len(part), len(part) // 20)
        told = Traits(**{name: images[name][rows] for name in Traits._fields})
        assert torch.equal(render(part._seed, part._numbers[rows], told), part.images(rows))


def test_the_truth_follows_cut_texts_and_chosen_pictures(data):
    known = truth(data)
    rows = np.arange(len(data.pool))[::-7]
    cut = replace(data, corpus=[lines[::-1][:5] for lines in data.corpus], pool=data.pool.subset(rows), descriptors=[])
    found = truth(replace(cut, descriptors=[ten[3:4] for ten in data.descriptors]))
    assert found.corpus_kinds == [kinds[::-1][:5] for kinds in known.corpus_kinds]
    assert found.descriptor_kinds == [kinds[3:4] for kinds in known.descriptor_kinds]
    assert np.array_equal(found.pool.species, known.pool.species[rows])
    assert np.array_equal(found.pool.kind, known.pool.kind[rows])
    assert truth(cut).descriptor_kinds == [[] for _ in data.class_names]
    assert truth(replace(data, pool=None)).pool is None


def test_the_closest_class_differs_in_one_attribute(data):
    known = truth(data)
    for c in (0, data.num_classes - 1):
        other, names = closest(data, c)
        assert other != c and len(names) == 1, "neighbours in these worlds are one attribute apart"
        assert [name for name, values in known.classes.items() if values[c] != values[other]] == list(names)
    assert closest(replace(data, name="mine"), data.num_classes - 1) == (0, ())


def test_only_rendered_worlds_have_a_truth(data):
    with pytest.raises(ValueError, match="data must be a rendered world .critters_lt, critters_latin_lt.* 'mine'"):
        truth(replace(data, name="mine"))
    with pytest.raises(ValueError, match="class 0 holds a text that is not of its world: 'A cat.'"):
        truth(replace(data, corpus=[["A cat."], *data.corpus[1:]]))
    photographs = [(torch.zeros(3, 8, 8, dtype=torch.uint8), label) for label in range(data.num_classes)]

    class Photographs(list):
        labels = np.arange(data.num_classes)
        fingerprint = None

    with pytest.raises(ValueError, match=f"the truth about test of '{data.name}' is not known"):
        truth(replace(data, test=Photographs(photographs)))
    with pytest.raises(ValueError, match="class_names are not"):
        truth(replace(data, class_names=data.class_names[::-1]))
    with pytest.raises(ValueError, match="not a pool of world"):
        truth(replace(data, pool=data.test))


def test_no_kind_is_in_anything_a_method_is_given(data):
    """Neither as words nor as numbers: what is stored is what drawing the pictures and reading the texts needs."""
    stored = pickle.dumps(data)
    for word in ("informative", "partial", "wrong", "hallucinated", "ambiguous", "non-visual", "near-miss"):
        assert word.encode() not in stored, word
    strings = {argument for _, argument, _ in pickletools.genops(stored) if isinstance(argument, str)}
    assert set(data.class_names) < strings
    assert not strings & {*SENTENCE_KINDS, *DESCRIPTOR_KINDS, *POOL_KINDS}  # "target" alone is also a word of names
    known = truth(data)
    for part in (data.train, data.val, data.test, data.pool):
        public = {name for name in vars(part) if not name.startswith("_")}
        assert public <= {"labels", "recipe", "fingerprint"}
    secret = [known.pool.species, known.pool.near_species, (known.pool.kind == "target").astype(np.int64)]
    held = [data.pool.labels, data.pool._numbers, *data.pool._traits]
    assert not any(np.array_equal(a, b) for a in secret for b in held)
    assert [field for field in vars(data) if "kind" in field or "truth" in field] == []
