"""Losses of the papers. Each is an ``nn.Module`` that returns a scalar in float32, or float64 for float64 input.

Classification losses share one call, ``loss(logits, targets)``; the contrastive ones take both towers' embeddings.
"""

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
    "logit_adjust",
    "pc_softmax",
]
