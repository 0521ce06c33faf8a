"""Generalised re-weighting (GRW): inverse frequency to a power, the loss under which DisAlign and MARC are trained."""

from __future__ import annotations

from typing import Any

import torch

from ltnb._checks import check_number
from ltnb.losses.classification import ClassificationLoss, cross_entropies, log_prior, of_targets
from ltnb.losses.loss import Reduction


class GeneralizedReweightLoss(ClassificationLoss):
    r"""Cross-entropy weighted by a power of the inverse class frequency.

        w_c = (1/pi_c)^rho * C / sum_k (1/pi_k)^rho,    pi_c = n_c / N,    L = sum_i w_{y_i} l_i / sum_i w_{y_i}

    rho = 0 is cross-entropy, rho = 1 is `ClassBalancedLoss` (``normalize="weights"``). A sample's term, and what soft
    targets and label smoothing make of it, are those of `ClassBalancedLoss`.

    Args:
        class_counts: n_c, training images of each class, shape (C,), at least 1 each.
        exponent: rho, at least 0.
        reduction: ``"mean"`` (L), or ``"sum"`` or ``"none"`` of the weighted terms w_{y_i} l_i.
        label_smoothing: Part of every target that is spread evenly over the classes, in [0, 1).
        check_values: Look at values (NaN, label range) off the CPU too.

    Raises:
        ValueError: If a count is no positive integer, or another argument is out of its range.

    Example:
        >>> import torch
        >>> from ltnb.losses import GeneralizedReweightLoss
        >>> logits, targets = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]), torch.tensor([0, 1])
        >>> GeneralizedReweightLoss([90, 9, 1], exponent=1.2)(logits, targets)
        tensor(1.3483)

    Source: DisAlign (Zhang et al. 2021) section 3.4, "generalized re-weight", https://arxiv.org/abs/2103.16370;
    exponent 1.2 is that of the code released with IVLM.
    """

    settings = ("exponent",)

    def __init__(
        self,
        class_counts: Any,
        exponent: float = 1.2,
        *,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
        check_values: bool = False,
    ) -> None:
        super().__init__(class_counts, reduction=reduction, label_smoothing=label_smoothing, check_values=check_values)
        self.exponent = check_number(exponent, "exponent", 0.0)

    def compute(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Weighted cross-entropies, divided by the sum of the weights."""
        log_weights = -self.exponent * log_prior(self.class_counts, z)
        if self.reduction == "mean" and not self.label_smoothing and not y.is_floating_point():
            # w_i / sum_j w_j is a softmax over the batch: no power of a frequency over- or underflows
            return (log_weights[y].softmax(dim=0) * cross_entropies(z, y)).sum()
        weights = log_weights.softmax(dim=0) * len(log_weights)
        return self.reduce(cross_entropies(z, y, self.label_smoothing, weights), of_targets(weights, y))
