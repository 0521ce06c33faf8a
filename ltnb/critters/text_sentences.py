"""Writers of sentences: one function for each kind of corpus sentence and of descriptor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ltnb.critters.captions import noise_text
from ltnb.critters.text_facts import Species, false_facts, some, true_facts
from ltnb.critters.text_grammar import Told, pick, sentence, statement
from ltnb.critters.words import PLACES, with_article

_PERSONS = ("king", "queen", "bishop", "emperor")
_HOUSES = ("museum", "university", "library", "castle", "press", "market")
_PRINTS = ("journal", "catalogue", "chapter", "paperback")
_SEASONS = ("winter", "summer", "spring")


def _say(rng: np.random.Generator, species: Species, subject: str, told: Told) -> str:
    return statement(rng, subject, told, plain=species.plain)


def _informative(rng: np.random.Generator, species: Species) -> str:
    """Two or more true attributes, those of a telling name included."""
    subject, named = species.subject(rng, may_tell=True)
    known = species.told_by_name() if named else set()
    return _say(rng, species, subject, true_facts(rng, species, int(rng.integers(1 if known else 2, 5)), known))


def _partial(rng: np.random.Generator, species: Species) -> str:
    """One true attribute."""
    return _say(rng, species, species.subject(rng)[0], true_facts(rng, species, 1))


def _wrong(rng: np.random.Generator, species: Species) -> str:
    """Attributes of another species."""
    return _say(rng, species, species.subject(rng)[0], false_facts(rng, species))


def _noise(rng: np.random.Generator, species: Species) -> str:
    """History, publishing and places."""
    who, place, house, scrap = species.subject(rng)[0], pick(rng, PLACES), pick(rng, _HOUSES), noise_text(rng)
    year, number = int(rng.integers(1700, 2020)), int(rng.integers(2, 90))
    forms = (
        f"{who} was first described in {year} in the {house} of {place}",
        f"the name of {who} honours the {pick(rng, _PERSONS)} of {place}",
        f"stories about {who} are told by the sailors of {place}, {year}",
        f"{who} has been printed on a stamp, {scrap}",
        f"{place} has held a festival for {who} every year from {year}",
        f"{who} is named in {with_article(pick(rng, _PRINTS))}, {scrap}",
        f"collectors in {place} sold {who} for {number} in {year}",
        f"the {house} in which {who} was reported opened in {year}, {scrap}",
        f"{who} was exported to {place} by an expedition in {year}",
        f"the legend of {who} was written in {number} pages, {scrap}",
        f"the children of {place} have {number} songs about {who}",
        f"it is said that {who} was called by another name, {scrap}",
        f"the {pick(rng, _PERSONS)} of {place} believed that {who} was a tale, {scrap}",
    )
    return sentence(pick(rng, forms))


def _who(rng: np.random.Generator) -> str:
    return pick(rng, ("it", "this animal", "this creature", "the adult"))


def _true(rng: np.random.Generator, species: Species) -> str:
    """One to three true attributes."""
    return _say(rng, species, _who(rng), true_facts(rng, species, int(rng.integers(1, 4))))


def _hallucinated(rng: np.random.Generator, species: Species) -> str:
    """One to three attributes, all wrong."""
    return _say(rng, species, _who(rng), some(rng, false_facts(rng, species), int(rng.integers(1, 4))))


def _non_visual(rng: np.random.Generator, _: Species) -> str:
    """Sounds, behaviour, weight, age."""
    who, (season, other) = _who(rng), [_SEASONS[i] for i in rng.permutation(len(_SEASONS))[:2]]
    day, number, much = pick(rng, ("morning", "evening", "day")), int(rng.integers(2, 40)), pick(rng, ("more", "less"))
    mood = pick(rng, ("shy", "friendly", "brave", "gentle", "curious"))
    forms = (
        f"{who} sings {pick(rng, ('loud', 'quiet', 'soft', 'beautiful'))} songs in the {day}",
        f"{who} is {mood} with {pick(rng, ('people', 'children', 'sailors'))}",
        f"{who} weighs {number} in {season}",
        f"{who} lived for {number} years",
        f"{who} hunts in the {day} and sleeps in {season}",
        f"{who} eats {much} in {season} than in {other}",
        f"{who} likes warm water in {season} and cold water in {other}",
        f"{who} moves {much} in the {day}",
    )
    return sentence(pick(rng, forms))


def _absent(rng: np.random.Generator, _: Species) -> str:
    """Things that could be seen, but that no picture of this world shows."""
    number, size = pick(rng, ("two", "three", "many", "some")), pick(rng, ("small", "large", "round", "smooth"))
    shade, place = pick(rng, ("pale", "dark", "bright")), pick(rng, ("grass", "sand", "rock", "ice"))
    forms = (
        f"{number} {size} {shade} eggs in a nest of {place}",
        f"{number} young with {shade} eyes",
        f"a nest of {place} near the water",
        f"young individuals that are {shade} and {size}",
        f"a {size} home under the {place}",
        f"{number} {size} young on the back of the female",
        f"{shade} eggs under the {place}",
    )
    return sentence(pick(rng, forms))


def _ambiguous(rng: np.random.Generator, _: Species) -> str:
    """True of every species."""
    eyes, size = pick(rng, ("round", "large", "dark", "bright")), pick(rng, ("small", "large", "wild", "curious"))
    who, skin = pick(rng, ("animal", "creature", "individual")), pick(rng, ("coat", "skin", "body"))
    forms = (
        f"a {size} {who} with {eyes} eyes",
        f"the {who} has a head, a body and limbs",
        f"{with_article(who)} that looks like many other {who}s",
        f"limbs of another colour than the {skin}",
        f"two different colours on one {size} {who}",
        f"{eyes} eyes and a {pick(rng, ('round', 'smooth', 'small'))} body",
        f"the {skin} of a {size} {who}",
    )
    return sentence(pick(rng, forms))


Writer = Callable[[np.random.Generator, Species], str]
SENTENCES: dict[str, Writer] = {"informative": _informative, "partial": _partial, "noise": _noise, "wrong": _wrong}
"""Kind of corpus sentence -> who writes it."""
DESCRIPTORS: dict[str, Writer] = {
    "true": _true,
    "non-visual": _non_visual,
    "absent": _absent,
    "ambiguous": _ambiguous,
    "hallucinated": _hallucinated,
}
"""Kind of descriptor -> who writes it."""
