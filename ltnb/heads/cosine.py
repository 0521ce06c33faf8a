"""Cosine classifier: directions decide, lengths do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from ltnb._checks import check_integer, check_number
from ltnb._deprecation import renamed_argument
from ltnb._numeric import cosine_logits, full_precision
from ltnb._seeds import generator_of
from ltnb.heads._saving import Head


class CosineClassifier(Head):
    r"""Logits s cos(x, w_c), without a bias.

    Args:
        dim: D.
        num_classes: C.
        scale: s, positive (16 here; 25 to 30 in other papers). LDAM multiplies by its own scale: use 1 with it.
        seed: Of the initial weights, U(-1/sqrt(D), 1/sqrt(D)); None means 0.
        generator: A CPU generator to draw them from, in place of a seed.
        check_values: Look for NaN and infinity off the CPU too.

    Attributes:
        weight: (C, D), of any length. Class text features are a good start: ``head.weight.data.copy_(text)``.
        dim: D.
        num_classes: C.
        scale: s.

    Raises:
        ValueError: A size is below 1, ``scale`` is not positive and finite, or both ``seed`` and ``generator`` are
            given.

    Example:
        >>> import torch
        >>> from ltnb.heads import CosineClassifier
        >>> head = CosineClassifier(dim=512, num_classes=10, scale=16.0)
        >>> logits = head(torch.randn(4, 512))
        >>> logits.shape, bool(logits.abs().max() <= 16)
        (torch.Size([4, 10]), True)

    Source: Gidaris and Komodakis 2018; LDAM (Cao et al. 2019) section 4, https://arxiv.org/abs/1906.07413; OLTR.
    """

    _sizes = ("dim", "num_classes")
    _settings = ("scale",)

    @renamed_argument("n_classes", "num_classes")
    def __init__(
        self,
        dim: int,
        num_classes: int,
        scale: float = 16.0,
        *,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        check_values: bool = False,
    ) -> None:
        super().__init__()
        self.dim, self.num_classes = check_integer(dim, "dim", 1), check_integer(num_classes, "num_classes", 1)
        self.scale = check_number(scale, "scale", 0.0, ends="()")
        self.check_values = check_values
        self.weight = nn.Parameter(torch.empty(self.num_classes, self.dim))
        generator = generator_of(seed, generator)
        nn.init.uniform_(self.weight, -(dim**-0.5), dim**-0.5, generator=generator)

    if TYPE_CHECKING:

        def __call__(self, features: torch.Tensor) -> torch.Tensor:
            """Logits (B, C)."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits of a batch.

        Args:
            features: x, (B, D) floating point, of any length.

        Returns:
            (B, C) in [-s, s], float32 (float64 for float64 features).

        Raises:
            ValueError: The features are of another shape or type, empty, or not finite.
        """
        x = full_precision(features, self.dim, self.check_values)
        return cosine_logits(x, self.weight.to(x.dtype), 1 / self.scale)

    def extra_repr(self) -> str:
        """Show the sizes when printed."""
        return f"dim={self.dim}, num_classes={self.num_classes}, scale={self.scale:g}"
