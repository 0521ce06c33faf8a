"""BALLAD's linear adapter: one layer that moves a frozen image feature a little."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from ltnb._checks import check_choice, check_features, check_integer, check_number, fail


class LinearAdapter(nn.Module):
    r"""f* = lambda ReLU(W^T f + b) + (1 - lambda) f, on the un-normalised feature f.

    ``activation=None, bias=False`` is what the released code computes: f* = lambda W^T f + (1 - lambda) f.

    Args:
        dim: Width D of the feature.
        residual: lambda in [0, 1], the share of the adapted feature (paper and code: 0.2). 0 leaves f as it is.
        activation: ``"relu"`` (paper) or ``None`` (released code).
        bias: Whether there is a b (paper: yes, released code: no).
        generator: Where the initial weights are drawn from. ``None`` draws as every ``nn.Linear`` does, that is from
            torch's global generator; a CPU ``torch.Generator`` makes the draw independent of it. The law is the same.
        check_values: Look for NaN and infinity off the CPU too.

    Attributes:
        linear: The ``nn.Linear(dim, dim)``; its ``weight`` is the paper's W^T.

    Raises:
        ValueError: If an argument is not as described.

    Source: BALLAD (Ma et al. 2021) Eq. 5.
    """

    def __init__(
        self,
        dim: int,
        residual: float = 0.2,
        activation: str | None = "relu",
        bias: bool = True,
        *,
        generator: torch.Generator | None = None,
        check_values: bool = False,
    ) -> None:
        super().__init__()
        self.dim = check_integer(dim, "dim", 1)
        self.residual = check_number(residual, "residual", 0.0, 1.0)
        self.activation = check_choice(activation, "activation", ("relu", None))
        self.check_values = check_values
        if not isinstance(generator, torch.Generator | None):
            fail("generator", "a torch.Generator or None", generator)
        if generator is None:
            self.linear = nn.Linear(self.dim, self.dim, bias=bias)
        else:
            self.linear = nn.utils.skip_init(nn.Linear, self.dim, self.dim, bias=bias)
            for parameter in self.linear.parameters():
                nn.init.uniform_(parameter, -(self.dim**-0.5), self.dim**-0.5, generator=generator)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Adapt a batch of features.

        Args:
            features: (B, D) floating point, not normalised (lambda and b depend on the length of f).

        Returns:
            (B, D) tensor, float32 (float64 for float64 input), not normalised.

        Raises:
            ValueError: If ``features`` is not a finite, non-empty floating-point tensor of shape (B, D).
        """
        check_features(features, "features", width=self.dim, check_values=self.check_values)
        f = features.to(torch.promote_types(features.dtype, torch.float32))
        bias = None if self.linear.bias is None else self.linear.bias.to(f.dtype)
        adapted = F.linear(f, self.linear.weight.to(f.dtype), bias)
        if self.activation == "relu":
            adapted = adapted.relu()
        return self.residual * adapted + (1 - self.residual) * f

    def extra_repr(self) -> str:
        """Show lambda and the activation when printed."""
        return f"residual={self.residual:g}, activation={self.activation!r}"
