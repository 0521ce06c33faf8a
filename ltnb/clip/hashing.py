"""Fingerprints of models, for cache keys and records."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def state_hash(module: nn.Module) -> str:
    """SHA-256 over names, types, shapes and bytes of a module's weights and buffers: 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
