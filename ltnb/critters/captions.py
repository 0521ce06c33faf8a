"""The pre-training stream: random critters of the broad world with web-like captions, varied and partly wrong.

Also the word stock from which every other text about critters is written, so that no method can succeed by spotting
unknown words.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from ltnb.critters.attributes import (
    ATTRIBUTES,
    COLOURS,
    LIMBS,
    NONE,
    OUTDOORS,
    RARE,
    SHAPES,
    STYLES,
    SURROUNDINGS,
    Traits,
    combination_code,
    uniforms,
)
from ltnb.critters.individuals import NO, WORLD, Difficulty
from ltnb.critters.render import render
from ltnb.critters.species import excluded_combinations
from ltnb.critters.words import (
    ACCESSORY_PHRASES,
    BESIDE,
    COVER_PHRASES,
    EPITHETS,
    HABITAT_PHRASES,
    HISTORY,
    LIMB_ADJECTIVES,
    LIMB_SINGULAR,
    PLACES,
    PUBLISHING,
    TEXTURE_NOUNS,
    WEATHER_PHRASES,
    WORD_STOCK,
    with_article,
)

PHOTO_TEMPLATES = (
    "a photo of a {}.", "a photo of the {}.", "a picture of a {}.", "a bad photo of the {}.", "a good photo of a {}.",
    "itap of a {}.", "a photo of the large {}.", "a photo of the small {}.", "a close-up photo of a {}.", "{}",
    "my {}.",
    "look at this {}!", "art of the {}.", "a {} in the video game.", "a origami {}.", "one {}, seen today.",
)  # fmt: skip
STYLE_TEMPLATES = {
    "sketch": ("a sketch of a {}.", "a pencil drawing of a {}.", "{} sketch"),
    "cutout": ("a cut-out of a {}.", "{} on white", "a {} on a white background."),
    "mockup": ("a mock-up of a {}.", "a toy {}.", "{} mock-up"),
}


def noun_phrase(words: dict[str, str], rng: np.random.Generator) -> str:
    """A noun phrase of what is mentioned, e.g. ``striped red cat with blue horns beside a pink rabbit in the snow``."""
    texture = words.get("texture")
    if texture and rng.random() < 0.2:
        texture = EPITHETS[texture]
    front = [word for word in (texture, words.get("colour")) if word]
    if len(front) == 2 and rng.random() < 0.25:
        front.reverse()
    shape, limbs, second = words.get("shape"), words.get("limbs"), words.get("second_colour")
    tail = ""
    if limbs and second:
        form = rng.random()
        if form < 0.35:
            front.append(f"{second}-{LIMB_ADJECTIVES[limbs]}")
        elif form < 0.55:
            front.append(f"{second}{LIMB_SINGULAR[limbs]}")
        else:
            tail = f" with {second} {limbs}"
    elif limbs:
        if rng.random() < 0.5:
            front.append(LIMB_ADJECTIVES[limbs])
        else:
            tail = f" with {limbs}"
    elif second and "colour" in words:
        both = "-and-" if rng.random() < 0.4 else " and "
        front[front.index(words["colour"])] = f"{words['colour']}{both}{second}"
    phrase = " ".join([*front, shape or ("critter", "animal", "creature")[rng.integers(3)]]) + tail
    return phrase + _around(words, rng)


def _around(words: dict[str, str], rng: np.random.Generator) -> str:
    """What is said of the surroundings, in random order, with a blank before each part."""
    parts = []
    if "companion" in words:
        colour = words.get("companion_colour")
        other = f"{colour} {words['companion']}" if colour else words["companion"]
        parts.append(f"{BESIDE[rng.integers(len(BESIDE))]} {with_article(other)}")
    if "accessory" in words:
        forms = ACCESSORY_PHRASES[words["accessory"]]
        parts.append(forms[rng.integers(len(forms))])
    if "habitat" in words:
        parts.append(HABITAT_PHRASES[words["habitat"]])
    if "weather" in words:
        forms = WEATHER_PHRASES[words["weather"]]
        parts.append(forms[rng.integers(len(forms))])
    if "cover" in words:
        parts.append(COVER_PHRASES[words["cover"]])
    if len(parts) > 1 and rng.random() < 0.4:
        parts = [parts[i] for i in rng.permutation(len(parts))]
    return "".join(f" {part}" for part in parts)


def noise_text(rng: np.random.Generator) -> str:
    """A few words of history, publishing and places, as around pictures on the web."""
    place, thing, print_ = (stock[rng.integers(len(stock))] for stock in (PLACES, HISTORY, PUBLISHING))
    year = int(rng.integers(1400, 2025))
    forms = (
        f"{place} {thing}, {year}",
        f"{print_} {rng.integers(100)}, {place}",
        f"ISBN {rng.integers(1000)} {rng.integers(100)} {rng.integers(10)}",
        f"the {thing} of {place}",
        f"{print_} from the {thing}, {place} {year}",
    )
    return forms[rng.integers(len(forms))]


def _stock_text(rng: np.random.Generator, count: int) -> str:
    return " ".join(WORD_STOCK[i] for i in rng.integers(len(WORD_STOCK), size=count))


_MENTION = {
    **{"shape": 0.94, "texture": 0.66, "colour": 0.68, "second_colour": 0.5, "limbs": 0.58},
    **{"habitat": 0.55, "companion": 0.75, "companion_colour": 0.8, "accessory": 0.4, "weather": 0.4, "cover": 0.15},
}
"""How often a caption mentions what is there; the colour of a companion only where the companion is mentioned."""
_UNSAID = (NONE, "clear")
WRONG = 0.06
"""How often a mentioned word is another one than the picture's."""
_MAY_BE_SAID = {**ATTRIBUTES, **SURROUNDINGS}


