"""Cases of ``ltnb.heads``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from contract import oracles
from contract.adjusters import ADJUSTERS
from contract.bad_input import bad_features
from contract.cases import Inputs, ModuleCase, Rng, randn
from ltnb.heads import LinearAdapter


def _adapter(rng: Rng, **options: Any) -> tuple[LinearAdapter, torch.Tensor]:
    generator = torch.Generator().manual_seed(int(rng.integers(1000)))
    return LinearAdapter(4, generator=generator, **options).double(), randn(rng, 6, 4) * 10


def _adapter_off(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    module, f = _adapter(rng, residual=0.0)
    return module(f), f


def _adapter_only(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    module, f = _adapter(rng, residual=1.0)
    return module(f), module.linear(f).relu()


def _adapter_identity(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    module, f = _adapter(rng, residual=0.7, activation=None, bias=False)
    nn.init.eye_(module.linear.weight)
    return module(f), f


def _permuted_rows(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
    order = torch.from_numpy(rng.permutation(len(inputs["features"])))
    return {"features": inputs["features"][order]}, lambda output: output[order]


def _rows_alone(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
    chosen = int(rng.integers(len(inputs["features"])))
    return {"features": inputs["features"][chosen : chosen + 1]}, lambda output: output[chosen : chosen + 1]


def _stretched_rows(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
    """Without a bias the adapter is positively homogeneous, row by row."""
    factors = torch.from_numpy(10.0 ** rng.uniform(-3, 3, len(inputs["features"])))[:, None]
    return {"features": inputs["features"] * factors}, lambda output: output * factors


def _adapter_case(residual: float, activation: str | None, bias: bool) -> ModuleCase:
    def build(**options: Any) -> nn.Module:
        options = {"dim": 4, "residual": residual, "activation": activation, "bias": bias} | options
        return LinearAdapter(**options)

    return ModuleCase(
        name=f"linear adapter, {residual:g}, {activation}, {'bias' if bias else 'no bias'}",
        build=build,
        inputs=lambda rng: {"features": randn(rng, 6, 4) * 10},
        extreme=lambda rng: {"features": randn(rng, 6, 4).sign() * 1e4},
        oracle=partial(oracles.linear_adapter, residual=residual, relu=activation == "relu"),
        differentiable=("features",),
        limits={"lambda 0": _adapter_off, "lambda 1": _adapter_only, "identity": _adapter_identity},
        symmetries={"order of rows": _permuted_rows, "row by row": _rows_alone}
        | ({} if bias else {"length of rows": _stretched_rows}),
        bad_calls=tuple(bad_features("features")),
        bad_builds=(
            *(({"dim": value}, "dim") for value in (0, -1, 2.0, None, True)),
            *(({"residual": value}, "residual") for value in (-0.1, 1.1, float("nan"), "0.2")),
            *(({"activation": value}, "activation") for value in ("gelu", True, "")),
            ({"generator": 0}, "generator"),
        ),
        is_loss=False,
    )


HEADS = [
    _adapter_case(0.2, "relu", True),
    _adapter_case(0.2, None, False),
    _adapter_case(0.6, "relu", False),
    *ADJUSTERS,
]
