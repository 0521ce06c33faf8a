"""Cosine classifier: directions decide, lengths do not."""

from __future__ import annotations

import torch
from torch import nn

from ltnb._checks import check_integer, check_number
from ltnb._deprecation import renamed_argument
from ltnb._numeric import cosine_logits, full_precision


class CosineClassifier(nn.Module):
    r"""Logits s cos(x, w_c), without a bias.

    Args:
        dim: D.
        num_classes: C.
        scale: s, positive (16 here; 25 to 30 in other papers). LDAM multiplies by its own scale: use 1 with it.
        seed: Of the initial weights, U(-1/sqrt(D), 1/sqrt(D)).
        check_values: Look for NaN and infinity off the CPU too.

    Attributes:
        weight: (C, D), of any length. Class text features are a good start: ``head.weight.data.copy_(text)``.
        scale: s.

    Raises:
        ValueError: If an argument is not as described.

    Source: Gidaris and Komodakis 2018; LDAM (Cao et al. 2019) section 4; OLTR.
    """

    @renamed_argument("n_classes", "num_classes")
    def __init__(
        self, dim: int, num_classes: int, scale: float = 16.0, *, seed: int = 0, check_values: bool = False
    ) -> None:
        super().__init__()
        dim, num_classes = check_integer(dim, "dim", 1), check_integer(num_classes, "num_classes", 1)
        self.scale = check_number(scale, "scale", 0.0, ends="()")
        self.check_values = check_values
        self.weight = nn.Parameter(torch.empty(num_classes, dim))
        generator = torch.Generator().manual_seed(check_integer(seed, "seed", 0))
        nn.init.uniform_(self.weight, -(dim**-0.5), dim**-0.5, generator=generator)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits of a batch.

        Args:
            features: x, (B, D) floating point, of any length.

        Returns:
            (B, C) in [-s, s], float32 (float64 for float64 features).

        Raises:
            ValueError: If the features are not as described, or not finite.
        """
        x = full_precision(features, self.weight.shape[1], self.check_values)
        return cosine_logits(x, self.weight.to(x.dtype), 1 / self.scale)

    def extra_repr(self) -> str:
        """Show the sizes when printed."""
        return f"dim={self.weight.shape[1]}, num_classes={self.weight.shape[0]}, scale={self.scale:g}"
