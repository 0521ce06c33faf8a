"""Corpora and descriptors: every kind is what it says, found by a reader that knows nothing of the grammar."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from functools import cache

import numpy as np
import pytest

from ltnb.clip.mini import register_mini_models, vocabulary_ids
from ltnb.critters import datasets as critters
from ltnb.critters.attributes import ATTRIBUTES, COLOURS, FINE_ATTRIBUTES, LIMBS, SHAPES, TEXTURES, WORLD_VERSION
from ltnb.critters.captions import HISTORY, PLACES, PUBLISHING, caption, stream_table, vocabulary_texts
from ltnb.critters.species import species_world
from ltnb.critters.texts import DESCRIPTOR_KINDS, SENTENCE_KINDS, WorldTexts, world_texts

WORLDS = ("lt", "latin")
FROZEN = {"critters-1": "aff48bf7505c3fba"}  # of the texts of both worlds

# ---- an independent reader: which attributes does a sentence tell?

_COLOUR = rf"(?P<c>{'|'.join(COLOURS)})"
_PATTERN = {"stripes": "striped", "spots": "spotted", "checks": "checkered", "rings": "ringed", "patches": "patched"}
_ADJECTIVES = {
    "winged": "wings", "finned": "fins", "footed": "legs", "stilted": "stilts", "tentacled": "tentacles",
    "quilled": "quills", "horned": "horns",
}  # fmt: skip
_LIMB, _ADJECTIVE = rf"(?P<l>{'|'.join(LIMBS)})", rf"(?P<l>{'|'.join(_ADJECTIVES)})"
_HOMES = {
    "in a meadow": "meadow",
    "in the desert": "desert",
    "in the sea": "sea",
    "in the snow": "snow",
    "at night": "night",
}
_HOMES |= {"in a forest": "forest", "in a cave": "cave", "in the city": "city"}

_MEANING = _ADJECTIVES | _PATTERN | _HOMES

# (pattern, group -> attribute), most special first; what has been read is taken out of the sentence
_RULES: list[tuple[str, dict[str, str]]] = [
    (rf"\b(?P<n>short|long) {_COLOUR} {_LIMB}\b", {"n": "limb_length", "c": "second_of_limbs", "l": "limbs"}),
    (rf"\b(?P<n>short|long) {_LIMB} of {_COLOUR} colour", {"n": "limb_length", "c": "second_of_limbs", "l": "limbs"}),
    (rf"\b(?P<n>short|long) {_LIMB}\b", {"n": "limb_length", "l": "limbs"}),
    (rf"\b{_LIMB} of {_COLOUR} colour", {"c": "second_of_limbs", "l": "limbs"}),
    (rf"\b{_COLOUR} {_LIMB}\b", {"c": "second_of_limbs", "l": "limbs"}),
    (rf"\b{_COLOUR}-{_ADJECTIVE}\b", {"c": "second_of_limbs", "l": "limbs"}),
    (rf"\b{_LIMB}\b", {"l": "limbs"}),
    (rf"\b{_ADJECTIVE}\b", {"l": "limbs"}),
    (r"\b(?P<n>short|long) limbs", {"n": "limb_length"}),
    (rf"net of {_COLOUR} lines", {"c": "second_of_coat", "": "netted"}),
    (r"net of lines", {"": "netted"}),
    (rf"\b(?:(?P<s>coarse|fine) )?{_COLOUR} zigzag lines", {"s": "pattern_scale", "c": "second_of_coat", "": "zigzag"}),
    (r"\b(?:(?P<s>coarse|fine) )?zigzag lines", {"s": "pattern_scale", "": "zigzag"}),
    (
        rf"\b(?:(?P<s>coarse|fine) )?(?:{_COLOUR} )?(?P<p>{'|'.join(_PATTERN)})\b",
        {"s": "pattern_scale", "c": "second_of_coat", "p": "texture"},
    ),
    (r"\b(?P<s>coarse|fine) pattern", {"s": "pattern_scale"}),
    (r"mark(?:ing)? (?:at|near|on) the (?P<m>front|middle|rear)", {"m": "marking"}),
    (rf"{_COLOUR} as a second colour", {"c": "second_colour"}),
    (rf"some {_COLOUR}\b", {"c": "second_of_coat"}),
    (rf"{_COLOUR} and (?P<d>{'|'.join(COLOURS)}) coat", {"c": "colour", "d": "second_of_coat"}),
    (rf"coat of {_COLOUR} and (?P<d>{'|'.join(COLOURS)})\b", {"c": "colour", "d": "second_of_coat"}),
    (rf"\b{_COLOUR}\b", {"c": "colour"}),
    (rf"\b(?P<t>{'|'.join(TEXTURES)})\b", {"t": "texture"}),
    (rf"\b(?P<h>{'|'.join(_HOMES)})\b", {"h": "habitat"}),
    (rf"\b(?P<a>{'|'.join(SHAPES)})s?\b", {"a": "shape"}),
]  # fmt: skip


def read(text: str) -> list[tuple[str, str]]:
    """(attribute, value) for all that a sentence tells; the second colour also says whether coat or limbs show it."""
    rest, found = text.lower(), []
    for pattern, meaning in _RULES:
        for match in re.finditer(pattern, rest):
            for group, attribute in meaning.items():
                if not group:
                    found.append(("texture", attribute))
                elif match[group]:
                    found.append((attribute, _MEANING.get(match[group], match[group])))
        rest = re.sub(pattern, "#", rest)
    return found


def facts(world: str) -> list[dict[str, str]]:
    """The attributes of each class in words, from the species table."""
    species = species_world(world)
    result = []
    for row, fine in zip(species.table, species.fine, strict=True):
        words = {name: values[row[i]] for i, (name, values) in enumerate(ATTRIBUTES.items())}
        words |= {name: values[fine[i]] for i, (name, values) in enumerate(FINE_ATTRIBUTES.items()) if fine[i] >= 0}
        words |= {"second_of_coat": words["second_colour"], "second_of_limbs": words["second_colour"]}
        if words["texture"] == "plain":  # neither a second colour of the coat nor the scale of a pattern is to be seen
            words = {k: v for k, v in words.items() if k not in ("second_of_coat", "pattern_scale")}
        result.append(words)
    return result


def rows(world: str, what: str):
    """(class, its facts, kind, sentence) of all sentences or descriptors."""
    texts, known = world_texts(world), facts(world)
    lists, kinds = (
        getattr(texts, what),
        getattr(texts, {"corpus": "corpus_kinds", "descriptors": "descriptor_kinds"}[what]),
    )
    for c, (lines, names) in enumerate(zip(lists, kinds, strict=True)):
        for line, kind in zip(lines, names, strict=True):
            yield c, known[c], kind, line


@cache
def captions() -> list[str]:
    """20,000 captions of the pre-training stream."""
    rng = np.random.default_rng(0)
    return [caption(row, int(rng.integers(4)), rng) for row in stream_table(990_002, np.arange(20_000))]


# ---- kinds


def test_the_reader_reads():
    assert read("The adult has short blue wings and a coat of red stripes, and it lives at night.") == [
        ("limb_length", "short"),
        ("second_of_limbs", "blue"),
        ("limbs", "wings"),
        ("second_of_coat", "red"),
        ("texture", "striped"),
        ("habitat", "night"),
    ]
    assert read("the striped orange-footed cat") == [
        ("second_of_limbs", "orange"), ("limbs", "legs"), ("texture", "striped"), ("shape", "cat"),
    ]  # fmt: skip
    assert read("Unlike most other animals, it is a rabbit with pink skin and some green.") == [
        ("second_of_coat", "green"), ("colour", "pink"), ("shape", "rabbit"),
    ]  # fmt: skip
    assert read("It is named in a journal, the king of Kyoto.") == []


@pytest.mark.parametrize("world", WORLDS)
def test_each_corpus_sentence_is_of_its_kind(world):
    seen = Counter()
    for _, known, kind, line in rows(world, "corpus"):
        seen[kind] += 1
        told = read(line)
        true = {a for a, value in told if known.get(a) == value}
        false = {a for a, value in told if known.get(a) != value}
        if kind == "informative":
            assert len(true) >= 2, line
            assert not false, line
        elif kind == "partial":
            assert len(told) == len(true) == 1, line
        elif kind == "noise":
            assert not told, line
        else:
            assert len(false) >= 2, line
            assert not true, line
    assert set(seen) == set(SENTENCE_KINDS)
    assert min(seen.values()) > 0.08 * sum(seen.values())


@pytest.mark.parametrize("world", WORLDS)
def test_each_descriptor_is_of_its_kind(world):
    per_class: dict[int, Counter] = {}
    holders: dict[str, set[int]] = {}
    for c, known, kind, line in rows(world, "descriptors"):
        per_class.setdefault(c, Counter())[kind] += 1
        told = read(line)
        true = [a for a, value in told if known.get(a) == value]
        if kind == "true":
            assert told
            assert len(true) == len(told), line
        elif kind == "hallucinated":
            assert told
            assert not true, line
        else:  # nothing that could tell one species from another
            assert not told, line
        holders.setdefault(kind, set()).add(c)
    classes = len(species_world(world).names)
    for counts in per_class.values():
        assert counts.total() == 10
        assert set(counts) == set(DESCRIPTOR_KINDS)  # each class has some of each
        assert counts["true"] >= 3
    assert all(len(found) == classes for found in holders.values())
    assert (
        len({tuple(counts[k] for k in DESCRIPTOR_KINDS) for counts in per_class.values()}) > 5
    )  # not the same for all


def test_kinds_speak_of_different_things():
    """Absent: nests, eggs, young. Non-visual: what they do. Ambiguous: what all have."""
    words = {kind: set() for kind in DESCRIPTOR_KINDS}
    for _, _, kind, line in rows("lt", "descriptors"):
        words[kind] |= set(re.findall(r"[a-z]+", line.lower()))
    assert {"eggs", "nest", "young"} <= words["absent"]
    assert {"sings", "weighs", "hunts", "eats"} <= words["non-visual"]
    assert not {"eggs", "nest"} & (words["true"] | words["ambiguous"] | words["non-visual"])
    assert not {"sings", "weighs", "eats"} & (words["true"] | words["ambiguous"] | words["absent"])


# ---- no shortcuts


@pytest.mark.parametrize("world", WORLDS)
def test_only_words_of_the_captions_are_used(world):
    register_mini_models()
    import open_clip

    tokenizer = open_clip.get_tokenizer("mini-vit")
    known = set(vocabulary_ids(vocabulary_texts(), tokenizer).tolist())
    words = {word for text in vocabulary_texts() for word in re.findall(r"[a-z]+|[^\w\s]", text.lower())}
    names = species_world(world).names
    longest = 0
    for what in ("corpus", "descriptors"):
        for c, _, _, line in rows(world, what):
            ids = tokenizer.encode(line)
            longest = max(longest, len(ids))
            if world == "latin" and names[c] in line:
                ids = tokenizer.encode(line.replace(names[c], "animal"))
            assert set(ids) <= known, line
            assert set(re.findall(r"[a-z]+|[^\w\s]", line.replace(names[c], "").lower())) <= words, line
    assert longest <= 30  # with start and end, the context of the mini models


def test_every_word_of_the_texts_occurs_in_captions():
    seen = Counter(word for text in captions() for word in set(re.findall(r"[a-z]+", text.lower())))
    for world in WORLDS:
        names = species_world(world).names
        for what in ("corpus", "descriptors"):
            for c, _, _, line in rows(world, what):
                bare = re.sub(names[c], "", line)
                rare = [word for word in re.findall(r"[a-z]+", bare.lower()) if not seen[word]]
                assert not rare, (line, rare)


def test_noise_occurs_in_captions_as_on_the_web():
    vocabulary = {word.lower() for word in (*PLACES, *HISTORY, *PUBLISHING)}
    noisy = [bool(vocabulary & set(re.findall(r"[a-z]+", text.lower()))) for text in captions()]
    assert 0.05 < np.mean(noisy) < 0.3
    for word in vocabulary:
        assert sum(word in text.lower() for text in captions()) > 10, word


def skeleton(text: str) -> str:
    """A sentence with its attribute words, numbers and stock words of history taken out."""
    text = re.sub(r"\d+", "0", text.lower())
    stock = {w.lower() for w in (*PLACES, *HISTORY, *PUBLISHING)}
    attributes = {word for values in ATTRIBUTES.values() for word in values} | set(_PATTERN) | set(_ADJECTIVES)
    words = re.findall(r"[a-z]+|0|[^\w\s]", text)
    return " ".join("_" if word in stock or word in attributes else word for word in words)


@pytest.mark.parametrize("world", WORLDS)
def test_sentences_have_other_templates_than_captions(world):
    known = {skeleton(text) for text in captions()}
    texts = world_texts(world)
    for line in (line for lists in (texts.corpus, texts.descriptors) for lines in lists for line in lines):
        assert skeleton(line) not in known, line
    starts = {re.sub(r"_.*", "", skeleton(text)) for text in captions() if text.startswith(("a photo", "a picture"))}
    assert not any(skeleton(line).startswith(tuple(s for s in starts if s)) for lines in texts.corpus for line in lines)


@pytest.mark.parametrize("world", WORLDS)
def test_true_and_wrong_sentences_share_their_forms(world):
    """The words around the attributes tell nothing: the share of each form is much the same."""
    frames: dict[str, Counter] = {"informative": Counter(), "wrong": Counter()}
    names = species_world(world).names
    for c, _, kind, line in rows(world, "corpus"):
        if kind in frames:
            frames[kind][" ".join(skeleton(line.replace(names[c], "it")).split()[:2])] += 1
    right, wrong = frames["informative"], frames["wrong"]
    assert sum(n for form, n in wrong.items() if form in right) > 0.8 * wrong.total()
    if world == "latin":  # a binomial stands in half the sentences of every kind
        share = {}
        for kind in SENTENCE_KINDS:
            named = [names[c] in line for c, _, k, line in rows(world, "corpus") if k == kind]
            share[kind] = np.mean(named)
            assert abs(share[kind] - 0.5) < 0.12, share


def test_the_datasheet_names_the_shortcuts_that_are_left():
    """What can be told from the words alone: a telling name, and how many attributes a sentence tells."""
    names = species_world("lt").names
    named = Counter((kind, names[c] in line) for c, _, kind, line in rows("lt", "corpus"))
    assert [kind for kind, has in named if has] == ["informative"]
    found = f"{named['informative', True]} of the {named['informative', True] + named['informative', False]}"
    assert f"{found} informative sentences (29 %)" in critters.__doc__
    for world in WORLDS:
        told = {kind: set() for kind in SENTENCE_KINDS}
        for _, _, kind, line in rows(world, "corpus"):
            told[kind].add(len({attribute for attribute, _ in read(line)}))
        assert told["partial"] == {1} and min(told["wrong"]) == 2


@pytest.mark.parametrize("world", WORLDS)
def test_classes_have_their_own_lists(world):
    texts = world_texts(world)
    for lists in (texts.corpus, texts.descriptors):
        assert len(set(lists)) == len({frozenset(lines) for lines in lists}) == len(lists)
        for lines in lists:
            assert len(set(lines)) == len(lines)
    sizes = np.array([len(lines) for lines in texts.corpus])
    assert sizes.min() == 1
    assert sizes.max() > 4 * np.median(sizes)
    assert sizes.mean() > 1.15 * np.median(sizes)  # skewed, as in VL-LTR's Table 6
    shared = Counter(line for lines in texts.corpus for line in lines)
    assert sum(n > 1 for n in shared.values()) < 0.02 * len(shared)


def test_kinds_do_not_depend_on_the_place_in_the_list():
    """Cutting a list off must not be a way to choose."""
    for world in WORLDS:
        for lists in (world_texts(world).corpus_kinds, world_texts(world).descriptor_kinds):
            place: dict[str, list[float]] = {}
            for kinds in lists:
                for i, kind in enumerate(kinds):
                    place.setdefault(kind, []).append((i + 0.5) / len(kinds))
            for values in place.values():
                assert abs(np.mean(values) - 0.5) < 4 / np.sqrt(12 * len(values))


def test_sizes_have_nothing_to_do_with_the_kinds_or_the_species():
    for world in WORLDS:
        texts, species = world_texts(world), species_world(world)
        sizes = np.log([len(lines) for lines in texts.corpus])
        limit = 4 / np.sqrt(len(sizes))
        assert abs(np.corrcoef(sizes, np.arange(len(sizes)))[0, 1]) < limit
        assert all(abs(np.corrcoef(sizes, column)[0, 1]) < limit for column in species.table.T)
        share = [kinds.count("informative") / len(kinds) for kinds in texts.corpus_kinds]
        assert abs(np.corrcoef(sizes, share)[0, 1]) < limit


def test_texts_are_frozen_with_the_world_version():
    digest = hashlib.sha256()
    for world in WORLDS:
        digest.update(repr(world_texts(world)).encode())
    assert FROZEN.get(WORLD_VERSION) == digest.hexdigest()[:16], (
        f"the texts of {WORLD_VERSION} changed: raise WORLD_VERSION and enter {digest.hexdigest()[:16]!r} for it here"
    )
    assert world_texts.__wrapped__("lt") == world_texts("lt")  # written anew, the same
    assert isinstance(world_texts("lt"), WorldTexts)
    with pytest.raises(ValueError, match="world must be one of"):
        world_texts("critters_lt")


# ---- statistics
