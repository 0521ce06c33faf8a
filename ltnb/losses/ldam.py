"""LDAM: the rarer a class, the wider the margin that its samples must keep."""

from __future__ import annotations

from typing import Any, Unpack

import torch

from ltnb._checks import check_number
from ltnb.losses.classification import ClassificationLoss, cross_entropies
from ltnb.losses.loss import Options


class LDAMLoss(ClassificationLoss):
    r"""Cross-entropy of s (z - m_y e_y): the margin comes off the true class's logit, then everything is scaled.

        m_c = max_margin * n_c^(-1/4) / max_k n_k^(-1/4),      L = mean_i -log softmax(s (z_i - m_{y_i} e_{y_i}))_{y_i}

    The original takes cosine logits (features and weights of length 1) and s = 30. IVLM's released code takes raw
    logits and leaves s out: that is ``scale=1``. The margin belongs to one true class, so targets are hard.

    Args:
        class_counts: n_c, training images of each class, shape (C,), at least 1 each.
        max_margin: Margin of the rarest class, at least 0.
        scale: s, positive.
        **options: ``reduction`` (of the samples' terms) and ``check_values``, see `ClassificationLoss`.

    Raises:
        ValueError: If a count is no positive integer, or another argument is out of its range.

    Example:
        >>> import torch
        >>> from ltnb.losses import LDAMLoss
        >>> cosines = torch.tensor([[0.8, 0.1, 0.2], [0.3, 0.2, 0.5]])
        >>> LDAMLoss([90, 9, 1], scale=10.0)(cosines, torch.tensor([0, 2]))
        tensor(1.6830)

    Source: Cao et al. 2019, *Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss*, Eq. 10-13,
    https://arxiv.org/abs/1906.07413.
    """

    settings = ("max_margin", "scale")
    hard_only = "its margin belongs to one true class"

    def __init__(
        self, class_counts: Any, max_margin: float = 0.5, scale: float = 30.0, **options: Unpack[Options]
    ) -> None:
        super().__init__(class_counts, **options)
        self.max_margin = check_number(max_margin, "max_margin", 0.0)
        self.scale = check_number(scale, "scale", 0.0, ends="()")

    def compute(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of the scaled logits, the true one lowered by its margin."""
        rarity = self.class_counts.to(z) ** -0.25
        margins = self.max_margin * rarity / rarity.max()
        return self.reduce(cross_entropies(self.scale * z.scatter_add(1, y[:, None], -margins[y][:, None]), y))
