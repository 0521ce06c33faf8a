"""VL-LTR's language-guided recognition (LGR) head: a picture asks each class's sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Self

import torch
from torch import nn
from torch.nn import functional as F

from ltnb._checks import (
    check_choice,
    check_finite,
    check_integer,
    check_number,
    check_temperature,
    fail,
    reads_values,
)
from ltnb._numeric import full_precision, unit, without_autocast
from ltnb._seeds import generator_of
from ltnb.heads._classifier import logits_of, uniform_linear
from ltnb.heads._gathered_cosine import gathered_cosine
from ltnb.heads._saving import Head

Merge = Literal["paper", "sum", "released", "logits"]
MERGES: tuple[Merge, ...] = ("paper", "sum", "released", "logits")
RELEASED_SHARE = 0.8
"""Share of the text branch in the released code's overall accuracy on ImageNet-LT and Places-LT (iNaturalist: 0.3)."""


class LanguageGuidedHead(Head):
    r"""Two branches on an image embedding e (D,), one of them looking at the anchor sentences a_cm of every class.

        Q = W_q LayerNorm(e)      K_cm = W_k LayerNorm(a_cm)      V_cm = a_cm                       (Eq. 4, 5)
        G_c = sum_m  softmax_m( Q . K_cm / sqrt(D) )  V_cm                                          (Eq. 6)
        P = P_I + P_T = softmax( MLP(e) ) + softmax( cos(e, G) / tau )                              (Eq. 7)

    Train it with `ltnb.losses.LanguageGuidedLoss` (Eq. 9). The anchors are the frozen text tower's embeddings: they
    get no gradient.

    No key is projected and no G is made: since Q . K = (W_k^T Q) . LayerNorm(a), one product of the pictures with the
    anchors serves every class, and the length of G_c comes from the Gram matrix of the class's anchors
    (`GatheredCosine`). Values and gradients are those of the equations; C x M x M numbers are kept besides the anchors.

    Both projections begin as the identity, as in the released code (the paper does not say), so that a new head looks
    at the sentences most like the picture.

    The temperature is part of the state, as the anchors and the mask are. What is computed from the anchors follows
    them through ``load_state_dict`` and changes of device or precision; after a change in place build a new head. Under
    DDP the anchors and Gram matrices are buffers: pass ``broadcast_buffers=False``.

    Args:
        anchors: (C, M, D) floating point, of any length; the first to M sentences of each class.
        padding_mask: (C, M) bool, True where a class has no sentence; None means that each class has M.
        temperature: tau, in (0, 10] (the paper: 0.07 where it begins; the released code keeps it fixed in fine-tuning).
        hidden: Width of the MLP's hidden layer; None means D.
        seed: Of the MLP's weights; None means 0.
        generator: A CPU generator to draw them from, in place of a seed.
        check_values: Look for NaN and infinity off the CPU too.

    Attributes:
        anchors, padding_mask: Buffers, part of the state.
        query_norm, key_norm: ``nn.LayerNorm(D)``. The bias of ``key_norm`` raises all scores of a picture alike: it has
            no effect, and its gradient is zero.
        query, key: ``nn.Linear(D, D)`` without bias, W_q and W_k.
        mlp: ``nn.Sequential`` of Linear, ReLU, Linear.
        temperature, hidden: As given.

    Raises:
        ValueError: Anchors and mask do not fit together, a class has no sentence at all, or another argument is out of
            range.

    Example:
        >>> import torch
        >>> from ltnb.heads import LanguageGuidedHead
        >>> anchors = torch.randn(10, 4, 32)  # four sentences for each of ten classes
        >>> head = LanguageGuidedHead(anchors, temperature=0.07)
        >>> logits_image, logits_text = head(torch.randn(2, 32))
        >>> logits_image.shape, logits_text.shape
        (torch.Size([2, 10]), torch.Size([2, 10]))
        >>> torch.allclose(head.predict_proba(torch.randn(2, 32)).sum(dim=1), torch.ones(2))
        True

    Source: VL-LTR (Tian et al. 2022) Eq. 4-7, https://arxiv.org/abs/2111.13579.
    """

    _sizes = ("hidden",)
    _settings = ("temperature",)
    anchors: torch.Tensor
    padding_mask: torch.Tensor
    key_scale: torch.Tensor
    gram: torch.Tensor

    def __init__(
        self,
        anchors: torch.Tensor,
        padding_mask: torch.Tensor | None = None,
        temperature: float = 0.07,
        hidden: int | None = None,
        *,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        check_values: bool = False,
    ) -> None:
        super().__init__()
        self.check_values = check_values
        self.temperature = float(check_temperature(temperature))
        anchors, padding_mask = _checked_anchors(anchors, padding_mask, check_values)
        classes, _, dim = anchors.shape
        self.hidden = dim if hidden is None else check_integer(hidden, "hidden", 1)
        first = second = generator_of(seed, generator)
        if generator is None:
            second = generator_of((seed or 0) + 1, None)
        self.query_norm, self.key_norm = (nn.LayerNorm(dim).to(anchors) for _ in range(2))
        self.query, self.key = (nn.utils.skip_init(nn.Linear, dim, dim, bias=False).to(anchors) for _ in range(2))
        for projection in (self.query, self.key):
            nn.init.eye_(projection.weight)
        hidden_layer = uniform_linear(dim, self.hidden, anchors, first)
        self.mlp = nn.Sequential(hidden_layer, nn.ReLU(), uniform_linear(self.hidden, classes, anchors, second))
        self.register_buffer("anchors", anchors)
        self.register_buffer("padding_mask", padding_mask)
        self.register_buffer("key_scale", None, persistent=False)
        self.register_buffer("gram", None, persistent=False)
        self._derive()

    @torch.no_grad()
    def _derive(self) -> None:
        """What is computed once from the anchors: 1 / deviation of each (C, M), Gram matrices (C, M, M)."""
        a = self.anchors.to(torch.promote_types(self.anchors.dtype, torch.float32))
        variance = a.var(dim=2, unbiased=False)
        self.key_scale = (variance + self.key_norm.eps).rsqrt() * a.shape[2] ** -0.5
        self.gram = a @ a.transpose(1, 2)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> LanguageGuidedHead:
        super()._apply(fn, recurse)
        self._derive()  # from the anchors as they are now, never rounded with them
        return self

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args)
        _check_every_class(self.padding_mask, self.check_values)
        self._derive()

    @classmethod
    def _rebuilt(cls, state: dict[str, torch.Tensor], config: dict[str, Any]) -> Self:
        return cls(state["anchors"], state["padding_mask"], **config)

    if TYPE_CHECKING:

        def __call__(self, image_emb: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            """Logits (B, C) of the image branch and of the text branch."""

    def forward(self, image_emb: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of both branches.

        Args:
            image_emb: e, (B, D) floating point, of any length.

        Returns:
            ``(logits_image, logits_text)``, each (B, C), float32 (float64 for float64 input). Under autocast the
            image branch's MLP runs in its type, the text branch does not.

        Raises:
            ValueError: ``image_emb`` is not a finite, non-empty floating-point tensor of shape (B, D).
        """
        e = full_precision(image_emb, self.anchors.shape[2], self.check_values, name="image_emb")
        return self._image_branch(e), self._text_branch(e)

    def _image_branch(self, e: torch.Tensor) -> torch.Tensor:
        """MLP(e), (B, C)."""
        x = e
        for layer in self.mlp:
            x = logits_of(layer, x) if isinstance(layer, nn.Linear) else layer(x)
        return x.to(e.dtype)

    def _text_branch(self, e: torch.Tensor) -> torch.Tensor:
        """cos(e, G) / tau, (B, C)."""
        anchors, key_scale, gram = (x.to(e.dtype) for x in (self.anchors, self.key_scale, self.gram))
        with without_autocast(e):
            norm = self.query_norm
            q = F.layer_norm(e, norm.normalized_shape, norm.weight.to(e.dtype), norm.bias.to(e.dtype), norm.eps)
            q = F.linear(q, self.query.weight.to(e.dtype)) @ self.key.weight.to(e.dtype)  # W_k^T Q
            q = q * self.key_norm.weight.to(e.dtype)
            q = q - q.mean(dim=1, keepdim=True)  # instead of taking the mean off every anchor
            bias = self.key_norm.bias.to(e.dtype)
            cosine = gathered_cosine(q, unit(e), bias, anchors, key_scale, gram, self.padding_mask)
        return cosine / self.temperature

    @torch.no_grad()
    def predict_proba(self, image_emb: torch.Tensor, merge: Merge | float = "paper") -> torch.Tensor:
        """Class probabilities of both branches together.

        Args:
            image_emb: (B, D) floating point.
            merge: ``"paper"`` is (P_I + P_T) / 2: Eq. 7 prints the sum, whose rows sum to 2, and that is ``"sum"``; the
                order of the classes is the same. ``"released"`` is 0.2 P_I + 0.8 P_T, what the released code takes for
                the overall accuracy on ImageNet-LT and Places-LT; a number in [0, 1] is another share of P_T (its
                iNaturalist: 0.3). ``"logits"`` is the softmax of the summed logits, by which it scores many, medium
                and few.

        Returns:
            (B, C), float32 (float64 for float64 input), without a gradient. Rows sum to 1, to 2 with ``"sum"``.

        Raises:
            ValueError: ``merge`` is another word or number, or the embeddings are of another shape or type, empty, or
                not finite.
        """
        if isinstance(merge, str):
            check_choice(merge, "merge", MERGES)
        image, text = self(image_emb)
        if merge == "logits":
            return (image + text).softmax(dim=1)
        p_image, p_text = image.softmax(dim=1), text.softmax(dim=1)
        if merge in ("paper", "sum"):
            both = p_image + p_text
            return both / 2 if merge == "paper" else both
        share = RELEASED_SHARE if merge == "released" else check_number(merge, "merge", 0.0, 1.0)
        return (1 - share) * p_image + share * p_text

    def extra_repr(self) -> str:
        """Show the sizes when printed."""
        classes, sentences, dim = self.anchors.shape
        return f"{classes} classes, up to {sentences} sentences, dim={dim}, temperature={self.temperature:g}"


def _checked_anchors(anchors: Any, padding_mask: Any, check_values: bool) -> tuple[torch.Tensor, torch.Tensor]:
    if not isinstance(anchors, torch.Tensor) or not anchors.is_floating_point():
        fail("anchors", "a floating-point tensor", anchors)
    if anchors.ndim != 3 or anchors.numel() == 0:
        fail("anchors", "of shape (C, M, D) and not empty", anchors)
    check_finite(anchors, "anchors", check_values=check_values)
    if padding_mask is None:
        padding_mask = torch.zeros(anchors.shape[:2], dtype=torch.bool, device=anchors.device)
    if not isinstance(padding_mask, torch.Tensor) or padding_mask.dtype != torch.bool:
        fail("padding_mask", "a bool tensor or None", padding_mask)
    if padding_mask.shape != anchors.shape[:2]:
        fail("padding_mask", f"of shape {tuple(anchors.shape[:2])}", padding_mask)
    _check_every_class(padding_mask, check_values)
    return anchors.detach().clone(), padding_mask.to(anchors.device, copy=True)


def _check_every_class(padding_mask: torch.Tensor, check_values: bool) -> None:
    if reads_values(padding_mask, check_values) and bool(padding_mask.all(dim=1).any()):
        empty = int(padding_mask.all(dim=1).nonzero()[0])
        fail("padding_mask", "False somewhere in each class", f"True in all of class {empty}")
