"""IVLM's decoder: a few transformer blocks on all tokens of a frozen image tower."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from ltnb._checks import check_integer, check_number, fail, reads_values
from ltnb._seeds import generator_of
from ltnb.heads._saving import Head


class TokenDecoder(Head):
    r"""Transformer blocks on the tokens (B, T, D) that ``Backbone.encode_tokens`` gives; the classifier reads token 0.

    Three blocks, four heads, hidden width of the perceptron 0.5 D (the paper's text calls this 0.5 a dropout ratio;
    its Algorithm 1 and the released code have it as the mlp ratio, and no dropout). The tokens are those of the last
    block before the final norm, class token included; positions are already in them.

    Args:
        dim: D, a multiple of ``heads``.
        depth: Number of blocks, at least 1.
        heads: Attention heads.
        mlp_ratio: Hidden width over D, positive.
        seed: Of the weights, drawn as every ``nn.Linear`` draws them; the global generators are left as they were. None
            means 0.
        generator: A CPU generator to draw them from, in place of a seed.
        check_values: Look for NaN and infinity off the CPU too.

    Attributes:
        blocks: ``nn.Sequential`` of timm's ``Block`` with ``qkv_bias=True``.
        dim, depth, heads, mlp_ratio: As given.

    Raises:
        ValueError: A size is out of range, ``dim`` is no multiple of ``heads``, or both ``seed`` and ``generator`` are
            given.
        ImportError: timm is not installed.

    Example:
        >>> import torch
        >>> from ltnb.heads import TokenDecoder
        >>> decoder = TokenDecoder(dim=64, depth=3, heads=4)
        >>> tokens = torch.randn(2, 50, 64)
        >>> decoder(tokens).shape, decoder(tokens, class_token_only=True).shape
        (torch.Size([2, 50, 64]), torch.Size([2, 64]))

    Source: IVLM (Wang et al. 2023) section 4.3, Algorithm 1, https://arxiv.org/abs/2304.01457.
    """

    _sizes = ("dim", "depth", "heads", "mlp_ratio")

    def __init__(
        self,
        dim: int,
        depth: int = 3,
        heads: int = 4,
        mlp_ratio: float = 0.5,
        *,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        check_values: bool = False,
    ) -> None:
        super().__init__()
        self.dim = check_integer(dim, "dim", 1)
        self.depth, self.heads = check_integer(depth, "depth", 1), check_integer(heads, "heads", 1)
        self.mlp_ratio = check_number(mlp_ratio, "mlp_ratio", 0.0, ends="()")
        if self.dim % self.heads:
            fail("dim", f"a multiple of heads={heads}", repr(dim))
        self.check_values = check_values
        generator = generator_of(seed, generator)
        block = _timm_block()
        sizes = self.dim, self.heads, self.mlp_ratio
        with torch.random.fork_rng(devices=[]):  # timm draws from the global generator: lend it the state of ours
            torch.default_generator.set_state(generator.get_state())
            self.blocks = nn.Sequential(*[block(*sizes, qkv_bias=True) for _ in range(self.depth)])
            generator.set_state(torch.default_generator.get_state())

    if TYPE_CHECKING:

        def __call__(self, tokens: torch.Tensor, *, class_token_only: bool = False) -> torch.Tensor:
            """Tokens (B, T, D), or token 0 alone (B, D)."""

    def forward(self, tokens: torch.Tensor, *, class_token_only: bool = False) -> torch.Tensor:
        """Decode a batch of token sequences.

        Args:
            tokens: (B, T, D) floating point, class token first.
            class_token_only: Give token 0 alone, which is what a classifier reads. The last block then makes keys and
                values of all tokens and everything else of one: with three blocks a fifth less to compute.

        Returns:
            (B, T, D), or (B, D) with ``class_token_only``; float32 (float64 for float64 tokens). Under autocast the
            blocks compute in its type.

        Raises:
            ValueError: The tokens are not a finite, non-empty floating-point tensor of this shape.
        """
        if not isinstance(tokens, torch.Tensor) or not tokens.is_floating_point():
            fail("tokens", "a floating-point tensor", tokens)
        if tokens.ndim != 3 or tokens.numel() == 0 or tokens.shape[2] != self.dim:
            fail("tokens", f"of shape (B, T, {self.dim}) and not empty", tokens)
        if reads_values(tokens, self.check_values) and not bool(torch.isfinite(tokens).all()):
            wrong = ~torch.isfinite(tokens).flatten(1).all(dim=1)
            fail("tokens", "finite", f"NaN or infinity in row {int(wrong.nonzero()[0])}")
        dtype = torch.promote_types(tokens.dtype, torch.float32)
        x, parameters = tokens.to(dtype), dict(self.named_parameters())
        if any(parameter.dtype != dtype for parameter in parameters.values()):  # half precision most likely
            cast = {name: parameter.to(dtype) for name, parameter in parameters.items()}
            whole: torch.Tensor = torch.func.functional_call(self, cast, (x,), {"class_token_only": class_token_only})
            return whole
        *before, last = self.blocks
        for block in before:
            x = block(x)
        if not class_token_only:
            decoded: torch.Tensor = last(x)
        else:
            decoded = _class_token(last, x) if _is_plain(last) else last(x)[:, 0]
        return decoded.to(dtype)


def _is_plain(block: Any) -> bool:
    """Whether ``block`` is as `TokenDecoder` builds it: `_class_token` knows no more than that.

    Layer scale, drop path, norms of queries, keys or heads, gates, or drop-out that is on make it another block.
    """
    attention = block.attn
    between = (attention.q_norm, attention.k_norm, getattr(attention, "norm", None), getattr(attention, "gate", None))
    around = (block.ls1, block.drop_path1, block.ls2, block.drop_path2)
    dropout = any(part.training and part.p > 0 for part in (attention.attn_drop, attention.proj_drop))
    known = all(part is None or isinstance(part, nn.Identity) for part in (*between, *around))
    return known and not dropout and attention.qkv.bias is not None


def _class_token(block: Any, x: torch.Tensor) -> torch.Tensor:
    """Token 0, (B, D), of ``block(x)`` for x (B, T, D): only it asks, and all are asked."""
    attention, y, d = block.attn, block.norm1(x), x.shape[2]
    weight, bias = attention.qkv.weight, attention.qkv.bias
    by_head = lambda part: part.unflatten(2, (attention.num_heads, -1)).transpose(1, 2)  # noqa: E731  (B, heads, ., .)
    query = F.linear(y[:, :1], weight[:d], bias[:d])
    key, value = F.linear(y, weight[d:], bias[d:]).chunk(2, dim=2)
    read = F.scaled_dot_product_attention(by_head(query), by_head(key), by_head(value))
    first: torch.Tensor = x[:, 0] + attention.proj(read.flatten(1))
    return first + block.mlp(block.norm2(first))


def _timm_block() -> type[nn.Module]:
    """Timm's transformer block."""
    from ltnb._torchvision import prepare_torchvision

    prepare_torchvision()
    try:
        from timm.models.vision_transformer import Block
    except ImportError as error:
        raise ImportError('TokenDecoder needs timm: pip install "ltnb[notebooks]"') from error
    return Block
