"""k nearest neighbours among the training features."""

from __future__ import annotations

import torch
from torch import nn

from ltnb._checks import check_choice, check_features, check_integer, check_targets, fail
from ltnb._deprecation import renamed_argument
from ltnb._numeric import cosine_logits, full_precision, unit


class KNNHead(nn.Module):
    r"""Share of each class among the k nearest training features.

    A query is compared with the whole bank, ``chunk`` queries at a time, so that memory does not grow with their
    number. Of equally near features those with the smaller index count; of equal shares an argmax takes the smaller
    class.

    Args:
        features: (N, D) training features, floating point.
        labels: (N,) their classes, integers in 0..num_classes-1.
        k: Neighbours, 1 to N.
        metric: ``"cosine"`` or ``"euclidean"``.
        num_classes: C; None means the largest label plus one.
        chunk: Queries compared at a time.
        check_values: Look for NaN and infinity off the CPU too.

    Attributes:
        bank: Buffer (N, D); of unit length for the cosine.
        labels: Buffer (N,).

    Raises:
        ValueError: If an argument is not as described.

    Source: Kang et al. 2020 (Decoupling) and OLTR use nearest neighbours (k = 1 on class means) as a baseline.
    """

    bank: torch.Tensor
    labels: torch.Tensor

    @renamed_argument("n_classes", "num_classes")
    def __init__(
        self,
        features: torch.Tensor,
        labels: torch.Tensor,
        k: int = 5,
        metric: str = "cosine",
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
        self.metric = check_choice(metric, "metric", ("cosine", "euclidean"))
        self.chunk = check_integer(chunk, "chunk", 1)
        self.num_classes = int(labels.max()) + 1 if num_classes is None else num_classes
        self.check_values = check_values
        x = features.detach().to(torch.promote_types(features.dtype, torch.float32))
        self.register_buffer("bank", unit(x) if metric == "cosine" else x.clone())
        self.register_buffer("labels", labels.clone())

    @torch.no_grad()
    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Shares of a batch.

        Args:
            features: x, (B, D) floating point.

        Returns:
            (B, C), each row sums to 1; float32 (float64 for float64 features), without a gradient.

        Raises:
            ValueError: If the features are not as described, or not finite.
        """
        x = full_precision(features, self.bank.shape[1], self.check_values)
        return torch.cat([self._shares(part) for part in x.split(self.chunk)])

    def _shares(self, x: torch.Tensor) -> torch.Tensor:
        bank = self.bank.to(x.dtype)
        if self.metric == "cosine":
            distance = -cosine_logits(x, bank, 1.0)
        else:
            distance = torch.cdist(x, bank, compute_mode="donot_use_mm_for_euclid_dist")
        furthest = distance.topk(self.k, dim=1, largest=False).values[:, -1:]
        nearer, tied = distance < furthest, distance == furthest
        # of equally far ones the first few; a full stable sort would take fifty times as long
        chosen = nearer | (tied & (tied.cumsum(dim=1) <= self.k - nearer.sum(dim=1, keepdim=True)))
        votes = chosen.to(x.dtype) / self.k
        return x.new_zeros(len(x), self.num_classes).scatter_add(1, self.labels.expand(len(x), -1), votes)

    def extra_repr(self) -> str:
        """Show the size of the bank when printed."""
        return f"{len(self.bank)} features, k={self.k}, metric={self.metric!r}"
