"""The last block of open_clip's transformer, for the one token of each sequence that is read afterwards.

CLIP's towers read a single token off their last block: the class token of a picture, the end-of-text token of a
sentence. The other tokens of that block matter as keys and values only, so their queries, attention outputs and MLPs
need not be computed: five sixths of the arithmetic of the block, forward and backward.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def reads_one(transformer: Any) -> bool:
    """Whether `one_token` may stand for this transformer: open_clip's plain blocks, and nobody listens to the last one.

    A hook on the transformer or on its last block (prompts that learn hang there) must see all tokens, and gradient
    checkpointing must go through open_clip's own loop.
    """
    if type(transformer).__name__ != "Transformer" or transformer.grad_checkpointing:
        return False
    last = transformer.resblocks[-1]
    plain = type(last).__name__ == "ResidualAttentionBlock" and last.attn.batch_first and not hasattr(last, "ln_1_kv")
    return plain and not any(hooked(module) for module in (transformer, last))


def one_token(transformer: Any, x: Tensor, at: Tensor, attn_mask: Tensor | None = None) -> Tensor:
    """``transformer(x, attn_mask)`` at one position of each sequence.

    Args:
        transformer: one that `reads_one` accepts.
        x: (B, T, W) tokens.
        at: int64 (B,) positions.
        attn_mask: (T, T), added to the attention scores.

    Returns:
        (B, W).
    """
    *before, last = transformer.resblocks
    for block in before:
        x = block(x, attn_mask=attn_mask)
    rows = torch.arange(len(x), device=x.device)
    normed = last.ln_1(x)
    mask = (
        None if attn_mask is None else attn_mask[at].to(x.dtype)
    )  # (B, T): each asks with the row of its own position
    asked = last.attn(normed[rows, at][:, None], normed, normed, key_padding_mask=mask, need_weights=False)[0]
    token = x[rows, at] + last.ls_1(asked[:, 0])
    return token + last.ls_2(last.mlp(last.ln_2(token)))


def hooked(module: nn.Module) -> bool:
    """Whether somebody listens to a module's calls or has replaced its forward: then it must be called as a whole."""
    names = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return "forward" in vars(module) or any(getattr(module, name) for name in names)
