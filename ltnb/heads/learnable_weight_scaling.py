"""LWS: one factor a class, learned on balanced samples, on a classifier that stays as it is."""

from __future__ import annotations

import torch
from torch import nn

from ltnb.heads._classifier import freeze, full_precision, logits_of


class LearnableWeightScaling(nn.Module):
    r"""Logits s_c (w_c . x + b_c) with a frozen classifier (W, b) and learned factors s, 1 at first.

    Args:
        linear: The trained classifier (D to C); it is kept and frozen, not copied.
        check_values: Look for NaN and infinity off the CPU too.

    Attributes:
        linear: The frozen classifier.
        scales: s, (C,), the only parameter that trains.

    Raises:
        ValueError: If ``linear`` is no ``nn.Linear``.

    Source: Kang et al. 2020 (Decoupling) section 4.2, learnable weight scaling, with the bias scaled too as in its
    released code and IVLM's. (The latter trains the classifier along with the factors.)
    """

    def __init__(self, linear: nn.Linear, *, check_values: bool = False) -> None:
        super().__init__()
        self.linear = freeze(linear)
        self.scales = nn.Parameter(torch.ones_like(self.linear.weight[:, 0]))
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
        x = full_precision(features, self.linear.in_features, self.check_values)
        return self.scales.to(x.dtype) * logits_of(self.linear, x)
