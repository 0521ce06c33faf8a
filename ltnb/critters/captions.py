"""The pre-training stream: random critters of the broad world with web-like captions, varied and partly wrong.

Also the word stock from which every other text about critters is written, so that no method can succeed by spotting
unknown words.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from ltnb.critters.attributes import ATTRIBUTES, LIMBS, RARE, SHAPES, STYLES, Traits, combination_code, uniforms
from ltnb.critters.render import WORLD, Difficulty, render
from ltnb.critters.species import LIMB_ADJECTIVES, excluded_combinations

HABITAT_PHRASES = {
    "meadow": "in a meadow",
    "desert": "in the desert",
    "sea": "in the sea",
    "snow": "in the snow",
    "night": "at night",
    "forest": "in a forest",
    "cave": "in a cave",
    "city": "in the city",
}
LIMB_SINGULAR = {
    "wings": "wing",
    "fins": "fin",
    "legs": "foot",
    "stilts": "stilt",
    "tentacles": "tentacle",
    "quills": "quill",
    "horns": "horn",
}
TEXTURE_NOUNS = {
    "plain": "plain coat", "striped": "stripes", "spotted": "spots", "checkered": "checks", "ringed": "rings",
    "patched": "patches", "zigzag": "zigzag lines", "netted": "a net of lines",
}  # fmt: skip

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

PLACES = (
    "Lisbon",
    "Oslo",
    "Kyoto",
    "Lima",
    "Cairo",
    "Quito",
    "Bergen",
    "Porto",
    "Turin",
    "Ghent",
    "Perth",
    "Dover",
    "Basel",
    "Malta",
)
HISTORY = (
    "museum",
    "expedition",
    "king",
    "queen",
    "bishop",
    "harbour",
    "railway",
    "castle",
    "festival",
    "emperor",
    "market",
    "university",
    "library",
    "treaty",
)
PUBLISHING = (
    "ISBN",
    "paperback",
    "edition",
    "volume",
    "publisher",
    "stamp",
    "postcard",
    "catalogue",
    "journal",
    "printed",
    "reprinted",
    "chapter",
    "pages",
    "press",
)

WORD_STOCK = """
the a an and or of in on at to by for from with without over under near its it is are was were has have had be been
this that these those both all most many some few each every only also often rarely never always usually sometimes
about more less very much other another one two three adult adults young male males female females individual
individuals animal animals creature creatures species kind body coat back side head face tail belly skin pattern
colour colours mark marking limbs eyes surface front rear middle pale dark bright dull deep light long short small
large wide narrow round smooth coarse fine clear plain whole first second same different main known called named
described recorded reported recognised seen found lives live living lived wears wear carries carry shows show bears
bear covered cover decorated adorned marked painted shaped built moves move eats eat feeds feed sleeps sleep sings
sing hides hide likes like nests nest hunts hunt swims runs flies walks grows weighs reaches lays eggs day morning
evening winter summer spring year years century people local children farmers sailors collectors believed said written
stories songs tells tell tale story legend name names word meaning honour honours visited visit founded held opened
closed sold bought exported painted easily hard told apart by looking closely against above below across along around
where when while because although but not no unlike like as than can may could would should will do does did who which
what there here then now once home ground grass sand rock rocks water ice stars trees streets something anything looks
look resembles similar shy friendly quiet loud brave gentle old new famous common rare wild tame beautiful curious
soft warm cold
""".split()
"""Words of encyclopaedia sentences. Captions use them at a low rate, corpora and descriptors are written with them
alone (and the attribute words)."""


def noun_phrase(words: dict[str, str], rng: np.random.Generator) -> str:
    """A noun phrase from the attributes that are mentioned, e.g. ``striped red cat with blue horns in the snow``."""
    front = [words[k] for k in ("texture", "colour") if k in words]
    if len(front) == 2 and rng.random() < 0.25:
        front.reverse()
    shape, limbs, second = words.get("shape"), words.get("limbs"), words.get("second_colour")
    tail = ""
    if limbs and second:
        if rng.random() < 0.45:
            front.append(f"{second}-{LIMB_ADJECTIVES[limbs]}")
        else:
            tail = f" with {second} {limbs}"
    elif limbs:
        if rng.random() < 0.5:
            front.append(LIMB_ADJECTIVES[limbs])
        else:
            tail = f" with {limbs}"
    elif second and "colour" in words:
        front[front.index(words["colour"])] = f"{words['colour']} and {second}"
    phrase = " ".join([*front, shape or ("critter", "animal", "creature")[rng.integers(3)]]) + tail
    if "habitat" in words:
        phrase += " " + HABITAT_PHRASES[words["habitat"]]
    return phrase


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


_MENTION = {"shape": 0.92, "texture": 0.6, "colour": 0.62, "second_colour": 0.42, "limbs": 0.52, "habitat": 0.35}
WRONG = 0.06
"""How often a mentioned attribute is another one than the picture's."""


