"""Zero-shot classification: class weights made of prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from ltnb._checks import check_integer
from ltnb.clip.prompts import prompt_sentences

if TYPE_CHECKING:
    from ltnb.clip.backbone import Backbone


@torch.no_grad()
def zero_shot_weights(
    backbone: Backbone, class_names: Sequence[str], templates: str | Sequence[str], *, batch_size: int = 256
) -> Tensor:
    """Weights of CLIP's zero-shot classifier: per class the mean of its normalised prompt embeddings, normalised again.

    Names are put in as they are: "a photo of a owl." keeps its article, as in CLIP's own prompts.

    Args:
        backbone: gives the text embeddings.
        class_names: C names.
        templates: one or several strings, each with one ``{}`` where the name goes.
        batch_size: prompts a step; changes the memory, not the result.

    Returns:
        float32 (C, D) with rows of norm 1, on the backbone's device, without a gradient.

    Raises:
        ValueError: no names or templates, something that is no string, or a template without exactly one ``{}``.
    """
    sentences = prompt_sentences(class_names, [templates] if isinstance(templates, str) else templates)
    check_integer(batch_size, "batch_size", 1)
    prompts = [prompt for of_class in sentences for prompt in of_class]
    training = backbone.training
    backbone.eval()
    try:
        parts = [backbone.encode_texts(prompts[i : i + batch_size]) for i in range(0, len(prompts), batch_size)]
    finally:
        backbone.train(training)
    embeddings = torch.cat(parts).view(len(sentences), len(sentences[0]), -1)
    return functional.normalize(embeddings.mean(dim=1), dim=-1)
