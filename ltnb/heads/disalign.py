"""DisAlign: the scores of a frozen classifier are bent per class, as far as the input asks for it."""

from __future__ import annotations

import torch
from torch import nn

from ltnb._checks import check_choice, check_integer
from ltnb.heads._classifier import freeze, full_precision, logits_of


class DisAlign(nn.Module):
    r"""Adaptive calibration of z = W x + b (frozen) with a confidence s(x) = sigmoid(v . x + v_0) in (0, 1).

        "paper":     s (a z + b') + (1 - s) z
        "released":  (1 + s a) z + s b'

    a is `scale` (C,), 1 at first, b' is `bias` (C,), 0 at first, v the layer `confidence`. The paper form begins as
    the identity; the released classification code (DisAlign's own and IVLM's) begins at (1 + s) z. They are the same
    family, with a (paper) = a (released) + 1.

    Args:
        linear: The trained classifier (D to C); it is kept and frozen, not copied.
        form: ``"paper"`` or ``"released"``.
        seed: Of the confidence layer's weights, U(-1/sqrt(D), 1/sqrt(D)) as in every ``nn.Linear``.
        check_values: Look for NaN and infinity off the CPU too.

    Attributes:
        linear: The frozen classifier.
        scale: (C,).
        bias: (C,).
        confidence: ``nn.Linear(D, 1)``.

    Raises:
        ValueError: If an argument is not as described.

    Source: DisAlign (Zhang et al. 2021) Eq. 3-5; IVLM Appendix C. Trained with natural sampling under
    `ltnb.losses.GeneralizedReweightLoss`.
    """

    def __init__(self, linear: nn.Linear, form: str = "paper", *, seed: int = 0, check_values: bool = False) -> None:
        super().__init__()
        self.linear = freeze(linear)
        self.form = check_choice(form, "form", ("paper", "released"))
        self.check_values = check_values
        weight = self.linear.weight
        self.scale = nn.Parameter(torch.ones_like(weight[:, 0]))
        self.bias = nn.Parameter(torch.zeros_like(weight[:, 0]))
        confidence = nn.utils.skip_init(nn.Linear, self.linear.in_features, 1)
        generator = torch.Generator().manual_seed(check_integer(seed, "seed", 0))
        for parameter in confidence.parameters():
            nn.init.uniform_(parameter, -(weight.shape[1] ** -0.5), weight.shape[1] ** -0.5, generator=generator)
        self.confidence = confidence.to(device=weight.device, dtype=weight.dtype)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits of a batch.

        Args:
            features: x, (B, D) floating point.

        Returns:
            (B, C), float32 (float64 for float64 features).

        Raises:
            ValueError: If the features are not as described, or not finite.
        """
        x = full_precision(features, self.linear.in_features, self.check_values)
        z, s = logits_of(self.linear, x), logits_of(self.confidence, x).sigmoid()
        a, b = self.scale.to(x.dtype), self.bias.to(x.dtype)
        if self.form == "paper":
            return s * (a * z + b) + (1 - s) * z
        return (1 + s * a) * z + s * b

    def extra_repr(self) -> str:
        """Show the form when printed."""
        return f"form={self.form!r}"
