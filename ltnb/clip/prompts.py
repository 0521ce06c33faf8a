"""Prompt templates, and the sentences that they make of class names."""

from __future__ import annotations

from collections.abc import Sequence

from ltnb._checks import check_texts, fail
from ltnb._optional import require
from ltnb._torchvision import prepare_torchvision

TEMPLATES: dict[str, tuple[str, ...]] = {
    "single": ("a photo of a {}.",),
    "ballad": (
        "itap of a {}.",
        "a bad photo of the {}.",
        "a origami {}.",
        "a photo of the large {}.",
        "a {} in the video game.",
        "art of the {}.",
        "a photo of the small {}.",
    ),
}
"""Prompt templates. ``single``: BALLAD's choice; ``ballad``: the seven of its appendix C, which do not contain it."""


def clip_templates() -> tuple[str, ...]:
    """CLIP's 80 prompt templates for ImageNet, as open_clip has them, each with one ``{}``; VL-LTR adds them all."""
    require(("open_clip",), "ltnb.clip.clip_templates")
    prepare_torchvision()
    import open_clip

    return tuple(template("{}") for template in open_clip.OPENAI_IMAGENET_TEMPLATES)


def prompt_sentences(class_names: Sequence[str], templates: Sequence[str]) -> list[list[str]]:
    """Every template with each class name put in: the sentences that VL-LTR adds to a corpus.

    Args:
        class_names: C names.
        templates: strings with one ``{}``; VL-LTR's are `ltnb.clip.clip_templates`.

    Returns:
        C lists of ``len(templates)`` sentences.

    Raises:
        ValueError: no names, no templates, or a template without exactly one ``{}``.
    """
    names, templates = check_texts(class_names, "class_names"), check_texts(templates, "templates")
    for template in templates:
        if template.count("{}") != 1:
            fail("templates", "strings with one {} for the class name", repr(template))
    return [[template.replace("{}", name) for template in templates] for name in names]
