"""Cases of ``ltnb.losses``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from contract import oracles
from contract.bad_input import bad_features, bad_targets, bad_temperature, set_last
from contract.cases import BadInput, Inputs, ModuleCase, Rng, permuted, randn, rescaled, rotated, same
from contract.classification import CLASSIFICATION
from ltnb.losses import ClassWiseContrastiveLoss, ImageTextCrossEntropy


def _contrastive_inputs(rng: Rng, temperature: float = 0.3) -> Inputs:
    """Seven images and five texts of three classes, each class on both sides, in random order."""
    return {
        "image_emb": randn(rng, 7, 4) * 10,
        "text_emb": randn(rng, 5, 4),
        "image_labels": torch.from_numpy(rng.permutation([0, 0, 0, 2, 2, 7, 7])),
        "text_labels": torch.from_numpy(rng.permutation([0, 2, 2, 7, 7])),
        "temperature": torch.tensor(temperature, dtype=torch.float64),
    }


def _contrastive_extreme(rng: Rng) -> Inputs:
    inputs = _contrastive_inputs(rng)
    # opposite and equal directions: cosines of -1 and 1, logits of -1e4 and 1e4
    inputs["image_emb"] = torch.ones(7, 4, dtype=torch.float64) * torch.tensor([1, -1, 1, -1, 1, -1, 1])[:, None]
    inputs["text_emb"] = torch.ones(5, 4, dtype=torch.float64) * torch.tensor([1, -1, 1, -1, 1])[:, None]
    return {**inputs, "temperature": 1e-4}


def _clip_pair(rng: Rng, smoothing: float) -> tuple[torch.Tensor, torch.Tensor]:
    """One image and one text a class: the sum of torch's two cross-entropies over the diagonal."""
    v, u, y = randn(rng, 6, 4), randn(rng, 6, 4), torch.arange(6)
    logits = F.cosine_similarity(v[:, None], u[None], dim=-1) / 0.2
    expected = sum(F.cross_entropy(z, y, label_smoothing=smoothing) for z in (logits, logits.T))
    return ClassWiseContrastiveLoss(smoothing)(v, u, 3 * y, 3 * y, 0.2), expected


