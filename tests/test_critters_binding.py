"""Whose colour is whose: the pictures that are asked for, and the right and wrong sentences."""

from __future__ import annotations

import numpy as np
import pytest

from ltnb.critters.attributes import ATTRIBUTES, SURROUNDINGS, Traits
from ltnb.critters.binding import ONE_WORD, RIGHT, SAME_WORDS, TESTS, Pairs, draw_pairs
from ltnb.critters.individuals import shown

N = 6000


@pytest.fixture(scope="module")
def pairs():
    return draw_pairs(N, np.random.default_rng(0))


def test_sentences_of_one_picture():
    """A red cat beside an orange frog; no bear and no blue."""
    numbers = {"animal": 3, "colour": 0, "companion": 11, "companion_colour": 1, "absent": 8, "absent_colour": 4}
    one = Pairs(**{name: np.array([v]) for name, v in {**numbers, "limbs": 0, "limb_colour": 7}.items()})
    assert {test: text for test, (text,) in one.sentences().items()} == {
        "right": "a photo of a red cat beside an orange frog.",
        "same words, colours swapped": "a photo of a orange cat beside a red frog.",
        "same words, animals swapped": "a photo of a orange frog beside a red cat.",
        "companion in the other's colour": "a photo of a red cat beside a red frog.",
        "companion in nobody's colour": "a photo of a red cat beside a blue frog.",
        "companion of another kind": "a photo of a red cat beside an orange bear.",
    }


def test_wrong_sentences_have_the_same_words_or_one_other(pairs):
    texts = {test: [text.replace(" an ", " a ").split() for text in t] for test, t in pairs.sentences().items()}
    assert set(texts) == {RIGHT, *TESTS} == {RIGHT, *SAME_WORDS, *ONE_WORD}
    for test in TESTS:
        for right, wrong in zip(texts[RIGHT], texts[test], strict=True):
            assert right != wrong
            if test in SAME_WORDS:
                assert sorted(w.strip(".") for w in right) == sorted(w.strip(".") for w in wrong)
            else:
                assert sum(a != b for a, b in zip(right, wrong, strict=True)) == 1


def test_pictures_show_two_plain_animals_and_no_more(pairs):
    traits = Traits.of(pairs.table, surroundings=pairs.surroundings)
    seen = shown(1, np.arange(N), traits)._asdict()
    values = {**ATTRIBUTES, **SURROUNDINGS}
    words = {name: {values[name][i] for i in seen[name]} for name in values}
    assert words["texture"] == {"plain"}
    assert words["accessory"] == words["cover"] == {"none"}
    assert words["weather"] == {"clear"}
    assert words["habitat"] == set(SURROUNDINGS["habitat"])
    for name, own in {
        **{"shape": pairs.animal, "colour": pairs.colour, "companion": pairs.companion, "limbs": pairs.limbs},
        **{"companion_colour": pairs.companion_colour, "second_colour": pairs.limb_colour},
    }.items():
        assert np.array_equal(seen[name], own), name


def test_kinds_and_colours_are_even_and_differ_within_a_picture(pairs):
    kinds = np.stack([pairs.animal, pairs.companion, pairs.absent])
    colours = np.stack([pairs.colour, pairs.companion_colour, pairs.absent_colour, pairs.limb_colour])
    for rows, size in ((kinds, 12), (colours, 11)):
        assert all(len(set(column)) == len(rows) for column in rows.T)
        for each in rows:
            assert np.bincount(each, minlength=size) / N == pytest.approx(np.full(size, 1 / size), abs=0.02)
    assert len(set(pairs.limbs)) == 7
    again = draw_pairs(N, np.random.default_rng(0))
    assert np.array_equal(again.table, pairs.table)
    with pytest.raises(ValueError, match="count must be an integer >= 1"):
        draw_pairs(0, np.random.default_rng(0))
