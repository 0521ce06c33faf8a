"""Cases of ``ltnb.losses``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from contract import oracles
from contract.bad_input import bad_features, bad_shares, bad_targets, bad_temperature, set_last
from contract.cases import BadInput, Inputs, ModuleCase, Rng, permuted, randn, rescaled, rotated, same
from contract.classification import CLASSIFICATION
from ltnb.losses import (
    ClassWiseContrastiveLoss,
    FeatureDistillationLoss,
    ImageTextCrossEntropy,
    LanguageGuidedLoss,
    LogitDistillationLoss,
    create,
)


def _contrastive_inputs(rng: Rng) -> Inputs:
    """Seven images and five texts of three classes, each class on both sides, in random order."""
    return {
        "image_emb": randn(rng, 7, 4) * 10,
        "text_emb": randn(rng, 5, 4),
        "image_labels": torch.from_numpy(rng.permutation([0, 0, 0, 2, 2, 7, 7])),
        "text_labels": torch.from_numpy(rng.permutation([0, 2, 2, 7, 7])),
        "temperature": torch.tensor(0.3, dtype=torch.float64),
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


def _blind(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    """Images without a direction: both softmaxes are uniform."""
    inputs = _contrastive_inputs(rng)
    inputs["image_emb"] = torch.zeros_like(inputs["image_emb"])
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
        part="class_wise_contrastive",
        name=f"class-wise contrastive, smoothing {smoothing:g}",
        build=partial(create, "class_wise_contrastive", label_smoothing=smoothing),
        inputs=_contrastive_inputs,
        extreme=_contrastive_extreme,
        oracle=partial(oracles.class_wise_contrastive, smoothing=smoothing),
        differentiable=("image_emb", "text_emb", "temperature"),
        limits={"one pair a class": partial(_clip_pair, smoothing=smoothing)}
        | ({"one class": _one_class, "blind": _blind, "paired prompts": _paired_prompts} if smoothing == 0 else {}),
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
        mean_of=lambda terms, inputs: (
            terms[: len(inputs["image_emb"])].mean() + terms[len(inputs["image_emb"]) :].mean()
        ),
        bad_builds=tuple(({"label_smoothing": v}, "label_smoothing") for v in (-0.1, 1.0, float("nan"), "0.1", True)),
    )


def _image_text_inputs(rng: Rng) -> Inputs:
    return {
        "image_emb": randn(rng, 6, 4) * 10,
        "class_text_emb": randn(rng, 5, 4),
        "labels": torch.from_numpy(rng.integers(5, size=6)),
        "temperature": torch.tensor(0.3, dtype=torch.float64),
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
    part="image_text_cross_entropy",
    name="image-text cross-entropy",
    build=partial(create, "image_text_cross_entropy"),
    soft="labels",
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
        *bad_targets("labels", num_classes=5),
        *bad_shares("labels"),
        *bad_temperature(),
    ),
)

# ---- distillation ----------------------------------------------------------------------------------------------------

EMBEDDINGS = ("image_emb", "text_emb", "teacher_image_emb", "teacher_text_emb")


def _pairs(rng: Rng, teacher_width: int = 4) -> Inputs:
    """Six pairs of the student and of the teacher."""
    shapes = zip(EMBEDDINGS, (4, 4, teacher_width, teacher_width), strict=True)
    return {name: randn(rng, 6, width) * 3 for name, width in shapes}


def _distillation_inputs(rng: Rng, temperature: float = 0.3) -> Inputs:
    return {**_pairs(rng, 3), "temperature": torch.tensor(temperature, dtype=torch.float64)}


def _distillation_extreme(rng: Rng) -> Inputs:
    signs = torch.tensor([1.0, -1, 1, -1, 1, -1], dtype=torch.float64)[:, None].repeat(1, 4)
    return {**dict(zip(EMBEDDINGS, (signs, -signs, signs, signs), strict=True)), "temperature": 1e-4}


def _own_teacher(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    """A student that equals its teacher pays the entropy of its own rows and columns."""
    v, u = randn(rng, 6, 4), randn(rng, 6, 4)
    logits = F.cosine_similarity(v[:, None], u[None], dim=-1) / 0.2
    entropies = sum(torch.distributions.Categorical(logits=z).entropy().mean() for z in (logits, logits.T))
    return LogitDistillationLoss()(v, u, v, u, 0.2), entropies


def _sure_teacher(form: str, rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    """A teacher that is sure of every pair: CLIP's loss, in both forms."""
    v, u, teacher = randn(rng, 6, 8), randn(rng, 6, 8), torch.eye(6, dtype=torch.float64)
    logits = F.cosine_similarity(v[:, None], u[None], dim=-1) / 0.01
    expected = sum(F.cross_entropy(z, torch.arange(6)) for z in (logits, logits.T))
    return LogitDistillationLoss(form)(v, u, teacher, teacher, 0.01), expected


