"""open_clip's text tower on the columns that hold text, instead of on the full context length.

A class prompt has about ten tokens, the context of a CLIP 77. In a causal tower that pools at the end-of-text token,
columns after that token cannot reach the result, so those that are padding in the whole batch may be dropped, and of
the last block only that token is computed. On a CPU many sentences go through in groups of similar length.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ltnb.clip.last_block import one_token, reads_one, untouched

_GROUP = 64  # sentences; large enough for a CPU's matrix products


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
    """Text features before normalisation, equal to ``model.encode_text(tokens, normalize=False)``.

    Args:
        model: an open_clip model.
        tokens: int64 (B, T) from its tokenizer.

    Returns:
        (B, D) in the tower's computing type.
    """
    tower = text_module(model)
    if not is_trimmable(model) or not (tower is model or untouched(tower)):
        return model.encode_text(tokens, normalize=False)  # type: ignore[operator]
    end = tokens.argmax(dim=-1)
    grouped = tokens.device.type == "cpu" and len(tokens) > _GROUP  # a GPU is faster with one large product
    if not grouped or not untouched(tower.token_embedding, *tower.transformer.modules(), tower.ln_final):
        return _encode(tower, tokens, end)
    order = end.argsort(stable=True)
    parts = [_encode(tower, tokens[rows], end[rows]) for rows in order.split(_GROUP)]
    return torch.cat(parts)[order.argsort()]


def _encode(tower: Any, tokens: Tensor, end: Tensor) -> Tensor:
    """(B, D) of tokens (B, T), read at positions (B,)."""
    used = int(end.max()) + 1
    x = tower.token_embedding(tokens[:, :used]).to(tower.transformer.get_cast_dtype())
    x = x + tower.positional_embedding[:used].to(x.dtype)
    mask = tower.attn_mask[:used, :used]
    if reads_one(tower.transformer):
        x = one_token(tower.transformer, x, end, mask)
    else:
        x = tower.transformer(x, attn_mask=mask)[torch.arange(len(end), device=end.device), end]
    x = tower.ln_final(x)
    projection = tower.text_projection
    if projection is None:
        return x
    return projection(x) if isinstance(projection, nn.Module) else x @ projection
