"""Second stages: the probe is finished, and its classifier is trained anew or bent (IVLM Eq. 9, Decoupling)."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import nn

from ltnb.heads import MARC, DisAlign, LearnableWeightScaling, TauNormalizedClassifier
from ltnb.losses import GeneralizedReweightLoss
from ltnb.stages.bench import Bench, Scorer
from ltnb.stages.linear import fit_linear

TAUS = tuple(round(0.1 * k, 1) for k in range(21))
"""Exponents that validation chooses from: 0 to 2 in steps of 0.1, as the papers have it."""


def crt(bench: Bench, key: str) -> Scorer:
    """A classifier drawn anew (``seed + 1``) and trained on class-balanced samples (Kang et al. 2020, 4.2)."""
    return bench.on_unit(fit_linear(bench, strategy="class", seed=bench.seed + 1))


def lws(bench: Bench, key: str) -> Scorer:
    """A factor a class, learned on class-balanced samples (Kang et al. 2020, 4.2)."""
    return _bent(bench, LearnableWeightScaling(bench.probe), balanced=True)


def disalign(bench: Bench, key: str) -> Scorer:
    """Scores scaled and shifted as far as the picture asks for it (Zhang et al. 2021, Eq. 3 to 5)."""
    return _bent(bench, DisAlign(bench.probe, seed=bench.seed), balanced=False)


def marc(bench: Bench, key: str) -> Scorer:
    """Margins calibrated with two numbers a class (Wang et al. 2022)."""
    return _bent(bench, MARC(bench.probe), balanced=False)


def tau_normalized(bench: Bench, key: str) -> Scorer:
    """Weight vectors divided by a power of their length (Kang et al. 2020, Eq. 4): validation chooses it, else 1."""
    heads = {tau: bench.on_unit(TauNormalizedClassifier(bench.probe, tau)) for tau in TAUS}
    scorer, tau = bench.choose(heads, otherwise=1.0)
    bench.chosen[key] = {"tau": tau}
    return scorer


def _bent(bench: Bench, head: nn.Module, *, balanced: bool) -> Scorer:
    """Train an adjuster of the probe: class-balanced samples, or samples as they are under generalised re-weighting."""
    loss = F.cross_entropy if balanced else GeneralizedReweightLoss(bench.data.class_counts, exponent=1.2)
    bench.linear.train(
        head,
        lambda head, batch: loss(head(batch[0]), batch[1]),
        bench.x["train"],
        bench.y["train"],
        strategy="class" if balanced else "instance",
        seed=bench.seed,
    )
    return bench.on_unit(head)