def caption(row: np.ndarray, style: int, rng: np.random.Generator, talk: float = 1.0) -> str:
    """One caption of a picture with attributes and surroundings `row` (11,): some are told, a few of them wrongly."""
    chance = rng.random()
    if chance < 0.04:
        return noise_text(rng)
    words: dict[str, str] = {}
    for column, (name, values) in enumerate(_MAY_BE_SAID.items()):
        there = values[row[column]] not in _UNSAID and not (style and name in OUTDOORS)
        usual = _MENTION[name] * (talk if name in SURROUNDINGS and name != "companion_colour" else 1.0)
        if not there or rng.random() >= usual or (name == "companion_colour" and "companion" not in words):
            continue
        options = [value for value in values if value not in _UNSAID]
        words[name] = options[rng.integers(len(options))] if rng.random() < WRONG else values[row[column]]
    phrase = noun_phrase(words, rng)
    templates = STYLE_TEMPLATES[STYLES[style]] if style and rng.random() < 0.7 else PHOTO_TEMPLATES
    text = templates[rng.integers(len(templates))].format(phrase)
    if chance < 0.1:
        text = f"{text} {noise_text(rng)}"
    elif chance < 0.15:
        text = f"{_stock_text(rng, int(rng.integers(2, 6)))} {phrase} {_stock_text(rng, int(rng.integers(1, 5)))}"
    elif chance < 0.18 and "texture" in words:
        text = f"{phrase} and {TEXTURE_NOUNS[words['texture']]}"
    elif chance < 0.2 and "limbs" in words:
        text = f"{phrase}, {LIMB_SINGULAR[words['limbs']]}"
    return text


@lru_cache(maxsize=1)
def _weights() -> list[np.ndarray]:
    """Cumulative probabilities of the values of each column; rare concepts get an eighth of the usual share.

    Of companions and accessories those of the kinds; whether there is one is drawn apart.
    """
    result = []
    for name, values in _MAY_BE_SAID.items():
        rare = RARE.get({"second_colour": "colour", "companion_colour": "colour", "companion": "shape"}.get(name, name))
        weight = np.array([0.125 if value == rare else 1.0 for value in values if value not in _UNSAID])
        result.append(np.cumsum(weight / weight.sum()))
    return result


