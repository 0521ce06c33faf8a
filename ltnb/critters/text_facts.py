"""What can be said about one species, and what would be plainly wrong about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ltnb.critters.attributes import ATTRIBUTES, FINE_ATTRIBUTES
from ltnb.critters.species import species_world
from ltnb.critters.text_grammar import SUBJECTS, Told, pick

_NAMED = 0.5  # how often a sentence calls the species by its name


@dataclass(frozen=True)
class Species:
    """One species as the writers of sentences see it.

    Attributes:
        name: its class name.
        told: the attributes that the name itself tells.
        facts: its attribute words; fine ones where they belong to the species and can be seen.
        others: the facts of all other species of its world.
    """

    name: str
    told: frozenset[str]
    facts: Told
    others: tuple[Told, ...]

    @property
    def plain(self) -> bool:
        """Whether it has no pattern, so that only its limbs show the second colour."""
        return self.facts["texture"] == "plain"

    def subject(self, rng: np.random.Generator, may_tell: bool = False) -> tuple[str, bool]:
        """Who a sentence is about, and whether that is the name.

        A binomial stands in half of the sentences of any kind, so that it gives no kind away. A telling name would make
        any sentence true: it stands only where the sentence `may_tell`.
        """
        if rng.random() < _NAMED and (may_tell or not self.telling):
            return (f"the {self.name}" if self.telling else self.name), True
        return pick(rng, SUBJECTS), False


def all_species(world: str) -> list[Species]:
    """The species of a world in class order."""
    drawn = species_world(world)
    facts: list[Told] = []
    for row, fine in zip(drawn.table, drawn.fine, strict=True):
        told = {name: values[row[i]] for i, (name, values) in enumerate(ATTRIBUTES.items())}
        for i, (name, values) in enumerate(FINE_ATTRIBUTES.items()):
            if fine[i] >= 0 and not (name == "pattern_scale" and told["texture"] == "plain"):
                told[name] = values[fine[i]]
        facts.append(told)
    telling = not world.endswith("latin")
    others = [tuple(f for j, f in enumerate(facts) if j != i) for i in range(len(facts))]
    return [Species(*row) for row in zip(drawn.names, [telling] * len(facts), facts, others, strict=True)]


def some(rng: np.random.Generator, facts: Told, count: int) -> Told:
    """At most `count` of the facts."""
    kept = set(rng.permutation(len(facts))[:count].tolist())
    return {key: value for i, (key, value) in enumerate(facts.items()) if i in kept}


def true_facts(rng: np.random.Generator, species: Species, count: int, told: Collection[str] = ()) -> Told:
    """At most `count` facts beside those `told`; a plain animal's second colour only together with its limbs."""
    left = {k: v for k, v in species.facts.items() if k not in told}
    if species.plain and "limbs" not in left:
        left.pop("second_colour", None)
    while True:
        chosen = some(rng, left, count)
        if not (species.plain and "second_colour" in chosen and "limbs" not in chosen):
            return chosen


def false_facts(rng: np.random.Generator, species: Species) -> Told:
    """Two to four attributes of another species, none of which this one has."""
    own = set(species.facts.values())
    while True:
        other = species.others[int(rng.integers(len(species.others)))]
        false = {k: v for k, v in other.items() if v not in own}
        if len(false.keys() & ATTRIBUTES.keys()) >= 2:
            return some(rng, false, int(rng.integers(2, 5)))
