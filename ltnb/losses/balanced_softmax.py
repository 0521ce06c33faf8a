"""Balanced Softmax: the softmax that a training set with this prior would need."""

from __future__ import annotations

from typing import Any

import torch

from ltnb.losses.classification import ClassificationLoss, cross_entropies, log_prior


class BalancedSoftmaxLoss(ClassificationLoss):
    r"""L = mean_i -log ( n_{y_i} exp(z_{i,y_i}) / sum_k n_k exp(z_{i,k}) ); at test time the plain logits are used.

    Adding log n_c or log(n_c / N) is the same. It is `LogitAdjustedLoss` with tau = 1.

    Args:
        class_counts: n_c, training images of each class, shape (C,), at least 1 each.
        check_values: Look at values (NaN, label range) off the CPU too.

    Raises:
        ValueError: If an argument is not as described.

    Source: Ren et al. 2020, *Balanced Meta-Softmax*, Eq. 4; IVLM Eq. 8 with delta_j = log n_j.
    """

    def __init__(self, class_counts: Any, *, check_values: bool = False) -> None:
        super().__init__(class_counts, check_values=check_values)

    def compute(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the equation above."""
        return cross_entropies(z + log_prior(self.class_counts, z), y).mean()

    def extra_repr(self) -> str:
        """Show the number of classes when printed."""
        return f"{len(self.class_counts)} classes"
