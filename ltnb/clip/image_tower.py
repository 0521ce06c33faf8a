"""What an image tower computes before its embedding: all tokens, and the pooled feature before the projection.

open_clip has three kinds of image tower that lessons use: its own ``VisionTransformer``, its ``ModifiedResNet`` (CLIP's
ResNets, which end in an attention pool) and ``TimmModel`` around a transformer of timm.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ltnb.clip.last_block import is_open_clips, one_token, reads_one, untouched

LAYERS = ("embedding", "pooled", "tokens")
"""What `layers` gives: (B, D) the joint embedding, (B, W) the feature before its projection, (B, T, W') all tokens."""


def reads_class_token(tower: Any) -> bool:
    """Whether this is a ``VisionTransformer`` of which only the class token is read, so that `class_token` serves.

    An attention pool, a mean over tokens, tokens as output, or somebody who listens inside: all say no.
    """
    return (
        is_open_clips(tower, "VisionTransformer")
        and tower.pool_type == "tok"
        and tower.attn_pool is None
        and not tower.output_tokens
        and untouched(tower, tower.ln_post)
        and reads_one(tower.transformer)
    )


def class_token(tower: Any, images: Tensor) -> dict[str, Callable[[], Tensor]]:
    """``embedding`` and ``pooled`` of `layers` for a tower that `reads_class_token`, with less arithmetic."""
    tokens = tower._embeds(images)
    first = torch.zeros(len(tokens), dtype=torch.int64, device=tokens.device)
    pooled = tower.ln_post(one_token(tower.transformer, tokens, first))
    return {"embedding": lambda: _projected(tower, pooled), "pooled": lambda: pooled}


def layers(tower: nn.Module, images: Tensor) -> dict[str, Callable[[], Tensor]]:
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


def _vit(tower: Any, images: Tensor) -> dict[str, Callable[[], Tensor]]:
    tokens = tower.transformer(tower._embeds(images))

    @cache
    def pooled() -> Tensor:
        return tower._pool(tokens)[0]

    return {"embedding": lambda: _projected(tower, pooled()), "pooled": pooled, "tokens": lambda: tokens}


def _projected(vit: Any, pooled: Tensor) -> Tensor:
    return pooled if vit.proj is None else pooled @ vit.proj


def _resnet(tower: Any, images: Tensor) -> dict[str, Callable[[], Tensor]]:
    pool, features = tower.attnpool, _feature_map(tower, images)

    @cache
    def pooled() -> Tensor:
        return _attend(pool, features, all_queries=False)[:, 0]

    return {
        "embedding": lambda: pool.c_proj(pooled()),
        "pooled": pooled,
        "tokens": lambda: pool.c_proj(_attend(pool, features, all_queries=True)),
    }


def _timm(tower: Any, images: Tensor) -> dict[str, Callable[[], Tensor]]:
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
