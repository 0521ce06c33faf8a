"""Losses of the papers. Each is an ``nn.Module`` that returns a scalar in float32, or float64 for float64 input."""

from ltnb.losses.contrastive import ClassWiseContrastiveLoss
from ltnb.losses.image_text import ImageTextCrossEntropy

__all__ = ["ClassWiseContrastiveLoss", "ImageTextCrossEntropy"]
