"""What the classification losses share: one call, full precision, class counts as a buffer, weighted means."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ltnb._checks import check_counts, check_features, check_targets


class ClassificationLoss(nn.Module):
    """``loss(logits, targets)``: input checked, computed in full precision; a loss adds its equation in ``compute``.

    Args:
        class_counts: n_c, training images of each class, shape (C,), at least 1 each; None for a loss without a prior.
        check_values: Look at values (NaN, label range) off the CPU too.

    Attributes:
        class_counts: Buffer (C,) int64, which ``.half()`` leaves exact; absent without a prior.
    """

    class_counts: torch.Tensor

    def __init__(self, class_counts: Any = None, *, check_values: bool = False) -> None:
        super().__init__()
        self.check_values = check_values
        self.num_classes: int | None = None
        if class_counts is not None:
            self.register_buffer("class_counts", torch.from_numpy(check_counts(class_counts)))
            self.num_classes = len(self.class_counts)

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
        look = self.check_values
        check_features(logits, "logits", width=self.num_classes, check_values=look)
        targets = check_targets(targets, "targets", len(logits), num_classes=logits.shape[1], check_values=look)
        return self.compute(logits.to(torch.promote_types(logits.dtype, torch.float32)), targets)

    def compute(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The loss of checked logits z (B, C), float32 or float64, and targets y (B,) int64."""
        raise NotImplementedError


def log_prior(class_counts: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Log prior of every class, log(n_c / N), (C,), in the dtype of ``like``."""
    counts = class_counts.to(like.dtype)
    return counts.log() - counts.sum().log()


def true_class(values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The entry of the true class in each row of (B, C), shape (B,)."""
    return values.gather(1, targets[:, None]).squeeze(1)


def cross_entropies(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """-log softmax(z)_y of each sample, shape (B,)."""
    return -true_class(logits.log_softmax(dim=1), targets)


def weighted_mean(losses: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Sum of w_i l_i over sum of w_i, both of shape (B,)."""
    return (weights * losses).sum() / weights.sum()
