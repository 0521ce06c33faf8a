"""cRT: the classifier is thrown away and learned again on balanced samples."""

from __future__ import annotations

import torch
from torch import nn

from ltnb._checks import check_integer, fail


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
    generator = torch.Generator().manual_seed(check_integer(seed, "seed", 0))
    fresh = nn.utils.skip_init(nn.Linear, linear.in_features, linear.out_features, bias=linear.bias is not None)
    for parameter in fresh.parameters():
        nn.init.uniform_(parameter, -(linear.in_features**-0.5), linear.in_features**-0.5, generator=generator)
    return fresh.to(device=linear.weight.device, dtype=linear.weight.dtype)
