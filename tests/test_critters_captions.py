"""Captions of the pre-training stream: how often they tell what, how often they are wrong, how they vary."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from critter_words import COLOURS, SHAPES, read

from ltnb.critters import captions as module
from ltnb.critters.attributes import ATTRIBUTES, FINE_ATTRIBUTES, OUTDOORS, STYLES, SURROUNDINGS, Traits
from ltnb.critters.individuals import EASY, WORLD, Difficulty, shown
from ltnb.critters.render import render

N = 20_000
SEED = 990_002
MENTIONED = {
    **{"shape": 0.94, "texture": 0.66, "colour": 0.68, "second_colour": 0.5, "limbs": 0.58},
    **{"habitat": 0.55, "companion": 0.75, "companion_colour": 0.8, "accessory": 0.4, "weather": 0.4, "cover": 0.15},
}
"""Share of the captions of pictures that show it; of a companion's colour where the companion is mentioned."""
WRONG = 0.06
COLUMNS = {**ATTRIBUTES, **SURROUNDINGS}
UNSAID = ("none", "clear")
PHRASES = {
    "habitat": {
        **{"meadow": "in a meadow", "desert": "in the desert", "sea": "in the sea", "snow": "in the snow"},
        **{"night": "at night", "forest": "in a forest", "cave": "in a cave", "city": "in the city"},
    },
    "accessory": {
        **{"hat": "(?:wearing|in|with) a hat", "crown": "(?:wearing|with) a crown", "flag": "(?:holding|with) a flag"},
        **{"glasses": "(?:wearing|with) glasses", "balloon": "(?:holding|with) a balloon"},
        **{"umbrella": "(?:holding|under) an umbrella"},
    },
    "weather": {
        **{"rain": "(?:in the rain|on a rainy day)", "fog": "(?:in the fog|on a foggy day)"},
        **{"dusk": "(?:at dusk|in the evening light)"},
    },
    "cover": {
        **{"leaf": "behind a leaf", "rock": "behind a rock", "branch": "behind a branch"},
        **{"grass": "behind some grass"},
    },
}
COMPANION = rf"(?:beside|next to|near|and|together with) an? (?:({'|'.join(COLOURS)}) )?({'|'.join(SHAPES)})\b"


Told = list[dict[str, str] | None]


def captioned(count: int, difficulty: Difficulty = WORLD) -> tuple[list[str], np.ndarray, np.ndarray, Told, tuple]:
    """Captions, what is shown (N, 11) and styles (N,) of a stream, and the words that each caption tells (None: none).

    And what was to be rendered: seed, numbers, traits and difficulty.
    """
    told: Told = []
    drawn = []
    phrase, caption = module.noun_phrase, module.caption

    def noted_phrase(words, rng):
        told[-1] = dict(words)
        return phrase(words, rng)

    def noted_caption(*arguments):
        told.append(None)
        return caption(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "noun_phrase", noted_phrase)
        patch.setattr(module, "caption", noted_caption)
        patch.setattr(module, "render", lambda *arguments: drawn.append(arguments))
        _, captions, table = module.stream_batch(SEED, 0, count, difficulty)
    return captions, table, drawn[0][2].style, told, drawn[0]


@pytest.fixture(scope="module")
def stream():
    return captioned(N)


def near(share: float, count: int):
    """A share of `count` draws within four standard errors."""
    return pytest.approx(share, abs=4 * (share * (1 - share) / count) ** 0.5)


def is_there(table: np.ndarray, style: np.ndarray, name: str) -> np.ndarray:
    """Which pictures show something of a kind at all."""
    values = COLUMNS[name]
    absent = [i for i, value in enumerate(values) if value in UNSAID]
    seen = ~np.isin(table[:, list(COLUMNS).index(name)], absent)
    return seen & (style == 0) if name in OUTDOORS else seen


def test_captions_are_partly_wrong(stream):
    _, table, _, told, _ = stream
    assert module.WRONG == WRONG
    for column, (name, values) in enumerate(COLUMNS.items()):
        pairs = [(words[name], values[table[i, column]]) for i, words in enumerate(told) if words and name in words]
        wrong = float(np.mean([said != true for said, true in pairs]))
        words = len([value for value in values if value not in UNSAID])
        assert wrong == near(WRONG * (1 - 1 / words), len(pairs)), name  # a drawn word may happen to be true


def check_mentions(table: np.ndarray, style: np.ndarray, told: Told, talk: float) -> None:
    for name, share in MENTIONED.items():
        there = is_there(table, style, name)
        may = [words for words, seen in zip(told, there, strict=True) if words is not None and seen]
        if name == "companion_colour":
            may = [words for words in may if "companion" in words]
        assert len(may) > 500, name
        share *= talk if name in SURROUNDINGS and name != "companion_colour" else 1
        assert float(np.mean([name in words for words in may])) == near(share, len(may)), name


def test_captions_tell_some_of_what_is_seen(stream):
    _, table, style, told, _ = stream
    check_mentions(table, style, told, 1.0)


