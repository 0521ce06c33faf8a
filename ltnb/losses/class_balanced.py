"""Class-balanced re-weighting (CBW): each class weighs the same in the loss, however many images it has."""

from __future__ import annotations

from typing import Any

import torch

from ltnb._checks import check_choice
from ltnb.losses.classification import ClassificationLoss, cross_entropies, weighted_mean


class ClassBalancedLoss(ClassificationLoss):
    r"""Cross-entropy weighted by w_c = N / (C n_c), so that sum_c n_c w_c = N.

        "weights":  L = sum_i w_{y_i} l_i / sum_i w_{y_i}     the released code
        "batch":    L = 1/B sum_i w_{y_i} l_i                 Eq. 8 as printed

    with l_i = -log softmax(z_i)_{y_i}. On a whole epoch both are the same number; on a batch the scale of
    "weights" does not depend on which classes happen to be in it, and "batch" is unbiased.

    Args:
        class_counts: n_c, training images of each class, shape (C,), at least 1 each.
        normalize: ``"weights"`` or ``"batch"``, see above.
        check_values: Look at values (NaN, label range) off the CPU too.

    Raises:
        ValueError: If an argument is not as described.

    Source: IVLM (Wang et al. 2023) Eq. 8 and Appendix C, "CBW".
    """

    def __init__(self, class_counts: Any, normalize: str = "weights", *, check_values: bool = False) -> None:
        super().__init__(class_counts, check_values=check_values)
        self.normalize = check_choice(normalize, "normalize", ("weights", "batch"))

    def compute(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the equation above."""
        counts = self.class_counts.to(z.dtype)
        weights = (counts.sum() / (len(counts) * counts))[y]
        losses = cross_entropies(z, y)
        return weighted_mean(losses, weights) if self.normalize == "weights" else (weights * losses).mean()

    def extra_repr(self) -> str:
        """Show the normalisation when printed."""
        return f"{len(self.class_counts)} classes, normalize={self.normalize!r}"
