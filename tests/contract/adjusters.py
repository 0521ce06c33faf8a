"""Cases of the heads on frozen features: two-stage adjusters, cosine classifier, class means, token decoder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from contract import oracles
from contract.bad_input import bad_features
from contract.cases import BadInput, Inputs, ModuleCase, Rng, randn
from ltnb.heads import (
    MARC,
    CosineClassifier,
    DisAlign,
    LearnableWeightScaling,
    NearestClassMean,
    TauNormalizedClassifier,
    TokenDecoder,
)

Pair = tuple[torch.Tensor, torch.Tensor]
NAN = float("nan")


def classifier(seed: int = 5, *, bias: bool = True) -> nn.Linear:
    """A "trained" classifier of four features and three classes; the same in every call."""
    linear = nn.Linear(4, 3, bias=bias)
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in linear.parameters():
            parameter.copy_(torch.from_numpy(rng.standard_normal(parameter.shape)))
    return linear


def _moved(module: nn.Module) -> nn.Module:
    """Learned parameters away from their neutral start, or the oracle would only see the identity."""
    rng = np.random.default_rng(11)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.from_numpy(rng.uniform(0.3, 1.7, parameter.shape)))
    return module


def _build(kind: Callable[..., nn.Module], *, bias: bool = True, **settings: Any) -> Callable[..., nn.Module]:
    def build(**options: Any) -> nn.Module:
        options = {"linear": classifier(bias=bias)} | settings | options
        return _moved(kind(**options))

    return build


def _features(rng: Rng) -> Inputs:
    return {"features": randn(rng, 6, 4) * 5}


def _large(rng: Rng) -> Inputs:
    return {"features": randn(rng, 6, 4).sign() * 1e4}


def _begins_as(kind: Callable[..., nn.Module], expected: Callable[[nn.Linear, torch.Tensor], torch.Tensor]) -> Any:
    def limit(rng: Rng) -> Pair:
        linear, x = classifier().double(), _features(rng)["features"]
        return kind(linear)(x), expected(linear, x)

    return limit


def _logits(linear: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    return F.linear(x, linear.weight, linear.bias)


def _permuted_rows(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
    order = torch.from_numpy(rng.permutation(len(next(iter(inputs.values())))))
    return {name: value[order] for name, value in inputs.items()}, lambda output: output[order]


def _rows_alone(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
    i = int(rng.integers(len(next(iter(inputs.values())))))
    return {name: value[i : i + 1] for name, value in inputs.items()}, lambda output: output[i : i + 1]


def _stretched(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
    factors = torch.from_numpy(10.0 ** rng.uniform(-100, 100, len(inputs["features"])))[:, None]
    return {"features": inputs["features"] * factors}, lambda output: output


ROWS = {"order of rows": _permuted_rows, "row by row": _rows_alone}
NOT_LINEAR = tuple(({"linear": value}, "linear") for value in (None, nn.Identity(), torch.eye(3), "linear"))


def _adjuster(
    name: str,
    kind: Callable[..., nn.Module],
    oracle: Callable[..., Any],
    limits: dict[str, Any],
    bad_builds: tuple[tuple[Inputs, str], ...] = (),
    **settings: Any,
) -> ModuleCase:
    return ModuleCase(
        name=name,
        build=_build(kind, **settings),
        inputs=_features,
        extreme=_large,
        oracle=oracle,
        differentiable=("features",),
        limits=limits,
        symmetries=ROWS,
        bad_calls=tuple(bad for bad in bad_features("features") if bad.why != "three-dimensional"),
        bad_builds=(*NOT_LINEAR, *bad_builds),
        is_loss=False,
    )


def _not(name: str, *values: Any) -> tuple[tuple[Inputs, str], ...]:
    return tuple(({name: value}, name) for value in values)


def _released_start(linear: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    s = DisAlign(linear).confidence(x).sigmoid()  # the same seed draws the same layer
    return (1 + s) * _logits(linear, x)


def _same_family(rng: Rng) -> Pair:
    """The released form with a is the paper's with a + 1."""
    linear, x = classifier().double(), _features(rng)["features"]
    paper, released = DisAlign(linear), DisAlign(linear, form="released")
    with torch.no_grad():
        for name in ("scale", "bias"):
            getattr(released, name).copy_(randn(rng, 3))
            getattr(paper, name).copy_(getattr(released, name) + (1 if name == "scale" else 0))
    return released(x), paper(x)


