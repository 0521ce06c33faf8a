"""Heads that sit on frozen features. Half-precision input is computed in float32; float64 stays float64.

Each head keeps its settings in its state, and has ``save_pretrained(folder)`` and ``from_pretrained(folder)``.
"""

from __future__ import annotations

from typing import Any

from ltnb._registry import create_from
from ltnb.heads._saving import Head
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

_PARTS: dict[str, type[Head]] = {
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


def create(name: str, *args: Any, **kwargs: Any) -> Head:
    """Make a head by its name.

    Args:
        name: One of `names`.
        *args: Arguments of the class behind it.
        **kwargs: Keyword arguments of the class behind it.

    Returns:
        The head.

    Raises:
        ValueError: No head has this name, or an argument is wrong.

    Example:
        >>> from ltnb.heads import CosineClassifier, create
        >>> create("cosine", dim=512, num_classes=10, scale=30.0)
        CosineClassifier(dim=512, num_classes=10, scale=30)
    """
    return create_from(_PARTS, "head", name, args, kwargs)


def names() -> list[str]:
    """List the names that `create` takes, in alphabetical order.

    Example:
        >>> from ltnb.heads import names
        >>> "marc" in names()
        True
    """
    return sorted(_PARTS)
