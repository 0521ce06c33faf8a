"""Phrases that tell attributes, and the frames of corpus sentences.

True and wrong statements use the same phrases, so that no phrase is true or wrong by itself. A frame speaks of two
parties, with the same words next to either: only who comes first, and hence the order of the whole, says of whom
something is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from ltnb.critters.words import EPITHETS, LIMB_ADJECTIVES, TEXTURE_NOUNS, with_article

Told = dict[str, str]
"""Attribute name -> value word for what a text tells, coarse and fine attributes alike."""

GROUPS = (
    *(("shape",), ("texture",), ("colour",), ("second_colour",), ("limbs",)),
    *(("marking",), ("limb_length",), ("pattern_scale",)),
    *(("texture", "colour"), ("texture", "second_colour"), ("colour", "second_colour"), ("second_colour", "limbs")),
    *(("shape", "texture"), ("shape", "colour"), ("shape", "limbs")),
    *(("limb_length", "limbs"), ("limb_length", "second_colour"), ("pattern_scale", "texture")),
    *(("texture", "colour", "second_colour"), ("shape", "texture", "colour"), ("shape", "second_colour", "limbs")),
    *(("limb_length", "second_colour", "limbs"), ("pattern_scale", "texture", "second_colour")),
    ("pattern_scale", "texture", "colour"),
)
"""What one phrase can tell together."""

_FRAMES = (
    "{x} has {of_x}, whereas {y} has {of_y}",
    "{x} is known for {of_x}, {y} for {of_y}",
    "{x} is noted for {of_x}, but {y} for {of_y}",
    "unlike {x} with {of_x}, {y} has {of_y}",
    "while {x} shows {of_x}, {y} shows {of_y}",
    "{x} was described with {of_x}, and {y} with {of_y}",
    "{x} is remembered for {of_x}, {y} for {of_y}",
    "of {x} and {y}, the former has {of_x}, the latter {of_y}",
    "stories tell of {x} with {of_x} and of {y} with {of_y}",
    "by {of_x} one tells {x}, by {of_y} one tells {y}",
    "people like {x} for {of_x}, and {y} for {of_y}",
    "where {x} has {of_x}, {y} has {of_y}",
)

_T = TypeVar("_T")


def pick(rng: np.random.Generator, options: Sequence[_T]) -> _T:
    """One of some things."""
    return options[int(rng.integers(len(options)))]


def _coat(rng: np.random.Generator, told: Told) -> str:
    """Texture, colour, second colour and the scale of the pattern, as far as told."""
    texture, colour, second, scale = (told.get(k) for k in ("texture", "colour", "second_colour", "pattern_scale"))
    if texture is None:
        if colour is None:
            return f"{second} limbs" if second else f"a {scale} pattern"
        coat = pick(rng, (f"{with_article(colour)} coat", f"{colour} skin", f"{with_article(colour)} body"))
        return f"{coat} with {second} limbs" if second else coat
    if texture == "plain":  # only its limbs show the second colour
        coat = " ".join(word for word in (pick(rng, (texture, EPITHETS[texture])), colour, "skin") if word)
        return f"{coat} with {second} limbs" if second else coat
    shade = "".join(f"{word} " for word in (scale, second) if word)
    pattern = f"a net of {shade}lines" if texture == "netted" else f"{shade}{TEXTURE_NOUNS[texture]}"
    if colour:
        forms = [f"{with_article(colour)} coat with {pattern}", f"{colour} skin with {pattern}"]
        forms.append(f"{pattern} on {colour} skin")
        if not shade:
            forms += [f"a {texture} {colour} coat", f"{texture} {colour} skin"]
    else:
        forms = [pattern]
        if not shade:
            forms += [f"a {texture} pattern", f"a {EPITHETS[texture]} pattern"]
    return pick(rng, forms)


def phrase(rng: np.random.Generator, told: Told) -> str:
    """A noun phrase that tells exactly `told`, one of :data:`GROUPS`."""
    limbs, length, second = told.get("limbs"), told.get("limb_length"), told.get("second_colour")
    if "marking" in told:
        where = told["marking"]
        return pick(rng, (f"a pale mark at the {where}", f"one pale marking near the {where}"))
    if "shape" in told:
        words = [told[k] for k in ("texture", "colour") if k in told]
        tail = ""
        if limbs and rng.random() < 0.5:
            words.append("-".join([*([second] if second else []), LIMB_ADJECTIVES[limbs]]))
        elif limbs:
            tail = f" with {second} {limbs}" if second else f" with {limbs}"
        whole = with_article(" ".join([*words, told["shape"]]))
        return f"{pick(rng, ('the body of', 'the shape of', 'the look of'))} {whole}{tail}"
    if limbs or length:
        return " ".join(word for word in (length, second, limbs or "limbs") if word)
    return _coat(rng, told)


def framed(rng: np.random.Generator, x: str, of_x: list[str], y: str, of_y: list[str]) -> str:
    """A sentence about two parties.

    Args:
        rng: chooses the frame and the order within each list.
        x: who is named first.
        of_x: noun phrases for what is told of it, at least one.
        y: who is named second.
        of_y: the same of it.
    """
    lists = [" and ".join(told[i] for i in rng.permutation(len(told))) for told in (of_x, of_y)]
    text = pick(rng, _FRAMES).format(x=x, of_x=lists[0], y=y, of_y=lists[1])
    return f"{text[0].upper()}{text[1:]}."
