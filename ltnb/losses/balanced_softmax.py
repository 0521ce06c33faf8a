"""Balanced Softmax: the softmax that a training set with this prior would need."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ltnb.losses.classification import check_logits, counts_buffer, cross_entropies, log_prior


class BalancedSoftmaxLoss(nn.Module):
    r"""L = mean_i -log ( n_{y_i} exp(z_{i,y_i}) / sum_k n_k exp(z_{i,k}) ); at test time the plain logits are used.

    Adding log n_c or log(n_c / N) is the same. It is `LogitAdjustedLoss` with tau = 1.

    Args:
        class_counts: n_c, training images of each class, shape (C,), at least 1 each.
        check_values: Look at values (NaN, label range) off the CPU too.

    Raises:
        ValueError: If an argument is not as described.

    Source: Ren et al. 2020, *Balanced Meta-Softmax*, Eq. 4; IVLM Eq. 8 with delta_j = log n_j.
    """

    class_counts: torch.Tensor

    def __init__(self, class_counts: Any, *, check_values: bool = False) -> None:
        super().__init__()
        self.register_buffer("class_counts", counts_buffer(class_counts))
        self.check_values = check_values

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Loss of one batch.

        Args:
            logits: z, (B, C) floating point.
            targets: y, (B,) integers in 0..C-1.

        Returns:
            Scalar, float32 (float64 for float64 logits).

        Raises:
            ValueError: If a shape, dtype or value is not as described.
        """
        z, y = check_logits(logits, targets, len(self.class_counts), self.check_values)
        return cross_entropies(z + log_prior(self.class_counts, z), y).mean()

    def extra_repr(self) -> str:
        """Show the number of classes when printed."""
        return f"{len(self.class_counts)} classes"
