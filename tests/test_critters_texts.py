"""Corpora and descriptors: every kind is what it says, found by a reader that knows nothing of the grammar."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from functools import cache

import numpy as np
import pytest

from ltnb.clip.mini import register_mini_models, vocabulary_ids
from ltnb.critters import texts as texts_module
from ltnb.critters.attributes import ATTRIBUTES, COLOURS, FINE_ATTRIBUTES, LIMBS, SHAPES, TEXTURES, WORLD_VERSION
from ltnb.critters.captions import (
    HISTORY,
    PHOTO_TEMPLATES,
    PLACES,
    PUBLISHING,
    STYLE_TEMPLATES,
    caption,
    stream_table,
    vocabulary_texts,
)
from ltnb.critters.species import species_world
from ltnb.critters.texts import DESCRIPTOR_KINDS, SENTENCE_KINDS, WorldTexts, world_texts

WORLDS = ("lt", "latin")
FROZEN = {"critters-2": "de35338dbbbd528e"}  # of the texts of both worlds

# ---- an independent reader: which attributes does a text tell, and of whom?

_COLOUR = rf"(?P<c>{'|'.join(COLOURS)})"
_PATTERN = {"stripes": "striped", "spots": "spotted", "checks": "checkered", "rings": "ringed", "patches": "patched"}
_CALLED = {
    "bare": "plain", "tiger": "striped", "leopard": "spotted", "chess": "checkered", "target": "ringed",
    "calico": "patched", "lightning": "zigzag", "lace": "netted",
}  # fmt: skip
_ADJECTIVES = {
    "winged": "wings", "finned": "fins", "footed": "legs", "stilted": "stilts", "tentacled": "tentacles",
    "quilled": "quills", "horned": "horns",
}  # fmt: skip
_LIMB, _ADJECTIVE = rf"(?P<l>{'|'.join(LIMBS)})", rf"(?P<l>{'|'.join(_ADJECTIVES)})"
_MEANING = _ADJECTIVES | _PATTERN | _CALLED

# (pattern, group -> attribute), most special first; what has been read is taken out of the text
_RULES: list[tuple[str, dict[str, str]]] = [
    (rf"\b(?P<n>short|long) {_COLOUR} {_LIMB}\b", {"n": "limb_length", "c": "second_of_limbs", "l": "limbs"}),
    (rf"\b(?P<n>short|long) {_COLOUR} limbs\b", {"n": "limb_length", "c": "second_of_limbs"}),
    (rf"\b(?P<n>short|long) {_LIMB}\b", {"n": "limb_length", "l": "limbs"}),
    (rf"\b{_COLOUR} {_LIMB}\b", {"c": "second_of_limbs", "l": "limbs"}),
    (rf"\b{_COLOUR}-{_ADJECTIVE}\b", {"c": "second_of_limbs", "l": "limbs"}),
    (rf"\b{_COLOUR} limbs\b", {"c": "second_of_limbs"}),
    (rf"\b{_LIMB}\b", {"l": "limbs"}),
    (rf"\b{_ADJECTIVE}\b", {"l": "limbs"}),
    (r"\b(?P<n>short|long) limbs", {"n": "limb_length"}),
    (
        rf"net of (?:(?P<s>coarse|fine) )?(?:{_COLOUR} )?lines",
        {"s": "pattern_scale", "c": "second_of_coat", "": "netted"},
    ),
    (
        rf"\b(?:(?P<s>coarse|fine) )?(?:{_COLOUR} )?zigzag lines",
        {"s": "pattern_scale", "c": "second_of_coat", "": "zigzag"},
    ),
    (
        rf"\b(?:(?P<s>coarse|fine) )?(?:{_COLOUR} )?(?P<p>{'|'.join(_PATTERN)})\b",
        {"s": "pattern_scale", "c": "second_of_coat", "p": "texture"},
    ),
    (r"\b(?P<s>coarse|fine) pattern", {"s": "pattern_scale"}),
    (r"mark(?:ing)? (?:at|near) the (?P<m>front|middle|rear)", {"m": "marking"}),
    (rf"\b{_COLOUR}\b", {"c": "colour"}),
    (rf"\b(?P<t>{'|'.join((*TEXTURES, *_CALLED))})\b", {"t": "texture"}),
    (rf"\b(?P<a>{'|'.join(SHAPES)})s?\b", {"a": "shape"}),
]
_SURROUNDINGS = rf"the company of an? (?:{'|'.join(SHAPES)})|often (?:together with|seen .*) an? .*"


def read(text: str) -> list[tuple[str, str]]:
    """(attribute, value) for all that a text tells; the second colour also says whether coat or limbs show it."""
    rest, found = re.sub(_SURROUNDINGS, "#", text.lower()), []
    for pattern, meaning in _RULES:
        for match in re.finditer(pattern, rest):
            for group, attribute in meaning.items():
                if not group:
                    found.append(("texture", attribute))
                elif match[group]:
                    found.append((attribute, _MEANING.get(match[group], match[group])))
        rest = re.sub(pattern, "#", rest)
    return found


_X, _Y, _A, _B = "(?P<x>.+?)", "(?P<y>.+)", "(?P<a>.+?)", "(?P<b>.+)"
_TWO_PARTIES = [
    rf"{_X} has {_A}, whereas (?P<y>.+?) has {_B}",
    rf"{_X} is (?:known|noted|remembered) for {_A}, (?:but )?(?P<y>.+?) for {_B}",
    rf"{_X} was described with {_A}, and (?P<y>.+?) with {_B}",
    rf"unlike {_X} with {_A}, (?P<y>.+?) has {_B}",
    rf"(?:while|where) {_X} (?:has|shows) {_A}, (?P<y>.+?) (?:has|shows) {_B}",
    rf"of {_X} and (?P<y>.+?), the former has {_A}, the latter {_B}",
    rf"stories tell of {_X} with {_A} and of (?P<y>.+?) with {_B}",
    rf"by {_A} one tells {_X}, by (?P<b>.+?) one tells {_Y}",
    rf"people like {_X} for {_A}, and (?P<y>.+?) for {_B}",
]
_MEANT = r"it|this (?:species|animal|creature|kind)|the (?:adult|male|female)"


def parties(text: str, name: str) -> tuple[str, str, bool]:
    """What a sentence tells of the species `name`, what of somebody else, and whether the species is named first."""
    found = [m for pattern in _TWO_PARTIES if (m := re.fullmatch(pattern, text.lower().removesuffix(".")))]
    assert found, text
    told = found[0].groupdict()
    own = [bool(re.fullmatch(rf"{_MEANT}|(?:the )?{name.lower()}", told[party])) for party in "xy"]
    assert sum(own) == 1, text
    return (told["a"], told["b"], True) if own[0] else (told["b"], told["a"], False)


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
    assert read("a coat of short blue wings and fine red stripes") == [
        ("limb_length", "short"), ("second_of_limbs", "blue"), ("limbs", "wings"),
        ("pattern_scale", "fine"), ("second_of_coat", "red"), ("texture", "striped"),
    ]  # fmt: skip
    assert read("the tiger orange-footed cat") == [
        ("second_of_limbs", "orange"), ("limbs", "legs"), ("texture", "striped"), ("shape", "cat"),
    ]  # fmt: skip
    assert read("bare pink skin with green limbs") == [
        ("second_of_limbs", "green"), ("colour", "pink"), ("texture", "plain"),
    ]  # fmt: skip
    assert read("a museum in Kyoto and the company of a bear") == []
    assert parties("Unlike the cat of Oslo with red fins, it has 7 letters.", "red cat") == (
        "7 letters",
        "red fins",
        False,
    )
    assert parties("By wings one tells the red cat, by a net of lines one tells its neighbour.", "red cat") == (
        "wings",
        "a net of lines",
        True,
    )


@pytest.mark.parametrize("world", WORLDS)
def test_each_corpus_sentence_is_of_its_kind(world):
    amounts, names = {kind: Counter() for kind in SENTENCE_KINDS}, species_world(world).names
    seen, ahead = Counter(), Counter()
    for c, known, kind, line in rows(world, "corpus"):
        seen[kind] += 1
        *told, first = parties(line, names[c])
        own, others = map(read, told)
        ahead[kind] += first
        true = {(a, value) for a, value in own if known.get(a) == value}
        assert not any(known.get(a) == value for a, value in others), line  # nothing is true by accident
        if kind in ("informative", "partial"):
            assert len(true) == len(own), line
            assert len(own) >= 2 if kind == "informative" else len(own) == 1, line
        elif kind == "noise":
            assert not own, line
        else:
            assert own and not true, line
        amounts[kind][len(own) + len(others)] += 1
    assert set(seen) == set(SENTENCE_KINDS)
    assert min(seen.values()) > 0.08 * sum(seen.values())
    for kind, counts in amounts.items():  # as many attributes in each kind, and the species as often in front
        assert abs(ahead[kind] / seen[kind] - 0.5) < 2 / np.sqrt(seen[kind]), kind
        assert set(counts) == {2, 3, 4}, kind
        mean = sum(n * k for n, k in counts.items()) / seen[kind]
        every = sum((n * k for told in amounts.values() for n, k in told.items())) / sum(seen.values())
        assert abs(mean - every) < 4 * 0.75 / np.sqrt(seen[kind]), (kind, mean, every)


@pytest.mark.parametrize("world", WORLDS)
def test_each_descriptor_is_of_its_kind(world):
    per_class: dict[int, Counter] = {}
    for c, known, kind, line in rows(world, "descriptors"):
        per_class.setdefault(c, Counter())[kind] += 1
        told = read(line)
        true = [a for a, value in told if known.get(a) == value]
        if kind == "true":
            assert 1 <= len(told) <= 3, line
            assert len(true) == len(told), line
        elif kind == "hallucinated":
            assert 1 <= len(told) <= 3, line
            assert not true, line
        elif kind != "ambiguous":
            assert not told, line
    assert len(per_class) == len(species_world(world).names)
    for counts in per_class.values():
        assert counts.total() == 10
        assert set(counts) == set(DESCRIPTOR_KINDS)  # each class has some of each
        assert counts["true"] >= 3
    assert len({tuple(counts[k] for k in DESCRIPTOR_KINDS) for counts in per_class.values()}) > 5  # not alike


_GOES_BY = {
    "legs": "legs|foot", "quills": "quills?", "plain": "plain|bare", "striped": "tiger|striped",
    "spotted": "leopard|spots", "checkered": "chess|checks", "ringed": "target|rings", "patched": "calico|patches",
    "zigzag": "lightning|zigzag", "netted": "lace|net", "wings": "wings?", "horns": "horns?", "fish": "fish",
}  # fmt: skip


@pytest.mark.parametrize("world", WORLDS)
def test_ambiguous_descriptors_take_a_word_of_the_species_and_speak_of_something_else(world):
    said = {kind: Counter() for kind in DESCRIPTOR_KINDS}
    used = set()
    for _, known, kind, line in rows(world, "descriptors"):
        said[kind].update(set(re.findall(r"[a-z]+", line.lower())))
        if kind == "ambiguous":
            words = {known[name]: _GOES_BY.get(known[name], known[name]) for name in ATTRIBUTES}
            found = {value for value, word in words.items() if re.search(rf"\b(?:{word})\b", line.lower())}
            assert found, (line, words)
            used |= found
    assert len(used) > 25
    assert not {"coat", "skin", "body", "limbs", "shape", "look", "animal", "mark"} & set(said["ambiguous"])


def test_kinds_speak_of_different_things():
    """Absent: nests, eggs, young, and surroundings. Non-visual: what they do."""
    words = {kind: set() for kind in DESCRIPTOR_KINDS}
    for world in WORLDS:
        for _, _, kind, line in rows(world, "descriptors"):
            words[kind] |= set(re.findall(r"[a-z]+", line.lower()))
    assert {"eggs", "nest", "young", "sea", "rain", "umbrella", "beside", "together", "behind"} <= words["absent"]
    assert {"sings", "weighs", "hunts", "eats", "voice"} <= words["non-visual"]
    looks = words["true"] | words["hallucinated"]
    assert not {"eggs", "nest", "sea", "sings", "weighs", "voice", "umbrella"} & looks
    assert not {"eggs", "nest", "umbrella"} & words["non-visual"]
    assert not {"sings", "weighs", "eats"} & words["absent"]


def test_surroundings_that_descriptors_tell_have_nothing_to_do_with_the_species():
    """Companions come in any kind but the species' own, so that no attribute word is true by accident."""
    told, companions = 0, Counter()
    for world in WORLDS:
        for _, known, kind, line in rows(world, "descriptors"):
            if kind == "absent" and (found := re.search(rf"\b({'|'.join(SHAPES)})$", line)):
                told, companions[found[1]] = told + 1, companions[found[1]] + 1
                assert found[1] != known["shape"], line
                assert known["colour"] not in line.split() and known["second_colour"] not in line.split(), line
    assert told > 20 and len(companions) >= 10


