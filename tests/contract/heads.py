"""Cases of ``ltnb.heads``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from contract import oracles
from contract.adjusters import ADJUSTERS_BY_NAME
from contract.bad_input import bad_features
from contract.cases import Inputs, ModuleCase, Rng, randn
from ltnb.heads import LanguageGuidedHead, LinearAdapter


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


# ---- the language-guided head ----------------------------------------------------------------------------------------

PADDING = torch.tensor([[False, False, False], [False, True, True], [False, False, True], [True, False, True]])


class BothBranches(LanguageGuidedHead):
    """Both logits in one tensor (2, B, C), as the suite wants one output."""

    def forward(self, image_emb: torch.Tensor) -> torch.Tensor:
        return torch.stack(super().forward(image_emb))


def _language_guided(rng: Rng | None = None, **options: Any) -> BothBranches:
    """Four classes with up to three sentences of width 5, and parameters away from their beginning."""
    rng = np.random.default_rng(21) if rng is None else rng
    settings = {"anchors": randn(rng, 4, 3, 5).float() * 3, "padding_mask": PADDING, "temperature": 0.3, "hidden": 6}
    head = BothBranches(**settings | options)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(torch.from_numpy(rng.uniform(-0.4, 0.4, parameter.shape)))
    return head


def _one_sentence(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    """With one sentence a class there is nothing to attend to: cosine with that sentence."""
    anchors, e = randn(rng, 4, 1, 5), randn(rng, 6, 5)
    head = _language_guided(rng, anchors=anchors, padding_mask=None).double()
    return head(e)[1], torch.nn.functional.cosine_similarity(e[:, None], anchors[:, 0], dim=2) / 0.3


def _no_attention(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    """W_q = 0: the plain mean of a class's sentences, those that are padding left out."""
    head, e = _language_guided(rng).double(), randn(rng, 6, 5)
    nn.init.zeros_(head.query.weight)
    means = [a[~hidden].mean(dim=0) for a, hidden in zip(head.anchors, PADDING, strict=True)]
    return head(e)[1], torch.nn.functional.cosine_similarity(e[:, None], torch.stack(means), dim=2) / 0.3


def _repeated_sentences(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    """Every sentence twice: the weights halve, G stays."""
    anchors, e = randn(rng, 4, 3, 5), randn(rng, 6, 5)
    once = _language_guided(anchors=anchors).double()
    twice = _language_guided(anchors=anchors.repeat(1, 2, 1), padding_mask=PADDING.repeat(1, 2)).double()
    twice.load_state_dict({k: v for k, v in once.state_dict().items() if k not in ("anchors", "padding_mask")}, False)
    return twice(e), once(e)


def _hot_head(rng: Rng) -> tuple[torch.Tensor, torch.Tensor]:
    head, e = _language_guided(rng).double(), randn(rng, 6, 5)
    head.temperature = 1e300
    return head(e)[1], torch.zeros(6, 4, dtype=torch.float64)


def _permuted_pictures(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
    order = torch.from_numpy(rng.permutation(len(inputs["image_emb"])))
    return {"image_emb": inputs["image_emb"][order]}, lambda output: output[:, order]


def _picture_alone(inputs: Inputs, rng: Rng) -> tuple[Inputs, Callable]:
    i = int(rng.integers(len(inputs["image_emb"])))
    return {"image_emb": inputs["image_emb"][i : i + 1]}, lambda output: output[:, i : i + 1]


LANGUAGE_GUIDED = ModuleCase(
    name="language-guided head",
    build=_language_guided,
    inputs=lambda rng: {"image_emb": randn(rng, 6, 5) * 4},
    extreme=lambda rng: {"image_emb": randn(rng, 6, 5).sign() * 1e4},
    oracle=partial(oracles.language_guided, tau=0.3),
    differentiable=("image_emb",),
    limits={
        "one sentence": _one_sentence,
        "no attention": _no_attention,
        "repeated sentences": _repeated_sentences,
        "hot": _hot_head,
    },
    symmetries={"order of pictures": _permuted_pictures, "picture by picture": _picture_alone},
    no_effect=("key_norm.bias",),
    bad_calls=tuple(bad_features("image_emb")),
    bad_builds=(
        *(({"anchors": value}, "anchors") for value in (None, torch.ones(4, 3, 5).long(), torch.ones(4, 5))),
        *(({"anchors": value}, "anchors") for value in (torch.ones(4, 3, 0), torch.full((4, 3, 5), float("nan")))),
        *(({"padding_mask": value}, "padding_mask") for value in (PADDING.long(), PADDING[:3], PADDING.T, [True])),
        ({"padding_mask": PADDING | torch.tensor([[False], [True], [False], [False]])}, "padding_mask"),
        *(({"temperature": value}, "temperature") for value in (0, -0.1, float("nan"), "0.07", True)),
        *(({"hidden": value}, "hidden") for value in (0, -1, 2.5, True)),
        ({"seed": -1}, "seed"),
    ),
    is_loss=False,
)

HEADS_BY_NAME = {
    "language_guided": [LANGUAGE_GUIDED],
    "linear_adapter": [
        _adapter_case(0.2, "relu", True),
        _adapter_case(0.2, None, False),
        _adapter_case(0.6, "relu", False),
    ],
    **ADJUSTERS_BY_NAME,
}
"""Name in ``ltnb.heads.names()`` to cases."""

HEADS = [case for cases in HEADS_BY_NAME.values() for case in cases]
