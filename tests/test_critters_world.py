"""Species and the pre-training stream: no species is ever shown in pre-training, and rarity is not difficulty."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from critter_words import ADJECTIVES, COLOURS, PLACES, STEMS, read

from ltnb.critters import captions as critters_captions
from ltnb.critters.attributes import ATTRIBUTES, LIMBS, RARE, SHAPES, SURROUNDINGS, TEXTURES, combination_code
from ltnb.critters.captions import stream_table, vocabulary_texts
from ltnb.critters.datasets import critters_latin_lt, critters_lt
from ltnb.critters.pretrain import STREAM_SEED
from ltnb.critters.shapes import MARKING_SPOTS, atlas
from ltnb.critters.species import MORPHS, WORLDS, excluded_combinations, morph_values, species_world, with_morphs
from ltnb.critters.texts import world_texts
from ltnb.data.longtail import shot_groups

PLAIN = TEXTURES.index("plain")
TELLING = ("lt", "calibration")
COLUMNS = {**ATTRIBUTES, **SURROUNDINGS}


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
    targets = np.hstack([rows, np.zeros((len(rows), len(edges) - 5), dtype=np.int64)])
    leading = np.stack([(e[t] + e[t + 1]) / 2 for e, t in zip(edges, targets.T, strict=True)], 1)
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
    """Zero-shot is compositional: what differs from a species in one attribute is seen, of rare concepts less of it."""
    shown = set(numbers(stream).tolist())
    for row in species_world("lt").table.tolist():
        near = [(*row[:i], v, *row[i + 1 :]) for i in range(5) for v in range(len(list(ATTRIBUTES.values())[i]))]
        words = [values[i] for values, i in zip(ATTRIBUTES.values(), row, strict=True)]
        rare = sum(word in RARE.values() for word in words)
        assert len(shown & set(numbers(near).tolist())) > (10, 5, 0, 0, 0)[rare], words


def test_rare_concepts_are_eight_times_rarer(stream):
    assert stream.shape[1] == len(COLUMNS) == 11
    same = {"second_colour": "colour", "companion_colour": "colour", "companion": "shape"}
    for column, (name, values) in enumerate(COLUMNS.items()):
        words = [value for value in values if value not in ("none", "clear")]
        counts = np.array([(stream[:, column] == values.index(word)).sum() for word in words])
        assert counts.sum() == len(stream)  # whether there is a companion is drawn with the picture
        rare = np.array([RARE.get(same.get(name, name)) == word for word in words])
        assert rare.sum() == (name not in ("accessory", "weather", "cover"))
        assert counts[rare] / counts[~rare].mean() == pytest.approx(1 / 8, rel=0.15), name
        assert counts[~rare].max() / counts[~rare].min() < 1.15, name
    assert (stream[:, 2] != stream[:, 3]).all()


def test_surroundings_of_the_stream_do_not_know_the_animal(stream):
    for i, j in itertools.product(range(len(ATTRIBUTES)), range(len(ATTRIBUTES), len(COLUMNS))):
        correlation = np.corrcoef(stream[:, i] == stream[0, i], stream[:, j] == stream[0, j])[0, 1]
        assert abs(correlation) < 4.5 / np.sqrt(len(stream)), (i, j)


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


# ---- names


@pytest.mark.parametrize("world", TELLING)
def test_telling_names_tell_four_or_five_attributes_and_nothing_but_the_truth(world):
    species = species_world(world)
    assert len(set(species.names)) == 60
    for name, row, told in zip(species.names, species.table, species.told, strict=True):
        said, _ = read(name)
        assert list(told) == [attribute in said for attribute in ATTRIBUTES], name
        assert all(values[i] == said.get(n, values[i]) for (n, values), i in zip(ATTRIBUTES.items(), row, strict=True))
        assert told[0], name
        assert told.sum() in (4, 5), name
    assert 0.7 < (species.told.sum(1) == 5).mean() < 0.95


def test_each_attribute_but_the_shape_is_left_out_by_some_name():
    assert (~np.concatenate([species_world(world).told for world in TELLING])[:, 1:]).any(0).all()


def test_names_tell_in_the_ways_that_real_names_do():
    names = [name for world in TELLING for name in species_world(world).names]
    words = [word for name in names for word in name.split()]
    epithets = {"bare", "tiger", "leopard", "chess", "target", "calico", "lightning", "lace"}
    ways = {
        "an epithet": sum(word in epithets for word in words),
        "a compound": sum(word in {c + s for c in COLOURS for s in STEMS} for word in words),
        "a compound adjective": sum(word in {f"{c}-{a}" for c in COLOURS for a in ADJECTIVES} for word in words),
        "two colours": sum("-and-" in word for word in words),
        "an adjective": sum(word in ADJECTIVES for word in words),
    }
    assert min(ways.values()) >= 1, ways
    assert min(ways[way] for way in ("an epithet", "a compound", "a compound adjective")) > 0.15 * len(names)
    assert ways["an epithet"] < 0.5 * len(names)


def test_some_names_mislead_but_not_about_the_animal_itself():
    found = []
    for world in TELLING:
        names = species_world(world).names
        wrong = {name: read(name)[1] for name in names}
        assert 3 <= sum(map(bool, wrong.values())) <= 0.3 * len(names)
        for name, words in wrong.items():
            assert len(words) <= 1
            assert name.split()[-1] not in words
            found += words
    assert set(found) & set(PLACES)
    assert set(found) & set(SHAPES)


def test_a_name_fits_its_species_and_no_other_that_it_tells_all_of():
    """A name of four attributes may fit a sister too, as real names do; a name of five fits one species."""
    for world in TELLING:
        species = species_world(world)
        fits = ((species.table[:, None] == species.table) | ~species.told[:, None]).all(-1)
        assert fits.diagonal().all()
        assert (fits.sum(1)[species.told.all(1)] == 1).all()


@pytest.mark.parametrize("world", TELLING)
def test_pretraining_speaks_of_every_word_in_a_name(world):
    known = {word for text in vocabulary_texts() for word in text.split()}
    assert {word for name in species_world(world).names for word in name.split()} <= known


@pytest.mark.parametrize("world", ["latin", "calibration_latin"])
def test_binomials_tell_nothing(world):
    species = species_world(world)
    assert len(set(species.names)) == 96
    assert not species.told.any()
    values = {word for column in COLUMNS.values() for word in column}
    for name in species.names:
        genus, epithet = name.split()
        assert not {genus.lower(), epithet} & {*values, *ADJECTIVES, *STEMS}
    # a genus is a family, and says no more than that
    genera = np.array([name.split()[0] for name in species.names])
    assert all(len(set(genera[species.family == family])) == 1 for family in set(species.family.tolist()))


def test_an_unknown_world_is_named():
    with pytest.raises(ValueError, match="world must be one of"):
        species_world("other")


# ---- morphs


@pytest.fixture(scope="module", params=WORLDS)
def population(request):
    """A world, and the species, numbers and attributes of two thousand individuals of each."""
    species = species_world(request.param)
    labels = np.repeat(np.arange(len(species.names)), 2000)
    numbers = 7 * np.arange(len(labels))
    return species, labels, numbers, with_morphs(species, labels, 77, numbers)


def test_about_half_of_the_species_have_morphs(population):
    species, labels, _, table = population
    assert 0.3 < (species.morph >= 0).mean() < 0.6
    assert set(species.morph.tolist()) == {-1, 1, 2, 3}  # texture and colours
    assert (species.morph[species.table[:, 1] == PLAIN] != 1).all()
    fixed = species.morph[labels] < 0
    assert np.array_equal(table[fixed], species.table[labels[fixed]])


def test_a_fixed_share_of_individuals_are_morphs_and_one_attribute_off(population):
    species, labels, _, table = population
    off = table != species.table[labels]
    assert off.sum(1).max() == 1
    for c in np.flatnonzero(species.morph >= 0):
        own = off[labels == c]
        assert set(np.flatnonzero(own.any(0)).tolist()) == {species.morph[c]}
        share = own.any(1).mean()
        assert share == pytest.approx(MORPHS, abs=4.5 * np.sqrt(MORPHS * (1 - MORPHS) / len(own))), species.names[c]
    assert (table[:, 2] != table[:, 3]).all()


def test_a_morph_may_be_anything_that_is_no_other_species_equally_often(population):
    species, labels, _, table = population
    every = {tuple(row) for world in WORLDS for row in species_world(world).table.tolist()}
    for c in np.flatnonzero(species.morph >= 0)[:12]:
        column, row = int(species.morph[c]), species.table[c]
        may = []
        for value in range(len(list(ATTRIBUTES.values())[column])):
            other = [value if i == column else int(v) for i, v in enumerate(row)]
            if tuple(other) not in every and other[2] != other[3]:
                may.append(value)
        assert morph_values(row, column).tolist() == may
        morphs = table[(labels == c) & (table != row).any(1), column]
        counts = np.bincount(morphs, minlength=12)
        assert counts.sum() == counts[may].sum()
        assert (np.abs(counts[may] - len(morphs) / len(may)) < 4.5 * np.sqrt(len(morphs) / len(may))).all()


def test_no_individual_looks_like_another_species(population):
    """Fine attributes included: every picture has one true label."""
    species, labels, _, table = population
    looks = numbers(table) * 1000 + (species.fine[labels] + 1) @ (100, 10, 1)
    seen = set(zip(looks.tolist(), labels.tolist(), strict=True))
    assert len({look for look, _ in seen}) == len(seen) > len(species.names)


def test_who_is_a_morph_depends_on_seed_and_number_alone(population):
    species, labels, numbers, table = population
    rows = np.random.default_rng(0).permutation(len(labels))[:3000]
    assert np.array_equal(with_morphs(species, labels[rows], 77, numbers[rows]), table[rows])
    half = len(species.names) // 2
    first = labels < half
    assert np.array_equal(with_morphs(species.first(half), labels[first], 77, numbers[first]), table[first])
    other = with_morphs(species, labels, 78, numbers)
    morphs, others = ((t != species.table[labels]).any(1)[species.morph[labels] >= 0] for t in (table, other))
    assert np.corrcoef(morphs, others)[0, 1] == pytest.approx(0, abs=4.5 / np.sqrt(len(morphs)))


# ---- groups


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
        (species.table[:, column] == values.index(RARE[name])).astype(float)
        for column, (name, values) in enumerate(ATTRIBUTES.items())
        if name in RARE
    )
    measures = {
        "class number": np.arange(c),
        "rare concepts": rare,
        "letters": np.array([len(name) for name in species.names]),
        "sentences": np.array([len(lines) for lines in texts.corpus]),
        "informative": np.array([kinds.count("informative") for kinds in texts.corpus_kinds]),
        "plain": (species.table[:, 1] == PLAIN).astype(float),
        "morphs": (species.morph >= 0).astype(float),
        **({"told": species.told.sum(1)} if world == "lt" else {}),
    }
    for name, measure in measures.items():
        correlation = np.mean([np.corrcoef(row, measure)[0, 1] for row in rank])
        assert abs(correlation) < 4 / np.sqrt(seeds * (c - 1)), name
