"""Heads that sit on frozen features. Half-precision input is computed in float32; float64 stays float64."""

from __future__ import annotations

from typing import Any

from torch import nn

from ltnb._registry import create_from
from ltnb.heads.cosine import CosineClassifier
from ltnb.heads.crt import reinitialized
from ltnb.heads.disalign import DisAlign
from ltnb.heads.knn import KNNHead
from ltnb.heads.language_guided import LanguageGuidedHead
from ltnb.heads.learnable_weight_scaling import LearnableWeightScaling
from ltnb.heads.linear_adapter import LinearAdapter
from ltnb.heads.marc import MARC
from ltnb.heads.nearest_class_mean import NearestClassMean
from ltnb.heads.tau_normalized import TauNormalizedClassifier
from ltnb.heads.token_decoder import TokenDecoder

__all__ = [
    "MARC",
    "CosineClassifier",
    "DisAlign",
    "KNNHead",
    "LanguageGuidedHead",
    "LearnableWeightScaling",
    "LinearAdapter",
    "NearestClassMean",
    "TauNormalizedClassifier",
    "TokenDecoder",
    "reinitialized",
    "create",
    "names",
]

_PARTS: dict[str, type[nn.Module]] = {
    "cosine": CosineClassifier,
    "disalign": DisAlign,
    "knn": KNNHead,
    "language_guided": LanguageGuidedHead,
    "learnable_weight_scaling": LearnableWeightScaling,
    "linear_adapter": LinearAdapter,
    "marc": MARC,
    "nearest_class_mean": NearestClassMean,
    "tau_normalized": TauNormalizedClassifier,
    "token_decoder": TokenDecoder,
}


def create(name: str, *args: Any, **kwargs: Any) -> nn.Module:
    """Make a head by its name.

    Args:
        name: one of `names`.
        *args: arguments of the class behind it.
        **kwargs: keyword arguments of the class behind it.

    Raises:
        ValueError: no head has this name, or an argument is wrong.
    """
    return create_from(_PARTS, "head", name, args, kwargs)


def names() -> list[str]:
    """Names that `create` takes, in alphabetical order."""
    return sorted(_PARTS)
