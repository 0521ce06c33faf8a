"""What is written about each species: a corpus as from an encyclopaedia, and ten descriptors as from a language model.

The texts belong to a world: they depend on the species alone, never on the seed of a data set, hence never on how many
training pictures a species has. A corpus holds four kinds of sentences, after what VL-LTR found in encyclopaedia
articles (its Fig. 8): ``informative`` (two or more true attributes), ``partial`` (one), ``noise`` (history, publishing,
places) and ``wrong`` (attributes of another species, none of them true). Descriptors are ``true``, or bad in one of the
ways of HLC's Fig. 6: ``non-visual`` (behaviour, sounds, weight), ``absent`` (nests, eggs, young: visible things that no
picture shows), ``ambiguous`` (true of every class; HLC's own case is a name with two meanings) and ``hallucinated``
(wrong). Kinds are for evaluation only: methods get the sentences, :func:`ltnb.data.truth` alone gives the kinds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import cache

import numpy as np

from ltnb.critters.species import WORLDS
from ltnb.critters.text_facts import Species, all_species
from ltnb.critters.text_sentences import DESCRIPTORS, SENTENCES, Writer
from ltnb.data.corpus import CorpusStatistics, corpus_statistics

__all__ = ["DESCRIPTOR_KINDS", "SENTENCE_KINDS", "CorpusStatistics", "WorldTexts", "corpus_statistics", "world_texts"]

SENTENCE_KINDS = tuple(SENTENCES)
DESCRIPTOR_KINDS = tuple(DESCRIPTORS)
N_DESCRIPTORS = 10
_SEED = 62_001
_SHARES = np.array([0.36, 0.2, 0.3, 0.14])  # of SENTENCE_KINDS, in the mean over classes
_MEDIAN, _SPREAD, _MOST = 22, 0.85, 160  # sentences a class: log-normal, mean over median as in VL-LTR's Table 6
_LEAST_OF_KIND = np.array([3, 1, 1, 1, 1])  # descriptors of each of DESCRIPTOR_KINDS that every class has
_REST_OF_KINDS = (0.3, 0.2, 0.15, 0.2, 0.15)  # how the other three fall
_LONGEST = 26  # pieces of a sentence, so that it fits into 30 byte pairs


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
        counts = _LEAST_OF_KIND + rng.multinomial(N_DESCRIPTORS - _LEAST_OF_KIND.sum(), _REST_OF_KINDS)
        ten = rng.permutation(np.repeat(DESCRIPTOR_KINDS, counts)).tolist()
        texts, descriptors = _write(rng, one, kinds, SENTENCES), _write(rng, one, ten, DESCRIPTORS)
        rows.append((texts, tuple(kinds), descriptors, tuple(ten)))
    return WorldTexts(*zip(*rows, strict=True))


def _write(rng: np.random.Generator, one: Species, kinds: list[str], writers: dict[str, Writer]) -> tuple[str, ...]:
    """One new sentence of each kind, short enough for a small text tower."""
    texts: list[str] = []
    for kind in kinds:
        text = writers[kind](rng, one)
        while text in texts or _pieces(text, one.name) > _LONGEST:
            text = writers[kind](rng, one)
        texts.append(text)
    return tuple(texts)


def _pieces(text: str, name: str) -> int:
    """About how many byte pairs a sentence has: words, digits and signs, and half the letters of an unknown name."""
    known = len(re.findall(r"[a-z]+|\d|[^\w\s]", text.replace(name, "").lower()))
    return known + len(name) // 2 * (name in text)
