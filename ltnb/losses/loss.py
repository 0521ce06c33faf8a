"""What all losses share: how their terms become one number, and how one is shown when printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from torch import nn

from ltnb._checks import check_choice

Reduction = Literal["mean", "sum", "none"]


class Loss(nn.Module):
    """A module whose call gives the mean of its terms, their sum, or the terms themselves.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        check_values: Look at values (NaN, label range) off the CPU too.

    Attributes:
        settings: Names of the attributes that are shown when the loss is printed.

    Raises:
        ValueError: If ``reduction`` is none of the three.

    Example:
        >>> import torch
        >>> from ltnb import losses
        >>> loss = losses.create("focal", gamma=2.0, reduction="none")
        >>> isinstance(loss, losses.Loss), loss(torch.zeros(4, 3), torch.tensor([0, 1, 2, 2])).shape
        (True, torch.Size([4]))
    """

    __call__: Callable[..., torch.Tensor]
    settings: tuple[str, ...] = ()

    def __init__(self, reduction: Reduction = "mean", *, check_values: bool = False) -> None:
        super().__init__()
        self.reduction = check_choice(reduction, "reduction", get_args(Reduction))
        self.check_values = check_values

    def reduce(self, terms: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """The terms (B,), their sum, or their mean.

        Args:
            terms: (B,), already weighted where the loss has weights.
            weights: (B,), what a weighted mean divides the sum by; without them it is B.
        """
        if self.reduction == "none":
            return terms
        if self.reduction == "sum":
            return terms.sum()
        return terms.mean() if weights is None else terms.sum() / weights.sum()

    def extra_repr(self) -> str:
        """Settings of the loss, and what all losses have where it is not the default."""
        shared = {"reduction": "mean", "label_smoothing": 0.0}
        changed = [name for name, default in shared.items() if getattr(self, name, default) != default]
        names = dict.fromkeys([*self.settings, *changed])
        return ", ".join(f"{name}={_short(getattr(self, name))}" for name in names)


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)
