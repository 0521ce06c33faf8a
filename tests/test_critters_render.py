"""The renderer of critters: what a picture depends on, and that everything it should show is to be seen."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from ltnb.critters import scenes, shapes
from ltnb.critters.attributes import (
    ATTRIBUTES,
    COLOURS,
    FINE_ATTRIBUTES,
    HABITATS,
    LIMBS,
    RGB,
    SHAPES,
    STYLES,
    TEXTURES,
    WORLD_VERSION,
    Traits,
    uniforms,
)
from ltnb.critters.datasets import CLASS_STRIDE
from ltnb.critters.images import render_seed
from ltnb.critters.render import SIZE, WORLD, fine_traits, render, seen_habitat
from ltnb.critters.species import WORLDS, species_world

PLAIN = TEXTURES.index("plain")

FROZEN = {"critters-1": "d0f97cea54ee353a"}  # of the difficulty and the species of all four worlds
MEANS = {
    "critters-1": {  # of red, green and blue, then of four strips from top to bottom, over 32 pictures, in 0..1
        "lt": (0.4242, 0.4018, 0.3492, 0.4198, 0.4052, 0.3700, 0.3719),
        "latin": (0.4396, 0.4495, 0.4203, 0.4684, 0.4529, 0.4134, 0.4113),
        "calibration": (0.4594, 0.4695, 0.4412, 0.4873, 0.4679, 0.4370, 0.4347),
        "calibration_latin": (0.4202, 0.4260, 0.4062, 0.4374, 0.4340, 0.4207, 0.3777),
    }
}


def animals(n: int, seed: int = 0, **fixed: int) -> np.ndarray:
    """(n, 6) random attributes with some columns fixed."""
    rng = np.random.default_rng(seed)
    table = np.stack([rng.integers(len(values), size=n) for values in ATTRIBUTES.values()], 1)
    for name, value in fixed.items():
        table[:, list(ATTRIBUTES).index(name)] = value
    table[:, 3] = np.where(table[:, 2] == table[:, 3], (table[:, 3] + 1) % len(COLOURS), table[:, 3])
    return table


def changed_pixels(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    """(N,) how many pixels differ clearly."""
    return ((a.int() - b.int()).abs().amax(1) > 24).flatten(1).sum(1).numpy()


def test_the_world_is_as_rich_as_it_says():
    assert len(SHAPES) >= 10
    assert len(TEXTURES) == 8
    assert len(COLOURS) == len(RGB) == 11
    assert len(LIMBS) == 7
    assert len(HABITATS) == 8
    assert set(STYLES) == {"photo", "sketch", "cutout", "mockup"}
    for values in (*ATTRIBUTES.values(), *FINE_ATTRIBUTES.values()):
        assert len(set(values)) == len(values)


def test_difficulty_and_species_are_frozen_with_the_world_version():
    digest = hashlib.sha256(repr(WORLD).encode())
    for world in WORLDS:
        species = species_world(world)
        tables = [table.tolist() for table in (species.table, species.fine, species.family)]
        digest.update(repr((species.names, *tables)).encode())
    assert FROZEN.get(WORLD_VERSION) == digest.hexdigest()[:16], (
        f"the world {WORLD_VERSION} changed: raise WORLD_VERSION and enter {digest.hexdigest()[:16]!r} for it here"
    )


@pytest.mark.parametrize("world", WORLDS)
def test_pictures_are_frozen_with_the_world_version(world):
    """Means of many pixels, so that another processor's rounding of some does not matter."""
    species, rows = species_world(world), np.arange(32)
    traits = Traits.of(species.table[rows], species.fine[rows])
    pictures = render(render_seed(world, "test", 0), CLASS_STRIDE * rows, traits).double() / 255
    strips = pictures.unflatten(2, (4, SIZE // 4)).mean((0, 1, 3, 4))
    found = [*pictures.mean((0, 2, 3)).tolist(), *strips.tolist()]
    assert found == pytest.approx(MEANS[WORLD_VERSION][world], abs=0.0005), (
        f"the pictures of {WORLD_VERSION} changed: raise WORLD_VERSION and enter their means here"
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
    traits = Traits.of(animals(n), style=np.arange(n) % len(STYLES))
    together = render(3, np.arange(n) * 977, traits)
    order = np.random.default_rng(batch).permutation(n)[: 3 * batch if batch == 1 else n]
    parts = [render(3, o * 977, traits.take(o)) for o in np.array_split(order, max(len(order) // batch, 1))]
    assert torch.equal(torch.cat(parts), together[order])


@pytest.mark.parametrize("column", range(6))
def test_each_attribute_changes_the_picture(column):
    n = 32
    table = animals(n, seed=column)
    if column in (1, 3):  # a change among patterns, or of the colour that patterns show
        table[:, 1] = 1 + table[:, 1] % (len(TEXTURES) - 1)
    other = table.copy()
    size = len(list(ATTRIBUTES.values())[column])
    other[:, column] = (table[:, column] + 1 + np.arange(n) % (size - 1)) % size
    calm = replace(WORLD, home=1.0)  # everyone at home, or a change of habitat would not show
    difference = changed_pixels(
        render(1, np.arange(n), Traits.of(table), calm), render(1, np.arange(n), Traits.of(other), calm)
    )
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


def test_free_attributes_are_those_that_fine_traits_tells():
    n = 48
    table = animals(n)
    free = Traits.of(table)
    marking, length, scale = fine_traits(11, np.arange(n), free)
    assert set(marking) == {0, 1, 2, 3}
    told = Traits.of(table, np.stack([marking, length, scale], 1))
    assert torch.equal(render(11, np.arange(n), free), render(11, np.arange(n), told))


def test_the_seen_habitat_is_the_one_that_is_told():
    n = 48
    table = animals(n)
    moved = table.copy()
    moved[:, 5] = seen_habitat(12, np.arange(n), table[:, 5])
    assert 0.1 < (moved[:, 5] != table[:, 5]).mean() < 0.7
    at_home = render(12, np.arange(n), Traits.of(moved), replace(WORLD, home=1.0))
    assert torch.equal(render(12, np.arange(n), Traits.of(table)), at_home)


def test_habitats_mix_as_home_says():
    n = 20_000
    seen = seen_habitat(4, np.arange(n), np.full(n, 2))
    rates = np.bincount(seen, minlength=len(HABITATS)) / n
    expected = np.full(len(HABITATS), (1 - WORLD.home) / len(HABITATS))
    expected[2] += WORLD.home
    assert (np.abs(rates - expected) < 4 * np.sqrt(expected * (1 - expected) / n)).all()


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
