"""What the two-stage adjusters share: a frozen copy of a trained classifier, and features in full precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from ltnb._checks import fail
from ltnb._numeric import full_precision
from ltnb.heads._saving import Head


class ClassifierAdjuster(Head):
    """``head(features)``: logits of a frozen classifier, bent by ``adjust``.

    Args:
        linear: The trained classifier (D to C), or an ``nn.Sequential`` whose last module with parameters is one: then
            the head takes what enters that layer. It is copied, and the copy is frozen.
        check_values: Look for NaN and infinity off the CPU too.

    Raises:
        ValueError: ``linear`` is neither.
    """

    linear: nn.Linear

    def __init__(self, linear: nn.Linear | nn.Sequential, *, check_values: bool = False) -> None:
        super().__init__()
        self.linear = _frozen_copy(_last_linear(linear))
        self.check_values = check_values

    if TYPE_CHECKING:

        def __call__(self, features: torch.Tensor) -> torch.Tensor:
            """Logits (B, C) or (B, T, C)."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits of a batch.

        Args:
            features: x, (B, D) or (B, T, D) floating point: what the classifier itself takes.

        Returns:
            (B, C) or (B, T, C), float32 (float64 for float64 features).

        Raises:
            ValueError: The features are of another shape or type, empty, or not finite.
        """
        if isinstance(features, torch.Tensor) and features.ndim == 3:
            return self.forward(features.flatten(0, 1)).unflatten(0, features.shape[:2])
        return self.adjust(full_precision(features, self.linear.in_features, self.check_values))

    def adjust(self, x: torch.Tensor) -> torch.Tensor:
        """The adjusted logits (N, C) of checked features x (N, D), float32 or float64."""
        raise NotImplementedError

    def per_class(self, value: float) -> nn.Parameter:
        """A learned number a class, (C,), beginning at ``value``, where and as precise as the classifier."""
        return nn.Parameter(torch.full_like(self.linear.weight[:, 0], value))

    @classmethod
    def _rebuilt(cls, state: dict[str, torch.Tensor], config: dict[str, Any]) -> Self:
        out_features, in_features = state["linear.weight"].shape
        return cls(nn.Linear(in_features, out_features, bias="linear.bias" in state, device="meta"), **config)


def _last_linear(linear: Any) -> nn.Linear:
    """The classifier itself, or the last module with parameters of a Sequential."""
    last = linear
    if isinstance(linear, nn.Sequential):
        named = [(name.split("."), module) for name, module in linear.named_modules()]
        # what a parametrised layer is made of (``weight_norm``) belongs to that layer
        holders = [module for name, module in named if "parametrizations" not in name and _holds_parameters(module)]
        last = holders[-1] if holders else None
    if not isinstance(last, nn.Linear):
        expected = "a trained nn.Linear, or an nn.Sequential whose last module with parameters is one"
        ending = f" that ends in {type(last).__name__}" if last is not linear else ""
        fail("linear", expected, type(linear).__name__ + ending)
    return last


def _holds_parameters(module: nn.Module) -> bool:
    return parametrize.is_parametrized(module) or next(module.parameters(recurse=False), None) is not None


def _frozen_copy(linear: nn.Linear) -> nn.Linear:
    copy = nn.Linear(linear.in_features, linear.out_features, bias=linear.bias is not None, device="meta")
    for name, _ in list(copy.named_parameters()):
        setattr(copy, name, nn.Parameter(getattr(linear, name).detach().clone(), requires_grad=False))
    return copy


def logits_of(linear: nn.Linear, x: torch.Tensor, *, bias: bool = True) -> torch.Tensor:
    """W x + b (or W x) in the precision of ``x``, whatever that of the layer."""
    b = linear.bias.to(x.dtype) if bias and linear.bias is not None else None
    return F.linear(x, linear.weight.to(x.dtype), b)


def uniform_linear(
    in_features: int, out_features: int, like: torch.Tensor, generator: torch.Generator, *, bias: bool = True
) -> nn.Linear:
    """A linear layer drawn from U(-1/sqrt(D), 1/sqrt(D)), as every ``nn.Linear`` is, but from this generator."""
    layer = nn.utils.skip_init(nn.Linear, in_features, out_features, bias=bias)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -(in_features**-0.5), in_features**-0.5, generator=generator)
    return layer.to(device=like.device, dtype=like.dtype)
