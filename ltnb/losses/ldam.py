"""LDAM: the rarer a class, the wider the margin that its samples must keep."""

from __future__ import annotations

from typing import Any

import torch

from ltnb._checks import check_number
from ltnb.losses.classification import ClassificationLoss, cross_entropies


class LDAMLoss(ClassificationLoss):
    r"""Cross-entropy of s (z - m_y e_y): the margin comes off the true class's logit, then everything is scaled.

        m_c = max_margin * n_c^(-1/4) / max_k n_k^(-1/4),      L = mean_i -log softmax(s (z_i - m_{y_i} e_{y_i}))_{y_i}

    The original takes cosine logits (features and weights of length 1) and s = 30. IVLM's released code takes raw
    logits and leaves s out: that is ``scale=1``.

    Args:
        class_counts: n_c, training images of each class, shape (C,), at least 1 each.
        max_margin: Margin of the rarest class, at least 0.
        scale: s, positive.
        check_values: Look at values (NaN, label range) off the CPU too.

    Raises:
        ValueError: If an argument is not as described.

    Source: Cao et al. 2019, *Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss*, Eq. 10-13.
    """

    def __init__(
        self, class_counts: Any, max_margin: float = 0.5, scale: float = 30.0, *, check_values: bool = False
    ) -> None:
        super().__init__(class_counts, check_values=check_values)
        self.max_margin = check_number(max_margin, "max_margin", 0.0)
        self.scale = check_number(scale, "scale", 0.0, ends="()")

    def compute(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the equation above."""
        rarity = self.class_counts.to(z.dtype) ** -0.25
        margins = self.max_margin * rarity / rarity.max()
        return cross_entropies(self.scale * z.scatter_add(1, y[:, None], -margins[y][:, None]), y).mean()

    def extra_repr(self) -> str:
        """Show the margin and the scale when printed."""
        return f"{len(self.class_counts)} classes, max_margin={self.max_margin:g}, scale={self.scale:g}"
