"""open_clip's towers: what an image tower computes before its embedding, text on the columns that hold it.

**The last block.** CLIP's towers read a single token off their last block: the class token of a picture, the
end-of-text token of a sentence. The other tokens of that block matter as keys and values only, so their queries,
attention outputs and MLPs need not be computed: ten of the twelve W x W products that a token takes part in there,
forward and backward. Whoever wants open_clip's own pass, because a hook or a prompt needs all tokens, asks for it:
``Backbone.full_towers``, or ``full=True`` here.

**Images.** open_clip has three kinds of image tower that lessons use: its own ``VisionTransformer``, its
``ModifiedResNet`` (CLIP's ResNets, which end in an attention pool) and ``TimmModel`` around a transformer of timm.

**Texts.** A class prompt has about ten tokens, the context of a CLIP 77. In a causal tower that pools at the
end-of-text token, columns after that token cannot reach the result, so those that are padding in the whole batch may be
dropped, and of the last block only that token is computed. On a CPU many sentences go through in groups of similar
length.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

Layer = Literal["embedding", "pooled", "tokens"]
LAYERS: tuple[Layer, ...] = get_args(Layer)
"""What `layers` gives: (B, D) the joint embedding, (B, W) the feature before its projection, (B, T, W') all tokens."""


# The last block -------------------------------------------------------------------------------------------------------


def is_open_clips(module: nn.Module, name: str) -> bool:
    """Whether a module is of open_clip's own class `name`, not of a subclass or of another library's namesake."""
    return (type(module).__module__, type(module).__name__) == ("open_clip.transformer", name)


def reads_one(transformer: Any) -> bool:
    """Whether `one_token` can stand for this transformer: open_clip's plain blocks, without gradient checkpointing.

    Checkpointing lives in open_clip's own loop, which `one_token` goes around.
    """
    if not is_open_clips(transformer, "Transformer") or transformer.grad_checkpointing:
        return False
    last = transformer.resblocks[-1]
    return (
        is_open_clips(last, "ResidualAttentionBlock")
        and not hasattr(last, "ln_1_kv")
        and (type(last.attn), type(last.mlp)) == (nn.MultiheadAttention, nn.Sequential)
        and last.attn.batch_first
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


# Images ---------------------------------------------------------------------------------------------------------------


def reads_class_token(tower: Any) -> bool:
    """Whether this is a ``VisionTransformer`` of which only the class token is read, so that `class_token` serves.

    An attention pool, a mean over tokens or tokens as output say no.
    """
    return (
        is_open_clips(tower, "VisionTransformer")
        and tower.pool_type == "tok"
        and tower.attn_pool is None
        and not tower.output_tokens
        and reads_one(tower.transformer)
    )


def class_token(tower: Any, images: Tensor) -> dict[Layer, Callable[[], Tensor]]:
    """``embedding`` and ``pooled`` of `layers` for a tower that `reads_class_token`, with less arithmetic."""
    tokens = tower._embeds(images)
    first = torch.zeros(len(tokens), dtype=torch.int64, device=tokens.device)
    pooled = tower.ln_post(one_token(tower.transformer, tokens, first))
    return {"embedding": lambda: _projected(tower, pooled), "pooled": lambda: pooled}


def layers(tower: nn.Module, images: Tensor) -> dict[Layer, Callable[[], Tensor]]:
    """Everything that is read off an image tower, after one pass through its trunk.

    Args:
        tower: the image tower, ``model.visual``.
        images: (B, 3, H, W), normalised.

    Returns:
        For each of `LAYERS` a function that computes it from what they share:

        - ``tokens``, which IVLM's decoder reads, class token first. ViT: output of the last block before the final
          norm, T = 1 + patches. ModifiedResNet: all outputs of the attention pool, T = 1 + positions of the last
          feature map; token 0 is the embedding itself.
        - ``pooled``, which its linear probe reads. ViT: the class token (or mean) after the final norm.
          ModifiedResNet: output 0 of the attention pool's heads before its output projection, W = 32 times the width
          of the stem. timm: the trunk's feature before any classifier.
        - ``embedding``, un-normalised: `pooled` projected.

        A layer that this tower does not have raises ValueError when it is asked for.

    Raises:
        ValueError: a tower of another class.
    """
    kinds = {"VisionTransformer": _vit, "ModifiedResNet": _resnet, "TimmModel": _timm}
    kind = type(tower).__name__
    if kind not in kinds:
        raise ValueError(f"backbone has an image tower of class {kind}: its layers are known for {', '.join(kinds)}")
    return kinds[kind](tower, images)


def _vit(tower: Any, images: Tensor) -> dict[Layer, Callable[[], Tensor]]:
    tokens = tower.transformer(tower._embeds(images))

    @cache
    def pooled() -> Tensor:
        return tower._pool(tokens)[0]

    return {"embedding": lambda: _projected(tower, pooled()), "pooled": pooled, "tokens": lambda: tokens}


def _projected(vit: Any, pooled: Tensor) -> Tensor:
    return pooled if vit.proj is None else pooled @ vit.proj


def _resnet(tower: Any, images: Tensor) -> dict[Layer, Callable[[], Tensor]]:
    pool, features = tower.attnpool, _feature_map(tower, images)

    @cache
    def pooled() -> Tensor:
        return _attend(pool, features, all_queries=False)[:, 0]

    return {
        "embedding": lambda: pool.c_proj(pooled()),
        "pooled": pooled,
        "tokens": lambda: pool.c_proj(_attend(pool, features, all_queries=True)),
    }


def _timm(tower: Any, images: Tensor) -> dict[Layer, Callable[[], Tensor]]:
    trunk = tower.trunk
    if not hasattr(trunk, "forward_features"):
        raise ValueError(f"backbone has a timm trunk of class {type(trunk).__name__}: its layers are not known")
    last: list[Tensor] = []
    if _has_class_token(trunk):  # the tokens before the final norm, on the way to the pooled feature
        with trunk.blocks[-1].register_forward_hook(lambda _, __, output: last.append(output)):
            features = trunk.forward_features(images)
    else:
        features = trunk.forward_features(images)

    def tokens() -> Tensor:
        if not last:
            raise ValueError(
                f"backbone has a timm trunk of class {type(trunk).__name__} without a class token: it gives no tokens"
            )
        return last[0]

    def pooled() -> Tensor:
        feature = trunk.forward_head(features, pre_logits=True)
        if feature.ndim != 2:
            raise ValueError(
                f"backbone pools outside its trunk {type(trunk).__name__}: it has no pooled feature before projection"
            )
        return feature

    return {
        "embedding": lambda: tower.head(trunk.forward_head(features)),
        "pooled": pooled,
        "tokens": tokens,
    }


def _has_class_token(trunk: Any) -> bool:
    return hasattr(trunk, "blocks") and getattr(trunk, "num_prefix_tokens", 0) >= 1


def _feature_map(resnet: Any, images: Tensor) -> Tensor:
    x = resnet.stem(images)
    for layer in (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4):
        x = layer(x)
    return x


def _attend(pool: Any, features: Tensor, *, all_queries: bool) -> Tensor:
    """Multi-head attention of CLIP's attention pool without its output projection.

    Args:
        pool: open_clip's ``AttentionPool2d``.
        features: (B, W, h, w) feature map.
        all_queries: every position asks; False: the mean feature alone, as in the pool itself.

    Returns:
        (B, 1 + h·w, W), or (B, 1, W).
    """
    x = features.flatten(2).transpose(1, 2)
    x = torch.cat([x.mean(dim=1, keepdim=True), x], dim=1)
    x = x + pool.positional_embedding.to(x.dtype)

    def heads(y: Tensor) -> Tensor:
        return y.unflatten(-1, (pool.num_heads, -1)).transpose(1, 2)

    asking = x if all_queries else x[:, :1]
    attended = functional.scaled_dot_product_attention(
        heads(pool.q_proj(asking)), heads(pool.k_proj(x)), heads(pool.v_proj(x))
    )
    return attended.transpose(1, 2).flatten(2)


# Texts ----------------------------------------------------------------------------------------------------------------


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


def encode_text(model: nn.Module, tokens: Tensor, *, full: bool = False, group: int = 64) -> Tensor:
    """Text features before normalisation, equal to ``model.encode_text(tokens, normalize=False)``.

    Args:
        model: an open_clip model.
        tokens: int64 (B, T) from its tokenizer.
        full: run open_clip's own pass: all columns, all tokens of every block.
        group: sentences of similar length that go through a CPU together; large enough for its matrix products. A GPU
            is faster with one large product.

    Returns:
        (B, D) in the tower's computing type.
    """
    if full or not is_trimmable(model):
        features: Tensor = model.encode_text(tokens, normalize=False)  # type: ignore[operator]
        return features
    tower, end = text_module(model), tokens.argmax(dim=-1)
    if tokens.device.type != "cpu" or len(tokens) <= group:
        return _encode(tower, tokens, end)
    order = end.argsort(stable=True)
    parts = [_encode(tower, tokens[rows], end[rows]) for rows in order.split(group)]
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
    features: Tensor = projection(x) if isinstance(projection, nn.Module) else x @ projection
    return features
