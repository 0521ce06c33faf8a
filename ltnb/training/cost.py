"""What training costs: seconds and memory of a step, energy of a block of work.

Energy is read from a counter of the hardware, RAPL of Intel's and AMD's processors or NVML of NVIDIA's GPUs. Where none
can be read, the answer is None and the reason; no wattage is ever assumed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
    how: Literal["allocated", "counted"]


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
        memory = torch.cuda.max_memory_allocated(device) - before + _bytes(weights)
        return StepCost(statistics.median(seconds), memory / MIB, "allocated")
    return StepCost(statistics.median(seconds), counted / MIB, "counted")


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


@dataclass
class Energy:
    """What a block of work took.

    Attributes:
        kwh: kilowatt-hours of the device, filled in when the block has ended; None where no counter can be read. The
            counter is that of all processors or of one board: other work on it counts too.
        source: the counter that was read, or why there is none.
    """

    kwh: float | None
    source: str


Counts = list[tuple[int, int]]
"""What counters show and where they start again from 0, both in microjoules."""


@contextmanager
def measured_energy(
    device: str | torch.device = "cpu", *, counters: str | Path = "/sys/class/powercap"
) -> Iterator[Energy]:
    """Measure the energy of the block under ``with``.

    A processor's counter goes round at some 262 kJ, three quarters of an hour at 100 W: a block may see that once.

    Args:
        device: where the work runs; its counter is read (the GPU's alone for CUDA).
        counters: folder where Linux shows the processors' counters.

    Yields:
        The result, whose ``kwh`` is known after the block.
    """
    where = torch.device(device)

    def read() -> Counts | str:
        if where.type == "cuda":
            return _nvml(where)
        return _rapl(Path(counters)) if where.type == "cpu" else f"no energy counter is known for {where.type}"

    before = read()
    if isinstance(before, str):
        yield Energy(None, f"not measurable here: {before}")
        return
    energy = Energy(None, "NVML" if where.type == "cuda" else "RAPL")
    yield energy
    after = read()
    if isinstance(after, str):
        energy.source = f"not measurable here: {after}"
    else:
        used = sum((end - begin) % top for (begin, top), (end, _) in zip(before, after, strict=True))
        energy.kwh = used / 3.6e12


def _rapl(folder: Path) -> Counts | str:
    """The counters of the processor packages, or why they cannot be read."""
    found = []
    try:
        for domain in sorted(folder.glob("intel-rapl:*")):
            if (domain / "name").read_text().startswith("package"):  # not a part of one, nor the whole board
                names = "energy_uj", "max_energy_range_uj"
                count, top = (int((domain / name).read_text()) for name in names)
                found.append((count, top))
    except PermissionError as error:
        return f"no RAPL counter can be read (permission denied: {error.filename})"
    except (OSError, ValueError):
        found = []
    return found or "no RAPL counter can be read"


def _nvml(device: torch.device) -> Counts | str:
    """The counter of a GPU (Volta and later) after all its work, or why it cannot be read."""
    try:
        import pynvml
    except ImportError:
        return 'nvidia-ml-py is missing (pip install "ltnb[energy]")'
    try:
        torch.cuda.synchronize(device)
        pynvml.nvmlInit()
        # by its name, because CUDA_VISIBLE_DEVICES renumbers
        board = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        return [(1000 * pynvml.nvmlDeviceGetTotalEnergyConsumption(board), 1000 * 2**64)]
    except Exception:  # no driver, no right, an older GPU: NVML has an error class for each
        return "NVML gives no energy for this GPU"
