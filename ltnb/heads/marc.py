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
        linear: The trained classifier (D to C); it is kept and frozen, not copied.
        check_values: Look for NaN and infinity off the CPU too.

    Attributes:
        linear: The frozen classifier.
        omega: (C,), 1 at first.
        beta: (C,), 0 at first.

    Raises:
        ValueError: If ``linear`` is no ``nn.Linear``.

    Source: Wang et al. 2022, *Margin Calibration for Long-Tailed Visual Recognition*, Eq. 7; IVLM Appendix C. Trained
    with natural sampling under `ltnb.losses.GeneralizedReweightLoss`.
    """

    def __init__(self, linear: nn.Linear, *, check_values: bool = False) -> None:
        super().__init__(linear, check_values=check_values)
        self.omega = self.per_class(1.0)
        self.beta = self.per_class(0.0)

    def adjust(self, x: torch.Tensor) -> torch.Tensor:
        """See the equation above."""
        lengths = torch.linalg.vector_norm(self.linear.weight.to(x.dtype), dim=1)
        return self.omega.to(x.dtype) * logits_of(self.linear, x) + self.beta.to(x.dtype) * lengths