def _unit_weights(linear: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    return x @ F.normalize(linear.weight, dim=1).T


def _bank() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(3)
    return randn(rng, 9, 4) * 3, torch.tensor([0, 0, 0, 0, 1, 1, 1, 2, 2])


def _means(metric: str) -> ModuleCase:
    x, y = _bank()

    def build(**options: Any) -> nn.Module:
        return NearestClassMean(**{"features": x, "labels": y, "metric": metric, **options})

    def own_means(rng: Rng) -> Pair:
        """One feature a class: each is nearest to itself, at distance 0 or cosine 1."""
        f = randn(rng, 3, 4)
        scores = NearestClassMean(f, torch.arange(3), metric=metric)(f)
        return scores.diagonal(), torch.full((3,), 1.0 if metric == "cosine" else 0.0)

    return ModuleCase(
        name=f"nearest class mean, {metric}",
        build=build,
        inputs=_features,
        extreme=_large,
        oracle=partial(oracles.nearest_class_mean, metric=metric),
        differentiable=("features",),
        limits={"own means": own_means},
        symmetries=ROWS | ({"length of rows": _stretched} if metric == "cosine" else {}),
        bad_calls=tuple(bad_features("features")),
        bad_builds=(
            *_not("metric", "manhattan", None),
            *_not("labels", y[:-1], y - 1, y.double(), torch.zeros(9, dtype=torch.long) + 1),
            *_not("features", x.numpy(), x[0], x.long(), x * NAN),
            *_not("num_classes", 0, 2.0, True),
            ({"num_classes": 2}, "labels"),
            ({"num_classes": 4}, "labels"),
        ),
        is_loss=False,
    )


def _cosine_case() -> ModuleCase:
    def build(**options: Any) -> nn.Module:
        return CosineClassifier(**{"dim": 4, "num_classes": 3, "scale": 7.0, **options})

    def aligned(rng: Rng) -> Pair:
        head = build().double()
        return head(head.weight * 3).diagonal(), torch.full((3,), 7.0)

    return ModuleCase(
        name="cosine classifier",
        build=build,
        inputs=_features,
        extreme=_large,
        oracle=partial(oracles.cosine_classifier, scale=7.0),
        differentiable=("features",),
        limits={"aligned": aligned},
        symmetries={**ROWS, "length of rows": _stretched},
        bad_calls=tuple(bad_features("features")),
        bad_builds=(
            *_not("dim", 0, 2.0, None),
            *_not("num_classes", 0, "3"),
            *_not("scale", 0, -1, NAN, "16"),
            *_not("seed", -1, 0.5, "0"),
        ),
        is_loss=False,
    )


def _decoder_case() -> ModuleCase:
    def build(**options: Any) -> nn.Module:
        module = TokenDecoder(**{"dim": 4, "depth": 2, "heads": 2, **options})
        return _moved_gently(module)

    def permuted_tokens(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
        """Without positions of its own the decoder treats tokens alike."""
        order = torch.from_numpy(rng.permutation(3))
        return {"tokens": inputs["tokens"][:, order]}, lambda output: output[:, order]

    def off(rng: Rng) -> Pair:
        """Blocks whose branches end in zero weights pass the tokens through."""
        module, x = build().double(), randn(rng, 2, 3, 4)
        with torch.no_grad():
            for block in module.blocks:
                for layer in (block.attn.proj, block.mlp.fc2):
                    layer.weight.zero_()
                    layer.bias.zero_()
        return module(x), x

    def bad(why: str, change: Callable[[torch.Tensor], Any]) -> BadInput:
        return BadInput("tokens", why, change)

    def poked(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda x: torch.where(torch.arange(4) == 3, value, x)

    return ModuleCase(
        name="token decoder",
        build=build,
        inputs=lambda rng: {"tokens": randn(rng, 2, 3, 4)},
        extreme=lambda rng: {"tokens": randn(rng, 2, 3, 4).sign() * 1e4},
        oracle=oracles.token_decoder,
        differentiable=("tokens",),
        limits={"branches off": off},
        symmetries={**ROWS, "order of tokens": permuted_tokens},
        bad_calls=(
            bad("not a tensor", lambda x: x.numpy()),
            bad("integers", lambda x: x.long()),
            bad("two-dimensional", lambda x: x[0]),
            bad("empty", lambda x: x[:0]),
            bad("no tokens", lambda x: x[:, :0]),
            bad("another width", lambda x: x[..., :-1]),
            bad("NaN", poked(NAN)),
            bad("infinity", poked(float("inf"))),
        ),
        bad_builds=(
            *_not("dim", 0, 7, 8.0, None),
            *_not("depth", 0, 1.5),
            *_not("heads", 0, "2"),
            *_not("mlp_ratio", 0, -1, NAN),
            *_not("seed", -1, True),
        ),
        is_loss=False,
    )


def _moved_gently(module: nn.Module) -> nn.Module:
    """Biases and gains, which begin at 0 and 1, away from there."""
    rng = np.random.default_rng(7)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.from_numpy(rng.standard_normal(parameter.shape)) * 0.2)
    return module


ADJUSTERS_BY_NAME = {
    "learnable_weight_scaling": [
        _adjuster(
            "learnable weight scaling",
            LearnableWeightScaling,
            oracles.learnable_weight_scaling,
            {"begins as the classifier": _begins_as(LearnableWeightScaling, _logits)},
        ),
        _adjuster(
            "learnable weight scaling, no bias",
            LearnableWeightScaling,
            oracles.learnable_weight_scaling,
            {},
            bias=False,
        ),
    ],
    "marc": [_adjuster("MARC", MARC, oracles.marc, {"begins as the classifier": _begins_as(MARC, _logits)})],
    "disalign": [
        _adjuster(
            "DisAlign, paper",
            DisAlign,
            partial(oracles.disalign, form="paper"),
            {"begins as the classifier": _begins_as(DisAlign, _logits)},
            (*_not("form", "official", None), *_not("seed", -1, 0.5), *_not("generator", 0, "cpu")),
        ),
        _adjuster(
            "DisAlign, released",
            DisAlign,
            partial(oracles.disalign, form="released"),
            {
                "begins as (1 + s) z": _begins_as(partial(DisAlign, form="released"), _released_start),
                "same family": _same_family,
            },
            form="released",
        ),
    ],
    "tau_normalized": [
        _adjuster(
            f"tau-normalised, {tau:g}",
            TauNormalizedClassifier,
            partial(oracles.tau_normalized, tau=tau),
            {
                "tau 0": _begins_as(partial(TauNormalizedClassifier, tau=0.0), lambda linear, x: x @ linear.weight.T),
                "tau 1": _begins_as(partial(TauNormalizedClassifier, tau=1.0), _unit_weights),
            },
            _not("tau", -0.1, NAN, "1", None),
            tau=tau,
        )
        for tau in (0.7, 1.5)
    ],
    "cosine": [_cosine_case()],
    "nearest_class_mean": [_means("cosine"), _means("euclidean")],
    "token_decoder": [_decoder_case()],
}
