"""Species and the pre-training stream: no species is ever shown in pre-training, and rarity is not difficulty."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ltnb.critters import captions as critters_captions
from ltnb.critters.attributes import (
    ATTRIBUTES,
    COLOURS,
    LIMBS,
    RARE,
    SHAPES,
    TEXTURES,
    combination_code,
)
from ltnb.critters.captions import stream_table
from ltnb.critters.datasets import critters_latin_lt, critters_lt
from ltnb.critters.pretrain import STREAM_SEED
from ltnb.critters.shapes import MARKING_SPOTS, atlas
from ltnb.critters.species import LIMB_ADJECTIVES, WORLDS, excluded_combinations, species_world
from ltnb.critters.texts import world_texts
from ltnb.data.longtail import shot_groups

PLAIN = TEXTURES.index("plain")


def numbers(table: np.ndarray) -> np.ndarray:
    """Shape, texture, both colours and limbs of each row as one integer (a base of its own, not the package's code)."""
    return np.asarray(table)[:, :5] @ 100 ** np.arange(5)


def combinations(world: str) -> set[int]:
    """The different combinations of a world."""
    return set(numbers(species_world(world).table).tolist())


@pytest.fixture(scope="module")
def stream() -> np.ndarray:
    return stream_table(STREAM_SEED, np.arange(200_000))


def test_no_species_occurs_in_the_pretraining_stream(stream):
    shown = set(numbers(stream).tolist())
    assert len(shown) > 40_000
    for world in WORLDS:
        assert not shown & combinations(world)


def test_every_species_would_be_rejected(monkeypatch):
    """Numbers that lead straight to each excluded combination: the stream must draw again for every one of them."""
    rows = np.unique(np.concatenate([species_world(world).table[:, :5] for world in WORLDS]), axis=0)
    assert len(rows) == len(excluded_combinations()) == 60 + 48 + 60 + 48
    edges = [np.concatenate([[0], w]) for w in critters_captions._weights()]
    targets = np.hstack([rows, np.zeros((len(rows), 1), dtype=np.int64)])
    leading = np.stack([(edges[i][targets[:, i]] + edges[i][targets[:, i] + 1]) / 2 for i in range(6)], 1)
    real, forced = critters_captions.uniforms, []

    def uniforms(seed, indices, columns, stream=0):
        if stream in (100, 101):  # the first two attempts
            forced.append(len(indices))
            return leading[indices]
        return real(seed, indices, columns, stream=stream)

    monkeypatch.setattr(critters_captions, "uniforms", uniforms)
    table = stream_table(1, np.arange(len(rows)))
    assert forced == [len(rows), len(rows)]  # all were still to be drawn in the second attempt
    assert not np.isin(combination_code(table), excluded_combinations()).any()


def test_near_neighbours_of_species_are_in_the_stream(stream):
    """Zero-shot is compositional: what differs from a species in one attribute is seen."""
    shown = set(numbers(stream).tolist())
    for row in species_world("lt").table[:20, :5].tolist():
        near = [(*row[:i], v, *row[i + 1 :]) for i in range(5) for v in range(len(list(ATTRIBUTES.values())[i]))]
        assert len(shown & set(numbers(near).tolist())) > 10


def test_rare_concepts_are_eight_times_rarer(stream):
    for column, (name, values) in enumerate(ATTRIBUTES.items()):
        counts = np.bincount(stream[:, column], minlength=len(values))
        assert counts.min() > 0
        rare = np.array([RARE.get("colour" if name == "second_colour" else name) == v for v in values])
        assert rare.sum() == 1
        assert counts[rare][0] / counts[~rare].mean() == pytest.approx(1 / 8, rel=0.15)
        assert counts[~rare].max() / counts[~rare].min() < 1.15
    assert (stream[:, 2] != stream[:, 3]).all()


@pytest.mark.parametrize(("world", "classes", "families"), [("lt", 60, 15), ("latin", 96, 16)])
def test_near_neighbours_differ_in_exactly_one_attribute(world, classes, families):
    species = species_world(world)
    assert len(species.names) == len(species.table) == classes
    assert len(set(species.family.tolist())) == families
    assert (species.table[:, 2] != species.table[:, 3]).all()
    whole = np.hstack([species.table[:, :5], species.fine])
    for family in range(families):
        members = np.unique(species.table[species.family == family, :5], axis=0)
        apart = (members[:, None] != members[None]).sum(-1)
        assert (apart == 1).sum(1).max() == len(members) - 1  # one base, from which each other differs in one attribute
        assert len(np.unique(members[:, 0])) == 1
    if world == "latin":
        codes = combination_code(species.table)
        for code in np.unique(codes):
            a, b = np.flatnonzero(codes == code)
            assert (species.fine[[a, b]] >= 0).all()
            assert (whole[a] != whole[b]).any()
    else:
        assert (species.fine == -1).all()
        assert len(combinations(world)) == classes


@pytest.mark.parametrize("world", WORLDS)
def test_no_two_species_look_the_same(world):
    species = species_world(world)
    visible = np.hstack([species.table[:, :5], species.fine])
    visible[species.table[:, 1] == PLAIN, -1] = -1  # the scale of a pattern that is not there
    _, first, count = np.unique(visible, axis=0, return_index=True, return_counts=True)
    assert count.max() == 1, [species.names[i] for i in first[count > 1]]


@pytest.mark.parametrize("shape", SHAPES)
def test_markings_can_be_told_apart_on_mirrored_pictures(shape):
    """Half of the pictures are mirrored: on a symmetric body left and right must not tell species apart."""
    body = atlas()[SHAPES.index(shape) * len(LIMBS) * 3, 0] < 0
    symmetric = (body & body[:, ::-1]).sum() / (body | body[:, ::-1]).sum() > 0.95
    for a, b in itertools.combinations(MARKING_SPOTS[shape], 2):
        assert np.hypot(a[0] - b[0], a[1] - b[1]) > 0.2
        if symmetric:
            assert np.hypot(a[0] + b[0], a[1] - b[1]) > 0.2


def test_worlds_share_no_species_and_no_name():
    for a, b in itertools.combinations(WORLDS, 2):
        assert not combinations(a) & combinations(b)
    for a, b in [("lt", "latin"), ("latin", "calibration_latin")]:
        assert not set(species_world(a).names) & set(species_world(b).names)


def test_telling_names_tell_the_truth_and_binomials_tell_nothing():
    species = species_world("lt")
    assert len(set(species.names)) == 60
    adjectives = {adjective: LIMBS.index(limbs) for limbs, adjective in LIMB_ADJECTIVES.items()}
    for name, row in zip(species.names, species.table, strict=True):
        *words, shape = name.replace("-", " ").split()
        assert SHAPES.index(shape) == row[0]
        assert len(name.split()) == 3
        for word in words:
            if word in TEXTURES:
                assert TEXTURES.index(word) == row[1]
            elif word in adjectives:
                assert adjectives[word] == row[4]
            else:
                bound = f"{word}-" in name  # a colour tied to the limbs is the second one
                assert COLOURS.index(word) == row[3 if bound else 2]
    latin = species_world("latin").names
    assert len(set(latin)) == 96
    vocabulary = {word for values in ATTRIBUTES.values() for word in values} | set(LIMB_ADJECTIVES.values())
    assert all(len(name.split()) == 2 and not set(name.lower().split()) & vocabulary for name in latin)
    with pytest.raises(ValueError, match="world must be one of"):
        species_world("other")


@pytest.mark.parametrize("load", [critters_lt, critters_latin_lt])
def test_groups_are_large_enough(load):
    for imbalance in (100, 50):
        data = load(imbalance, val_per_class=1, test_per_class=1, pool_size=0)
        assert np.array_equal(data.group_counts, data.class_counts)
        assert min(mask.sum() for mask in shot_groups(data.group_counts).values()) >= 15
    balanced = load(10, val_per_class=1, test_per_class=1, pool_size=0)
    hundred = load(100, val_per_class=1, test_per_class=1, pool_size=0)
    assert np.array_equal(balanced.group_counts, hundred.class_counts)
    assert not np.array_equal(balanced.class_counts, hundred.class_counts)


@pytest.mark.parametrize(("load", "world"), [(critters_lt, "lt"), (critters_latin_lt, "latin")])
def test_head_and_tail_are_permuted_and_have_nothing_to_do_with_difficulty(load, world):
    seeds = 40
    counts = np.stack([load(seed=s, val_per_class=1, test_per_class=1, pool_size=0).class_counts for s in range(seeds)])
    assert len({tuple(row) for row in counts.tolist()}) == seeds
    assert (np.sort(counts, 1) == np.sort(counts[0])).all()
    rank = counts.argsort(1).argsort(1).astype(float)
    c = rank.shape[1]
    assert np.abs(rank.mean(0) - (c - 1) / 2).max() < 4.5 * c / np.sqrt(12 * seeds)
    species, texts = species_world(world), world_texts(world)
    rare = sum(
        (species.table[:, list(ATTRIBUTES).index(k)] == ATTRIBUTES[k].index(v)).astype(float) for k, v in RARE.items()
    )
    measures = {
        "class number": np.arange(c),
        "rare concepts": rare,
        "letters": np.array([len(name) for name in species.names]),
        "sentences": np.array([len(lines) for lines in texts.corpus]),
        "informative": np.array([kinds.count("informative") for kinds in texts.corpus_kinds]),
        "plain": (species.table[:, 1] == PLAIN).astype(float),
    }
    for name, measure in measures.items():
        correlation = np.mean([np.corrcoef(row, measure)[0, 1] for row in rank])
        assert abs(correlation) < 4 / np.sqrt(seeds * (c - 1)), name
