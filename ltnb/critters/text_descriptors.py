"""Writers of descriptors, as a language model answers what a species looks like: one for each kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ltnb.critters.attributes import COLOURS, HABITATS, SHAPES
from ltnb.critters.text_facts import Species
from ltnb.critters.text_grammar import Told, phrase, pick
from ltnb.critters.text_senses import OTHER_MEANINGS
from ltnb.critters.words import (
    ACCESSORY_PHRASES,
    BESIDE,
    COVER_PHRASES,
    HABITAT_PHRASES,
    WEATHER_PHRASES,
    with_article,
)

_SEASONS = ("winter", "summer", "spring")


def _looks(rng: np.random.Generator, species: Species, facts: Callable[[tuple[str, ...]], Told]) -> str:
    """One to three attributes in one phrase or two."""
    groups = [pick(rng, species.groups())]
    if len(groups[0]) == 1 and rng.random() < 0.5:
        groups.append(pick(rng, species.groups(int(rng.integers(1, 3)), beside=groups[0])))
    known = facts(tuple(name for group in groups for name in group))
    told = " and ".join(phrase(rng, {name: known[name] for name in group}) for group in groups)
    forms = (
        f"which has {told}",
        f"it has {told}",
        f"an animal that has {told}",
        f"usually with {told}",
        f"typically {told}",
        f"known for {told}",
        f"recognised by {told}",
    )
    return pick(rng, forms)


def _true(rng: np.random.Generator, species: Species) -> str:
    return _looks(rng, species, lambda _: species.facts)


def _hallucinated(rng: np.random.Generator, species: Species) -> str:
    return _looks(rng, species, lambda names: species.unlike(rng, names))


def _non_visual(rng: np.random.Generator, _: Species) -> str:
    """Sounds, behaviour, weight, age."""
    season, other = (_SEASONS[i] for i in rng.permutation(len(_SEASONS))[:2])
    day, number, much = pick(rng, ("morning", "evening", "day")), int(rng.integers(2, 40)), pick(rng, ("more", "less"))
    forms = (
        f"which has a {pick(rng, ('loud', 'quiet', 'soft', 'beautiful'))} voice",
        f"sings {pick(rng, ('loud', 'quiet', 'soft', 'beautiful'))} songs in the {day}",
        f"calls like a {pick(rng, ('whistle', 'drum', 'piano'))} in the {day}",
        f"which is {pick(rng, ('shy', 'friendly', 'brave', 'gentle'))} with {pick(rng, ('people', 'children'))}",
        f"weighs about {number} grams in {season}",
        f"lives for {number} years",
        f"hunts in the {day} and sleeps in {season}",
        f"eats {much} in {season} than in {other}",
        f"has the smell of {pick(rng, ('fruit', 'tea', 'flowers', 'wine'))}",
        f"{pick(rng, ('jumps', 'climbs', 'digs', 'moves'))} {pick(rng, ('fast', 'often', 'rarely'))}",
        f"which has a long memory for {pick(rng, ('songs', 'names', 'people'))}",
        f"often {pick(rng, ('hungry', 'quiet', 'friendly'))} in the {day}",
    )
    return pick(rng, forms)


def _absent(rng: np.random.Generator, species: Species) -> str:
    """Visible things that no picture shows, or that pictures of this species show no more often than any others."""
    number, size = pick(rng, ("two", "three", "many", "some")), pick(rng, ("small", "large", "round", "smooth"))
    place = pick(rng, ("trees", "rocks", "flowers", "farms"))
    own = set(species.facts.values())
    animal = pick(rng, [shape for shape in SHAPES if shape not in own])
    colour = pick(rng, [colour for colour in COLOURS if colour not in own])
    never_shown = (
        f"{number} {size} eggs in a nest",
        f"a nest with {number} babies",
        f"{number} young on its back",
        f"a burrow under the {place}",
        f"{number} {size} feathers on the ground",
        f"footprints between the {place}",
        f"a sign on a fence near the {place}",
        f"{size} bones and an old shell",
    )
    around = (
        f"often seen {pick(rng, BESIDE[:3])} {with_article(f'{colour} {animal}')}",
        f"usually found {HABITAT_PHRASES[pick(rng, HABITATS)]}",
        f"it lives {HABITAT_PHRASES[pick(rng, HABITATS)]}",
        f"often together with {with_article(animal)}",
        f"typically {pick(rng, pick(rng, list(ACCESSORY_PHRASES.values())))}",
        f"often seen {pick(rng, pick(rng, list(WEATHER_PHRASES.values())))}",
        f"it hides {pick(rng, list(COVER_PHRASES.values()))}",
    )
    return pick(rng, pick(rng, (never_shown, around)))


def _ambiguous(rng: np.random.Generator, species: Species) -> str:
    """A word for one of its attributes, in another meaning."""
    value = pick(rng, [value for value in species.facts.values() if value in OTHER_MEANINGS])
    return pick(rng, OTHER_MEANINGS[value])


_WRITERS: dict[str, Callable[[np.random.Generator, Species], str]] = {
    "true": _true,
    "non-visual": _non_visual,
    "absent": _absent,
    "ambiguous": _ambiguous,
    "hallucinated": _hallucinated,
}
DESCRIPTOR_KINDS = tuple(_WRITERS)


def write_descriptor(rng: np.random.Generator, species: Species, kind: str) -> str:
    """A descriptor of one of :data:`DESCRIPTOR_KINDS`."""
    return _WRITERS[kind](rng, species)
