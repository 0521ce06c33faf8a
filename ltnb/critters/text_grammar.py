"""A small grammar of sentences about critters: the attributes to tell go in, an encyclopaedia-like sentence comes out.

The same forms serve true and wrong statements, so that no form is true or wrong by itself. How much a sentence tells
does give kinds away (one attribute: partial; a wrong sentence tells two or more), and so does a telling name: see
"Shortcuts that are left" in :mod:`ltnb.critters.datasets`. Only words of the pre-training captions are used
(:func:`ltnb.critters.captions.vocabulary_texts`), in sentences that no caption template makes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ltnb.critters.words import HABITAT_PHRASES, TEXTURE_NOUNS, with_article

Told = dict[str, str]
"""Attribute name -> value word for what a sentence tells, coarse and fine attributes alike."""

SUBJECTS = (
    *("it", "this species", "this animal", "this creature", "this kind", "the adult", "the adult male", "the female"),
    *("the young animal", "the wild animal", "this old species", "this shy creature", "the known individual"),
)
_COAT = frozenset({"texture", "colour", "second_colour", "pattern_scale"})


def pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    """One of some texts."""
    return options[int(rng.integers(len(options)))]


def sentence(text: str) -> str:
    """First letter large, a full stop at the end."""
    return f"{text[0].upper()}{text[1:]}."


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _coat(rng: np.random.Generator, told: Told) -> list[str]:
    """Noun phrases for texture, colour, second colour and the scale of the pattern, as far as told."""
    texture, colour, second, scale = (told.get(k) for k in ("texture", "colour", "second_colour", "pattern_scale"))
    parts: list[str] = []
    if scale and texture in (None, "netted"):  # no plural noun that it could stand before
        parts, scale = [f"a {scale} pattern"], None
    if texture == "plain":
        coat = f"a plain {colour} coat" if colour else pick(rng, ("a plain coat", "plain skin"))
        return [coat, *([f"{second} as a second colour"] if second else [])]
    if texture:
        pattern = " ".join(word for word in (scale, second, TEXTURE_NOUNS[texture]) if word)
        if second and texture == "netted":
            pattern = f"a net of {second} lines"
        forms: tuple[str, ...] = (
            f"skin covered with {pattern}",
            f"a coat of {pattern}",
            f"a body painted with {pattern}",
        )
        if colour:
            forms = (
                f"{with_article(colour)} coat with {pattern}",
                f"{pattern} on {colour} skin",
                f"{pattern} over {with_article(colour)} body",
                f"{with_article(colour)} body decorated with {pattern}",
            )
        elif not (second or scale):
            forms = (*forms, f"a {texture} coat", f"{texture} skin", pattern)
    elif colour and second:
        forms = (f"{with_article(colour)} and {second} coat", f"a coat of {colour} and {second}")
        forms = (*forms, f"{colour} skin and some {second}")
    elif colour:
        forms = (f"{with_article(colour)} coat", f"{colour} skin", f"a body of {colour} colour")
    elif second:
        forms = (f"{second} as a second colour", f"some {second} over another colour")
    else:
        return parts
    return [pick(rng, forms), *parts]


def _limbs(rng: np.random.Generator, told: Told, second: str | None) -> list[str]:
    """Noun phrases for the limbs, their length and, where it is told of them, their colour."""
    limbs, length = told.get("limbs"), told.get("limb_length")
    if limbs is None:
        return [f"{length} limbs"] if length else []
    name = f"{length} {limbs}" if length else limbs
    if second:
        return [pick(rng, (f"{length + ' ' if length else ''}{second} {limbs}", f"{name} of {second} colour"))]
    return [pick(rng, (name, f"{name} on the body", f"limbs that are {name}"))]


def features(rng: np.random.Generator, told: Told, plain: bool = False) -> str:
    """All that the animal wears, as joined noun phrases in random order; empty when nothing of it is told."""
    second = told.get("second_colour")
    of_limbs = bool(second and "limbs" in told) and (plain or rng.random() < 0.6)
    coat = {k: v for k, v in told.items() if k in _COAT and not (k == "second_colour" and of_limbs)}
    parts = _coat(rng, coat) + _limbs(rng, told, second if of_limbs else None)
    if "marking" in told:
        where = told["marking"]
        forms = (
            f"a pale mark at the {where}",
            f"one pale marking near the {where}",
            f"a mark on the {where} side",
        )
        parts.append(pick(rng, forms))
    return _joined([parts[i] for i in rng.permutation(len(parts))]) if parts else ""


def statement(rng: np.random.Generator, subject: str, told: Told, plain: bool = False) -> str:
    """A sentence about critters of one kind.

    Args:
        rng: chooses the words.
        subject: who it is about, singular.
        told: exactly the attributes to tell.
        plain: the animal has no pattern, so that its second colour can only be that of its limbs.
    """
    worn, shape = features(rng, told, plain), told.get("shape", "")
    has = ("has", "shows", "carries", "always has", "is known by", "is easily recognised by", "is told apart by")
    having = f"{pick(rng, has)} {worn}"
    creature = with_article(shape) if shape else ""
    forms: tuple[str, ...] = (subject,)
    if worn and shape:
        forms = (
            f"{subject} is {creature} with {worn}",
            f"{subject} is known as {creature} and {having}",
            f"unlike most other animals, {subject} is {creature} with {worn}",
            f"{subject} is built like {creature} and {having}",
            f"described as {creature}, {subject} {having}",
        )
    elif worn:
        forms = (
            f"{subject} {having}",
            f"looking closely, {subject} {having}",
            f"with {worn}, {subject} looks like no other",
            f"in summer and winter, {subject} {having}",
            f"{worn} can be seen on {subject}",
        )
    elif shape:
        forms = (
            f"{subject} is a kind of {shape}",
            f"{subject} is built like {creature}",
            f"by its body, {subject} is {creature}",
            f"{subject} has been described as {creature}",
            f"{subject} is {creature}",
        )
    text = pick(rng, forms)
    if "habitat" in told:
        verbs = (
            "lives",
            "is often seen",
            "is usually found",
            "sleeps",
            "feeds",
            "hides",
            "is at home",
            "is recorded",
        )
        home = f"{pick(rng, verbs)} {HABITAT_PHRASES[told['habitat']]}"
        text = f"{text} {home}" if text == subject else pick(rng, (f"{text}, and it {home}", f"{text} and it {home}"))
    return sentence(text)
