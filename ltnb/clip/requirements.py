"""Packages that an architecture needs beyond open_clip, told by its configuration before anything is downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SENTENCEPIECE = ("sentencepiece", "google.protobuf")
_RAW_VOCABULARY = ("google/mt5",)  # tokenizers that lie on the hub as a sentencepiece model only


def needed(name: str, config: Mapping[str, Any]) -> dict[str, str]:
    """Modules to import, and what each is for.

    Args:
        name: the architecture; open_clip chooses SigLIP's tokenizer by it where the configuration names none.
        config: open_clip's model configuration.
    """
    text, vision = config.get("text_cfg", {}), config.get("vision_cfg", {})
    tokenizer, found = text.get("hf_tokenizer_name"), {}
    if vision.get("timm_model_name"):
        found["timm"] = "its image tower"
    if text.get("hf_model_name"):
        found["transformers"] = "its text tower"
    if tokenizer or "siglip" in name.lower():
        found.setdefault("transformers", "its tokenizer")
        if not tokenizer or tokenizer.startswith(_RAW_VOCABULARY):
            found |= dict.fromkeys(_SENTENCEPIECE, "its tokenizer")
    if text.get("tokenizer_kwargs", {}).get("reduction_mask") == "syntax":
        found["nltk"] = "its tokenizer"
    return found