def caption(row: np.ndarray, style: int, rng: np.random.Generator) -> str:
    """One caption of a picture with attributes `row` (6,): some are told, a few of them wrongly."""
    luck = rng.random()
    if luck < 0.04:
        return noise_text(rng)
    words = {}
    for column, (name, values) in enumerate(ATTRIBUTES.items()):
        if rng.random() < _MENTION[name] and not (style and name == "habitat"):
            words[name] = values[rng.integers(len(values))] if rng.random() < WRONG else values[row[column]]
    phrase = noun_phrase(words, rng)
    templates = STYLE_TEMPLATES[STYLES[style]] if style and rng.random() < 0.7 else PHOTO_TEMPLATES
    text = templates[rng.integers(len(templates))].format(phrase)
    if luck < 0.14:
        text = f"{text} {noise_text(rng)}"
    elif luck < 0.2:
        text = f"{_stock_text(rng, int(rng.integers(2, 6)))} {phrase} {_stock_text(rng, int(rng.integers(1, 5)))}"
    elif luck < 0.23 and "texture" in words:
        text = f"{phrase} and {TEXTURE_NOUNS[words['texture']]}"
    elif luck < 0.25 and "limbs" in words:
        text = f"{phrase}, {LIMB_SINGULAR[words['limbs']]}"
    return text


@lru_cache(maxsize=1)
def _weights() -> list[np.ndarray]:
    """Cumulative probabilities of the values of each attribute; rare concepts get an eighth of the usual share."""
    result = []
    for name, values in ATTRIBUTES.items():
        weight = np.array(
            [0.125 if RARE.get("colour" if name == "second_colour" else name) == value else 1.0 for value in values]
        )
        result.append(np.cumsum(weight / weight.sum()))
    return result


def stream_table(seed: int, indices: np.ndarray) -> np.ndarray:
    """Attributes of pre-training pictures: (N, 6) int64, none of them a combination of any species."""
    excluded = excluded_combinations()
    table = np.empty((len(indices), len(ATTRIBUTES)), dtype=np.int64)
    todo = np.arange(len(indices))
    for attempt in range(64):
        u = uniforms(seed, np.asarray(indices)[todo], len(ATTRIBUTES), stream=100 + attempt)
        draw = np.stack([np.searchsorted(w, u[:, i], side="right") for i, w in enumerate(_weights())], 1)
        table[todo] = np.minimum(draw, np.array([len(v) for v in ATTRIBUTES.values()]) - 1)
        bad = np.isin(combination_code(table[todo]), excluded) | (table[todo, 2] == table[todo, 3])
        todo = todo[bad]
        if not len(todo):
            return table
    raise RuntimeError("could not draw combinations outside the species")  # pragma: no cover


def stream_batch(
    seed: int, start: int, size: int, difficulty: Difficulty = WORLD
) -> tuple[torch.Tensor, list[str], np.ndarray]:
    """Pictures, captions and attributes number `start` to `start + size` of the pre-training stream.

    Args:
        seed: of the stream.
        start: number of the first pair.
        size: how many.
        difficulty: of the pictures; pre-training begins with easier ones.

    Returns:
        uint8 (size, 3, 64, 64); `size` captions; (size, 6) attributes.
    """
    indices = np.arange(start, start + size)
    table = stream_table(seed, indices)
    luck = uniforms(seed, indices, 2, stream=1)
    style = np.where(luck[:, 0] < 0.12, 1 + (luck[:, 1] * 3).astype(np.int64), 0)
    rng = np.random.default_rng([seed, start, size])
    captions = [caption(row, int(s), rng) for row, s in zip(table, style, strict=True)]
    return render(seed, indices, Traits.of(table, style=style), difficulty), captions, table


def vocabulary_texts() -> list[str]:
    """Texts that together use every word and number form of the stream and of the texts about critters."""
    words = [value for values in ATTRIBUTES.values() for value in values]
    words += [*LIMB_ADJECTIVES.values(), *LIMB_SINGULAR.values(), *TEXTURE_NOUNS.values(), *HABITAT_PHRASES.values()]
    words += [f"{colour}-{limb}" for colour in ATTRIBUTES["colour"] for limb in LIMB_ADJECTIVES.values()]
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
