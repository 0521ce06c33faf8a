"""Where a number was computed: versions, device, commit, and what the run cost."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import ltnb
from ltnb._project import project_root

PACKAGES = {"torch": "torch", "open_clip": "open_clip_torch", "numpy": "numpy"}


def environment(device: str = "auto") -> dict[str, Any]:
    """Versions, device and commit, as they go into a record.

    Args:
        device: A lesson's `device` parameter: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:1".

    Returns:
        Plain dict: `python`, `torch`, `open_clip`, `numpy`, `ltnb` (versions, None when not installed), `device` (name
        of the GPU, else of the processor), `threads` (of torch, None before it is loaded) and `git_commit` (None
        outside a checkout, "-dirty" behind it when tracked files were changed).
    """
    torch = sys.modules.get("torch")
    on_gpu = torch is not None and device != "cpu" and torch.cuda.is_available()
    return {
        "python": platform.python_version(),
        **{name: _version(distribution) for name, distribution in PACKAGES.items()},
        "ltnb": ltnb.__version__,
        "device": torch.cuda.get_device_name(device if ":" in device else None) if torch and on_gpu else _processor(),
        "threads": torch.get_num_threads() if torch else None,
        "git_commit": _commit(),
    }


def peak_memory_mb() -> float | None:
    """Largest resident memory of this process so far, in MB (10^6 bytes); None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6, 1)


def peak_gpu_memory_mb() -> float | None:
    """Largest memory that torch held on the current GPU so far, in MB (10^6 bytes); None where no GPU was used."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    return round(torch.cuda.max_memory_allocated() / 1e6, 1)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _commit() -> str | None:
    root = project_root()
    if root is None:
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
