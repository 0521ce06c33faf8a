"""Checks of the exercises: what a reader wrote against what the package computes, on small random inputs.

A check prints one line: that nothing is returned yet, where the first difference is, or that all cases agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from ltnb.anchors import score_sentences
from ltnb.heads import MARC, LanguageGuidedHead, LinearAdapter
from ltnb.losses import (
    BalancedSoftmaxLoss,
    ClassBalancedLoss,
    ClassWiseContrastiveLoss,
    ImageTextCrossEntropy,
    logit_adjust,
)
from ltnb.regime import variance_ratio

__all__ = [
    "check_adapter",
    "check_balanced_softmax",
    "check_class_balanced_loss",
    "check_class_wise_contrast",
    "check_clip_loss",
    "check_image_text_loss",
    "check_language_guided_text",
    "check_linguistic_score",
    "check_logit_adjustment",
    "check_marc",
    "check_variance_ratio",
    "check_zero_shot",
]

CASES = 3
Case = tuple[Any, ...]


def _compare(name: str, yours: Callable[..., Any], reference: Callable[..., Any], cases: Sequence[Case]) -> None:
    for number, case in enumerate(cases, start=1):
        found = yours(*[item.clone() if isinstance(item, Tensor) else item for item in case])
        expected = torch.as_tensor(reference(*case)).double()
        if found is None:
            print(f"{name}: nothing is returned yet")
            return
        found = torch.as_tensor(found).detach().double()
        if found.shape != expected.shape:
            print(f"{name}: the shape is {tuple(found.shape)}, expected {tuple(expected.shape)}")
            return
        apart = (found - expected).abs()
        if not bool((apart <= 1e-4 + 1e-4 * expected.abs()).all()):  # NaN is not close to anything
            place = int(torch.nan_to_num(apart, nan=torch.inf).flatten().argmax())
            values = f"{found.flatten()[place]:.4f} where {expected.flatten()[place]:.4f} is expected"
            print(f"{name}: case {number} of {len(cases)} differs, {values}")
            return
    print(f"{name}: all {len(cases)} cases agree")


def _generators() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(CASES)]


def _scores() -> list[Case]:
    """Logits (7, 4), labels (7,) and class counts (4,) of a long tail."""
    counts = torch.tensor([200, 60, 9, 2])
    return [
        (
            3 * torch.randn(7, 4, generator=g),
            torch.randint(4, (7,), generator=g),
            counts[torch.randperm(4, generator=g)],
        )
        for g in _generators()
    ]


def _embeddings() -> list[Case]:
    """Images (6, 5) and class texts (4, 5) of any length."""
    return [(2 * torch.randn(6, 5, generator=g), torch.randn(4, 5, generator=g)) for g in _generators()]


def check_zero_shot(yours: Callable[[Tensor, Tensor], Tensor]) -> None:
    """``yours(images (N, D), texts (C, D)) -> (N,)``: the class whose text has the largest cosine."""

    def reference(images: Tensor, texts: Tensor) -> Tensor:
        return (F.normalize(images, dim=1) @ F.normalize(texts, dim=1).T).argmax(dim=1)

    _compare("zero-shot", yours, reference, [(x, u * torch.tensor([[9.0], [1], [0.1], [1]])) for x, u in _embeddings()])


def check_logit_adjustment(yours: Callable[[Tensor, Tensor], Tensor]) -> None:
    """``yours(logits (N, C), counts (C,)) -> (N, C)``: logits less the log of each class's share (Menon et al.)."""
    _compare("logit adjustment", yours, logit_adjust, [(z, n) for z, _, n in _scores()])


def check_variance_ratio(yours: Callable[[Tensor, Tensor], float]) -> None:
    """``yours(features (N, D), labels (N,)) -> number``: see `ltnb.regime.variance_ratio`; as many of each class."""
    cases = [(torch.randn(20, 6, generator=g) + 2 * torch.eye(6)[torch.arange(20) % 4], torch.arange(20) % 4)
             for g in _generators()]  # fmt: skip
    _compare("variance ratio", yours, variance_ratio, cases)


