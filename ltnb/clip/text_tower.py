"""open_clip's text tower on the columns that hold text, instead of on the full context length.

A class prompt has about ten tokens, the context of a CLIP 77. In a causal tower that pools at the end-of-text token,
columns after that token cannot reach the result, so those that are padding in the whole batch may be dropped.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def text_module(model: nn.Module) -> Any:
    """The module that holds the text tower: open_clip keeps it in ``model.text`` or spreads it over the model."""
    return getattr(model, "text", model)


def is_trimmable(model: nn.Module) -> bool:
    """Whether padding may be dropped: a native causal tower, pooled at the largest token id, without a class token."""
    tower = text_module(model)
    pool = getattr(model, "text_pool_type", None) if tower is model else getattr(tower, "pool_type", None)
    parts = ("token_embedding", "positional_embedding", "transformer", "ln_final", "attn_mask")
    return (
        pool == "argmax"
        and all(getattr(tower, part, None) is not None for part in parts)
        and getattr(tower, "cls_emb", None) is None
        and not getattr(tower, "use_pad_mask", False)
    )


def encode_text(model: nn.Module, tokens: Tensor) -> Tensor:
    """Text features before normalisation, equal to ``model.encode_text(tokens)``.

    Args:
        model: an open_clip model.
        tokens: int64 (B, T) from its tokenizer.

    Returns:
        (B, D) in the tower's computing type.
    """
    if not is_trimmable(model):
        return model.encode_text(tokens)  # type: ignore[operator]
    tower = text_module(model)
    end = tokens.argmax(dim=-1)
    used = int(end.max()) + 1
    tokens = tokens[:, :used]
    x = tower.token_embedding(tokens).to(tower.transformer.get_cast_dtype())
    x = x + tower.positional_embedding[:used].to(x.dtype)
    x = tower.transformer(x, attn_mask=tower.attn_mask[:used, :used])
    x = tower.ln_final(x[torch.arange(len(end), device=end.device), end])
    projection = tower.text_projection
    if projection is None:
        return x
    return projection(x) if isinstance(projection, nn.Module) else x @ projection
