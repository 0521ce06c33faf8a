"""Tuning a CLIP without training its weights: learnable inputs, inserted for the length of one forward pass."""

from ltnb.tuning.context_prompt import ContextPrompt

__all__ = ["ContextPrompt"]