def check_balanced_softmax(yours: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """``yours(logits (N, C), labels (N,), counts (C,)) -> scalar``: IVLM Eq. 8 with an offset log n_j, mean."""
    _compare("Balanced Softmax", yours, lambda z, y, n: BalancedSoftmaxLoss(n)(z, y), _scores())


def check_class_balanced_loss(yours: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """``yours(logits (N, C), labels (N,), counts (C,)) -> scalar``: weights N / (K n_j), divided by their sum."""
    reference = lambda z, y, n: ClassBalancedLoss(n, normalize="weights")(z, y)  # noqa: E731
    _compare("class-balanced re-weighting", yours, reference, _scores())


def check_marc(yours: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> None:
    """``yours(logits (N, C), weights (C, D), omega (C,), beta (C,)) -> (N, C)``: IVLM's margin calibration."""

    def reference(z: Tensor, w: Tensor, omega: Tensor, beta: Tensor) -> Tensor:
        linear = torch.nn.Linear(w.shape[1], len(w), bias=False)
        linear.weight.data.copy_(w)
        head = MARC(linear)
        head.omega.data.copy_(omega)
        head.beta.data.copy_(beta)
        x = torch.linalg.lstsq(w, z.T).solution.T  # features whose logits are z
        return head(x).detach()

    cases = []
    for g in _generators():
        w, x = torch.randn(3, 5, generator=g), torch.randn(6, 5, generator=g)
        cases.append((x @ w.T, w, torch.rand(3, generator=g) + 0.5, torch.randn(3, generator=g)))
    _compare("MARC", yours, reference, cases)


def check_image_text_loss(yours: Callable[[Tensor, Tensor, Tensor, float], Tensor]) -> None:
    """``yours(images (N, D), texts (C, D), labels (N,), tau) -> scalar``: BALLAD Eq. 2 over all class prompts."""
    cases = [(x, u, torch.arange(6) % 4, tau) for (x, u), tau in zip(_embeddings(), (0.07, 1.0, 0.01), strict=True)]
    x, u, y, tau = cases[-1]
    cases[-1] = (u[(y + 1) % 4] + 0.01 * x, u, y, tau)  # next to a wrong text: exp(1 / 0.01) overflows in float32
    _compare("image-text loss", yours, ImageTextCrossEntropy(), cases)


def check_adapter(yours: Callable[[Tensor, Tensor, Tensor, float], Tensor]) -> None:
    """``yours(features (N, D), weight (D, D), bias (D,), residual) -> (N, D)``: BALLAD Eq. 5, ``weight`` as torch's."""

    def reference(f: Tensor, weight: Tensor, bias: Tensor, residual: float) -> Tensor:
        adapter = LinearAdapter(f.shape[1], residual=residual)
        adapter.linear.weight.data.copy_(weight)
        adapter.linear.bias.data.copy_(bias)
        return adapter(f).detach()

    cases = [
        (torch.randn(6, 5, generator=g), torch.randn(5, 5, generator=g), torch.randn(5, generator=g), residual)
        for g, residual in zip(_generators(), (0.2, 0.0, 1.0), strict=True)
    ]
    _compare("linear adapter", yours, reference, cases)


def check_class_wise_contrast(yours: Callable[[Tensor, Tensor, Tensor, Tensor, float], Tensor]) -> None:
    """``yours(images (N, D), texts (S, D), image labels, text labels, tau) -> scalar``: VL-LTR Eq. 2."""
    cases = [
        (x, u, torch.tensor([0, 1, 1, 2, 0, 2]), torch.tensor([1, 0, 2, 0]), tau)
        for (x, u), tau in zip(_embeddings(), (0.07, 0.5, 1.0), strict=True)
    ]
    _compare("class-wise contrast", yours, ClassWiseContrastiveLoss(), cases)


def check_linguistic_score(yours: Callable[[Tensor, Tensor, Tensor, Tensor, float], Tensor]) -> None:
    """``yours(texts (S, D), text labels, images (N, D), image labels, tau) -> (S,)``: VL-LTR's L_lin."""
    cases = [
        (u, torch.tensor([1, 0, 2, 0]), x, torch.tensor([0, 1, 1, 2, 0, 2]), tau)
        for (x, u), tau in zip(_embeddings(), (0.07, 0.5, 1.0), strict=True)
    ]
    _compare("linguistic score", yours, score_sentences, cases)


def check_language_guided_text(yours: Callable[[Tensor, Tensor], Tensor]) -> None:
    """``yours(images (N, D), anchors (C, M, D)) -> (N, C)``: VL-LTR Eq. 4 to 7, W_q = W_k = 1, no tau."""

    def reference(x: Tensor, anchors: Tensor) -> Tensor:
        head = LanguageGuidedHead(anchors, torch.zeros(anchors.shape[:2], dtype=torch.bool), temperature=1.0)
        return head(x)[1].detach()

    cases = [(2 * torch.randn(6, 5, generator=g), torch.randn(3, 4, 5, generator=g)) for g in _generators()]
    _compare("language-guided text", yours, reference, cases)


def check_clip_loss(yours: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """``yours(images (N, D), texts (N, D), tau) -> scalar``: CLIP's symmetric loss, the mean of both directions."""

    def reference(x: Tensor, u: Tensor, tau: float) -> Tensor:
        s, own = F.normalize(x, dim=1) @ F.normalize(u, dim=1).T / tau, torch.arange(len(x))
        return (F.cross_entropy(s, own) + F.cross_entropy(s.T, own)) / 2

    cases = [(x[:4], u, tau) for (x, u), tau in zip(_embeddings(), (0.07, 0.5, 1.0), strict=True)]
    _compare("CLIP's loss", yours, reference, cases)
