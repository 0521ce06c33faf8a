"""Numerics that losses, heads, anchors, retrieval and tuning share: full precision, unit vectors, cosine logits."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from ltnb._checks import check_features


def without_autocast(tensor: torch.Tensor) -> AbstractContextManager[Any]:
    """A context in which autocast is off for the device of ``tensor``."""
    kind = tensor.device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()


def full_precision(features: torch.Tensor, width: int, check_values: bool, *, name: str = "features") -> torch.Tensor:
    """Checked features (B, D) of an argument called ``name``: float32, or float64 for float64 input.

    Raises:
        ValueError: If they are not a finite, non-empty floating-point tensor of shape (B, width).
    """
    check_features(features, name, width=width, check_values=check_values)
    return features.to(torch.promote_types(features.dtype, torch.float32))


def unit(x: torch.Tensor) -> torch.Tensor:
    """Rows divided by their Euclidean norm, safe against overflow and underflow of the squares.

    A row of zeros has no direction: it stays zero (cosine 0 with everything) and its gradient stays finite.

    Args:
        x: Floating-point tensor of shape (..., D).

    Returns:
        Tensor of the same shape and dtype.
    """
    # the unit vector does not depend on the length, so dividing by a constant first changes no value and no gradient
    largest = x.detach().abs().amax(dim=-1, keepdim=True)
    x = x / torch.where(largest > 0, largest, torch.ones_like(largest))
    norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return x / torch.where(norm > 0, norm, torch.ones_like(norm))


def cosine_logits(image_emb: torch.Tensor, text_emb: torch.Tensor, temperature: float | torch.Tensor) -> torch.Tensor:
    """Cosine similarity of every image with every text, divided by the temperature: S_ij / tau.

    Half-precision input is computed in float32, also inside an autocast region; float64 stays float64.

    Args:
        image_emb: (I, D), any length.
        text_emb: (T, D), any length.
        temperature: tau, a positive number or a zero-dimensional tensor (gradients reach it).

    Returns:
        (I, T) tensor, float32 or float64.
    """
    dtype = torch.promote_types(torch.promote_types(image_emb.dtype, text_emb.dtype), torch.float32)
    with without_autocast(image_emb):
        similarity = unit(image_emb.to(dtype)) @ unit(text_emb.to(dtype)).T
        if isinstance(temperature, torch.Tensor):
            temperature = temperature.to(dtype)
        return similarity / temperature
