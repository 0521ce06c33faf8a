"""Captions of the pre-training stream: how often they tell what, how often they are wrong, how they vary."""

from __future__ import annotations

import numpy as np
import pytest

from ltnb.critters import captions as module
from ltnb.critters.attributes import ATTRIBUTES, STYLES

N = 20_000
MENTIONED = {"shape": 0.92, "texture": 0.6, "colour": 0.62, "second_colour": 0.42, "limbs": 0.52, "habitat": 0.35}


@pytest.fixture(scope="module")
def stream():
    """Captions, attributes (N, 6) and styles (N,) of a stream, and the words that each caption tells (None: none)."""
    told: list[dict[str, str] | None] = []
    phrase, caption = module.noun_phrase, module.caption

    def noted_phrase(words, rng):
        told[-1] = dict(words)
        return phrase(words, rng)

    def noted_caption(row, style, rng):
        told.append(None)
        return caption(row, style, rng)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "noun_phrase", noted_phrase)
        patch.setattr(module, "caption", noted_caption)
        patch.setattr(module, "render", lambda seed, indices, traits, difficulty: traits)
        traits, captions, table = module.stream_batch(990_002, 0, N)
    return captions, table, traits.style, told


def near(share: float, count: int):
    """A share of `count` draws within four standard errors."""
    return pytest.approx(share, abs=4 * (share * (1 - share) / count) ** 0.5)


def test_captions_are_partly_wrong(stream):
    _, table, _, told = stream
    assert module.WRONG == 0.06
    for column, (name, values) in enumerate(ATTRIBUTES.items()):
        pairs = [(words[name], values[table[i, column]]) for i, words in enumerate(told) if words and name in words]
        wrong = float(np.mean([said != true for said, true in pairs]))
        assert wrong == near(0.06 * (1 - 1 / len(values)), len(pairs)), name  # a drawn word may happen to be true


def test_captions_tell_some_of_what_is_seen(stream):
    _, _, style, told = stream
    for name, share in MENTIONED.items():
        may = [
            words for words, s in zip(told, style, strict=True) if words is not None and not (name == "habitat" and s)
        ]
        assert float(np.mean([name in words for words in may])) == near(share, len(may)), name
    assert not any(words and "habitat" in words for words, s in zip(told, style, strict=True) if s)


def test_some_captions_are_pure_noise(stream):
    captions, _, _, told = stream
    noise = [caption for caption, words in zip(captions, told, strict=True) if words is None]
    assert len(noise) / N == near(0.04, N)
    words = {word for values in ATTRIBUTES.values() for word in values}
    assert not any(words & set(caption.lower().replace(",", " ").split()) for caption in noise)


def test_some_pictures_are_in_other_styles(stream):
    _, _, style, _ = stream
    shares = np.bincount(style, minlength=len(STYLES)) / N
    assert shares[0] == near(0.88, N)
    assert all(share == near(0.04, N) for share in shares[1:])


def test_captions_vary(stream):
    captions, _, _, told = stream
    assert len(set(captions)) > 0.9 * N
    for caption, words in zip(captions, told, strict=True):
        if words and "shape" in words:
            assert words["shape"] in caption
