"""Energy of a piece of work, read from a counter of the hardware or not at all.

CodeCarbon's offline tracker reads the counters: Intel's and AMD's RAPL for the processor, NVML for an NVIDIA GPU. Where
there is none, it would put in an assumed wattage; here the answer is then None and the reason.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

_COUNTERS = {"cpu": ("RAPL", "cpu_energy"), "cuda": ("NVML", "gpu_energy")}
"""Kind of device -> its counter, and where CodeCarbon puts what it read from it."""


@dataclass
class Energy:
    """What a block of work took.

    Attributes:
        kwh: kilowatt-hours of the device, filled in when the block has ended; None where no counter can be read. The
            counter is that of the whole processor or board: other work on it counts too.
        source: the counter that was read, or why there is none.
    """

    kwh: float | None
    source: str


@contextmanager
def measured_energy(device: str | torch.device = "cpu") -> Iterator[Energy]:
    """Measure the energy of the block under ``with``.

    Args:
        device: where the work runs; its counter is read (the GPU's alone for CUDA).

    Yields:
        The result, whose ``kwh`` is known after the block.
    """
    where = torch.device(device)
    why_not = _why_not(where)
    if why_not:
        yield Energy(None, f"not measurable here: {why_not}")
        return
    counter, part = _COUNTERS[where.type]
    energy = Energy(None, counter)
    tracker = _tracker()
    tracker.start()
    try:
        yield energy
    finally:
        tracker.stop()
    # a user's settings can make CodeCarbon assume a wattage although the counter is there
    if counter == "RAPL" and all(getattr(hardware, "_mode", None) != "intel_rapl" for hardware in tracker._hardware):
        energy.source = "not measurable here: CodeCarbon did not read the RAPL counter"
    else:
        energy.kwh = float(getattr(tracker.final_emissions_data, part))


def _why_not(device: torch.device) -> str:
    """Why the device's counter cannot be read; empty when it can."""
    if device.type not in _COUNTERS:
        return f"no energy counter is known for {device.type}"
    if importlib.util.find_spec("codecarbon") is None:
        return 'CodeCarbon is missing (pip install "ltnb[energy]")'
    if device.type == "cuda":
        return "" if _nvml_reads(device.index or 0) else "NVML gives no energy for this GPU"
    from codecarbon.core.cpu import is_rapl_available

    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)  # a counter that may not be read is no news
    return "" if is_rapl_available() else "no RAPL counter can be read"


def _nvml_reads(index: int) -> bool:
    """Whether the GPU has an energy counter (Volta and later) that may be read."""
    try:
        import pynvml

        pynvml.nvmlInit()
        pynvml.nvmlDeviceGetTotalEnergyConsumption(pynvml.nvmlDeviceGetHandleByIndex(index))
    except Exception:  # no driver, no right, an older GPU: NVML has an error class for each
        return False
    return True


def _tracker() -> Any:
    """CodeCarbon's tracker, which keeps to itself: no network, no file, no log."""
    from codecarbon import OfflineEmissionsTracker

    return OfflineEmissionsTracker(
        country_iso_code="CHN",  # it wants one for its carbon figures, which are not used
        save_to_file=False,
        log_level="critical",
        measure_power_secs=1,
        allow_multiple_runs=True,
    )
