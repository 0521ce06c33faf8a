"""Cosine between a picture and an attention-weighted mean of sentences, without making that mean."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from ltnb._checks import is_transforming

BLOCK = 1 << 21  # numbers of a (B, classes, M) block that are worked on at a time


def gathered_cosine(
    query: torch.Tensor,
    image: torch.Tensor,
    key_bias: torch.Tensor,
    anchors: torch.Tensor,
    key_scale: torch.Tensor,
    gram: torch.Tensor,
    padding_mask: torch.Tensor,
    block: int = BLOCK,
) -> torch.Tensor:
    """Cosines (B, C) of pictures and what they gather from each class; `GatheredCosine` explains arguments and method.

    A graph that is compiled or exported must not depend on the batch size, and a transform of ``torch.func`` writes the
    backward pass itself: both get the same formula in plain operations, all classes at once.
    """
    if not (torch.compiler.is_compiling() or is_transforming()):
        cosine: torch.Tensor = GatheredCosine.apply(
            query, image, key_bias, anchors, key_scale, gram, padding_mask, block
        )
        return cosine
    score, product = (torch.einsum("bd,cmd->cbm", x, anchors) for x in (query, image))
    w = (score * key_scale[:, None]).masked_fill(padding_mask[:, None], -torch.inf).softmax(dim=2)
    dot = (w * product).sum(dim=2)
    square = torch.maximum((w @ gram * w).sum(dim=2), dot.square()).clamp_min(torch.finfo(w.dtype).tiny)
    return (dot * square.rsqrt()).T + 0 * key_bias.sum()


class GatheredCosine(torch.autograd.Function):
    r"""cos(e, G_c) with G_c = sum_m w_m a_cm and w = softmax_m(r_cm q . a_cm), for all pictures and classes.

    Neither the keys (C, M, D) nor G (B, C, D) is ever made: with P_m = e . a_cm and the Gram matrix A_c = (a_cm . a_cn)
    of a class,

        e . G_c = w . P         |G_c|^2 = w . A_c w .

    A cosine does not change with the length of G_c, so the softmax's own normalisation drops out of its gradient:

        d cos / d s_m = w_m ( P_m - (w.P / w.A w) (A w)_m ) / |G_c|         d cos / d P_m = w_m / |G_c| .

    Both are kept by the forward pass, (B, C, M) each, and the backward pass is one matrix product. Digits are lost
    where the weighted sentences of a class all but cancel (|G| below a thousandth of their length in float32); the
    result stays in [-1, 1].
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        image: torch.Tensor,
        key_bias: torch.Tensor,
        anchors: torch.Tensor,
        key_scale: torch.Tensor,
        gram: torch.Tensor,
        padding_mask: torch.Tensor,
        block: int,
    ) -> torch.Tensor:
        """Cosines (B, C).

        Args:
            ctx: Autograd's.
            query: q, (B, D).
            image: e, (B, D), of length 1.
            key_bias: (D,): the bias of the keys' layer norm. It raises all scores of a picture alike, which a softmax
                does not see; it is here so that its gradient is zero rather than missing.
            anchors: a, (C, M, D).
            key_scale: r, (C, M).
            gram: A, (C, M, M).
            padding_mask: (C, M), True where there is no sentence.
            block: Numbers of a (B, classes, M) block that are worked on at a time.
        """
        ctx.key_bias = torch.zeros_like(key_bias)
        ctx.wanted = ctx.needs_input_grad[:2]
        b, (c, m, _) = len(query), anchors.shape
        cosine = query.new_empty(b, c)
        by_score = query.new_empty(b, c, m) if ctx.wanted[0] else None
        by_product = query.new_empty(b, c, m) if ctx.wanted[1] else None
        ctx.step = step = max(1, block // (b * m))
        both = torch.cat([query, image])
        for lo in range(0, c, step):
            part = slice(lo, lo + step)
            score, product = (both @ anchors[part].flatten(0, 1).T).view(2, b, -1, m)
            score = score.mul_(key_scale[part]).masked_fill_(padding_mask[part], -torch.inf)
            w = score.softmax(dim=2)
            moved = torch.matmul(w.transpose(0, 1), gram[part]).transpose(0, 1)  # A w
            dot = (w * product).sum(dim=2)
            # where a class's sentences all but cancel, rounding may leave less than (e . G)^2, or even less than 0
            square = torch.maximum((w * moved).sum(dim=2), dot.square()).clamp_min(torch.finfo(w.dtype).tiny)
            length = square.rsqrt()
            cosine[:, part] = dot * length
            if by_product is not None:
                torch.mul(w, length[..., None], out=by_product[:, part])
            if by_score is not None:
                moved.mul_((dot / square)[..., None])
                slope = w.mul_(length[..., None]) * product.sub_(moved)
                torch.mul(slope, key_scale[part], out=by_score[:, part])
        kept = [tensor for tensor in (by_score, by_product) if tensor is not None]
        ctx.save_for_backward(anchors, *kept)
        return cosine

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of query, image and (zero) key_bias."""
        anchors, *kept = ctx.saved_tensors
        if not kept:
            return None, None, ctx.key_bias, None, None, None, None, None
        b, (c, _, d) = len(upstream), anchors.shape
        found = upstream.new_zeros(len(kept) * b, d)
        for lo in range(0, c, ctx.step):
            part = slice(lo, lo + ctx.step)
            slopes = torch.stack([slope[:, part] for slope in kept]).mul_(upstream[:, part, None])
            found.addmm_(slopes.view(len(kept) * b, -1), anchors[part].flatten(0, 1))
        gradients = iter(found.split(b))
        query, image = (next(gradients) if wanted else None for wanted in ctx.wanted)
        return query, image, ctx.key_bias, None, None, None, None, None
