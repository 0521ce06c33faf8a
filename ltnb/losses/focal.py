"""Focal loss: samples that are already classified well count less."""

from __future__ import annotations

import torch

from ltnb._checks import check_number
from ltnb.losses.classification import ClassificationLoss, smoothed
from ltnb.losses.loss import Reduction


class FocalLoss(ClassificationLoss):
    r"""L = mean_i (1 - p_i)^gamma (-log p_i), with p_i = softmax(z_i)_{y_i}.

    gamma = 0 is cross-entropy. log p comes from a log-softmax and 1 - p from it by expm1, so that no 0 * log 0 occurs
    where the softmax saturates. A soft or smoothed target takes the mean over the classes that it names, each with its
    own p: sum_c y_c (1 - p_c)^gamma (-log p_c), which for a one-hot target is the above.

    Args:
        gamma: At least 0.
        reduction: ``"mean"`` or ``"sum"`` of the samples' terms, or ``"none"`` of both.
        label_smoothing: Part of every target that is spread evenly over the classes, in [0, 1).
        check_values: Look at values (NaN, label range) off the CPU too.

    Raises:
        ValueError: If ``gamma`` is negative, or another argument is out of its range.

    Example:
        >>> import torch
        >>> from ltnb.losses import FocalLoss
        >>> logits, targets = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]), torch.tensor([0, 1])
        >>> FocalLoss(gamma=2.0)(logits, targets)
        tensor(0.4243)
        >>> FocalLoss(gamma=2.0, reduction="none")(logits, targets)
        tensor([0.0457, 0.8029])

    Source: Lin et al. 2017, *Focal Loss for Dense Object Detection*, Eq. 4, https://arxiv.org/abs/1708.02002, for
    softmax instead of sigmoid as in IVLM.
    """

    settings = ("gamma",)

    def __init__(
        self,
        gamma: float = 2.0,
        *,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
        check_values: bool = False,
    ) -> None:
        super().__init__(reduction=reduction, label_smoothing=label_smoothing, check_values=check_values)
        self.gamma = check_number(gamma, "gamma", 0.0)

    def compute(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Focused cross-entropy of every class, of which the targets take theirs."""
        losses = -z.log_softmax(dim=1)
        # never exactly 0, where the gradient of a power below 1 would be infinite
        missed = (-torch.expm1(-losses)).clamp_min(torch.finfo(z.dtype).tiny)
        return self.reduce(smoothed(missed**self.gamma * losses, y, self.label_smoothing))
