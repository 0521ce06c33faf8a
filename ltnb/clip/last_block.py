"""The last block of open_clip's transformer, for the one token of each sequence that is read afterwards.

CLIP's towers read a single token off their last block: the class token of a picture, the end-of-text token of a
sentence. The other tokens of that block matter as keys and values only, so their queries, attention outputs and MLPs
need not be computed: ten of the twelve W x W products that a token takes part in there, forward and backward.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def is_open_clips(module: nn.Module, name: str) -> bool:
    """Whether a module is of open_clip's own class `name`, not of a subclass or of another library's namesake."""
    return (type(module).__module__, type(module).__name__) == ("open_clip.transformer", name)


def untouched(*modules: nn.Module) -> bool:
    """Whether nobody listens to these very modules, has replaced the forward pass of one or compiled it in place."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_compiled_call_impl")
    return not any(
        vars(module).keys() & {"forward", "attention"} or any(getattr(module, name, None) for name in hooks)
        for module in modules
    )


def reads_one(transformer: Any) -> bool:
    """Whether `one_token` may stand for this transformer: open_clip's plain blocks, and the last one is `untouched`.

    Whoever listens to the transformer or to a part of its last block must see all tokens, and gradient checkpointing
    must go through open_clip's own loop.
    """
    if not is_open_clips(transformer, "Transformer") or transformer.grad_checkpointing:
        return False
    last = transformer.resblocks[-1]
    return (
        is_open_clips(last, "ResidualAttentionBlock")
        and not hasattr(last, "ln_1_kv")
        and (type(last.attn), type(last.mlp)) == (nn.MultiheadAttention, nn.Sequential)
        and last.attn.batch_first
        and untouched(transformer, *last.modules())
    )


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
    normed, token = last.ln_1(x), x[rows, at][:, None]
    mask = None if attn_mask is None else attn_mask[at].to(x.dtype)  # (B, T): the row of each sequence's own position
    asked = last.attn(normed[rows, at][:, None], normed, normed, key_padding_mask=mask, need_weights=False)[0]
    token = token + last.ls_1(asked)
    return (token + last.ls_2(last.mlp(last.ln_2(token))))[:, 0]
