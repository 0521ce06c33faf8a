"""What the two-stage adjusters share: a trained classifier, frozen, and features in full precision."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ltnb._checks import check_features, fail


def freeze(linear: Any) -> nn.Linear:
    """The trained classifier itself, from now on without gradients.

    Raises:
        ValueError: If it is no ``nn.Linear``.
    """
    if not isinstance(linear, nn.Linear):
        fail("linear", "a trained nn.Linear", type(linear).__name__)
    return linear.requires_grad_(False)


def full_precision(features: torch.Tensor, width: int, check_values: bool) -> torch.Tensor:
    """Checked features (B, D): float32, or float64 for float64 input.

    Raises:
        ValueError: If they are not a finite, non-empty floating-point tensor of shape (B, width).
    """
    check_features(features, "features", width=width, check_values=check_values)
    return features.to(torch.promote_types(features.dtype, torch.float32))


def logits_of(linear: nn.Linear, x: torch.Tensor, *, bias: bool = True) -> torch.Tensor:
    """W x + b (or W x) in the precision of ``x``, whatever that of the layer."""
    b = linear.bias.to(x.dtype) if bias and linear.bias is not None else None
    return F.linear(x, linear.weight.to(x.dtype), b)
