"""Focal loss: samples that are already classified well count less."""

from __future__ import annotations

import torch

from ltnb._checks import check_number
from ltnb.losses.classification import ClassificationLoss, cross_entropies


class FocalLoss(ClassificationLoss):
    r"""L = mean_i (1 - p_i)^gamma (-log p_i), with p_i = softmax(z_i)_{y_i}.

    gamma = 0 is cross-entropy. log p comes from a log-softmax and 1 - p from it by expm1, so that no 0 * log 0 occurs
    where the softmax saturates.

    Args:
        gamma: At least 0.
        check_values: Look at values (NaN, label range) off the CPU too.

    Raises:
        ValueError: If an argument is not as described.

    Source: Lin et al. 2017, *Focal Loss for Dense Object Detection*, Eq. 4, for softmax instead of sigmoid as in IVLM.
    """

    def __init__(self, gamma: float = 2.0, *, check_values: bool = False) -> None:
        super().__init__(check_values=check_values)
        self.gamma = check_number(gamma, "gamma", 0.0)

    def compute(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the equation above."""
        losses = cross_entropies(z, y)
        # never exactly 0, where the gradient of a power below 1 would be infinite
        missed = (-torch.expm1(-losses)).clamp_min(torch.finfo(z.dtype).tiny)
        return (missed**self.gamma * losses).mean()

    def extra_repr(self) -> str:
        """Show gamma when printed."""
        return f"gamma={self.gamma:g}"
