"""MARC: the margins of a frozen classifier are calibrated by two numbers a class."""

from __future__ import annotations

import torch
from torch import nn

from ltnb.heads._classifier import ClassifierAdjuster, logits_of


class MARC(ClassifierAdjuster):
    r"""Margin calibration: logits omega_c z_c + beta_c ||w_c||, with z = W x + b frozen.

    The margin of x to class c is d_c = z_c / ||w_c||; the calibrated one is omega_c d_c + beta_c, times ||w_c||. It
    begins as the identity: omega = 1, beta = 0.

    Args:
        linear: The trained classifier (D to C), or an ``nn.Sequential`` whose last module with parameters is one: then
            the head takes what enters that layer. It is copied, and the copy is frozen.
        check_values: Look for NaN and infinity off the CPU too.

    Attributes:
        linear: The frozen copy.
        omega: (C,), 1 at first.
        beta: (C,), 0 at first.

    Raises:
        ValueError: ``linear`` is no such module.

    Example:
        >>> import torch
        >>> from ltnb.heads import MARC
        >>> trained = torch.nn.Linear(512, 10)
        >>> head = MARC(trained)
        >>> head(torch.randn(4, 512)).shape
        torch.Size([4, 10])
        >>> [name for name, parameter in head.named_parameters() if parameter.requires_grad]
        ['omega', 'beta']

    Source: Wang et al. 2022, *Margin Calibration for Long-Tailed Visual Recognition*, Eq. 7,
    https://arxiv.org/abs/2112.07225; IVLM Appendix C. Trained with natural sampling under
    `ltnb.losses.GeneralizedReweightLoss`.
    """

    def __init__(self, linear: nn.Linear | nn.Sequential, *, check_values: bool = False) -> None:
        super().__init__(linear, check_values=check_values)
        self.omega = self.per_class(1.0)
        self.beta = self.per_class(0.0)

    def adjust(self, x: torch.Tensor) -> torch.Tensor:
        """Logits omega_c z_c + beta_c ||w_c|| of checked features x (N, D)."""
        lengths = torch.linalg.vector_norm(self.linear.weight.to(x.dtype), dim=1)
        return self.omega.to(x.dtype) * logits_of(self.linear, x) + self.beta.to(x.dtype) * lengths
