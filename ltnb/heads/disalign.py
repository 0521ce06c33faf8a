"""DisAlign: the scores of a frozen classifier are bent per class, as far as the input asks for it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from ltnb._checks import check_choice
from ltnb._seeds import generator_of
from ltnb.heads._classifier import ClassifierAdjuster, logits_of, uniform_linear


class DisAlign(ClassifierAdjuster):
    r"""Adaptive calibration of z = W x + b (frozen) with a confidence s(x) = sigmoid(v . x + v_0) in (0, 1).

        "paper":     s (a z + b') + (1 - s) z
        "released":  (1 + s a) z + s b'

    a is ``scale`` (C,), 1 at first, b' is ``bias`` (C,), 0 at first, v the layer ``confidence``. The paper form begins
    as the identity; the released classification code (DisAlign's own and IVLM's) begins at (1 + s) z. They are the same
    family, with a (paper) = a (released) + 1.

    Args:
        linear: The trained classifier (D to C), or an ``nn.Sequential`` whose last module with parameters is one: then
            the head takes what enters that layer. It is copied, and the copy is frozen.
        form: ``"paper"`` or ``"released"``.
        seed: Of the confidence layer's weights, U(-1/sqrt(D), 1/sqrt(D)) as in every ``nn.Linear``; None means 0.
        generator: A CPU generator to draw them from, in place of a seed.
        check_values: Look for NaN and infinity off the CPU too.

    Attributes:
        linear: The frozen copy.
        form: As given.
        scale: (C,).
        bias: (C,).
        confidence: ``nn.Linear(D, 1)``.

    Raises:
        ValueError: ``linear`` is no such module, ``form`` is another word, or both ``seed`` and ``generator`` are
            given.

    Example:
        >>> import torch
        >>> from ltnb.heads import DisAlign
        >>> trained = torch.nn.Linear(512, 10)
        >>> head = DisAlign(trained, form="paper", seed=0)
        >>> x = torch.randn(4, 512)
        >>> torch.allclose(head(x), trained(x), atol=1e-6)
        True

    Source: DisAlign (Zhang et al. 2021) Eq. 3-5, https://arxiv.org/abs/2103.16370; IVLM Appendix C. Trained with
    natural sampling under `ltnb.losses.GeneralizedReweightLoss`.
    """

    _settings = ("form",)

    def __init__(
        self,
        linear: nn.Linear | nn.Sequential,
        form: Literal["paper", "released"] = "paper",
        *,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        check_values: bool = False,
    ) -> None:
        super().__init__(linear, check_values=check_values)
        self.form: Literal["paper", "released"] = check_choice(form, "form", ("paper", "released"))
        self.scale, self.bias = self.per_class(1.0), self.per_class(0.0)
        generator = generator_of(seed, generator)
        self.confidence = uniform_linear(self.linear.in_features, 1, self.linear.weight, generator)

    def adjust(self, x: torch.Tensor) -> torch.Tensor:
        """The logits of one of the two forms, of checked features x (N, D)."""
        z, s = logits_of(self.linear, x), logits_of(self.confidence, x).sigmoid()
        a, b = self.scale.to(x.dtype), self.bias.to(x.dtype)
        if self.form == "paper":
            return s * (a * z + b) + (1 - s) * z
        return (1 + s * a) * z + s * b

    def extra_repr(self) -> str:
        """Show the form when printed."""
        return f"form={self.form!r}"
