"""Nearest class mean: a class is the mean of its features, and a picture belongs to the nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import torch

from ltnb._checks import check_choice, check_features, check_integer, check_targets, fail
from ltnb._deprecation import renamed_argument
from ltnb._numeric import cosine_logits, full_precision, unit
from ltnb.heads._saving import Head


class NearestClassMean(Head):
    r"""Logits from the distance to class means; the means are computed, nothing is trained.

        "cosine":     cos(x, m_c),  m_c the mean of the class's unit-length features
        "euclidean":  -||x - m_c||^2,  m_c the mean of the features as they are

    Args:
        features: (N, D) training features, floating point.
        labels: (N,) their classes, integers in 0..num_classes-1; each class at least once.
        num_classes: C; None means the largest label plus one.
        metric: ``"cosine"`` or ``"euclidean"``.
        check_values: Look for NaN and infinity off the CPU too.

    Attributes:
        means: Buffer (C, D), float32 (float64 for float64 features).
        metric: As given.

    Raises:
        ValueError: Features and labels do not fit together, a class has no feature and so no mean, or another argument
            is out of range.

    Example:
        >>> import torch
        >>> from ltnb.heads import NearestClassMean
        >>> head = NearestClassMean(torch.eye(3), torch.tensor([0, 1, 1]), metric="euclidean")
        >>> head.means
        tensor([[1.0000, 0.0000, 0.0000],
                [0.0000, 0.5000, 0.5000]])
        >>> head(torch.tensor([[0.0, 1.0, 0.0]]))
        tensor([[-2.0000, -0.5000]])

    Source: Kang et al. 2020 (Decoupling) section 4.2, NCM, https://arxiv.org/abs/1910.09217; VL-LTR Table 1.
    """

    _settings = ("metric",)
    means: torch.Tensor

    @renamed_argument("n_classes", "num_classes")
    def __init__(
        self,
        features: torch.Tensor,
        labels: torch.Tensor,
        num_classes: int | None = None,
        metric: Literal["cosine", "euclidean"] = "cosine",
        *,
        check_values: bool = False,
    ) -> None:
        super().__init__()
        self.metric: Literal["cosine", "euclidean"] = check_choice(metric, "metric", ("cosine", "euclidean"))
        self.check_values = check_values
        check_features(features, "features", check_values=check_values)
        if num_classes is not None:
            num_classes = check_integer(num_classes, "num_classes", 1)
        labels = check_targets(labels, "labels", len(features), num_classes=num_classes, check_values=check_values)
        num_classes = int(labels.max()) + 1 if num_classes is None else num_classes
        x = features.detach().to(torch.promote_types(features.dtype, torch.float32))
        x = unit(x) if metric == "cosine" else x
        counts = torch.bincount(labels, minlength=num_classes)
        if bool((counts == 0).any()):
            missing = int((counts == 0).nonzero()[0])
            fail("labels", f"such that each of the {num_classes} classes occurs", f"none of class {missing}")
        sums = torch.zeros(num_classes, x.shape[1], dtype=x.dtype, device=x.device).index_add(0, labels, x)
        self.register_buffer("means", sums / counts[:, None])

    @classmethod
    def _rebuilt(cls, state: dict[str, torch.Tensor], config: dict[str, Any]) -> Self:
        return cls(state["means"], torch.arange(len(state["means"])), **config)

    if TYPE_CHECKING:

        def __call__(self, features: torch.Tensor) -> torch.Tensor:
            """Scores (B, C)."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Scores of a batch; the largest is the nearest.

        Args:
            features: x, (B, D) floating point.

        Returns:
            (B, C), float32 (float64 for float64 features).

        Raises:
            ValueError: The features are of another shape or type, empty, or not finite.
        """
        x = full_precision(features, self.means.shape[1], self.check_values)
        means = self.means.to(x.dtype)
        if self.metric == "cosine":
            return cosine_logits(x, means, 1.0)
        # differences, not |x|^2 - 2 x.m + |m|^2: no digits are lost where features are long and close together
        return -torch.cdist(x, means, compute_mode="donot_use_mm_for_euclid_dist").square()

    def extra_repr(self) -> str:
        """Show the metric when printed."""
        return f"{self.means.shape[0]} classes, metric={self.metric!r}"