def test_captions_of_easier_pictures_say_less_of_the_surroundings():
    _, table, style, told, _ = captioned(8000, replace(WORLD, talk=0.5))
    check_mentions(table, style, told, 0.5)
    _, _, _, told, _ = captioned(2000, replace(WORLD, talk=0.0))
    assert not any(words and set(words) & set(SURROUNDINGS) for words in told)
    assert EASY.talk == 0
    assert WORLD.talk == 1


def test_what_is_not_there_is_not_mentioned(stream):
    _, table, style, told, _ = stream
    for name in ("companion", "accessory", "weather", "cover", "habitat"):
        absent = ~is_there(table, style, name)
        assert absent.sum() > 1000
        assert not any(words and name in words for words, away in zip(told, absent, strict=True) if away), name
    assert not any(words and "companion_colour" in words and "companion" not in words for words in told)
    assert not {value for words in told if words for value in words.values()} & set(UNSAID)


def test_the_letters_of_a_caption_say_what_it_is_said_to_tell(stream):
    captions, _, _, told, _ = stream
    for text, words in zip(captions, told, strict=True):
        words, text = words or {}, text.lower()
        for name, phrases in PHRASES.items():
            found = {value for value, phrase in phrases.items() if re.search(phrase, text)}
            assert found == ({words[name]} if name in words else set()), text
        letters = set(re.findall(r"[a-z]+", text))
        assert letters & {"hat", "crown", "glasses", "balloon", "umbrella", "flag"} == {
            words[name] for name in ("accessory",) if name in words
        }, text
        animals = {words[name] for name in ("shape", "companion") if name in words}
        assert (letters & set(SHAPES)) - {"bear"} == animals - {"bear"}, text  # a bear is also a verb of the stock
        if "companion" in words:
            assert (words.get("companion_colour", ""), words["companion"]) in re.findall(COMPANION, text), text
        else:
            assert not re.findall(COMPANION, text), text


def test_captions_say_what_is_drawn(stream):
    """What goes to the renderer is the table that is returned, and the renderer draws just that."""
    _, table, style, _, (seed, numbers, traits, difficulty) = stream
    assert (seed, difficulty) == (SEED, WORLD)
    assert np.array_equal(numbers, np.arange(N))
    seen = shown(seed, numbers, traits, difficulty)
    for column, name in enumerate(COLUMNS):
        assert np.array_equal(getattr(traits, name), table[:, column])
        assert np.array_equal(getattr(seen, name), table[:, column])
    assert all((getattr(traits, name) == -1).all() for name in FINE_ATTRIBUTES)  # no caption mentions them
    pictures, _, some = module.stream_batch(SEED, 0, 24)
    assert np.array_equal(some, table[:24])
    told = Traits.of(some[:, :5], surroundings=some[:, 5:], style=style[:24])
    assert bool((pictures == render(SEED, np.arange(24), told)).all())


@pytest.mark.parametrize("difficulty", [WORLD, EASY, replace(WORLD, companion=0.3, accessory=0.9)])
def test_the_stream_has_companions_as_often_as_the_difficulty_says(difficulty):
    n = 4000
    _, table, *_ = captioned(n, difficulty)
    for name in ("companion", "accessory", "weather", "cover"):
        there = is_there(table, np.zeros(n), name)
        assert float(there.mean()) == near(getattr(difficulty, name), n), name


def test_the_animals_of_the_stream_do_not_depend_on_the_batch():
    pictures, _, table = module.stream_batch(7, 0, 24)
    later, _, rows = module.stream_batch(7, 16, 8)
    assert np.array_equal(rows, table[16:])
    assert bool((later == pictures[16:]).all())


def test_a_noun_phrase_tells_its_words_and_no_others():
    """Every form that a phrase takes, read with other tables."""
    rng = np.random.default_rng(0)
    for _ in range(3000):
        words = {n: values[rng.integers(len(values))] for n, values in ATTRIBUTES.items() if rng.random() < 0.7}
        said, misleading = read(module.noun_phrase(words, rng))
        if {"colour", "limbs"}.isdisjoint(words):
            words.pop("second_colour", None)  # a second colour needs something to be the colour of
        assert said == words
        assert not misleading


def test_some_captions_are_pure_noise(stream):
    captions, _, _, told, _ = stream
    noise = [caption for caption, words in zip(captions, told, strict=True) if words is None]
    assert len(noise) / N == near(0.04, N)
    words = {word for values in COLUMNS.values() for word in values}
    assert not any(words & set(caption.lower().replace(",", " ").split()) for caption in noise)


def test_some_pictures_are_in_other_styles(stream):
    style = stream[2]
    shares = np.bincount(style, minlength=len(STYLES)) / N
    assert shares[0] == near(0.88, N)
    assert all(share == near(0.04, N) for share in shares[1:])


def test_captions_vary(stream):
    captions, _, _, told, _ = stream
    assert len(set(captions)) > 0.9 * N
    for caption, words in zip(captions, told, strict=True):
        if words and "shape" in words:
            assert words["shape"] in caption
