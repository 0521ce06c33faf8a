"""What a training step costs: seconds and memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from ltnb._checks import check_integer

MIB = 1024.0**2


@dataclass(frozen=True)
class StepCost:
    """Cost of a step.

    Attributes:
        seconds: median over the measured steps.
        memory_mib: MiB. On CUDA the weights of `modules` and what the allocator held at its peak beyond that which was
            there before. On a CPU, which has no such counter, what a step needs by construction: weights, their
            gradients, the optimiser's state and every tensor that was kept for the backward pass.
        how: which of the two it is, ``"allocated"`` or ``"counted"``.
    """

    seconds: float
    memory_mib: float
    how: str


def step_cost(
    step: Callable[[], Tensor],
    modules: Iterable[nn.Module],
    optimizer: torch.optim.Optimizer,
    *,
    repeats: int = 5,
) -> StepCost:
    """Run a training step a few times and measure it. The parameters are changed, as by any training.

    Args:
        step: forward pass of one batch: gives the scalar loss.
        modules: all that takes part, frozen encoders included; their weights count as memory once.
        optimizer: of what is trained.
        repeats: measured steps, after one that is not.

    Returns:
        The cost.

    Raises:
        ValueError: repeats is no whole number from 1 on.
    """
    check_integer(repeats, "repeats", 1)
    modules = list(modules)
    device = optimizer.param_groups[0]["params"][0].device
    on_gpu = device.type == "cuda"

    def once() -> None:
        loss = step()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if on_gpu:
            torch.cuda.synchronize(device)

    own = _bytes([], modules, None)
    before = torch.cuda.memory_allocated(device) if on_gpu else 0
    kept: dict[int, Tensor] = {}  # by address; held, so that no address is used twice while we count
    with torch.autograd.graph.saved_tensors_hooks(partial(_note, kept), lambda tensor: tensor):
        once()  # the warm-up: the optimiser's state is there after it
    counted = _bytes(kept.values(), modules, optimizer)
    kept.clear()
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        once()
        seconds.append(time.perf_counter() - begun)
    if on_gpu:
        used = torch.cuda.max_memory_allocated(device) - before + own
        return StepCost(statistics.median(seconds), used / MIB, "allocated")
    return StepCost(statistics.median(seconds), counted / MIB, "counted")


def _note(kept: dict[int, Tensor], tensor: Tensor) -> Tensor:
    """Hook that sees each tensor as autograd keeps it for the backward pass."""
    kept[tensor.untyped_storage().data_ptr()] = tensor.detach()
    return tensor


def _bytes(kept: Iterable[Tensor], modules: Iterable[nn.Module], optimizer: torch.optim.Optimizer | None) -> int:
    """Bytes under what was kept, the weights, their gradients and the optimiser's state; each storage once."""
    tensors = list(kept)
    for module in modules:
        tensors += [*module.parameters(), *module.buffers()]
    if optimizer is not None:
        trained = [p for group in optimizer.param_groups for p in group["params"]]
        tensors += [p.grad for p in trained if p.grad is not None]
        tensors += [v for state in optimizer.state.values() for v in state.values() if isinstance(v, Tensor)]
    storages = [tensor.untyped_storage() for tensor in tensors]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())
