"""Linear classifiers on frozen features: the probe, its logits adjusted afterwards, and the losses that know counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ltnb._checks import fail
from ltnb._seeds import generator_of
from ltnb.heads._classifier import uniform_linear
from ltnb.losses import (
    BalancedSoftmaxLoss,
    ClassBalancedLoss,
    FocalLoss,
    GeneralizedReweightLoss,
    LADELoss,
    LDAMLoss,
    logit_adjust,
)
from ltnb.samplers import Strategy
from ltnb.stages.bench import Bench, Scorer

LOSSES: dict[str, Callable[[Any], Callable[[Tensor, Tensor], Tensor]]] = {
    "focal": lambda counts: FocalLoss(gamma=2.0),
    "ldam": lambda counts: LDAMLoss(counts, max_margin=0.5, scale=1.0),
    "cbw": lambda counts: ClassBalancedLoss(counts, normalize="weights"),
    "generalized_reweight": lambda counts: GeneralizedReweightLoss(counts, exponent=1.2),
    "balanced_softmax": lambda counts: BalancedSoftmaxLoss(counts),
    "lade": lambda counts: LADELoss(counts, estimator_weight=0.1, remine_lambda=0.1),
}
"""Row -> the loss of class counts (C,), with the settings of IVLM section 4.3 as lesson ``01_ivlm`` has them."""

TAUS = tuple(round(0.25 * k, 2) for k in range(9))
"""Strengths of the adjustment that validation chooses from: 0 to 2."""


def fit_linear(
    bench: Bench,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    strategy: Strategy = "instance",
    seed: int | None = None,
) -> nn.Linear:
    """A linear classifier (D to C) on features of length 1, frozen.

    Args:
        bench: features and labels.
        loss: ``loss(logits (B, C), labels (B,))`` gives a scalar.
        strategy: which samples a pass shows.
        seed: of the weights and batches; None means the bench's.
    """
    seed = bench.seed if seed is None else seed
    x, y = bench.x["train"], bench.y["train"]
    layer = uniform_linear(bench.data.dim, bench.num_classes, x, generator_of(seed, None))
    bench.linear.train(layer, lambda layer, batch: loss(layer(batch[0]), batch[1]), x, y, strategy=strategy, seed=seed)
    return layer


def probe(bench: Bench, key: str) -> Scorer:
    """Cross-entropy on the samples as they are (IVLM Eq. 6)."""
    return bench.on_unit(bench.probe)


def adjusted(bench: Bench, key: str, tau: float = 1.0) -> Scorer:
    """The probe's logits less tau times the log prior (Menon et al. 2021; HLC Eq. 4)."""
    return lambda part: logit_adjust(bench.probe(bench.x[part]), bench.data.class_counts, tau)


def adjust_as_chosen(bench: Bench, logits: Scorer, strengths: Sequence[float] = TAUS) -> tuple[Scorer, float]:
    """Logits less tau times the log prior, and tau: chosen on validation, 1 without.

    Args:
        bench: labels and class counts.
        logits: of any classifier; cosines must have been divided by their temperature.
        strengths: what validation chooses from; of equally good ones the first is taken.

    Raises:
        ValueError: there is no strength.
    """
    if not strengths:
        fail("strengths", "at least one number", strengths)

    def less(tau: float) -> Scorer:
        return lambda part: logit_adjust(logits(part), bench.data.class_counts, tau)

    asked = strengths if "val" in bench.x else (1.0,)
    return bench.choose({tau: less(tau) for tau in asked}, otherwise=1.0)


def adjusted_as_chosen(bench: Bench, key: str) -> Scorer:
    """The same with tau chosen on validation, 1 without."""
    scorer, tau = adjust_as_chosen(bench, bench.on_unit(bench.probe))
    bench.chosen[key] = {"tau": tau}
    return scorer


def under_loss(bench: Bench, key: str) -> Scorer:
    """A classifier under one of `LOSSES` in the place of cross-entropy (IVLM Eq. 8)."""
    return bench.on_unit(fit_linear(bench, LOSSES[key](bench.data.class_counts)))
