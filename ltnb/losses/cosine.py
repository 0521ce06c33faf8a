"""Cosine similarity over a temperature: what every image-text loss of the papers starts from."""

from __future__ import annotations

import torch

from ltnb._autocast import without_autocast


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