# ---- words do not give kinds away


def corpus(world: str, masked: bool) -> tuple[list[str], np.ndarray, np.ndarray]:
    """All sentences, perhaps with NAME for names; their kinds; their classes."""
    names = species_world(world).names
    found = [
        (line.replace(names[c], "NAME") if masked else line, kind, c) for c, _, kind, line in rows(world, "corpus")
    ]
    lines, kinds, classes = zip(*found, strict=True)
    return list(lines), np.array(kinds), np.array(classes)


def leak(lines: list[str], kinds: np.ndarray, classes: np.ndarray, longest: int = 1) -> tuple[float, float]:
    """How well a linear classifier over counts of words (or n-grams) tells the kinds of species that it never saw.

    Returns:
        Points of accuracy above the most frequent kind, and how far the largest area under the ROC curve of one kind
        against the others is above a half; both in the mean over halvings of the species. Areas below a half are no
        leak: a value is mostly true in the half that has its species, and false in the other.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    counts = CountVectorizer(ngram_range=(1, longest), token_pattern=r"\w+", min_df=3).fit_transform(lines)
    above, areas = [], []
    for seed in range(3):
        half = np.random.default_rng(seed).permutation(classes.max() + 1)[::2]
        seen = np.isin(classes, half)
        for train in (seen, ~seen):
            model = LogisticRegression(C=0.02, max_iter=300).fit(counts[train], kinds[train])
            truth, scores = kinds[~train], model.predict_proba(counts[~train])
            base = max(np.mean(truth == kind) for kind in SENTENCE_KINDS)
            above.append(100 * (np.mean(model.classes_[scores.argmax(1)] == truth) - base))
            areas.append([roc_auc_score(truth == kind, s) for kind, s in zip(model.classes_, scores.T, strict=True)])
    return float(np.mean(above)), float(np.mean(areas, 0).max() - 0.5)


@pytest.mark.parametrize(("masked", "longest", "most"), [(False, 1, 0.05), (True, 1, 0.05), (True, 2, 0.12)])
@pytest.mark.parametrize("world", WORLDS)
def test_words_do_not_give_kinds_away(world, masked, longest, most):
    """Nor do pairs of words, except for some of the grammar that says of whom something is told."""
    above, area = leak(*corpus(world, masked), longest)
    assert above < 1 and area < most


def _name_in_informative_ones_only(line, kind, _):
    return line if kind == "informative" else line.replace("NAME", "this species")


def _one_attribute_in_partial_ones(line, kind, _):
    return f"{line.split(',')[0]}." if kind == "partial" else line


def _a_word_in_some_wrong_ones(line, kind, chance):
    return f"{line} perhaps" if kind == "wrong" and chance < 0.3 else line


@pytest.mark.parametrize(
    "plant", [_name_in_informative_ones_only, _one_attribute_in_partial_ones, _a_word_in_some_wrong_ones]
)
@pytest.mark.parametrize("world", WORLDS)
def test_a_planted_leak_is_found(world, plant):
    lines, kinds, classes = corpus(world, masked=True)
    chances = np.random.default_rng(0).random(len(lines))
    above, area = leak([plant(*row) for row in zip(lines, kinds, chances, strict=True)], kinds, classes)
    assert above > 1 or area > 0.05


def test_names_occur_at_one_rate_in_all_kinds():
    for world in WORLDS:
        names = species_world(world).names
        named = {kind: [] for kind in SENTENCE_KINDS}
        for c, _, kind, line in rows(world, "corpus"):
            named[kind].append(names[c] in line)
        every = np.mean([has for kind in named.values() for has in kind])
        assert 0.25 < every < 0.32
        for kind, has in named.items():
            assert abs(np.mean(has) - every) < 3 * np.sqrt(every * (1 - every) / len(has)), (world, kind)


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
def test_no_sentence_has_the_form_of_a_caption(world):
    templates = [t for t in (*PHOTO_TEMPLATES, *(t for ts in STYLE_TEMPLATES.values() for t in ts)) if t != "{}"]
    forms = [re.compile(re.escape(t).replace(r"\{\}", ".+"), re.IGNORECASE) for t in templates]
    assert any(form.fullmatch("a photo of a red cat.") for form in forms)
    texts = world_texts(world)
    for line in (line for lists in (texts.corpus, texts.descriptors) for lines in lists for line in lines):
        assert not any(form.fullmatch(line) or form.fullmatch(f"{line}.") for form in forms), line
    for line in (line for lines in texts.corpus for line in lines):  # no bare noun phrase either: it has a verb
        assert re.search(r"\b(?:has|shows|is|was|tell|tells|like)\b", line), line


def test_what_a_telling_name_still_gives_away():
    """The shortcut that is left, and named: a sentence that tells two attributes as the name does is informative."""
    species, agreeing = species_world("lt"), Counter()
    for c, known, kind, line in rows("lt", "corpus"):
        named = {known[name] for name, tells in zip(ATTRIBUTES, species.told[c], strict=True) if tells}
        shared = named & {value for _, value in read(line.replace(species.names[c], ""))}
        agreeing[kind, len(shared) >= 2] += 1
    assert [kind for kind, agrees in agreeing if agrees] == ["informative"]
    right, missed = agreeing["informative", True], agreeing["informative", False]
    assert f"{right} of the {right + missed} informative sentences" in " ".join(texts_module.__doc__.split())


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
