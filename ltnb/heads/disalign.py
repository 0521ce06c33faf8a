"""DisAlign: the scores of a frozen classifier are bent per class, as far as the input asks for it."""

from __future__ import annotations

import torch
from torch import nn

from ltnb._checks import check_choice, check_integer
from ltnb.heads._classifier import ClassifierAdjuster, logits_of, uniform_linear


class DisAlign(ClassifierAdjuster):
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
        super().__init__(linear, check_values=check_values)
        self.form = check_choice(form, "form", ("paper", "released"))
        self.scale, self.bias = self.per_class(1.0), self.per_class(0.0)
        seed = check_integer(seed, "seed", 0)
        self.confidence = uniform_linear(self.linear.in_features, 1, self.linear.weight, seed)

    def adjust(self, x: torch.Tensor) -> torch.Tensor:
        """See the equation above."""
        z, s = logits_of(self.linear, x), logits_of(self.confidence, x).sigmoid()
        a, b = self.scale.to(x.dtype), self.bias.to(x.dtype)
        if self.form == "paper":
            return s * (a * z + b) + (1 - s) * z
        return (1 + s * a) * z + s * b

    def extra_repr(self) -> str:
        """Show the form when printed."""
        return f"form={self.form!r}"
