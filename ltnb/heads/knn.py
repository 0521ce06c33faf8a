"""k nearest neighbours among the training features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import torch

from ltnb._checks import check_choice, check_features, check_integer, check_targets, fail
from ltnb._deprecation import renamed_argument
from ltnb._numeric import full_precision, unit, without_autocast
from ltnb.heads._saving import Head

_COMPARISONS = 1 << 24  # distances that are kept at a time


class KNNHead(Head):
    r"""Share of each class among the k nearest training features.

    A query is compared with the whole bank, but no more than ``chunk`` queries and 2^24 pairs at a time, so that memory
    does not grow with the number of queries. (A compiled or exported head compares all at once.) Of equally near
    features those with the smaller index count; of equal shares an argmax takes the smaller class.

    Args:
        features: (N, D) training features, floating point.
        labels: (N,) their classes, integers in 0..num_classes-1.
        k: Neighbours, 1 to N.
        metric: ``"cosine"`` or ``"euclidean"``.
        num_classes: C; None means the largest label plus one.
        chunk: Queries compared at a time, at most.
        check_values: Look for NaN and infinity off the CPU too.

    Attributes:
        bank: Buffer (N, D); of unit length for the cosine.
        labels: Buffer (N,).
        k, metric, num_classes, chunk: As given.

    Raises:
        ValueError: Features and labels do not fit together, ``k`` exceeds their number, or another argument is out of
            range.

    Example:
        >>> import torch
        >>> from ltnb.heads import KNNHead
        >>> head = KNNHead(torch.eye(3), torch.tensor([0, 1, 1]), k=2, metric="euclidean")
        >>> head(torch.tensor([[0.0, 0.6, 0.6]]))
        tensor([[0., 1.]])

    Source: Kang et al. 2020 (Decoupling), https://arxiv.org/abs/1910.09217, and OLTR use nearest neighbours (k = 1 on
    class means) as a baseline.
    """

    _settings = ("k", "metric", "num_classes")
    bank: torch.Tensor
    labels: torch.Tensor

    @renamed_argument("n_classes", "num_classes")
    def __init__(
        self,
        features: torch.Tensor,
        labels: torch.Tensor,
        k: int = 5,
        metric: Literal["cosine", "euclidean"] = "cosine",
        num_classes: int | None = None,
        *,
        chunk: int = 1024,
        check_values: bool = False,
    ) -> None:
        super().__init__()
        check_features(features, "features", check_values=check_values)
        if num_classes is not None:
            num_classes = check_integer(num_classes, "num_classes", 1)
        labels = check_targets(labels, "labels", len(features), num_classes=num_classes, check_values=check_values)
        self.k = check_integer(k, "k", 1)
        if self.k > len(features):
            fail("k", f"at most the number of features, {len(features)}", repr(k))
        self.metric: Literal["cosine", "euclidean"] = check_choice(metric, "metric", ("cosine", "euclidean"))
        self.chunk = check_integer(chunk, "chunk", 1)
        self.num_classes = int(labels.max()) + 1 if num_classes is None else num_classes
        self.check_values = check_values
        x = features.detach().to(torch.promote_types(features.dtype, torch.float32))
        self.register_buffer("bank", unit(x) if metric == "cosine" else x.clone())
        self.register_buffer("labels", labels.clone())

    @classmethod
    def _rebuilt(cls, state: dict[str, torch.Tensor], config: dict[str, Any]) -> Self:
        return cls(state["bank"], state["labels"], **config)

    if TYPE_CHECKING:

        def __call__(self, features: torch.Tensor) -> torch.Tensor:
            """Shares (B, C)."""

    @torch.no_grad()
    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Shares of a batch.

        Args:
            features: x, (B, D) floating point.

        Returns:
            (B, C), each row sums to 1; float32 (float64 for float64 features), without a gradient.

        Raises:
            ValueError: The features are of another shape or type, empty, or not finite.
        """
        x = full_precision(features, self.bank.shape[1], self.check_values)
        bank = self.bank.to(x.dtype)
        if self.metric == "cosine":
            x, bank = unit(x), unit(bank)
        if torch.compiler.is_compiling():
            return self._shares(x, bank)
        rows = max(1, min(self.chunk, _COMPARISONS // len(bank)))
        return torch.cat([self._shares(part, bank) for part in x.split(rows)])

    def _shares(self, x: torch.Tensor, bank: torch.Tensor) -> torch.Tensor:
        """(B, C) of queries and a bank that are of unit length for the cosine."""
        if self.metric == "cosine":
            with without_autocast(x):
                distance = -(x @ bank.T)
        else:
            distance = torch.cdist(x, bank, compute_mode="donot_use_mm_for_euclid_dist")
        furthest = distance.topk(self.k, dim=1, largest=False).values[:, -1:]
        nearer, tied = distance < furthest, distance == furthest
        # of equally far ones the first few; a full stable sort would take fifty times as long
        rank = tied.cumsum(dim=1, dtype=torch.int32)
        chosen = nearer | (tied & (rank <= self.k - nearer.sum(dim=1, keepdim=True)))
        votes = chosen.to(x.dtype) / self.k
        shape = x.shape[0], self.num_classes  # not len(x): an exported head takes any number
        return x.new_zeros(shape).scatter_add(1, self.labels.expand(shape[0], -1), votes)

    def extra_repr(self) -> str:
        """Show the size of the bank when printed."""
        return f"{len(self.bank)} features, k={self.k}, metric={self.metric!r}"
