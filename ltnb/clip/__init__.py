"""CLIP models as encoders: loading, image and text features with a cache, zero-shot weights."""

from ltnb.clip.backbone import Backbone
from ltnb.clip.embedded import PARTS, Embedded, embed, embed_sentences
from ltnb.clip.features import Features, extract_features, extract_layers
from ltnb.clip.image_source import ImageSource
from ltnb.clip.loading import load, parse_backbone
from ltnb.clip.pairs import PairSource
from ltnb.clip.prompts import TEMPLATES, clip_templates, prompt_sentences
from ltnb.clip.zero_shot import zero_shot_weights

__all__ = [
    "PARTS",
    "TEMPLATES",
    "Backbone",
    "Embedded",
    "Features",
    "ImageSource",
    "PairSource",
    "clip_templates",
    "embed",
    "embed_sentences",
    "extract_features",
    "extract_layers",
    "load",
    "parse_backbone",
    "prompt_sentences",
    "zero_shot_weights",
]
