"""What the two-stage adjusters share: a trained classifier, frozen, and features in full precision."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ltnb._checks import fail
from ltnb._numeric import full_precision


class ClassifierAdjuster(nn.Module):
    """``head(features)``: logits of a frozen classifier, bent by ``adjust``.

    Args:
        linear: The trained classifier (D to C); it is kept and frozen, not copied.
        check_values: Look for NaN and infinity off the CPU too.

    Raises:
        ValueError: If ``linear`` is no ``nn.Linear``.
    """

    linear: nn.Linear

    def __init__(self, linear: Any, *, check_values: bool = False) -> None:
        super().__init__()
        if not isinstance(linear, nn.Linear):
            fail("linear", "a trained nn.Linear", type(linear).__name__)
        self.linear = linear.requires_grad_(False)
        self.check_values = check_values

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits of a batch.

        Args:
            features: x, (B, D) floating point.

        Returns:
            (B, C), float32 (float64 for float64 features).

        Raises:
            ValueError: If the features are not as described, or not finite.
        """
        return self.adjust(full_precision(features, self.linear.in_features, self.check_values))

    def adjust(self, x: torch.Tensor) -> torch.Tensor:
        """The adjusted logits (B, C) of checked features x (B, D), float32 or float64."""
        raise NotImplementedError

    def per_class(self, value: float) -> nn.Parameter:
        """A learned number a class, (C,), beginning at ``value``, where and as precise as the classifier."""
        return nn.Parameter(torch.full_like(self.linear.weight[:, 0], value))


def logits_of(linear: nn.Linear, x: torch.Tensor, *, bias: bool = True) -> torch.Tensor:
    """W x + b (or W x) in the precision of ``x``, whatever that of the layer."""
    b = linear.bias.to(x.dtype) if bias and linear.bias is not None else None
    return F.linear(x, linear.weight.to(x.dtype), b)


def uniform_linear(
    in_features: int, out_features: int, like: torch.Tensor, seed: int, *, bias: bool = True
) -> nn.Linear:
    """A linear layer drawn from U(-1/sqrt(D), 1/sqrt(D)), as every ``nn.Linear`` is, but from a seed of its own."""
    layer = nn.utils.skip_init(nn.Linear, in_features, out_features, bias=bias)
    generator = torch.Generator().manual_seed(seed)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -(in_features**-0.5), in_features**-0.5, generator=generator)
    return layer.to(device=like.device, dtype=like.dtype)
