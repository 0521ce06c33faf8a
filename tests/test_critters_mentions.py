"""How often captions mention what is there: against the words that each caption was made of, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ltnb.critters import captions as stream
from ltnb.critters.attributes import ATTRIBUTES, OUTDOORS, SURROUNDINGS
from ltnb.critters.mentions import mentions

COLUMNS = {**ATTRIBUTES, **SURROUNDINGS}
BARE = {"companion": "none", "accessory": "none", "weather": "clear", "cover": "none"}


def row(**values: str) -> list[int]:
    """One row of a table of the stream, from words; what is not given is the first value or not there."""
    return [words.index(values.get(name, BARE.get(name, words[0]))) for name, words in COLUMNS.items()]


def test_the_share_is_that_of_the_words_that_captions_are_made_of(monkeypatch):
    told, phrase, caption = [], stream.noun_phrase, stream.caption

    def noted_phrase(words, rng):
        told[-1] = dict(words)
        return phrase(words, rng)

    def noted_caption(*arguments):
        told.append({})
        return caption(*arguments)

    monkeypatch.setattr(stream, "noun_phrase", noted_phrase)
    monkeypatch.setattr(stream, "caption", noted_caption)
    monkeypatch.setattr(stream, "render", lambda *arguments: None)
    _, captions, table = stream.stream_batch(7, 0, 6000)
    style = stream.stream_style(7, np.arange(6000))
    assert np.bincount(style)[1:] / 6000 == pytest.approx(np.full(3, 0.04), abs=0.01)
    found = mentions(captions, table, style)
    assert list(found) == ["shape", "texture", "limbs", "habitat", "companion", "accessory", "weather", "cover"]
    shape, companion = (table[:, list(COLUMNS).index(name)] for name in ("shape", "companion"))
    for name, each in found.items():
        words, column = COLUMNS[name], table[:, list(COLUMNS).index(name)]
        rows = [i for i in range(6000) if words[column[i]] not in ("none", "clear") and shape[i] != companion[i]]
        rows = [i for i in rows if style[i] == 0 or name not in OUTDOORS]
        share = np.mean([told[i].get(name) == words[column[i]] for i in rows])
        assert each.pictures == len(rows)
        assert each.share == pytest.approx(share, abs=0.01), name  # a filler word may be that of an attribute


@pytest.mark.parametrize(
    ("caption", "name", "said"),
    [
        ("a photo of a cat.", "shape", True),
        ("a photo of a starfish.", "shape", False),
        ("my leopard cat", "texture", True),
        ("my tiger cat", "texture", False),
        ("a bluehorn cat", "limbs", True),
        ("a blue-horned cat", "limbs", True),
        ("a cat with horns", "limbs", True),
        ("a cat with wings", "limbs", False),
        ("a cat in the snow", "habitat", True),
        ("a snow cat", "habitat", False),
        ("a cat next to a red frog", "companion", True),
        ("a cat together with a frog.", "companion", True),
        ("a frog", "companion", False),
        ("a cat under an umbrella", "accessory", True),
        ("an umbrella of a cat", "accessory", False),
        ("a cat on a foggy day", "weather", True),
        ("a cat behind some grass", "cover", True),
        ("a cat in the grass", "cover", False),
    ],
)
def test_a_caption_mentions_it_in_one_of_its_forms(caption, name, said):
    shown = {
        **{"shape": "cat", "texture": "spotted", "limbs": "horns", "habitat": "snow", "companion": "frog"},
        **{"accessory": "umbrella", "weather": "fog", "cover": "grass"},
    }
    found = mentions([caption], np.array([row(**shown)]), [0])[name]
    assert (found.pictures, found.share) == (1, float(said))


def test_what_is_not_there_is_not_counted():
    shown = np.array([row(shape="cat"), row(shape="cat", cover="leaf")])
    found = mentions(["a cat behind a leaf", "a cat"], shown, [0, 0])
    assert (found["cover"].pictures, found["cover"].share) == (1, 0.0)
    assert found["accessory"].pictures == 0
    assert np.isnan(found["accessory"].share)
    twins = mentions(["a cat beside a cat"], np.array([row(shape="cat", companion="cat")]), [0])
    assert {each.pictures for each in twins.values()} == {0}


def test_a_sketch_shows_no_surroundings_but_a_companion():
    shown = np.array([row(companion="frog", accessory="hat", weather="fog", cover="grass")] * 2)
    found = mentions(["a fish", "a sketch of a fish"], shown, [0, 1])
    assert {name: each.pictures for name, each in found.items()} == {
        **dict.fromkeys(("shape", "texture", "limbs", "companion", "accessory"), 2),
        **dict.fromkeys(OUTDOORS, 1),
    }


def test_styles_are_those_of_the_pictures(monkeypatch):
    drawn = []
    monkeypatch.setattr(stream, "render", lambda seed, indices, traits, difficulty: drawn.append(traits.style))
    stream.stream_batch(7, 100, 300)
    assert np.array_equal(drawn[0], stream.stream_style(7, np.arange(100, 400)))


def test_a_table_of_another_length_is_named():
    with pytest.raises(ValueError, match=r"table must be of shape \(1, 11\)"):
        mentions(["a cat"], np.zeros((2, 11), dtype=int), [0])
    with pytest.raises(ValueError, match=r"style must be of shape \(1,\)"):
        mentions(["a cat"], np.array([row()]), [0, 0])
