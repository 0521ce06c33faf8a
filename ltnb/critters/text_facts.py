"""What can be said about one species, and what would be wrong about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ltnb.critters.attributes import ATTRIBUTES, FINE_ATTRIBUTES
from ltnb.critters.species import species_world
from ltnb.critters.text_grammar import GROUPS, Told, pick


@dataclass(frozen=True)
class Species:
    """One species as the writers of texts see it.

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
    def called(self) -> str:
        """Its name in a sentence; a binomial takes no article."""
        return f"the {self.name}" if self.told else self.name

    def groups(self, size: int | None = None, beside: Collection[str] = ()) -> list[tuple[str, ...]]:
        """The groups of attributes that one phrase can tell of it: of one size, without any attribute of `beside`."""
        return [
            group
            for group in GROUPS
            if size in (None, len(group)) and self.facts.keys() >= {*group} and not {*group} & {*beside}
        ]

    def unlike(self, rng: np.random.Generator, names: Collection[str]) -> Told:
        """The facts of another species that has all these attributes, none of them with a value of this one.

        So false statements use the words of true ones, each about as often.
        """
        own = set(self.facts.values())
        while True:
            other = pick(rng, self.others)
            if all(name in other and other[name] not in own for name in names):
                return other


def all_species(world: str) -> list[Species]:
    """The species of a world in class order."""
    drawn = species_world(world)
    facts: list[Told] = []
    for row, fine in zip(drawn.table, drawn.fine, strict=True):
        own = {name: values[row[i]] for i, (name, values) in enumerate(ATTRIBUTES.items())}
        for i, (name, values) in enumerate(FINE_ATTRIBUTES.items()):
            if fine[i] >= 0 and not (name == "pattern_scale" and own["texture"] == "plain"):
                own[name] = values[fine[i]]
        facts.append(own)
    told = [frozenset(name for name, tells in zip(ATTRIBUTES, row, strict=True) if tells) for row in drawn.told]
    others = [tuple(f for j, f in enumerate(facts) if j != i) for i in range(len(facts))]
    return [Species(*row) for row in zip(drawn.names, told, facts, others, strict=True)]
