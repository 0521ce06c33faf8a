"""Lets a CPU build of torch import a CUDA build of torchvision.

The registry's torchvision wheel is a CUDA build. Beside a CPU build of torch its compiled extension cannot be loaded,
the operators ``nms`` and ``qnms`` stay unknown, and ``import torchvision`` dies while it describes their output
shapes. Declaring the two schemas beforehand is enough: everything that open_clip needs from torchvision (reading,
resizing, cropping) is plain torch and PIL. The operators themselves stay unimplemented, and torchvision says so if
one is called.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import torch
from torch.library import Library

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_declared: list[Library] = []  # a declaration lives as long as its Library object


def torchvision_version() -> str | None:
    """Version of the installed torchvision with its build suffix (``0.28.0+cu130``), read without importing it.

    Returns:
        The version, or None where torchvision is not installed.
    """
    spec = (
        importlib.util.find_spec("torchvision")
        if "torchvision" not in sys.modules
        else sys.modules["torchvision"].__spec__
    )
    if spec is None or spec.origin is None:
        return None
    version_file = Path(spec.origin).with_name("version.py")
    match = re.search(r"__version__\s*=\s*['\"]([^'\"]+)", version_file.read_text()) if version_file.is_file() else None
    return match.group(1) if match else None


def is_mismatched(torch_gpu: str | None, vision_version: str | None) -> bool:
    """Whether torch was built for the CPU and torchvision for a GPU.

    Args:
        torch_gpu: what torch was built for: ``torch.version.cuda`` or ``torch.version.hip``; None for a CPU build.
        vision_version: torchvision's version with its build suffix, None when it is not installed.
    """
    if torch_gpu is not None or vision_version is None:
        return False
    return re.search(r"\+(cu\d|rocm)", vision_version) is not None


def _exists(operator: str) -> bool:
    return hasattr(torch.ops.torchvision, operator)


def prepare_torchvision() -> list[str]:
    """Declares torchvision's missing operators; call it before the first import of torchvision or open_clip.

    A matching pair of torch and torchvision is left alone, and so are operators that exist already.

    Returns:
        Names of the operators declared by this call: ``["nms", "qnms"]`` on the first call in a mismatched environment,
        ``[]`` otherwise.
    """
    if not is_mismatched(torch.version.cuda or torch.version.hip, torchvision_version()):
        return []
    missing = [name for name in _SCHEMAS if not _exists(name)]
    if missing:
        library = Library("torchvision", "FRAGMENT")
        for name in missing:
            library.define(_SCHEMAS[name])
        _declared.append(library)
    return missing
