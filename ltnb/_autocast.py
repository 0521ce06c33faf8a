"""Arithmetic in the precision that the tensors have, whatever autocast is around."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch


def without_autocast(tensor: torch.Tensor) -> AbstractContextManager[Any]:
    """A context in which autocast is off for the device of ``tensor``."""
    kind = tensor.device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()
