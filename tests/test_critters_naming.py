"""What a model can name: against an encoder that knows every prompt by heart, and a tiny CLIP of random weights."""

from __future__ import annotations

import clip_tiny
import numpy as np
import pytest
import torch
from critter_words import COLOURS, PLACES, SHAPES

from ltnb import clip
from ltnb.critters import naming as module
from ltnb.critters.attributes import Traits
from ltnb.critters.render import render

LIMBS = "wings fins legs stilts tentacles quills horns".split()
TEXTURES = "plain striped spotted checkered ringed patched zigzag netted".split()
IN_PLACES = {
    **{"meadow": "in a meadow", "desert": "in the desert", "sea": "in the sea", "snow": "in the snow"},
    **{"night": "at night", "forest": "in a forest", "cave": "in a cave", "city": "in the city"},
}
EXPECTED = {  # attribute -> the prompts of each of its values, written out
    "shape": [[f"a photo of a {w}."] for w in SHAPES],
    "texture": [[f"a photo of a {w} critter."] for w in TEXTURES],
    "colour": [[f"a photo of a {w} critter."] for w in COLOURS],
    "second_colour": [[f"a photo of a critter with {w} {limbs}." for limbs in LIMBS] for w in COLOURS],
    "limbs": [[f"a photo of a critter with {w}."] for w in LIMBS],
    "companion": [[f"a photo of a critter beside a {w}."] for w in SHAPES],
    "companion_colour": [[f"a photo of a critter beside a {w} {shape}." for shape in SHAPES] for w in COLOURS],
    "habitat": [[f"a photo of a critter {IN_PLACES[w]}."] for w in PLACES],
    "accessory": [
        [f"a photo of a critter {w}."]
        for w in (
            *("wearing a hat", "wearing a crown", "wearing glasses"),
            *("holding a balloon", "holding an umbrella", "holding a flag"),
        )
    ],
    "weather": [[f"a photo of a critter {w}."] for w in ("in the rain", "in the fog", "at dusk")],
    "cover": [[f"a photo of a critter behind {w}."] for w in ("a leaf", "a rock", "a branch", "some grass")],
}
PLACE_OF = {text: i for i, text in enumerate(text for v in EXPECTED.values() for texts in v for text in texts)}
RARE = {
    **{"shape": 10, "texture": 7, "colour": 5, "second_colour": 5, "limbs": 5, "habitat": 6},
    **{"companion": 10, "companion_colour": 5},
}


class ByHeart:
    """An encoder of texts with a dimension a prompt."""

    training = False

    def eval(self) -> None: ...

    def train(self, mode: bool = True) -> None: ...

    def encode_texts(self, texts):
        return torch.nn.functional.one_hot(torch.tensor([PLACE_OF[text] for text in texts]), len(PLACE_OF)).float()


def test_a_picture_is_right_where_its_nearest_prompt_is_that_of_what_it_shows():
    rng, n = np.random.default_rng(0), 400
    seen = {name: rng.integers(len(values), size=n) for name, values in EXPECTED.items()}
    seen["companion"], seen["accessory"] = rng.integers(13, size=n), rng.integers(7, size=n)  # the last one is none
    seen["weather"], seen["cover"] = rng.integers(4, size=n), rng.integers(5, size=n)  # weather 0 is clear
    x, said = torch.zeros(n, len(PLACE_OF)), {}
    for name, prompts in EXPECTED.items():
        true = seen[name] - (name == "weather")
        lie = rng.integers(len(prompts), size=n)
        said[name] = np.where((rng.random(n) < 0.7) & (true >= 0) & (true < len(prompts)), true, lie)
        for i, value in enumerate(said[name]):
            x[i, [PLACE_OF[text] for text in prompts[value]]] = 1.0
    found = module.name_attributes(ByHeart(), x, seen)
    assert list(found) == list(EXPECTED)
    for name, prompts in EXPECTED.items():
        true = seen[name] - (name == "weather")
        there = [i for i in range(n) if 0 <= true[i] < len(prompts)]
        if name == "companion_colour":
            there = [i for i in there if seen["companion"][i] != 12]
        right = [bool(said[name][i] == true[i]) for i in there]
        assert found[name].right.tolist() == right
        assert found[name].said.tolist() == [said[name][i] for i in there]
        assert found[name].chance == pytest.approx(100 / len(prompts))
        assert found[name].rare.tolist() == [bool(true[i] == RARE.get(name, -1)) for i in there]
        p = sum(right) / len(right)
        assert 0.5 < p < 0.95
        assert found[name].overall == pytest.approx(100 * p)
        some = found[name].where(np.arange(len(right)) < 10)
        assert (some.right.tolist(), some.chance) == (right[:10], found[name].chance)
        assert found[name].standard_errors == {"overall": pytest.approx(100 * (p * (1 - p) / len(right)) ** 0.5)}


def test_attributes_come_at_equal_rates_and_the_two_colours_differ():
    table = module.random_attributes(8000, np.random.default_rng(3))
    for column, size in zip(table.T, (12, 8, 11, 11, 7), strict=True):
        shares = np.bincount(column, minlength=size) / 8000
        assert len(shares) == size
        assert shares == pytest.approx(np.full(size, 1 / size), abs=0.02)
    assert (table[:, 2] != table[:, 3]).all()
    assert np.array_equal(table, module.random_attributes(8000, np.random.default_rng(3)))
    with pytest.raises(ValueError, match="count must be an integer >= 1"):
        module.random_attributes(0, np.random.default_rng(3))


def test_photographs_are_those_of_the_renderer_in_any_batches(tmp_path, monkeypatch):
    table = module.random_attributes(7, np.random.default_rng(1))
    around = np.full((7, 6), -1)
    around[:, 1:3] = [[2, 4]] * 7
    with clip_tiny.architectures(tmp_path):
        model = clip.load(clip_tiny.TINY, "random", precision="fp32", device="cpu")
        x, seen = module.photographs(model, table, around)
        monkeypatch.setattr(module, "_AT_ONCE", 3)
        torch.testing.assert_close(module.photographs(model, table, around)[0], x, rtol=1e-4, atol=1e-5)
        pictures = render(module.PHOTO_SEED, np.arange(7), Traits.of(table, surroundings=around))
        torch.testing.assert_close(x, model.encode_images(model.preprocess(pictures)).detach(), rtol=1e-4, atol=1e-5)
        free, drawn = module.photographs(model, table)
    assert not x.requires_grad
    assert not torch.equal(free, x)
    for i, name in enumerate(("shape", "texture", "colour", "second_colour", "limbs")):
        assert np.array_equal(seen[name], table[:, i])
    assert set(seen["companion"]) == {2}
    assert set(seen["companion_colour"]) == {4}
    assert len(set(drawn["companion"])) > 1
    assert min(values.min() for values in drawn.values()) >= 0