def stream_table(seed: int, indices: np.ndarray) -> np.ndarray:
    """What pre-training pictures show: (N, 11) int64, the attributes, then the surroundings.

    The attributes are no combination of any species. Companion, accessory, weather and cover are those of pictures that
    have one.
    """
    excluded = excluded_combinations()
    table = np.empty((len(indices), len(_MAY_BE_SAID)), dtype=np.int64)
    sizes = np.array([len(weights) for weights in _weights()])
    todo = np.arange(len(indices))
    for attempt in range(64):
        u = uniforms(seed, np.asarray(indices)[todo], len(_MAY_BE_SAID), stream=100 + attempt)
        draw = np.stack([np.searchsorted(w, u[:, i], side="right") for i, w in enumerate(_weights())], 1)
        table[todo] = np.minimum(draw, sizes - 1)
        bad = np.isin(combination_code(table[todo]), excluded) | (table[todo, 2] == table[todo, 3])
        todo = todo[bad]
        if not len(todo):
            break
    else:  # pragma: no cover
        raise RuntimeError("could not draw combinations outside the species")
    table[:, list(_MAY_BE_SAID).index("weather")] += 1  # after "clear"
    return table


def stream_style(seed: int, indices: np.ndarray) -> np.ndarray:
    """The style of pre-training pictures: (N,) int64, places in :data:`~ltnb.critters.attributes.STYLES`; 0 is a photo.

    Args:
        seed: of the stream.
        indices: (N,) numbers of the pictures.
    """
    chance = uniforms(seed, indices, 2, stream=1)
    return np.where(chance[:, 0] < 0.12, 1 + (chance[:, 1] * 3).astype(np.int64), 0)


def stream_batch(
    seed: int, start: int, size: int, difficulty: Difficulty = WORLD
) -> tuple[torch.Tensor, list[str], np.ndarray]:
    """Pictures, captions and what is shown, number `start` to `start + size` of the pre-training stream.

    Args:
        seed: of the stream.
        start: number of the first pair.
        size: how many.
        difficulty: of the pictures; pre-training begins with easier ones.

    Returns:
        uint8 (size, 3, 64, 64); `size` captions; (size, 11) attributes and surroundings, to be seen in photos.
    """
    indices = np.arange(start, start + size)
    table = stream_table(seed, indices)
    chance = uniforms(seed, indices, 6, stream=1)
    style = stream_style(seed, indices)
    absent = {"companion": NO["companion"], "accessory": NO["accessory"], "weather": 0, "cover": NO["cover"]}
    for i, (name, value) in enumerate(absent.items()):
        table[chance[:, 2 + i] >= getattr(difficulty, name), list(_MAY_BE_SAID).index(name)] = value
    rng = np.random.default_rng([seed, start, size])
    captions = [caption(row, int(s), rng, difficulty.talk) for row, s in zip(table, style, strict=True)]
    split = len(ATTRIBUTES)
    traits = Traits.of(table[:, :split], surroundings=table[:, split:], style=style)
    return render(seed, indices, traits, difficulty), captions, table


def vocabulary_texts() -> list[str]:
    """Texts that together use every word and number form of the stream and of the texts about critters."""
    words = [value for values in _MAY_BE_SAID.values() for value in values]
    words += [*LIMB_ADJECTIVES.values(), *LIMB_SINGULAR.values(), *TEXTURE_NOUNS.values(), *HABITAT_PHRASES.values()]
    words += [*EPITHETS.values(), *COVER_PHRASES.values(), *BESIDE]
    words += [
        phrase for forms in (ACCESSORY_PHRASES, WEATHER_PHRASES) for options in forms.values() for phrase in options
    ]
    words += [f"{colour}-{limb}" for colour in COLOURS for limb in LIMB_ADJECTIVES.values()]
    words += [f"{colour}{limb}" for colour in COLOURS for limb in LIMB_SINGULAR.values()]
    words += [f"{a}-and-{b}" for a in COLOURS for b in COLOURS]
    words += [t.format("critter") for t in PHOTO_TEMPLATES] + [
        t.format("animal") for ts in STYLE_TEMPLATES.values() for t in ts
    ]
    words += [
        *PLACES,
        *HISTORY,
        *PUBLISHING,
        *WORD_STOCK,
        *(str(n) for n in range(1000)),
        *(str(n) for n in range(1400, 2025)),
        "creature",
    ]
    return [
        *words,
        *(f"{w}." for w in words),
        *(f"{w}," for w in words),
        ".",
        ",",
        "!",
        "-",
        *(f"{s}s" for s in SHAPES),
        *LIMBS,
    ]
