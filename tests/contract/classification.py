"""Cases of the classification losses: ``loss(logits, targets)`` with class counts as their prior."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from contract import oracles
from contract.bad_input import bad_counts, bad_features, bad_shares, bad_targets
from contract.cases import Inputs, ModuleCase, Rng, permuted, randn, same
from ltnb.losses import (
    BalancedSoftmaxLoss,
    ClassBalancedLoss,
    EffectiveNumberLoss,
    FocalLoss,
    GeneralizedReweightLoss,
    LADELoss,
    LDAMLoss,
    LogitAdjustedLoss,
    create,
)

COUNTS = [320, 45, 7, 90, 3]
EQUAL = [40] * 5
Pair = tuple[torch.Tensor, torch.Tensor]


def _inputs(rng: Rng) -> Inputs:
    """Eight samples of five classes; class 3 is not in the batch, class 0 most often."""
    return {
        "logits": randn(rng, 8, 5) * 3,
        "targets": torch.from_numpy(rng.permutation([0, 0, 0, 1, 1, 2, 4, 4])),
    }


def _extreme(rng: Rng) -> Inputs:
    """Logits of -1e4 and 1e4: a row that is right and certain (p = 1), one that is wrong and certain, and ties."""
    inputs = {**_inputs(rng), "logits": randn(rng, 8, 5).sign() * 1e4}
    inputs["logits"][:2] = -1e4
    inputs["logits"][0, inputs["targets"][0]] = inputs["logits"][1, 3] = 1e4  # no sample is of class 3
    return inputs


def equals_cross_entropy(build: Callable[[], torch.nn.Module]) -> Callable[[Rng], Pair]:
    def limit(rng: Rng) -> Pair:
        inputs = _inputs(rng)
        return build()(**inputs), F.cross_entropy(**{"input": inputs["logits"], "target": inputs["targets"]})

    return limit


def equal_losses(one: Callable[[], torch.nn.Module], other: Callable[[], torch.nn.Module]) -> Callable[[Rng], Pair]:
    def limit(rng: Rng) -> Pair:
        inputs = _inputs(rng)
        return one()(**inputs), other()(**inputs)

    return limit


def one_sample(build: Callable[[], torch.nn.Module]) -> Callable[[Rng], Pair]:
    """A weighted mean over one sample is that sample's cross-entropy, whatever its weight."""

    def limit(rng: Rng) -> Pair:
        z, y = randn(rng, 1, 5), torch.tensor([4])
        return build()(z, y), F.cross_entropy(z, y)

    return limit


