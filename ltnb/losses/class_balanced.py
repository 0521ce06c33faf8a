"""Class-balanced re-weighting (CBW): each class weighs the same in the loss, however many images it has."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch

from ltnb._checks import check_choice
from ltnb.losses.classification import ClassificationLoss, cross_entropies, of_targets
from ltnb.losses.loss import Reduction

Normalize = Literal["weights", "batch"]


class ClassBalancedLoss(ClassificationLoss):
    r"""Cross-entropy weighted by w_c = N / (C n_c), so that sum_c n_c w_c = N.

        "weights":  L = sum_i w_{y_i} l_i / sum_i w_{y_i}     the released code
        "batch":    L = 1/B sum_i w_{y_i} l_i                 Eq. 8 as printed

    with l_i = -log softmax(z_i)_{y_i}. On a whole epoch both are the same number; on a batch the scale of
    "weights" does not depend on which classes happen to be in it, and "batch" is unbiased.

    A sample's term is w_{y_i} l_i: ``reduction="none"`` gives it, ``"sum"`` adds it up, ``"mean"`` is L. With soft
    targets the term is sum_c y_{i,c} w_c l_{i,c} and "weights" divides by sum_i sum_c y_{i,c} w_c, which for one-hot
    targets is the above. Label smoothing spreads the target in the term alone, as in torch.

    Args:
        class_counts: n_c, training images of each class, shape (C,), at least 1 each.
        normalize: ``"weights"`` or ``"batch"``, see above; the mean alone depends on it.
        reduction: ``"mean"`` (L), or ``"sum"`` or ``"none"`` of the weighted terms.
        label_smoothing: Part of every target that is spread evenly over the classes, in [0, 1).
        check_values: Look at values (NaN, label range) off the CPU too.

    Raises:
        ValueError: If a count is no positive integer, or another argument is out of its range.

    Example:
        >>> import torch
        >>> from ltnb.losses import ClassBalancedLoss
        >>> logits, targets = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]), torch.tensor([0, 1])
        >>> ClassBalancedLoss([90, 9, 1])(logits, targets)
        tensor(1.3167)
        >>> ClassBalancedLoss([90, 9, 1], reduction="none")(logits, targets)
        tensor([0.1510, 5.2134])

    Source: IVLM (Wang et al. 2023) Eq. 8 and Appendix C, "CBW", https://arxiv.org/abs/2304.01457.
    """

    settings = ("normalize",)

    def __init__(
        self,
        class_counts: Any,
        normalize: Normalize = "weights",
        *,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
        check_values: bool = False,
    ) -> None:
        super().__init__(class_counts, reduction=reduction, label_smoothing=label_smoothing, check_values=check_values)
        self.normalize = check_choice(normalize, "normalize", get_args(Normalize))

    def compute(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Weighted cross-entropies, divided by B or by the sum of the weights."""
        counts = self.class_counts.to(z)
        weights = counts.sum() / (len(counts) * counts)
        terms = cross_entropies(z, y, self.label_smoothing, weights)
        return self.reduce(terms, of_targets(weights, y) if self.normalize == "weights" else None)
