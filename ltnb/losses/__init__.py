"""Losses of the papers. Each is an ``nn.Module`` without state that returns float32, or float64 for float64 input.

Classification losses share one call, ``loss(logits, targets)``; the contrastive ones take both towers' embeddings. The
result is a scalar unless ``reduction="none"`` asks for the terms.
"""

from __future__ import annotations

from typing import Any

from ltnb._registry import create_from
from ltnb.losses.balanced_softmax import BalancedSoftmaxLoss
from ltnb.losses.class_balanced import ClassBalancedLoss
from ltnb.losses.contrastive import ClassWiseContrastiveLoss
from ltnb.losses.distillation import FeatureDistillationLoss, LogitDistillationLoss
from ltnb.losses.effective_number import EffectiveNumberLoss
from ltnb.losses.focal import FocalLoss
from ltnb.losses.generalized_reweight import GeneralizedReweightLoss
from ltnb.losses.image_text import ImageTextCrossEntropy
from ltnb.losses.lade import LADELoss
from ltnb.losses.language_guided import LanguageGuidedLoss
from ltnb.losses.ldam import LDAMLoss
from ltnb.losses.logit_adjustment import LogitAdjustedLoss, logit_adjust, pc_softmax
from ltnb.losses.loss import Loss

__all__ = [
    "BalancedSoftmaxLoss",
    "ClassBalancedLoss",
    "ClassWiseContrastiveLoss",
    "EffectiveNumberLoss",
    "FeatureDistillationLoss",
    "FocalLoss",
    "GeneralizedReweightLoss",
    "ImageTextCrossEntropy",
    "LADELoss",
    "LDAMLoss",
    "LanguageGuidedLoss",
    "LogitAdjustedLoss",
    "LogitDistillationLoss",
    "Loss",
    "logit_adjust",
    "pc_softmax",
    "create",
    "names",
]

_PARTS: dict[str, type[Loss]] = {
    "balanced_softmax": BalancedSoftmaxLoss,
    "class_balanced": ClassBalancedLoss,
    "class_wise_contrastive": ClassWiseContrastiveLoss,
    "effective_number": EffectiveNumberLoss,
    "feature_distillation": FeatureDistillationLoss,
    "focal": FocalLoss,
    "generalized_reweight": GeneralizedReweightLoss,
    "image_text_cross_entropy": ImageTextCrossEntropy,
    "lade": LADELoss,
    "language_guided": LanguageGuidedLoss,
    "ldam": LDAMLoss,
    "logit_adjusted": LogitAdjustedLoss,
    "logit_distillation": LogitDistillationLoss,
}


def create(name: str, *args: Any, **kwargs: Any) -> Loss:
    """Make a loss by its name.

    Args:
        name: One of `names`.
        *args: Arguments of the class behind it.
        **kwargs: Keyword arguments of the class behind it.

    Raises:
        ValueError: If no loss has this name, or an argument is wrong.

    Example:
        >>> from ltnb import losses
        >>> losses.create("lade", [90, 9, 1], remine_lambda=0.5)
        LADELoss(3 classes, estimator_weight=0.1, remine_lambda=0.5, variant='original')
    """
    return create_from(_PARTS, "loss", name, args, kwargs)


def names() -> list[str]:
    """Names that `create` takes, in alphabetical order.

    Example:
        >>> from ltnb import losses
        >>> losses.names()[:3]
        ['balanced_softmax', 'class_balanced', 'class_wise_contrastive']
    """
    return sorted(_PARTS)
