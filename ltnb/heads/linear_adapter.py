"""BALLAD's linear adapter: one layer that moves a frozen image feature a little."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from ltnb._checks import check_choice, check_integer, check_number
from ltnb._numeric import full_precision
from ltnb._seeds import generator_of
from ltnb.heads._classifier import logits_of, uniform_linear
from ltnb.heads._saving import Head


class LinearAdapter(Head):
    r"""f* = lambda ReLU(W^T f + b) + (1 - lambda) f, on the un-normalised feature f.

    ``activation=None, bias=False`` is what the released code computes: f* = lambda W^T f + (1 - lambda) f.

    Args:
        dim: Width D of the feature.
        residual: lambda in [0, 1], the share of the adapted feature (paper and code: 0.2). 0 leaves f as it is.
        activation: ``"relu"`` (paper) or ``None`` (released code).
        bias: Whether there is a b (paper: yes, released code: no).
        generator: Where the initial weights are drawn from. None draws as every ``nn.Linear`` does, that is from
            torch's global generator; a CPU ``torch.Generator`` makes the draw independent of it. The law is the same.
        check_values: Look for NaN and infinity off the CPU too.

    Attributes:
        linear: The ``nn.Linear(dim, dim)``; its ``weight`` is the paper's W^T.
        dim, residual, activation, bias: As given.

    Raises:
        ValueError: ``dim`` is below 1, ``residual`` outside [0, 1], or ``activation`` or ``generator`` is something
            else.

    Example:
        >>> import torch
        >>> from ltnb.heads import LinearAdapter
        >>> adapter = LinearAdapter(512, generator=torch.Generator().manual_seed(0))
        >>> adapter(torch.randn(4, 512)).shape
        torch.Size([4, 512])

    Source: BALLAD (Ma et al. 2021) Eq. 5, https://arxiv.org/abs/2111.14745.
    """

    _sizes = ("dim", "bias")
    _settings = ("residual", "activation")

    def __init__(
        self,
        dim: int,
        residual: float = 0.2,
        activation: Literal["relu"] | None = "relu",
        bias: bool = True,
        *,
        generator: torch.Generator | None = None,
        check_values: bool = False,
    ) -> None:
        super().__init__()
        self.dim, self.bias = check_integer(dim, "dim", 1), bool(bias)
        self.residual = check_number(residual, "residual", 0.0, 1.0)
        self.activation: Literal["relu"] | None = check_choice(activation, "activation", ("relu", None))
        self.check_values = check_values
        if generator is None:
            self.linear = nn.Linear(self.dim, self.dim, bias=self.bias)
        else:
            drawn = generator_of(None, generator)
            self.linear = uniform_linear(self.dim, self.dim, torch.empty(0), drawn, bias=self.bias)

    if TYPE_CHECKING:

        def __call__(self, features: torch.Tensor) -> torch.Tensor:
            """Adapted features (B, D)."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Adapt a batch of features.

        Args:
            features: (B, D) floating point, not normalised (lambda and b depend on the length of f).

        Returns:
            (B, D) tensor, float32 (float64 for float64 input), not normalised.

        Raises:
            ValueError: The features are of another shape or type, empty, or not finite.
        """
        f = full_precision(features, self.dim, self.check_values)
        adapted = logits_of(self.linear, f)
        if self.activation == "relu":
            adapted = adapted.relu()
        return self.residual * adapted + (1 - self.residual) * f

    def extra_repr(self) -> str:
        """Show lambda and the activation when printed."""
        return f"residual={self.residual:g}, activation={self.activation!r}"
