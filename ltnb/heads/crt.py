"""cRT: the classifier is thrown away and learned again on balanced samples."""

from __future__ import annotations

import torch
from torch import nn

from ltnb._checks import fail
from ltnb._seeds import generator_of
from ltnb.heads._classifier import uniform_linear


def reinitialized(linear: nn.Linear, seed: int | None = None, *, generator: torch.Generator | None = None) -> nn.Linear:
    """Give a new classifier of the same size with weights drawn anew: where cRT's second stage begins.

    The second stage then trains it on frozen features with class-balanced sampling
    (`ltnb.samplers.BalancedSampler` with ``"class"``) and cross-entropy. (In the code released with IVLM the layer that
    is drawn anew is not the one the model uses, so there the second stage goes on from the old classifier.)

    Args:
        linear: The classifier of the first stage, which is left alone.
        seed: Of the weights; the law is that of every ``nn.Linear``, U(-1/sqrt(D), 1/sqrt(D)). None means 0.
        generator: A CPU generator to draw them from, in place of a seed.

    Returns:
        A trainable layer on the same device, in the same dtype.

    Raises:
        ValueError: ``linear`` is no ``nn.Linear``, the seed no whole number from 0 on, or both ``seed`` and
            ``generator`` are given.

    Example:
        >>> import torch
        >>> from ltnb.heads import reinitialized
        >>> first_stage = torch.nn.Linear(512, 10)
        >>> second_stage = reinitialized(first_stage, seed=1)
        >>> second_stage.weight.shape, torch.equal(second_stage.weight, first_stage.weight)
        (torch.Size([10, 512]), False)

    Source: Kang et al. 2020 (Decoupling) section 4.2, classifier re-training, https://arxiv.org/abs/1910.09217.
    """
    if not isinstance(linear, nn.Linear):
        fail("linear", "an nn.Linear", type(linear).__name__)
    generator, bias = generator_of(seed, generator), linear.bias is not None
    return uniform_linear(linear.in_features, linear.out_features, linear.weight, generator, bias=bias)
