"""Balanced Softmax: the softmax that a training set with this prior would need."""

from __future__ import annotations

from typing import Any

import torch

from ltnb.losses.classification import ClassificationLoss, cross_entropies, log_prior
from ltnb.losses.loss import Reduction


class BalancedSoftmaxLoss(ClassificationLoss):
    r"""L = mean_i -log ( n_{y_i} exp(z_{i,y_i}) / sum_k n_k exp(z_{i,k}) ); at test time the plain logits are used.

    Adding log n_c or log(n_c / N) is the same. It is `LogitAdjustedLoss` with tau = 1. For a soft or a smoothed target
    it is the cross-entropy under the same softmax, sum_c y_c (-log p_c).

    Args:
        class_counts: n_c, training images of each class, shape (C,), at least 1 each.
        reduction: ``"mean"`` or ``"sum"`` of the samples' terms, or ``"none"`` of both.
        label_smoothing: Part of every target that is spread evenly over the classes, in [0, 1).
        check_values: Look at values (NaN, label range) off the CPU too.

    Raises:
        ValueError: If a count is no positive integer, or another argument is out of its range.

    Example:
        >>> import torch
        >>> from ltnb.losses import BalancedSoftmaxLoss
        >>> loss = BalancedSoftmaxLoss([90, 9, 1])
        >>> logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]])
        >>> loss(logits, torch.tensor([0, 2]))
        tensor(1.4202)
        >>> mixed = torch.tensor([[0.7, 0.0, 0.3], [0.3, 0.0, 0.7]])  # soft targets, as of mixup
        >>> loss(logits, mixed)
        tensor(2.0202)

    Source: Ren et al. 2020, *Balanced Meta-Softmax*, Eq. 4, https://arxiv.org/abs/2007.10740; IVLM Eq. 8 with
    delta_j = log n_j.
    """

    def __init__(
        self,
        class_counts: Any,
        *,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
        check_values: bool = False,
    ) -> None:
        super().__init__(class_counts, reduction=reduction, label_smoothing=label_smoothing, check_values=check_values)

    def compute(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of z + log pi."""
        return self.reduce(cross_entropies(z + log_prior(self.class_counts, z), y, self.label_smoothing))
