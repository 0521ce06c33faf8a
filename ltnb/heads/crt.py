"""cRT: the classifier is thrown away and learned again on balanced samples."""

from __future__ import annotations

from torch import nn

from ltnb._checks import check_integer, fail
from ltnb.heads._classifier import uniform_linear


def reinitialized(linear: nn.Linear, seed: int = 0) -> nn.Linear:
    """A new classifier of the same size with weights drawn anew: where cRT's second stage begins.

    The second stage then trains it on frozen features with class-balanced sampling (``BalancedSampler(labels,
    "class")``) and cross-entropy. (In the code released with IVLM the layer that is drawn anew is not the one the
    model uses, so there the second stage goes on from the old classifier.)

    Args:
        linear: The classifier of the first stage, which is left alone.
        seed: Of the weights; the law is that of every ``nn.Linear``, U(-1/sqrt(D), 1/sqrt(D)).

    Returns:
        A trainable layer on the same device, in the same dtype.

    Raises:
        ValueError: If ``linear`` is no ``nn.Linear`` or the seed no whole number from 0 on.

    Source: Kang et al. 2020 (Decoupling) section 4.2, classifier re-training.
    """
    if not isinstance(linear, nn.Linear):
        fail("linear", "an nn.Linear", type(linear).__name__)
    seed, bias = check_integer(seed, "seed", 0), linear.bias is not None
    return uniform_linear(linear.in_features, linear.out_features, linear.weight, seed, bias=bias)
