"""What an image tower computes before its embedding: all tokens, and the pooled feature before the projection.

open_clip has three kinds of image tower that lessons use: its own ``VisionTransformer``, its ``ModifiedResNet`` (CLIP's
ResNets, which end in an attention pool) and ``TimmModel`` around a transformer of timm.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def tokens(tower: nn.Module, images: Tensor) -> Tensor:
    """All tokens of the last stage, class token first, as IVLM's decoder reads them.

    Args:
        tower: the image tower, ``model.visual``.
        images: (B, 3, H, W), normalised.

    Returns:
        (B, T, W). ViT: output of the last block, before the final norm, T = 1 + patches. ModifiedResNet: all outputs
        of the attention pool, W = embedding width, T = 1 + positions of the last feature map; token 0 is the
        embedding itself.

    Raises:
        ValueError: a tower of another class, or one without a class token.
    """
    kind = type(tower).__name__
    if kind == "VisionTransformer":
        vit: Any = tower
        return vit.transformer(vit._embeds(images))
    if kind == "ModifiedResNet":
        resnet: Any = tower
        return resnet.attnpool.c_proj(_attend(resnet.attnpool, _feature_map(resnet, images), all_queries=True))
    if kind == "TimmModel":
        return _timm_tokens(tower.trunk, images)
    raise ValueError(
        f"backbone has an image tower of class {kind}: tokens need VisionTransformer, ModifiedResNet or a timm ViT"
    )


def pooled(tower: nn.Module, images: Tensor) -> Tensor:
    """The pooled feature before the projection to the joint embedding, which IVLM's linear probe reads.

    Args:
        tower: the image tower, ``model.visual``.
        images: (B, 3, H, W), normalised.

    Returns:
        (B, W). ViT: the class token (or mean) after the final norm. ModifiedResNet: output 0 of the attention pool's
        heads before its output projection ``c_proj``, W = 32 times the width of the stem. timm: the trunk's feature
        before any classifier.

    Raises:
        ValueError: a tower of another class, or one whose pooling cannot be told from its projection.
    """
    kind = type(tower).__name__
    if kind == "VisionTransformer":
        vit: Any = tower
        feature: Tensor = vit._pool(vit.transformer(vit._embeds(images)))[0]
        return feature
    if kind == "ModifiedResNet":
        resnet: Any = tower
        return _attend(resnet.attnpool, _feature_map(resnet, images), all_queries=False)[:, 0]
    if kind == "TimmModel":
        trunk: Any = tower.trunk
        feature = trunk.forward_head(trunk.forward_features(images), pre_logits=True)
        if feature.ndim == 2:
            return feature
        raise ValueError(
            f"backbone pools outside its trunk {type(trunk).__name__}: it has no pooled feature before projection"
        )
    raise ValueError(
        f"backbone has an image tower of class {kind}: 'pooled' needs VisionTransformer, ModifiedResNet or TimmModel"
    )


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


def _timm_tokens(trunk: Any, images: Tensor) -> Tensor:
    prefix = getattr(trunk, "num_prefix_tokens", 0)
    if not hasattr(trunk, "forward_intermediates") or not hasattr(trunk, "blocks") or prefix < 1:
        raise ValueError(
            f"backbone has a timm trunk of class {type(trunk).__name__} without a class token: it gives no tokens"
        )
    [(patches, first)] = trunk.forward_intermediates(
        images, indices=1, return_prefix_tokens=True, norm=False, output_fmt="NLC", intermediates_only=True
    )
    return torch.cat([first, patches], dim=1)