def _one_class(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    """One class only: every pair is positive, the loss is the plain mean of -log p in both directions."""
    v, u = randn(rng, 5, 4), randn(rng, 3, 4)
    logits = F.cosine_similarity(v[:, None], u[None], dim=-1) / 0.2
    expected = -logits.log_softmax(1).mean() - logits.log_softmax(0).mean()
    return ClassWiseContrastiveLoss()(v, u, torch.zeros(5).long(), torch.zeros(3).long(), 0.2), expected


def _hot(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    """tau to infinity: both softmaxes are uniform."""
    inputs = _contrastive_inputs(rng, temperature=1e12)
    return ClassWiseContrastiveLoss()(**inputs), torch.tensor(np.log(5) + np.log(7))


def _paired_prompts(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    """One prompt a class, repeated for each image: the multi-positive mean is that of the pairs (BALLAD Eq. 2-3)."""
    y = torch.tensor([0, 0, 0, 1, 2, 2])
    v, u = randn(rng, 6, 4), randn(rng, 3, 4)[y]
    logits = F.cosine_similarity(v[:, None], u[None], dim=-1) / 0.2
    pairs = -logits.log_softmax(1).diagonal().mean() - logits.log_softmax(0).diagonal().mean()
    return ClassWiseContrastiveLoss()(v, u, y, y, 0.2), pairs


def _renamed_classes(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
    names = torch.from_numpy(rng.permutation(50))
    return {**inputs, "image_labels": names[inputs["image_labels"]], "text_labels": names[inputs["text_labels"]]}, same


def _swapped_sides(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
    order = ("text_emb", "image_emb", "text_labels", "image_labels", "temperature")
    return dict(zip(inputs, (inputs[name] for name in order), strict=True)), same


def _twice(y: torch.Tensor) -> int:
    """Position of a label that occurs twice, so that the class keeps a text."""
    return next(i for i in range(len(y)) if int((y == y[i]).sum()) == 2)


CONTRASTIVE_BAD = (
    *bad_features("image_emb", width=False),
    *bad_features("text_emb"),
    *bad_targets("image_labels"),
    *bad_targets("text_labels"),
    *bad_temperature(),
    BadInput("image_labels", "no text of the class", set_last(3)),
    BadInput("text_labels", "no image of the class", lambda y: torch.where(y == 7, 8, y), named="image_labels"),
    BadInput("text_labels", "one text without image", lambda y: torch.where(torch.arange(5) == _twice(y), 9, y)),
)


def _contrastive_case(smoothing: float) -> ModuleCase:
    return ModuleCase(
        name=f"class-wise contrastive, smoothing {smoothing:g}",
        build=partial(ClassWiseContrastiveLoss, label_smoothing=smoothing),
        inputs=_contrastive_inputs,
        extreme=_contrastive_extreme,
        oracle=partial(oracles.class_wise_contrastive, smoothing=smoothing),
        differentiable=("image_emb", "text_emb", "temperature"),
        limits={"one pair a class": partial(_clip_pair, smoothing=smoothing)}
        | ({"one class": _one_class, "hot": _hot, "paired prompts": _paired_prompts} if smoothing == 0 else {}),
        symmetries={
            "order of images": permuted("image_emb", "image_labels"),
            "order of texts": permuted("text_emb", "text_labels"),
            "length of images": rescaled("image_emb"),
            "length of texts": rescaled("text_emb"),
            "rotation": rotated("image_emb", "text_emb"),
            "names of classes": _renamed_classes,
            "images for texts": _swapped_sides,
        },
        bad_calls=CONTRASTIVE_BAD,
        bad_builds=tuple(({"label_smoothing": v}, "label_smoothing") for v in (-0.1, 1.0, float("nan"), "0.1", True)),
    )


def _image_text_inputs(rng: Rng, temperature: float = 0.3) -> Inputs:
    return {
        "image_emb": randn(rng, 6, 4) * 10,
        "class_text_emb": randn(rng, 5, 4),
        "labels": torch.from_numpy(rng.integers(5, size=6)),
        "temperature": torch.tensor(temperature, dtype=torch.float64),
    }


def _image_text_extreme(rng: Rng) -> Inputs:
    signs = torch.tensor([1.0, -1, 1, -1, 1, -1], dtype=torch.float64)[:, None]
    inputs = {**_image_text_inputs(rng), "image_emb": signs.repeat(1, 4), "class_text_emb": signs[:5].repeat(1, 4)}
    return {**inputs, "temperature": 1e-4}


def _plain_cross_entropy(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = _image_text_inputs(rng)
    v, u = inputs["image_emb"], inputs["class_text_emb"]
    logits = F.cosine_similarity(v[:, None], u[None], dim=-1) / inputs["temperature"]
    return ImageTextCrossEntropy()(**inputs), F.cross_entropy(logits, inputs["labels"])


def _equal_texts(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = _image_text_inputs(rng)
    inputs["class_text_emb"] = inputs["class_text_emb"][:1].repeat(5, 1)
    return ImageTextCrossEntropy()(**inputs), torch.tensor(np.log(5.0))


def _single_class(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    v, u, y = randn(rng, 3, 4), randn(rng, 1, 4), torch.zeros(3, dtype=torch.long)
    return ImageTextCrossEntropy()(v, u, y, 0.07), torch.zeros((), dtype=torch.float64)


def _half_of_contrastive(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    """Every class once in the batch: the one-way loss and its mirror image add up to the class-wise one."""
    v, u, y = randn(rng, 6, 4), randn(rng, 6, 4), torch.arange(6)
    one_way = ImageTextCrossEntropy()
    return one_way(v, u, y, 0.2) + one_way(u, v, y, 0.2), ClassWiseContrastiveLoss()(v, u, y, y, 0.2)


def _permuted_classes(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
    order = torch.from_numpy(rng.permutation(5))
    labels = order.argsort()[inputs["labels"]]
    return {**inputs, "class_text_emb": inputs["class_text_emb"][order], "labels": labels}, same


IMAGE_TEXT = ModuleCase(
    name="image-text cross-entropy",
    build=ImageTextCrossEntropy,
    inputs=_image_text_inputs,
    extreme=_image_text_extreme,
    oracle=oracles.image_text_cross_entropy,
    differentiable=("image_emb", "class_text_emb", "temperature"),
    limits={
        "torch's cross-entropy": _plain_cross_entropy,
        "equal texts": _equal_texts,
        "single class": _single_class,
        "half of the class-wise loss": _half_of_contrastive,
    },
    symmetries={
        "order of images": permuted("image_emb", "labels"),
        "order of classes": _permuted_classes,
        "length of images": rescaled("image_emb"),
        "length of texts": rescaled("class_text_emb"),
        "rotation": rotated("image_emb", "class_text_emb"),
    },
    bad_calls=(
        *bad_features("image_emb", width=False),
        *bad_features("class_text_emb"),
        *bad_targets("labels", n_classes=5),
        *bad_temperature(),
    ),
)

LOSSES = [_contrastive_case(0.0), _contrastive_case(0.1), IMAGE_TEXT, *CLASSIFICATION]
