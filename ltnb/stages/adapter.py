"""BALLAD's linear adapter on frozen features: Phase B without a Phase A."""

from __future__ import annotations

import torch
from torch import Tensor

from ltnb._numeric import unit
from ltnb.heads import LinearAdapter
from ltnb.losses import ImageTextCrossEntropy
from ltnb.samplers import Strategy
from ltnb.stages.bench import Bench, Scorer
from ltnb.stages.recipes import ADAPTER

RESIDUAL = 0.2
"""lambda of the paper."""
RESIDUALS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""What validation chooses from: the values of BALLAD's Figure 5."""
STRATEGIES: dict[str, Strategy] = {"adapter_instance": "instance", "adapter_sqrt": "sqrt", "adapter_class": "class"}


def fit_adapter(bench: Bench, residual: float, strategy: Strategy) -> LinearAdapter:
    """Train the adapter of BALLAD Eq. 5 under the image-to-text loss over all classes.

    It takes features as they came, since lambda and the bias depend on their length; texts, or class means in their
    place, are of length 1.

    Args:
        bench: features and labels.
        residual: lambda in [0, 1]; 0 leaves the features as they are, and nothing is trained.
        strategy: which samples a pass shows (BALLAD Table 8).

    Raises:
        ValueError: ``residual`` is outside [0, 1], or the strategy unknown.
    """
    generator = torch.Generator().manual_seed(bench.seed)
    adapter = LinearAdapter(bench.data.dim, residual=residual, generator=generator)
    if residual == 0:
        return adapter.requires_grad_(False)
    loss = ImageTextCrossEntropy()
    ADAPTER.train(
        adapter,
        lambda adapter, batch: loss(adapter(batch[0]), bench.anchors, batch[1], bench.temperature),
        bench.raw["train"],
        bench.y["train"],
        strategy=strategy,
        seed=bench.seed,
    )
    return adapter


def cosines(bench: Bench, adapter: LinearAdapter) -> Scorer:
    """Cosines (N, C) of adapted features with what stands for the classes."""

    def scorer(part: str) -> Tensor:
        return unit(adapter(bench.raw[part])) @ bench.anchors.T

    return scorer


def adapter(bench: Bench, key: str) -> Scorer:
    """The paper's lambda, 0.2, with the sampling that the row's name says."""
    return cosines(bench, fit_adapter(bench, RESIDUAL, STRATEGIES[key]))


def adapter_as_chosen(bench: Bench, key: str) -> Scorer:
    """Class-balanced sampling, lambda chosen on validation, 0.2 without."""
    asked = RESIDUALS if "val" in bench.x else (RESIDUAL,)
    found = {residual: cosines(bench, fit_adapter(bench, residual, "class")) for residual in asked}
    scorer, residual = bench.choose(found, otherwise=RESIDUAL)
    bench.chosen[key] = {"lambda": residual}
    return scorer