def shifted(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
    """A softmax does not see a constant that is added to a whole row."""
    return {**inputs, "logits": inputs["logits"] + randn(rng, len(inputs["logits"]), 1) * 10}, same


def _whole_epoch(rng: Rng) -> Pair:
    """On a whole epoch the weights sum to its length: both reductions are one number, the mean over class means."""
    y = torch.from_numpy(np.repeat(np.arange(3), [6, 3, 1]))
    z = randn(rng, 10, 3)
    losses = F.cross_entropy(z, y, reduction="none")
    expected = torch.stack([losses[y == c].mean() for c in range(3)]).mean()
    batch, weights = (ClassBalancedLoss([6, 3, 1], normalize=form)(z, y) for form in ("batch", "weights"))
    return torch.stack([batch, weights]), expected.expand(2)


def _cosine_margin(rng: Rng) -> Pair:
    """Two classes of equal size: log(1 + exp(-s (z_y - z_other - m)))."""
    z, y = randn(rng, 6, 2), torch.tensor([0, 1, 0, 1, 1, 0])
    gap = z.gather(1, y[:, None]) - z.gather(1, 1 - y[:, None])
    return LDAMLoss([9, 9], max_margin=0.3, scale=2.0)(z, y), F.softplus(-2.0 * (gap - 0.3)).mean()


def _focal_halves(rng: Rng) -> Pair:
    """Equal logits of two classes: p = 1/2, so (1/2)^gamma log 2."""
    return FocalLoss(3.0)(torch.zeros(4, 2, dtype=torch.float64), torch.tensor([0, 1, 1, 0])), torch.tensor(
        np.log(2.0) / 8
    )


def _lade_constant(rng: Rng) -> Pair:
    """Equal counts and every logit k: both terms of each bound are k, so lambda k^2 is all that is left of it."""
    loss = LADELoss(EQUAL, estimator_weight=0.5, remine_lambda=0.2)
    k = float(rng.uniform(-3, 3))
    z, y = torch.full((5, 5), k, dtype=torch.float64), torch.arange(5)
    return loss(z, y), torch.tensor(np.log(5.0) + 0.5 * 0.2 * k**2)


def _lade_variants(rng: Rng) -> Pair:
    """The variant is the original's estimator on z + log pi: both agree where that is what the logits were."""
    z, y = _inputs(rng).values()
    prior = torch.tensor(COUNTS, dtype=torch.float64).log() - np.log(sum(COUNTS))
    estimator = LADELoss(COUNTS)(z + prior, y) - BalancedSoftmaxLoss(COUNTS)(z + prior, y)
    return LADELoss(COUNTS, variant="ivlm")(z, y), BalancedSoftmaxLoss(COUNTS)(z, y) + estimator


def _case(
    part: str,
    name: str,
    settings: Inputs,
    oracle: Callable[..., Any],
    limits: dict[str, Callable[[Rng], Pair]],
    bad_builds: tuple[tuple[Inputs, str], ...] = (),
    *,
    counts: bool = True,
    shift: bool = True,
    weights: list[float] | None = None,
    hard_only: bool = False,
    terms: bool = True,
) -> ModuleCase:
    """A case of the loss that is called ``part`` in the registry; ``weights``: w_c of a mean that divides by them."""
    build = partial(create, part, **settings)
    if counts:
        bad_builds += tuple(({"class_counts": bad.change(COUNTS)}, "class_counts") for bad in bad_counts())
        build = partial(build, class_counts=COUNTS)

    def mean_of(terms: torch.Tensor, inputs: Inputs) -> torch.Tensor:
        y = inputs["targets"]
        shares = y if y.is_floating_point() else F.one_hot(y, 5)
        return (
            terms.mean() if weights is None else terms.sum() / (shares * torch.tensor(weights, dtype=terms.dtype)).sum()
        )

    def permuted_classes(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
        """Classes renamed everywhere, in the prior too: nothing changes. Checked against a module of its own."""
        order = rng.permutation(5)
        renamed = {"class_counts": [COUNTS[c] for c in order]} if counts else {}
        changed = {
            "logits": inputs["logits"][:, order],
            "targets": torch.from_numpy(np.argsort(order))[inputs["targets"]],
        }
        value = build(**renamed)(**changed)
        return inputs, lambda output: value

    symmetries = {"order of samples": permuted("logits", "targets"), "names of classes": permuted_classes}
    return ModuleCase(
        part=part,
        name=name,
        build=build,
        differentiable=("logits",),
        inputs=_inputs,
        extreme=_extreme,
        oracle=oracle,
        limits=limits,
        symmetries=symmetries | ({"shift of rows": shifted} if shift else {}),
        bad_calls=(
            *(bad for bad in bad_features("logits", width=counts)),
            *bad_targets("targets", num_classes=5),
            *bad_shares("targets"),
        ),
        bad_builds=bad_builds,
        terms=terms,
        mean_of=mean_of,
        soft="" if hard_only else "targets",
    )


def _mean_1(weights: list[float]) -> list[float]:
    return [w * len(weights) / sum(weights) for w in weights]


def _not(name: str, *values: Any) -> tuple[tuple[Inputs, str], ...]:
    return tuple(({name: value}, name) for value in values)


NAN = float("nan")

CLASSIFICATION = [
    *(
        _case(
            "class_balanced",
            f"class-balanced, {form}",
            {"normalize": form},
            partial(oracles.class_balanced, class_counts=COUNTS, normalize=form),
            {
                "equal counts": equals_cross_entropy(partial(ClassBalancedLoss, EQUAL, form)),
                "a whole epoch": _whole_epoch,
            }
            | (
                {
                    "exponent 1 of GRW": equal_losses(
                        partial(ClassBalancedLoss, COUNTS), partial(GeneralizedReweightLoss, COUNTS, 1.0)
                    ),
                    "one sample": one_sample(partial(ClassBalancedLoss, COUNTS)),
                }
                if form == "weights"
                else {}
            ),
            _not("normalize", "mean", None, True),
            weights=[sum(COUNTS) / (5 * n) for n in COUNTS] if form == "weights" else None,
        )
        for form in ("weights", "batch")
    ),
    _case(
        "effective_number",
        "effective number",
        {"beta": 0.99},
        partial(oracles.effective_number, class_counts=COUNTS, beta=0.99),
        {
            "beta 0": equals_cross_entropy(partial(EffectiveNumberLoss, COUNTS, 0.0)),
            "equal counts": equals_cross_entropy(partial(EffectiveNumberLoss, EQUAL, 0.9)),
            "beta to 1": equal_losses(
                partial(EffectiveNumberLoss, COUNTS, 1 - 1e-15), partial(ClassBalancedLoss, COUNTS)
            ),
            "one sample": one_sample(partial(EffectiveNumberLoss, COUNTS)),
        },
        _not("beta", -0.1, 1.0, NAN, "0.9", None),
        weights=_mean_1([(1 - 0.99) / (1 - 0.99**n) for n in COUNTS]),
    ),
    _case(
        "generalized_reweight",
        "generalised re-weighting",
        {},
        partial(oracles.generalized_reweight, class_counts=COUNTS, exponent=1.2),
        {
            "exponent 0": equals_cross_entropy(partial(GeneralizedReweightLoss, COUNTS, 0.0)),
            "equal counts": equals_cross_entropy(partial(GeneralizedReweightLoss, EQUAL)),
            "one sample": one_sample(partial(GeneralizedReweightLoss, COUNTS)),
        },
        _not("exponent", -0.1, NAN, float("inf"), "1.2"),
        weights=_mean_1([n**-1.2 for n in COUNTS]),
    ),
    *(
        _case(
            "focal",
            f"focal, gamma {gamma:g}",
            {"gamma": gamma},
            partial(oracles.focal, gamma=gamma),
            {
                "gamma 0": equals_cross_entropy(partial(FocalLoss, 0.0)),
                "even odds": _focal_halves,
            },
            _not("gamma", -1, NAN, "2", None),
            counts=False,
        )
        for gamma in (2.0, 0.5)
    ),
    *(
        _case(
            "ldam",
            f"LDAM, scale {scale:g}",
            {"scale": scale},
            partial(oracles.ldam, class_counts=COUNTS, max_margin=0.5, scale=scale),
            {
                "no margin": equals_cross_entropy(partial(LDAMLoss, COUNTS, 0.0, 1.0)),
                "two classes": _cosine_margin,
            },
            (*_not("max_margin", -0.5, NAN, "0.5"), *_not("scale", 0, -1, NAN, float("inf"))),
            hard_only=True,
        )
        for scale in (1.0, 30.0)
    ),
    _case(
        "balanced_softmax",
        "Balanced Softmax",
        {},
        partial(oracles.logit_adjusted, class_counts=COUNTS, tau=1.0),
        {
            "equal counts": equals_cross_entropy(partial(BalancedSoftmaxLoss, EQUAL)),
            "tau 1": equal_losses(partial(BalancedSoftmaxLoss, COUNTS), partial(LogitAdjustedLoss, COUNTS)),
        },
    ),
    _case(
        "logit_adjusted",
        "logit-adjusted",
        {"tau": 1.7},
        partial(oracles.logit_adjusted, class_counts=COUNTS, tau=1.7),
        {
            "tau 0": equals_cross_entropy(partial(LogitAdjustedLoss, COUNTS, 0.0)),
            "equal counts": equals_cross_entropy(partial(LogitAdjustedLoss, EQUAL, 2.0)),
        },
        _not("tau", -1, NAN, "1", None),
    ),
    *(
        _case(
            "lade",
            f"LADE, {variant}",
            {"variant": variant},
            partial(oracles.lade, class_counts=COUNTS, alpha=0.1, lam=0.1, variant=variant),
            {
                "alpha 0": equal_losses(
                    partial(LADELoss, COUNTS, 0.0, variant=variant), partial(BalancedSoftmaxLoss, COUNTS)
                ),
                "constant": _lade_constant,
                "variants": _lade_variants,
            },
            (
                *_not("estimator_weight", -0.1, NAN, "0.1"),
                *_not("remine_lambda", -0.1, NAN, None),
                *_not("variant", "paper", None),
                *_not("reduction", "sum", "none", None),
            ),
            shift=False,
            hard_only=True,
            terms=False,
        )
        for variant in ("original", "ivlm")
    ),
]
