"""What a training step costs: seconds and memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

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
    weights = [tensor for module in modules for tensor in (*module.parameters(), *module.buffers())]
    device = optimizer.param_groups[0]["params"][0].device
    on_gpu = device.type == "cuda"

    def once() -> None:
        loss = step()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if on_gpu:
            torch.cuda.synchronize(device)

    # the warm-up, after which the optimiser's state is there, shows what a CPU keeps
    if on_gpu:
        before = torch.cuda.memory_allocated(device)
        once()
        torch.cuda.reset_peak_memory_stats(device)
    else:
        counted = _counted(once, weights, optimizer)
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        once()
        seconds.append(time.perf_counter() - begun)
    if on_gpu:
        memory, how = torch.cuda.max_memory_allocated(device) - before + _bytes(weights), "allocated"
    else:
        memory, how = counted, "counted"
    return StepCost(statistics.median(seconds), memory / MIB, how)


def _counted(once: Callable[[], None], weights: Iterable[Tensor], optimizer: torch.optim.Optimizer) -> int:
    """Bytes of the weights, their gradients, the optimiser's state and what autograd keeps during one step."""
    kept: dict[int, Tensor] = {}  # by address; held, so that no address is used twice while we count

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.detach()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        once()
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    state = [value for of in optimizer.state.values() for value in of.values() if isinstance(value, Tensor)]
    return _bytes([*weights, *kept.values(), *gradients, *state])


def _bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes of the storages under tensors, each storage once."""
    storages = [tensor.untyped_storage() for tensor in tensors]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())
