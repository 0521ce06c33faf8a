"""tau-normalisation: the long weight vectors of head classes are shortened, nothing is trained."""

from __future__ import annotations

import torch
from torch import nn

from ltnb._checks import check_number
from ltnb.heads._classifier import ClassifierAdjuster, logits_of


class TauNormalizedClassifier(ClassifierAdjuster):
    r"""Logits w_c . x / ||w_c||^tau without the bias; tau = 0 keeps the lengths, tau = 1 takes them away.

    The papers choose tau on validation data, from 0 to 2 in steps of 0.1. A weight vector of zeros stays zero.

    Args:
        linear: The trained classifier (D to C), or an ``nn.Sequential`` whose last module with parameters is one: then
            the head takes what enters that layer. It is copied, and the copy is frozen.
        tau: Finite number of at least 0.
        check_values: Look for NaN and infinity off the CPU too.

    Attributes:
        linear: The frozen copy; its bias is not used.
        tau: As given; may be changed afterwards.

    Raises:
        ValueError: ``linear`` is no such module, or ``tau`` is negative or not finite.

    Example:
        >>> import torch
        >>> from ltnb.heads import TauNormalizedClassifier
        >>> trained = torch.nn.Linear(512, 10)
        >>> head = TauNormalizedClassifier(trained, tau=1.0)
        >>> head(torch.randn(4, 512)).shape
        torch.Size([4, 10])

    Source: Kang et al. 2020 (Decoupling) Eq. 4, https://arxiv.org/abs/1910.09217.
    """

    _settings = ("tau",)

    def __init__(self, linear: nn.Linear | nn.Sequential, tau: float, *, check_values: bool = False) -> None:
        super().__init__(linear, check_values=check_values)
        self.tau = check_number(tau, "tau", 0.0)

    def adjust(self, x: torch.Tensor) -> torch.Tensor:
        """Logits w_c . x / ||w_c||^tau of checked features x (N, D)."""
        lengths = torch.linalg.vector_norm(self.linear.weight.to(x.dtype), dim=1)
        factors = torch.where(lengths > 0, lengths, torch.ones_like(lengths)) ** -self.tau
        return logits_of(self.linear, x, bias=False) * factors

    def extra_repr(self) -> str:
        """Show tau when printed."""
        return f"tau={self.tau:g}"
