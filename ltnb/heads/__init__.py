"""Heads that sit on frozen features. Half-precision input is computed in float32; float64 stays float64."""

from ltnb.heads.linear_adapter import LinearAdapter

__all__ = ["LinearAdapter"]
