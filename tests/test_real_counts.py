"""Samplers and priors on the class counts of ImageNet-LT and Places-LT, as published."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
import torch
from contract import oracles
from real_splits import real_counts
from torch import nn
from torch.nn import functional as F

from ltnb.losses import (
    BalancedSoftmaxLoss,
    ClassBalancedLoss,
    EffectiveNumberLoss,
    GeneralizedReweightLoss,
    LADELoss,
    LDAMLoss,
    LogitAdjustedLoss,
    logit_adjust,
    pc_softmax,
)
from ltnb.losses.classification import log_prior
from ltnb.samplers import STRATEGIES, BalancedSampler, sampling_probabilities

# classes, images, largest and smallest class, as the papers state them
FACTS = {"ImageNet_LT": (1000, 115_846, 1280, 5), "Places_LT": (365, 62_500, 4980, 5)}
DRAWS = 1_000_000
SEEDS = (1, 2)

names = pytest.mark.parametrize("name", FACTS)
strategies = pytest.mark.parametrize("strategy", STRATEGIES)

# Every class of both data sets, strategy and seed is one comparison. With this many, some correct sampler would leave
# four sigma; Bonferroni over all of them, for one chance in a thousand to fail anywhere, allows 5.34 sigma.
COMPARISONS = sum(facts[0] for facts in FACTS.values()) * len(STRATEGIES) * len(SEEDS)
BOUND = NormalDist().inv_cdf(1 - 1e-3 / COMPARISONS / 2)


def test_bound_on_the_histograms():
    assert COMPARISONS == 10_920
    assert BOUND == pytest.approx(5.343, abs=0.001)


@names
def test_counts_are_those_of_the_papers(shared_data: Path, name: str):
    counts = real_counts(shared_data, name)
    assert (len(counts), counts.sum(), counts.max(), counts.min()) == FACTS[name]


@names
@strategies
@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_probabilities(shared_data: Path, name: str, strategy: str, progress: float):
    counts = real_counts(shared_data, name)
    p = sampling_probabilities(counts, strategy, progress)
    assert p.sum() == pytest.approx(1, abs=1e-13) and p.min() > 0
    np.testing.assert_allclose(p, oracles.sampling_probabilities(counts, strategy, progress), rtol=1e-12, atol=0)
    # how much more often the largest class is seen than the smallest: imbalance r, 1, sqrt(r), and in between
    r = counts.max() / counts.min()
    mean = counts.mean()
    mixed = ((1 - progress) * counts.max() + progress * mean) / ((1 - progress) * counts.min() + progress * mean)
    assert p.max() / p.min() == pytest.approx({"instance": r, "class": 1, "sqrt": r**0.5, "mix": mixed}[strategy])


@names
@strategies
def test_a_million_draws(shared_data: Path, name: str, strategy: str):
    counts = real_counts(shared_data, name)
    labels = np.repeat(np.arange(len(counts)), counts)
    p = np.array(oracles.sampling_probabilities(counts, strategy, 0.5))
    for seed in SEEDS:
        sampler = BalancedSampler(labels, strategy, num_samples=DRAWS, seed=seed, epochs=3)
        sampler.set_epoch(1)
        start = time.process_time()
        drawn = sampler.draw()
        assert time.process_time() - start < 5  # some 0.05 s; the real limit stands in test_samplers
        histogram = np.bincount(labels[drawn], minlength=len(counts))
        sigma = (histogram - DRAWS * p) / np.sqrt(DRAWS * p * (1 - p))
        assert np.abs(sigma).max() < BOUND
        if strategy == "instance":
            # permutations one after the other: every image as often as any other, one time more or less
            assert np.ptp(np.bincount(drawn, minlength=len(labels))) == (DRAWS % len(labels) > 0)
        else:
            # the squares are chi-squared with C - 1 degrees: neither too far off nor too even, within four sigma
            assert abs(np.square(sigma).mean() - 1) < 4 * (2 / len(counts)) ** 0.5


@names
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_log_prior(shared_data: Path, name: str, dtype: torch.dtype):
    counts = torch.from_numpy(real_counts(shared_data, name))
    prior = log_prior(counts, torch.zeros(1, dtype=dtype))
    assert prior.dtype == dtype and torch.isfinite(prior).all() and (prior < 0).all()
    assert prior.exp().sum().item() == pytest.approx(1, abs=1e-5 if dtype == torch.float32 else 1e-12)
    expected = np.log(counts.numpy() / counts.numpy().sum())
    np.testing.assert_allclose(prior.numpy(), expected, rtol=1e-6 if dtype == torch.float32 else 1e-14)


LOSSES = {
    "Balanced Softmax": (BalancedSoftmaxLoss, partial(oracles.logit_adjusted, tau=1.0)),
    "logit-adjusted": (LogitAdjustedLoss, partial(oracles.logit_adjusted, tau=1.0)),
    "LADE, original": (LADELoss, partial(oracles.lade, alpha=0.1, lam=0.1, variant="original")),
    "LADE, ivlm": (
        partial(LADELoss, variant="ivlm"),
        partial(oracles.lade, alpha=0.1, lam=0.1, variant="ivlm"),
    ),
    "LDAM": (LDAMLoss, partial(oracles.ldam, max_margin=0.5, scale=30.0)),
    "LDAM, scale 1": (partial(LDAMLoss, scale=1.0), partial(oracles.ldam, max_margin=0.5, scale=1.0)),
    "class-balanced": (ClassBalancedLoss, partial(oracles.class_balanced, normalize="weights")),
    "effective number": (EffectiveNumberLoss, partial(oracles.effective_number, beta=0.9999)),
    "generalised re-weighting": (GeneralizedReweightLoss, partial(oracles.generalized_reweight, exponent=1.2)),
}


def natural_batch(counts: np.ndarray, size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit-scale logits with a bias to head classes, and targets drawn as the data come, one tail image among them."""
    rng = np.random.default_rng(0)
    targets = rng.choice(len(counts), size=size, p=counts / counts.sum())
    targets[-1] = counts.argmin()
    logits = rng.standard_normal((size, len(counts))) + np.log(counts)
    return torch.from_numpy(logits), torch.from_numpy(targets)


