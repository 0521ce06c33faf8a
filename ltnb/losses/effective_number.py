"""Re-weighting by the effective number of samples: the n-th image of a class brings less than the first."""

from __future__ import annotations

import math
from typing import Any

import torch

from ltnb._checks import check_number
from ltnb.losses.classification import ClassificationLoss, cross_entropies, of_targets
from ltnb.losses.loss import Reduction


class EffectiveNumberLoss(ClassificationLoss):
    r"""Cross-entropy weighted by one over the effective number E_c = (1 - beta^{n_c}) / (1 - beta).

        w_c = (1 / E_c) * C / sum_k (1 / E_k),        L = sum_i w_{y_i} l_i / sum_i w_{y_i}

    beta = 0 weighs all classes alike (cross-entropy); beta towards 1 goes to inverse frequency. A sample's term, and
    what soft targets and label smoothing make of it, are those of `ClassBalancedLoss`.

    Args:
        class_counts: n_c, training images of each class, shape (C,), at least 1 each.
        beta: In [0, 1).
        reduction: ``"mean"`` (L), or ``"sum"`` or ``"none"`` of the weighted terms w_{y_i} l_i.
        label_smoothing: Part of every target that is spread evenly over the classes, in [0, 1).
        check_values: Look at values (NaN, label range) off the CPU too.

    Raises:
        ValueError: If a count is no positive integer, or another argument is out of its range.

    Example:
        >>> import torch
        >>> from ltnb.losses import EffectiveNumberLoss
        >>> logits, targets = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]), torch.tensor([0, 1])
        >>> EffectiveNumberLoss([90, 9, 1], beta=0.99)(logits, targets)
        tensor(1.2808)

    Source: Cui et al. 2019, *Class-Balanced Loss Based on Effective Number of Samples*, Eq. 2 and 11,
    https://arxiv.org/abs/1901.05555; LDAM's deferred re-weighting uses the same weights.
    """

    settings = ("beta",)

    def __init__(
        self,
        class_counts: Any,
        beta: float = 0.9999,
        *,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
        check_values: bool = False,
    ) -> None:
        super().__init__(class_counts, reduction=reduction, label_smoothing=label_smoothing, check_values=check_values)
        self.beta = check_number(beta, "beta", 0.0, 1.0, ends="[)")

    def compute(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Weighted cross-entropies, divided by the sum of the weights."""
        weights = self._weights().to(z)
        return self.reduce(cross_entropies(z, y, self.label_smoothing, weights), of_targets(weights, y))

    def _weights(self) -> torch.Tensor:
        """(C,), mean 1, in float64: 1 - beta^n from expm1, exact where beta is close to 1."""
        log_beta = math.log(self.beta) if self.beta > 0 else -math.inf
        effective = -torch.expm1(self.class_counts.double() * log_beta) / (1 - self.beta)
        return effective.reciprocal() / effective.reciprocal().mean()
