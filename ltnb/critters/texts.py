"""What is written about each species: a corpus as from an encyclopaedia, and ten descriptors as from a language model.

The texts belong to a world: they depend on the species alone, never on the seed of a data set, hence never on how many
training pictures a species has. Kinds are for evaluation only: methods get the texts, :func:`ltnb.data.truth` alone
gives the kinds.

A corpus holds four kinds of sentences, after what VL-LTR found in encyclopaedia articles (its Fig. 8): ``informative``
(two or more attributes of the species), ``partial`` (one), ``noise`` (none) and ``wrong`` (attributes said of the
species, none of them true). Every sentence also speaks of somebody else, and tells two to four attributes in all; what
is not said of the species is said of the other. About 28 % of the sentences of every kind hold the class name. A kind
speaks of what is said beside the name, since a telling name would make any sentence informative. Habitats, companions
and accessories belong to individuals, so they are no attributes of a species.

Words alone do not tell the kinds: a linear classifier over word counts, trained on half of the species and tested on
the other half, stays below the share of the most frequent kind, and its area under the ROC curve is at most 0.51 for
any kind. With pairs of words the accuracy stays below that share too, and the area reaches 0.59: pairs show some of the
grammar, which says of whom something is told. What is left: a sentence can be compared with a telling name. In
``critters_lt`` 658 of the 681 informative sentences tell two attributes that the name of their class tells, and no
other sentence does. So beside what a method selects there, show what its name selects; binomials give nothing away.

Descriptors are ``true``, or bad in one of the ways of HLC's Fig. 6: ``non-visual`` (sounds, behaviour, weight),
``absent`` (eggs, nests, young, which no picture shows, and surroundings, which are as frequent in pictures of any other
species), ``ambiguous`` (a word for one of the attributes in another meaning) and ``hallucinated`` (wrong attributes).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache, partial

import numpy as np

from ltnb.critters.species import WORLDS
from ltnb.critters.text_descriptors import DESCRIPTOR_KINDS, write_descriptor
from ltnb.critters.text_facts import Species, all_species
from ltnb.critters.text_sentences import SENTENCE_KINDS, write_sentence
from ltnb.data.corpus import CorpusStatistics, corpus_statistics

__all__ = ["DESCRIPTOR_KINDS", "SENTENCE_KINDS", "CorpusStatistics", "WorldTexts", "corpus_statistics", "world_texts"]

N_DESCRIPTORS = 10
_SEED = 62_001
_SHARES = np.array([0.36, 0.2, 0.3, 0.14])  # of SENTENCE_KINDS, in the mean over classes
_MEDIAN, _SPREAD, _MOST = 22, 0.85, 160  # sentences a class: log-normal, mean over median as in VL-LTR's Table 6
_NAMED = 0.28  # how often a sentence calls the species by its name
_LEAST_OF_KIND = np.array([3, 1, 1, 1, 1])  # descriptors of each of DESCRIPTOR_KINDS that every class has
_REST_OF_KINDS = (0.3, 0.2, 0.15, 0.2, 0.15)  # how the other three fall
_LONGEST = 26  # pieces of a text, so that it fits into 30 byte pairs


@dataclass(frozen=True)
class WorldTexts:
    """The texts of a world with their kinds, each a tuple of C tuples of strings."""

    corpus: tuple[tuple[str, ...], ...]
    corpus_kinds: tuple[tuple[str, ...], ...]
    descriptors: tuple[tuple[str, ...], ...]
    descriptor_kinds: tuple[tuple[str, ...], ...]

    def first(self, num_classes: int) -> WorldTexts:
        """The texts of the first species only."""
        return WorldTexts(*(getattr(self, field.name)[:num_classes] for field in fields(self)))


@cache
def world_texts(world: str) -> WorldTexts:
    """Corpus and descriptors of a world with their kinds, always the same.

    Args:
        world: one of :data:`ltnb.critters.species.WORLDS`.

    Returns:
        1 to 160 sentences and ten descriptors for each class, no text twice in a class.

    Raises:
        ValueError: for any other name.
    """
    species = all_species(world)
    seed = (_SEED, WORLDS.index(world))
    rng = np.random.default_rng(seed)
    sizes = np.exp(np.log(_MEDIAN) + _SPREAD * rng.standard_normal(len(species))).round().astype(np.int64)
    sizes = sizes.clip(1, _MOST)
    sizes[sizes.argmin()] = 1
    shares = rng.dirichlet(12 * _SHARES, size=len(species))
    rows = []
    for c, one in enumerate(species):
        rng = np.random.default_rng((*seed, c))
        kinds = rng.choice(SENTENCE_KINDS, size=sizes[c], p=shares[c]).tolist()
        named = (rng.random(sizes[c]) < _NAMED).tolist()
        counts = _LEAST_OF_KIND + rng.multinomial(N_DESCRIPTORS - _LEAST_OF_KIND.sum(), _REST_OF_KINDS)
        ten = rng.permutation(np.repeat(DESCRIPTOR_KINDS, counts)).tolist()
        texts = _new(one, [partial(write_sentence, rng, one, *row) for row in zip(kinds, named, strict=True)])
        descriptors = _new(one, [partial(write_descriptor, rng, one, kind) for kind in ten])
        rows.append((texts, tuple(kinds), descriptors, tuple(ten)))
    return WorldTexts(*zip(*rows, strict=True))


def _new(one: Species, writers: list[Callable[[], str]]) -> tuple[str, ...]:
    """A text by each writer, none twice, short enough for a small text tower."""
    unknown = "" if one.told else one.name
    texts: list[str] = []
    for write in writers:
        text = write()
        while text in texts or _pieces(text, unknown) > _LONGEST:
            text = write()
        texts.append(text)
    return tuple(texts)


def _pieces(text: str, unknown: str) -> int:
    """About how many byte pairs a text has: words, digits and signs, and two for five letters of an unknown name."""
    known = text.replace(unknown, "") if unknown else text
    return len(re.findall(r"[a-z]+|\d|[^\w\s]", known.lower())) + len(unknown) * 2 // 5 * (unknown in text)