def _blind_teacher(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    """All the teacher's texts are equal and so are its images: the mean of -log p over whole rows."""
    v, u, teacher = randn(rng, 6, 4), randn(rng, 6, 4), randn(rng, 1, 3).repeat(6, 1)
    logits = F.cosine_similarity(v[:, None], u[None], dim=-1) / 0.2
    expected = -logits.log_softmax(1).mean() - logits.log_softmax(0).mean()
    return LogitDistillationLoss()(v, u, teacher, teacher, 0.2), expected


def _swapped_towers(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
    order = ("text_emb", "image_emb", "teacher_text_emb", "teacher_image_emb", *list(inputs)[4:])
    return dict(zip(inputs, (inputs[name] for name in order), strict=True)), same


PAIRS_BAD = (
    *bad_features("image_emb", width=False),
    *bad_features("text_emb"),
    *bad_features("teacher_image_emb", width=False),
    *bad_features("teacher_text_emb"),
    *(BadInput(name, "one row less", lambda x: x[:-1]) for name in EMBEDDINGS[1:]),
)
PAIRS_SYMMETRIES = {
    "order of pairs": permuted(*EMBEDDINGS),
    **{f"length of {name}": rescaled(name) for name in EMBEDDINGS},
    "images for texts": _swapped_towers,
}


def _logit_distillation_case(form: str) -> ModuleCase:
    return ModuleCase(
        part="logit_distillation",
        name=f"logit distillation, {form}",
        build=partial(create, "logit_distillation", form=form),
        inputs=_distillation_inputs,
        extreme=_distillation_extreme,
        oracle=partial(oracles.logit_distillation, form=form),
        differentiable=("image_emb", "text_emb"),
        limits={"sure teacher": partial(_sure_teacher, form)}
        | ({"own teacher": _own_teacher, "blind teacher": _blind_teacher} if form == "full" else {}),
        symmetries={
            **PAIRS_SYMMETRIES,
            "rotation of the student": rotated("image_emb", "text_emb"),
            "rotation of the teacher": rotated("teacher_image_emb", "teacher_text_emb"),
        },
        bad_calls=(*PAIRS_BAD, *bad_temperature()),
        bad_builds=tuple(({"form": value}, "form") for value in ("released", None, "", True)),
    )


FEATURE_DISTILLATION = ModuleCase(
    part="feature_distillation",
    name="feature distillation",
    build=partial(create, "feature_distillation"),
    inputs=_pairs,
    extreme=lambda rng: {name: randn(rng, 6, 4).sign() * 1e4 for name in EMBEDDINGS},
    oracle=oracles.feature_distillation,
    differentiable=("image_emb", "text_emb"),
    limits={
        "own teacher": lambda rng: (
            FeatureDistillationLoss()(*(x := (randn(rng, 6, 4), randn(rng, 6, 4))), *x),
            torch.zeros((), dtype=torch.float64),
        ),
        "opposite teacher": lambda rng: (
            FeatureDistillationLoss()(x := randn(rng, 6, 4), x, -x, -3 * x),
            torch.tensor(8.0),
        ),
    },
    symmetries=PAIRS_SYMMETRIES | {"rotation": rotated("image_emb", "teacher_image_emb")},
    bad_calls=(
        *PAIRS_BAD,
        BadInput("teacher_image_emb", "another width", lambda x: x[:, :-1], named="teacher_text_emb"),
    ),
)

# ---- the language-guided head's loss ---------------------------------------------------------------------------------


def _two_branches(rng: Rng, size: float = 2.0) -> Inputs:
    logits = {name: randn(rng, 6, 5) * size for name in ("logits_image", "logits_text")}
    return {**logits, "targets": torch.from_numpy(rng.integers(5, size=6))}


def _twice_torch(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    z, y = randn(rng, 6, 5), torch.from_numpy(rng.integers(5, size=6))
    return LanguageGuidedLoss()(z, z, y), 2 * F.cross_entropy(z, y)


def _shifted_rows(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
    return {**inputs, "logits_text": inputs["logits_text"] + randn(rng, 6, 1) * 10}, same


def _swapped_branches(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
    return {**inputs, "logits_image": inputs["logits_text"], "logits_text": inputs["logits_image"]}, same


def _language_guided_case(smoothing: float) -> ModuleCase:
    return ModuleCase(
        part="language_guided",
        name=f"language-guided loss, smoothing {smoothing:g}",
        build=partial(create, "language_guided", label_smoothing=smoothing),
        soft="targets",
        inputs=_two_branches,
        extreme=lambda rng: {
            **_two_branches(rng),
            **{name: randn(rng, 6, 5).sign() * 1e4 for name in ("logits_image", "logits_text")},
        },
        oracle=partial(oracles.language_guided_loss, smoothing=smoothing),
        differentiable=("logits_image", "logits_text"),
        limits={"one branch twice": _twice_torch} if smoothing == 0 else {},
        symmetries={
            "order": permuted("logits_image", "logits_text", "targets"),
            "shift of a row": _shifted_rows,
            "branches": _swapped_branches,
        },
        bad_calls=(
            *bad_features("logits_image", width=False),
            *bad_features("logits_text"),
            BadInput("logits_text", "one row less", lambda x: x[:-1]),
            *bad_targets("targets", num_classes=5),
            *bad_shares("targets"),
        ),
        bad_builds=tuple(({"label_smoothing": v}, "label_smoothing") for v in (-0.1, 1.0, float("nan"), "0.1", True)),
    )


LOSSES = [
    _contrastive_case(0.0),
    _contrastive_case(0.1),
    IMAGE_TEXT,
    _logit_distillation_case("full"),
    _logit_distillation_case("paper"),
    FEATURE_DISTILLATION,
    _language_guided_case(0.0),
    _language_guided_case(0.1),
    *CLASSIFICATION,
]
