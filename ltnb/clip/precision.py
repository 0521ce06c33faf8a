"""Which device and which floating-point type a model computes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Literal

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

ComputeType = Literal["fp32", "bf16", "fp16"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
DTYPES: dict[ComputeType, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def resolve_device(device: str | torch.device | None) -> torch.device:
    """None and ``"auto"`` mean the first CUDA device where there is one, else the CPU.

    Raises:
        ValueError: no name of a device, or a device that torch does not have here.
    """
    if device is None or device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device must be 'auto', 'cpu' or 'cuda[:index]', got {device!r}") from error
    if found.type != "cpu":
        count = getattr(getattr(torch, found.type, None), "device_count", int)()
        if (found.index or 0) >= count:
            raise ValueError(
                f"device must be available here, got {str(found)!r}: this torch ({torch.__version__}) sees {count} "
                f"devices of type {found.type!r}; use 'cpu' or 'auto'"
            )
    return found


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware (AMX, AVX-512 or Arm BF16); without, bf16 loses."""
    capabilities = getattr(torch.cpu, "get_capabilities", None)
    if capabilities is not None:
        return any(bool(has) and feature.endswith("bf16") for feature, has in capabilities().items())
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.is_file():
        return False
    lines = [line for line in cpuinfo.read_text().splitlines() if line.lower().startswith(("flags", "features"))]
    return any(flag.endswith("bf16") for line in lines[:1] for flag in line.split())


def resolve_precision(precision: Precision, device: torch.device) -> ComputeType:
    """Turns ``"auto"`` into ``"bf16"`` where the device has units for it, else ``"fp32"``.

    Args:
        precision: ``auto``, ``fp32``, ``bf16`` or ``fp16`` (CUDA only).
        device: where the model will run.
    """
    if precision == "auto":
        if device.type == "cuda":
            capable = torch.cuda.get_device_capability(device) >= (8, 0)
        else:
            capable = device.type == "cpu" and cpu_has_bf16()
        return "bf16" if capable else "fp32"
    if precision not in DTYPES:
        raise ValueError(f"precision must be auto, {', '.join(DTYPES)}, got {precision!r}")
    if precision == "fp16" and device.type != "cuda":
        raise ValueError(f"precision 'fp16' needs a CUDA device, got {str(device)!r}: use 'bf16' or 'fp32'")
    return precision


def autocast(precision: ComputeType, device: torch.device) -> AbstractContextManager[None]:
    """Computes matrix products in `precision`; ``fp32`` also switches an autocast around it off."""
    if precision == "fp32":
        return torch.autocast(device.type, enabled=False)
    return torch.autocast(device.type, dtype=DTYPES[precision])


@contextmanager
def arithmetic(precision: ComputeType, device: torch.device, *, recomputes: bool = False) -> Iterator[None]:
    """What a tower is run under: `autocast`, and where it trains on a CPU the plain attention kernel.

    The fused kernel's backward pass made a training step of the small ViT twice as slow (219 against 401 pairs a second
    on two cores); without gradients the choice stays torch's.

    Args:
        precision: of matrix products.
        device: of the tower.
        recomputes: whether gradient checkpointing will run blocks again in the backward pass, out of reach of this
            context: the choice then stays torch's as well, as both runs must take the same kernel.
    """
    with autocast(precision, device):
        if device.type == "cpu" and torch.is_grad_enabled() and not recomputes:
            with sdpa_kernel(SDPBackend.MATH):
                yield
        else:
            yield
