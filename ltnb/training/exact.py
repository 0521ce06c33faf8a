"""Training on all samples at once until nothing changes: for problems that are small enough."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from ltnb._checks import check_integer, check_number, fail

M = TypeVar("M", bound=nn.Module)


def fit_exactly(
    model: M,
    loss: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    y: Tensor,
    *,
    weight_decay: float = 1e-3,
    max_iter: int = 200,
) -> M:
    """A trained copy of a model: L-BFGS on the whole loss and ``weight_decay`` times the squared length of the weights.

    Args:
        model: module that maps (N, ...) to what ``loss`` takes; its parameters with a gradient are trained. It is left
            as it was.
        loss: ``loss(model(x), y)`` gives a scalar.
        x: (N, ...) samples.
        y: (N, ...) targets.
        weight_decay: at least 0; above 0 the optimum is finite where classes can be separated.
        max_iter: of the optimiser.

    Raises:
        ValueError: nothing to train, or a number out of its range.

    Example:
        >>> import torch
        >>> from ltnb.training import fit_exactly
        >>> x, y = torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1])
        >>> fit_exactly(torch.nn.Linear(1, 2), torch.nn.functional.cross_entropy, x, y)(x).argmax(dim=1)
        tensor([0, 1])
    """
    check_number(weight_decay, "weight_decay", 0.0)
    check_integer(max_iter, "max_iter", 1)
    model = copy.deepcopy(model)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trained:
        fail("model", "a module with parameters to train", type(model).__name__)
    optimizer = torch.optim.LBFGS(trained, max_iter=max_iter, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        squares = torch.stack([parameter.square().sum() for parameter in trained]).sum()
        value = loss(model(x), y) + weight_decay * squares
        value.backward()
        return value

    optimizer.step(closure)
    return model.requires_grad_(False)