@names
@pytest.mark.parametrize(("build", "oracle"), LOSSES.values(), ids=LOSSES)
def test_losses_and_gradients_are_finite(shared_data: Path, name: str, build: Callable[..., nn.Module], oracle):
    counts = real_counts(shared_data, name)
    logits, targets = natural_batch(counts)
    loss = build(counts)
    expected = oracle({}, logits.numpy(), targets.numpy(), class_counts=counts.tolist())
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float16, 2e-3)):
        z = logits.to(dtype).requires_grad_()
        value = loss(z, targets)
        value.backward()
        assert value.item() == pytest.approx(expected, rel=tolerance)
        assert torch.isfinite(z.grad).all() and (z.grad != 0).any(dim=1).all()
    # all of it at logits of 10,000, where a softmax is one or zero
    z = (logits.sign() * 1e4).half().requires_grad_()
    loss(z, targets).backward()
    assert torch.isfinite(loss(z, targets)) and torch.isfinite(z.grad).all()


@names
def test_adjustment_takes_the_prior_off(shared_data: Path, name: str):
    """A classifier that has learned nothing but the prior ranks by class size; adjusted, all classes are alike."""
    counts = real_counts(shared_data, name)
    z = torch.from_numpy(np.log(counts))[None].float()
    torch.testing.assert_close(pc_softmax(z, counts), torch.full_like(z, 1 / len(counts)), rtol=1e-5, atol=0)
    adjusted = logit_adjust(z, counts)
    assert (adjusted.max() - adjusted.min()).item() < 1e-5
    assert F.cross_entropy(adjusted, torch.tensor([0])).item() == pytest.approx(np.log(len(counts)), rel=1e-6)
