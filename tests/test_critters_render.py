"""The renderer of critters: what a picture depends on, and that everything it should show is to be seen."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from ltnb.critters import scenes, shapes, things
from ltnb.critters.attributes import (
    ACCESSORIES,
    ATTRIBUTES,
    COLOURS,
    COVERS,
    FINE_ATTRIBUTES,
    HABITATS,
    LIMBS,
    NONE,
    OUTDOORS,
    RGB,
    SHAPES,
    STYLES,
    SURROUNDINGS,
    TEXTURES,
    WEATHERS,
    WORLD_VERSION,
    Traits,
    uniforms,
)
from ltnb.critters.datasets import CLASS_STRIDE
from ltnb.critters.images import render_seed
from ltnb.critters.individuals import EASY, WORLD, luck, shown
from ltnb.critters.layers import ASIDE, COMPANION_SCALE
from ltnb.critters.raster import banks as tables
from ltnb.critters.render import SIZE, render
from ltnb.critters.species import MORPHS, WORLDS, species_world, with_morphs

PLAIN = TEXTURES.index("plain")

FROZEN = {"critters-2": "2ee85563848ca868"}  # of the difficulty, the share of morphs and the species of all four worlds
MEANS = {
    "critters-2": {  # of red, green and blue, then of four strips from top to bottom, over 32 pictures, in 0..1
        "lt": (0.4771, 0.4843, 0.4749, 0.5256, 0.4591, 0.4545, 0.4758),
        "latin": (0.4851, 0.4865, 0.4515, 0.5655, 0.4629, 0.4217, 0.4474),
        "calibration": (0.4845, 0.4903, 0.4784, 0.5319, 0.4792, 0.4514, 0.4751),
        "calibration_latin": (0.4828, 0.4890, 0.4460, 0.5263, 0.4827, 0.4508, 0.4305),
    }
}


def animals(n: int, seed: int = 0, **fixed: int) -> np.ndarray:
    """(n, 5) random attributes with some columns fixed."""
    rng = np.random.default_rng(seed)
    table = np.stack([rng.integers(len(values), size=n) for values in ATTRIBUTES.values()], 1)
    for name, value in fixed.items():
        table[:, list(ATTRIBUTES).index(name)] = value
    table[:, 3] = np.where(table[:, 2] == table[:, 3], (table[:, 3] + 1) % len(COLOURS), table[:, 3])
    return table


def around(n: int, **fixed: int | np.ndarray) -> np.ndarray:
    """(n, 6) surroundings: some fixed, the others free."""
    return np.stack([np.broadcast_to(fixed.get(name, -1), (n,)) for name in SURROUNDINGS], 1)


def changed_pixels(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    """(N,) how many pixels differ clearly."""
    return ((a.int() - b.int()).abs().amax(1) > 24).flatten(1).sum(1).numpy()


def test_the_world_is_as_rich_as_it_says():
    assert len(SHAPES) >= 10
    assert len(TEXTURES) == 8
    assert len(COLOURS) == len(RGB) == 11
    assert len(LIMBS) == 7
    assert len(HABITATS) == 8
    assert (len(ACCESSORIES), len(WEATHERS), len(COVERS)) == (6, 4, 4)
    assert set(STYLES) == {"photo", "sketch", "cutout", "mockup"}
    assert set(SURROUNDINGS) == {"habitat", "companion", "companion_colour", "accessory", "weather", "cover"}
    assert Traits._fields == (*ATTRIBUTES, *FINE_ATTRIBUTES, *SURROUNDINGS, "style")
    for values in (*ATTRIBUTES.values(), *FINE_ATTRIBUTES.values(), *SURROUNDINGS.values()):
        assert len(set(values)) == len(values)
        assert NONE not in values[:-1]


def test_difficulty_and_species_are_frozen_with_the_world_version():
    digest = hashlib.sha256(repr((WORLD, COMPANION_SCALE, ASIDE, MORPHS)).encode())
    for world in WORLDS:
        species = species_world(world)
        tables = [getattr(species, name).tolist() for name in ("table", "fine", "family", "told", "morph")]
        digest.update(repr((species.names, *tables)).encode())
    assert FROZEN.get(WORLD_VERSION) == digest.hexdigest()[:16], (
        f"the world {WORLD_VERSION} changed: raise WORLD_VERSION and enter {digest.hexdigest()[:16]!r} for it here"
    )


@pytest.mark.parametrize("world", WORLDS)
def test_pictures_are_frozen_with_the_world_version(world):
    """Means of many pixels, so that another processor's rounding of some does not matter."""
    species, rows, seed = species_world(world), np.arange(32), render_seed(world, "test", 0)
    traits = Traits.of(with_morphs(species, rows, seed, CLASS_STRIDE * rows), species.fine[rows])
    pictures = render(seed, CLASS_STRIDE * rows, traits).double() / 255
    strips = pictures.unflatten(2, (4, SIZE // 4)).mean((0, 1, 3, 4))
    found = [*pictures.mean((0, 2, 3)).tolist(), *strips.tolist()]
    line = f'"{world}": ({", ".join(f"{mean:.4f}" for mean in found)}),'
    assert found == pytest.approx(MEANS[WORLD_VERSION][world], abs=0.0005), (
        f"the pictures of {WORLD_VERSION} changed: raise WORLD_VERSION and enter their means here\n{line}"
    )


def test_pictures_are_uint8_and_repeat():
    traits = Traits.of(animals(40))
    first = render(7, np.arange(40), traits)
    assert first.dtype == torch.uint8
    assert first.shape == (40, 3, SIZE, SIZE) == (40, 3, 64, 64)
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002  the global generator must not matter
    assert torch.equal(first, render(7, np.arange(40), traits))
    assert (changed_pixels(first, render(8, np.arange(40), traits)) > 50).all()
    assert (changed_pixels(first, render(7, np.arange(40) + 1000, traits)) > 50).all()


@pytest.mark.parametrize("batch", [1, 7, 33])
def test_a_picture_does_not_depend_on_its_batch(batch):
    n = 70
    fixed = around(n, companion=np.arange(n) % 14 - 1, weather=np.arange(n) % 5 - 1, accessory=np.arange(n) % 8 - 1)
    traits = Traits.of(animals(n), surroundings=fixed, style=np.arange(n) % len(STYLES))
    together = render(3, np.arange(n) * 977, traits)
    order = np.random.default_rng(batch).permutation(n)[: 3 * batch if batch == 1 else n]
    parts = [render(3, o * 977, traits.take(o)) for o in np.array_split(order, max(len(order) // batch, 1))]
    assert torch.equal(torch.cat(parts), together[order])


@pytest.mark.parametrize("column", range(5))
def test_each_attribute_changes_the_picture(column):
    n = 32
    table = animals(n, seed=column)
    if column in (1, 3):  # a change among patterns, or of the colour that patterns show
        table[:, 1] = 1 + table[:, 1] % (len(TEXTURES) - 1)
    other = table.copy()
    size = len(list(ATTRIBUTES.values())[column])
    other[:, column] = (table[:, column] + 1 + np.arange(n) % (size - 1)) % size
    difference = changed_pixels(render(1, np.arange(n), Traits.of(table)), render(1, np.arange(n), Traits.of(other)))
    assert (difference > 15).mean() > 0.85, difference


@pytest.mark.parametrize(("column", "low", "high"), [(0, 0, 2), (0, 0, 1), (1, 0, 2), (2, 0, 1)])
def test_each_fine_attribute_changes_the_picture(column, low, high):
    n = 32
    table = animals(n, seed=20 + column)
    table[:, 1] = 1 + table[:, 1] % (len(TEXTURES) - 1)  # a plain animal has no pattern to be coarse
    fine = np.zeros((n, 3), dtype=np.int64)
    fine[:, column] = low
    other = fine.copy()
    other[:, column] = high
    a, b = (render(2, np.arange(n), Traits.of(table, f)) for f in (fine, other))
    assert (changed_pixels(a, b) > 8).mean() > 0.85


def test_pattern_scale_and_second_colour_do_what_they_say_for_plain_animals():
    table = animals(16, texture=PLAIN)
    coarse, fine = np.zeros((16, 3), dtype=np.int64), np.tile([0, 0, 1], (16, 1))
    a, b = (render(2, np.arange(16), Traits.of(table, f)) for f in (coarse, fine))
    assert torch.equal(a, b)  # nothing to be seen: no species may differ in this alone
    other = table.copy()
    other[:, 3] = (table[:, 3] + 5) % len(COLOURS)
    c = render(2, np.arange(16), Traits.of(other, coarse))
    assert (changed_pixels(a, c) > 15).mean() > 0.6  # the limbs show it


# ---- what is around the critter


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_each_surrounding_changes_the_picture(name):
    """Each kind against each other kind, and there against not there; the other surroundings are as they fall."""
    n = 16
    table, numbers, own = animals(n, seed=30), np.arange(n), {}
    if name == "companion_colour":
        own["companion"] = np.arange(n) % len(SHAPES)
    pictures = [
        render(5, numbers, Traits.of(table, surroundings=around(n, **own, **{name: value})))
        for value in range(len(SURROUNDINGS[name]))
    ]
    for (i, a), (j, b) in itertools.combinations(enumerate(pictures), 2):
        difference = changed_pixels(a, b)
        assert (difference > 15).mean() > 0.85, (SURROUNDINGS[name][i], SURROUNDINGS[name][j], difference)


@pytest.mark.parametrize("style", STYLES)
def test_only_photographs_have_a_habitat_weather_and_something_in_front(style):
    n, number = 16, STYLES.index(style)
    table = animals(n, seed=31)
    for name, values in SURROUNDINGS.items():
        own = {"companion": np.arange(n) % len(SHAPES)} if name == "companion_colour" else {}
        first, last = (
            render(6, np.arange(n), Traits.of(table, surroundings=around(n, **own, **{name: value}), style=number))
            for value in (0, len(values) - 1)
        )
        if name in OUTDOORS and style != "photo":
            assert torch.equal(first, last), name
        elif (name, style) != ("companion_colour", "sketch"):  # pencil shows hardly any colour
            assert (changed_pixels(first, last) > 15).mean() > 0.85, name


@pytest.mark.parametrize(
    ("name", "bank"),
    [
        *[("habitat", "scenes"), ("companion", "bodies"), ("accessory", "accessories")],
        *[("weather", "veils"), ("cover", "covers")],
    ],
)
def test_each_kind_is_drawn_from_its_own_pictures(name, bank, monkeypatch):
    """Where the pictures of one kind are blank, what shows that kind changes, and nothing else does."""
    banks = tables()
    kinds = [value for value in SURROUNDINGS[name] if value != NONE]
    variants, value = len(banks[bank]) // len(kinds), np.arange(len(SURROUNDINGS[name]))
    traits = Traits.of(animals(len(value), seed=33), surroundings=around(len(value), **{name: value}))
    before = render(15, np.arange(len(value)), traits)
    for kind, word in enumerate(kinds):
        blank = banks[bank].clone()
        blank[kind * variants : (kind + 1) * variants] = 9.0 if bank == "bodies" else 0.0  # bodies are distances
        with monkeypatch.context() as patch:
            patch.setitem(banks, bank, blank)
            after = render(15, np.arange(len(value)), traits)
        changed = (before != after).flatten(1).any(1).numpy()
        assert np.array_equal(changed, (value == kind) & (word != "clear")), word


@pytest.mark.parametrize("companion", SHAPES)
def test_a_companion_is_seen_beside_the_critter(companion):
    """What changes with its colour is the part of it that nothing hides."""
    n = 24
    red, blue = (
        render(
            14, np.arange(n), Traits.of(animals(n), surroundings=around(n, companion=SHAPES.index(companion), **own))
        )
        for own in ({"companion_colour": COLOURS.index("red")}, {"companion_colour": COLOURS.index("blue")})
    )
    assert (changed_pixels(red, blue) > 60).mean() > 0.9


def test_a_companion_that_is_not_there_has_no_colour():
    n = 24
    table, alone = animals(n), SURROUNDINGS["companion"].index(NONE)
    red, blue = (
        render(8, np.arange(n), Traits.of(table, surroundings=around(n, companion=alone, companion_colour=colour)))
        for colour in (COLOURS.index("red"), COLOURS.index("blue"))
    )
    assert torch.equal(red, blue)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_accessory_is_seen_on_every_body(shape):
    n, none = 8, SURROUNDINGS["accessory"].index(NONE)
    table = animals(n, shape=SHAPES.index(shape))
    calm = replace(WORLD, cover=0.0, weather=0.0)
    bare, *dressed = (
        render(13, np.arange(n), Traits.of(table, surroundings=around(n, accessory=value)), calm)
        for value in (none, *range(none))
    )
    for kind, pictures in zip(ACCESSORIES, dressed, strict=True):
        difference = changed_pixels(bare, pictures)
        assert (difference > 25).mean() > 0.7, (kind, difference)


@pytest.mark.parametrize("world", [WORLD, EASY])
def test_what_is_free_is_drawn_as_shown_tells(world):
    n = 64
    rng = np.random.default_rng(11)
    surroundings = np.stack([rng.integers(-1, len(values), n) for values in SURROUNDINGS.values()], 1)
    style = np.arange(n) % len(STYLES)
    for fixed in (None, surroundings):
        free = Traits.of(animals(n), surroundings=fixed, style=style)
        told = shown(11, np.arange(n), free, world)
        assert min(column.min() for column in told) >= 0
        for given, seen in zip(free, told, strict=True):
            assert np.array_equal(given[given >= 0], seen[given >= 0])
        assert torch.equal(render(11, np.arange(n), free, world), render(11, np.arange(n), told, world))


def test_what_is_individual_does_not_know_the_species():
    n = 500
    a, b = (shown(12, np.arange(n), Traits.of(animals(n, seed=seed))) for seed in (1, 2))
    assert not np.array_equal(a.shape, b.shape)
    for name in (*FINE_ATTRIBUTES, *SURROUNDINGS):
        assert np.array_equal(getattr(a, name), getattr(b, name))


@pytest.mark.parametrize("world", [WORLD, replace(WORLD, companion=0.3, accessory=0.9, weather=0.1, cover=0.8)])
def test_surroundings_are_as_frequent_as_the_difficulty_says(world):
    n = 20_000
    seen = shown(4, np.arange(n), Traits.of(animals(n)), world)
    there = {"companion": world.companion, "accessory": world.accessory, "weather": world.weather, "cover": world.cover}
    for name, values in SURROUNDINGS.items():
        absent = [i for i, value in enumerate(values) if value in (NONE, "clear")]
        share = there.get(name, 1.0)
        expected = np.full(len(values), share / (len(values) - len(absent)))
        expected[absent] = 1 - share
        rates = np.bincount(getattr(seen, name), minlength=len(values)) / n
        assert (np.abs(rates - expected) < 4.5 * np.sqrt(expected * (1 - expected) / n)).all(), name
    assert set(seen.marking) == {0, 1, 2, 3}
    assert set(seen.limb_length) == {0, 1, 2}
    assert set(seen.pattern_scale) == {0, 1}


def test_a_difficulty_lies_between_two_others():
    half = EASY.towards(WORLD, 0.5)
    assert half.companion == pytest.approx((EASY.companion + WORLD.companion) / 2)
    assert half.scale == pytest.approx(((EASY.scale[0] + WORLD.scale[0]) / 2, (EASY.scale[1] + WORLD.scale[1]) / 2))
    for share, end in ((0.0, EASY), (1.0, WORLD)):
        assert vars(EASY.towards(WORLD, share)) == {name: pytest.approx(value) for name, value in vars(end).items()}


def test_each_number_of_an_individual_decides_one_thing():
    numbers = luck(3, np.arange(4000))
    assert {"companion", "companion_colour", "accessory", "habitat", "weather", "cover"} < set(numbers)
    together = np.corrcoef(np.stack(list(numbers.values())))
    assert np.abs(together - np.eye(len(numbers))).max() < 5.5 / np.sqrt(4000)


# ---- styles and banks


def test_styles_differ_as_they_should():
    n = 24
    table = animals(n)
    photo, sketch, cutout, mockup = (render(9, np.arange(n), Traits.of(table, style=s)).float() for s in range(4))
    for a, b in [(photo, sketch), (photo, cutout), (sketch, cutout), (cutout, mockup), (sketch, mockup)]:
        assert ((a - b).abs().mean((1, 2, 3)) > 4).float().mean() > 0.9
    red_to_blue = [(x[:, 0] - x[:, 2]).flatten(1).std(1).mean() for x in (photo, sketch, cutout, mockup)]
    assert red_to_blue[1] < 0.2 * min(red_to_blue[0], red_to_blue[2], red_to_blue[3])  # pencil on tinted paper
    # most of the edge of a picture: many colours in a photo, paper in a sketch, white or one colour in the others
    edge = [torch.cat([x[:, :, 0], x[:, :, -1]], -1) for x in (photo, sketch, cutout, mockup)]
    assert edge[1].median() > 220
    assert edge[2].median() > 240
    spread = [e.quantile(0.75, -1).sub(e.quantile(0.25, -1)).mean() for e in edge]
    assert max(spread[1:]) < spread[0]


def test_every_kind_of_limb_shows_on_every_body():
    atlas = shapes.atlas().reshape(len(SHAPES), len(LIMBS), 3, 4, shapes.ATLAS_SIZE, shapes.ATLAS_SIZE)
    body, limb = atlas[:, :, :, 0] < 0, atlas[:, :, :, 1] < 0
    outside = (limb & ~body).sum((-1, -2))
    assert outside.min() >= 15
    assert (outside[:, :, 2] > outside[:, :, 0]).all()  # longer limbs reach further
    assert ((limb[:, :, 0] | body[:, :, 0]) != (limb[:, :, 2] | body[:, :, 2])).sum((-1, -2)).min() >= 40
    for channels in (body, limb):  # beyond its map the border of a body repeats
        assert not (channels[..., [0, -1], :].any() or channels[..., [0, -1]].any())
    eyes = (atlas[:, 0, 0, 2] < 0).sum((-1, -2))
    assert eyes.min() > 20


def test_bodies_textures_and_scenes_are_different_from_each_other():
    bodies = shapes.atlas()[:: len(LIMBS) * 3, 0] < 0
    for i, a in enumerate(bodies):
        for b in bodies[:i]:
            assert (a & b).sum() / (a | b).sum() < 0.9
    tiles = scenes.tiles()[:: scenes.TILES_PER_TEXTURE, 0]
    assert len(tiles) == len(TEXTURES)
    for i, a in enumerate(tiles):
        for b in tiles[:i]:
            assert np.abs(a - b).mean() > 0.1
    means = scenes.scenes().reshape(len(HABITATS), scenes.SCENES_PER_HABITAT, 3, -1).mean((1, 3))
    assert min(np.abs(a - b).sum() for i, a in enumerate(means) for b in means[:i]) > 0.02


@pytest.mark.parametrize(
    ("bank", "kinds", "variants"),
    [
        (things.accessories, ACCESSORIES, things.ACCESSORY_VARIANTS),
        (things.covers, COVERS, things.COVER_VARIANTS),
        (scenes.veils, WEATHERS, scenes.VEILS_PER_WEATHER),
    ],
)
def test_things_and_veils_are_different_from_each_other(bank, kinds, variants):
    pictures = bank()
    assert len(pictures) == len(kinds) * variants
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert [kind for kind, one in zip(kinds, pictures[::variants], strict=True) if not one[3].any()] == [
        kind for kind in kinds if kind == "clear"
    ]
    painted = pictures[::variants, :3] * pictures[::variants, 3:]
    for a, b in itertools.combinations(painted, 2):
        assert np.abs(a - b).mean() > 0.04


def test_random_numbers_are_uniform_and_independent():
    n, columns = 40_000, 12
    u = uniforms(5, np.arange(n), columns)
    assert u.shape == (n, columns)
    assert u.min() >= 0
    assert u.max() < 1
    assert (np.abs(u.mean(0) - 0.5) < 4 / np.sqrt(12 * n)).all()
    others = [uniforms(6, np.arange(n), columns), uniforms(5, np.arange(n), columns, stream=1), np.roll(u, 1, axis=0)]
    for other in others:
        both = np.corrcoef(np.hstack([u, other]).T)
        assert np.abs(both - np.eye(2 * columns)).max() < 5.5 / np.sqrt(n)
    assert np.array_equal(uniforms(5, np.array([17]), 4)[0], u[17, :4])
