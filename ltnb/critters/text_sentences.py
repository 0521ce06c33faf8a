"""The writer of corpus sentences, whose kinds differ in nothing but who is spoken of and whether it is true.

Every sentence has the same ingredients: two parties (the species and somebody else, either first), a phrase that tells
one attribute, a phrase that tells one to three others, and a scrap of history, publishing or life. All of that is drawn
before the kind is looked at. The kind decides which phrases are told of the species, and whether they are true; what is
not told of the species is told of the other party. Nothing false is true by accident: false attributes and other
animals are never the species' own.
"""

from __future__ import annotations

import numpy as np

from ltnb.critters.attributes import SHAPES
from ltnb.critters.text_facts import Species
from ltnb.critters.text_grammar import framed, phrase, pick
from ltnb.critters.words import ACCESSORY_PHRASES, HABITAT_PHRASES, PLACES, with_article

SENTENCE_KINDS = ("informative", "partial", "noise", "wrong")

_SUBJECTS = ("it", "this species", "this animal", "this creature", "this kind", "the adult", "the male", "the female")
_PERSONS = ("king", "queen", "bishop", "emperor")
_HOUSES = ("museum", "library", "castle", "market", "harbour", "railway", "theatre", "bank")
_EVENTS = ("festival", "treaty", "expedition", "legend")
_PRINTS = ("journal", "catalogue", "chapter", "paperback", "stamp", "postcard", "volume", "edition")
_SIZES = (0.3, 0.45, 0.25)  # one, two or three attributes in the second phrase
_LONG_ALONE = 0.3  # how often the second phrase suffices for an informative sentence
_LITTLE = 0.36  # how often a wrong sentence tells one attribute, as partial ones do


def _scrap(rng: np.random.Generator, shapes: list[str]) -> str:
    """History, publishing and places, or surroundings, which are every individual's own."""
    place, year, number = pick(rng, PLACES), int(rng.integers(1400, 2025)), int(rng.integers(2, 100))
    forms = (
        f"{with_article(pick(rng, _PRINTS))} from {place}",
        f"{with_article(pick(rng, _PRINTS))} of {year}",
        f"{with_article(pick(rng, _EVENTS))} of {year}",
        f"a {pick(rng, _HOUSES)} in {place}",
        f"the {pick(rng, ('songs', 'stories', 'children', 'collectors'))} of {place}",
        f"{number} {pick(rng, ('visitors', 'pages', 'names', 'letters'))}",
        f"its sleep {pick(rng, list(HABITAT_PHRASES.values()))}",
        f"the company of {with_article(pick(rng, shapes))}",
        f"a {pick(rng, _PERSONS)} {pick(rng, pick(rng, list(ACCESSORY_PHRASES.values())))}",
    )
    return pick(rng, forms)


def _other(rng: np.random.Generator, shapes: list[str]) -> str:
    """Somebody or something else."""
    who = pick(rng, pick(rng, (shapes, _PERSONS, _HOUSES)))
    return pick(rng, (f"the {who} of {pick(rng, PLACES)}", "its neighbour", "another creature"))


def write_sentence(rng: np.random.Generator, species: Species, kind: str, named: bool) -> str:
    """A corpus sentence.

    Args:
        rng: chooses everything.
        species: whom it is about.
        kind: one of :data:`SENTENCE_KINDS`, which speaks of what is said beside the name.
        named: calls the species by its name.
    """
    short = pick(rng, species.groups(1))
    long = pick(rng, species.groups(1 + int(rng.choice(3, p=_SIZES)), beside=short))
    false = species.unlike(rng, (*short, *long))
    much = (long,) if len(long) > 1 and rng.random() < _LONG_ALONE else (short, long)
    little = (short,)
    false_ones = little if rng.random() < _LITTLE else much
    told = {"informative": much, "partial": little, "noise": (), "wrong": false_ones}[kind]
    own: list[str] = []
    others: list[str] = []
    for group in (short, long):
        facts = species.facts if group in told and kind != "wrong" else false
        (own if group in told else others).append(phrase(rng, {name: facts[name] for name in group}))
    shapes = [shape for shape in SHAPES if shape not in (species.facts["shape"], false["shape"])]
    scrap_of_own = rng.random() < 0.5 if own and others else not own
    (own if scrap_of_own else others).append(_scrap(rng, shapes))
    parties = [(species.called if named else pick(rng, _SUBJECTS), own), (_other(rng, shapes), others)]
    (x, of_x), (y, of_y) = parties if rng.random() < 0.5 else parties[::-1]
    return framed(rng, x, of_x, y, of_y)
