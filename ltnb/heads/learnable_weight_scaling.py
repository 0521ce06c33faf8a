"""LWS: one factor a class, learned on balanced samples, on a classifier that stays as it is."""

from __future__ import annotations

import torch
from torch import nn

from ltnb.heads._classifier import ClassifierAdjuster, logits_of


class LearnableWeightScaling(ClassifierAdjuster):
    r"""Logits s_c (w_c . x + b_c) with a frozen classifier (W, b) and learned factors s, 1 at first.

    Args:
        linear: The trained classifier (D to C), or an ``nn.Sequential`` whose last module with parameters is one: then
            the head takes what enters that layer. It is copied, and the copy is frozen.
        check_values: Look for NaN and infinity off the CPU too.

    Attributes:
        linear: The frozen copy.
        scales: s, (C,), the only parameter that trains.

    Raises:
        ValueError: ``linear`` is no such module.

    Example:
        >>> import torch
        >>> from ltnb.heads import LearnableWeightScaling
        >>> trained = torch.nn.Linear(512, 10)
        >>> head = LearnableWeightScaling(trained)
        >>> x = torch.randn(4, 512)
        >>> torch.equal(head(x), trained(x))
        True

    Source: Kang et al. 2020 (Decoupling) section 4.2, learnable weight scaling, https://arxiv.org/abs/1910.09217, with
    the bias scaled too as in its released code and IVLM's. (The latter trains the classifier along with the factors.)
    """

    def __init__(self, linear: nn.Linear | nn.Sequential, *, check_values: bool = False) -> None:
        super().__init__(linear, check_values=check_values)
        self.scales = self.per_class(1.0)

    def adjust(self, x: torch.Tensor) -> torch.Tensor:
        """Logits s_c z_c of checked features x (N, D)."""
        return self.scales.to(x.dtype) * logits_of(self.linear, x)
