"""Heads that sit on frozen features. Half-precision input is computed in float32; float64 stays float64."""

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
]
