"""Second stages: the probe is finished, and its classifier is trained anew or bent (IVLM Eq. 9, Decoupling)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ltnb.heads import MARC, DisAlign, LearnableWeightScaling, TauNormalizedClassifier
from ltnb.samplers import Strategy
from ltnb.stages.bench import Bench, Scorer
from ltnb.stages.linear import LOSSES, fit_linear

Loss = Callable[[Tensor, Tensor], Tensor]
ADJUSTERS = ("lws", "disalign", "marc")
BALANCED: Strategy = "class"
"""Samples of the second stages that see every class equally often."""

TAUS = tuple(round(0.1 * k, 1) for k in range(21))
"""Exponents that validation chooses from: 0 to 2 in steps of 0.1, as the papers have it."""


def crt(bench: Bench, key: str) -> Scorer:
    """A classifier drawn anew (``seed + 1``) and trained on class-balanced samples (Kang et al. 2020, 4.2)."""
    return bench.on_unit(fit_linear(bench, strategy=BALANCED, seed=bench.seed + 1))


def adjuster(row: str, classifier: nn.Linear, class_counts: Any, seed: int) -> tuple[nn.Module, Loss, Strategy]:
    """A second stage that bends a finished classifier, with the loss and the samples that it is trained on.

    LWS sees class-balanced samples under cross-entropy; DisAlign and MARC see samples as they are under generalised
    re-weighting.

    Args:
        row: one of `ADJUSTERS`.
        classifier: what is bent; it stays as it is.
        class_counts: (C,) training pictures of each class.
        seed: of new weights.
    """
    if row == "lws":
        return LearnableWeightScaling(classifier), F.cross_entropy, BALANCED
    head = DisAlign(classifier, seed=seed) if row == "disalign" else MARC(classifier)
    return head, LOSSES["generalized_reweight"](class_counts), "instance"


def bent(bench: Bench, key: str) -> Scorer:
    """One of `ADJUSTERS` on the probe.

    LWS: a factor a class (Kang et al. 2020, 4.2). DisAlign: scores scaled and shifted as far as the picture asks for it
    (Zhang et al. 2021, Eq. 3 to 5). MARC: margins calibrated with two numbers a class (Wang et al. 2022).
    """
    head, loss, strategy = adjuster(key, bench.probe, bench.data.class_counts, bench.seed)
    x, y = bench.x["train"], bench.y["train"]
    bench.linear.train(
        head, lambda head, batch: loss(head(batch[0]), batch[1]), x, y, strategy=strategy, seed=bench.seed
    )
    return bench.on_unit(head)


def tau_normalized(bench: Bench, key: str) -> Scorer:
    """Weight vectors divided by a power of their length (Kang et al. 2020, Eq. 4): validation chooses it, else 1."""
    heads = {tau: bench.on_unit(TauNormalizedClassifier(bench.probe, tau)) for tau in TAUS}
    scorer, tau = bench.choose(heads, otherwise=1.0)
    bench.chosen[key] = {"tau": tau}
    return scorer
