"""A linear probe: one linear classifier on frozen features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ltnb._checks import check_features, check_integer, check_targets
from ltnb._deprecation import renamed_argument
from ltnb._seeds import chosen_seed
from ltnb.training.history import History
from ltnb.training.loop import fit
from ltnb.training.sources import TensorSource


@renamed_argument("n_classes", "num_classes")
def fit_linear_probe(
    features: Tensor,
    labels: Tensor,
    num_classes: int,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    sampler: Any = None,
    epochs: int = 100,
    lr: float = 0.01,
    batch_size: int = 128,
    seed: int = 0,
    generator: torch.Generator | None = None,
) -> tuple[nn.Linear, History]:
    """Train one linear layer on features: the probe that the lessons compare everything with.

    AdamW with weight decay 1e-4 and a cosine schedule; the learning rate suits features of unit length.

    Args:
        features: (N, D) floating point, on the CPU or a GPU; the layer is trained there. Half precision is trained in
            float32, a batch at a time, so that the features keep their size; float64 in float64.
        labels: (N,) integers in [0, num_classes).
        num_classes: C.
        loss: ``loss(logits, labels)`` gives a scalar.
        sampler: As in `ltnb.training.fit`; None visits every sample once an epoch.
        epochs: Passes over the sampler.
        lr: Peak learning rate.
        batch_size: Samples a step.
        seed: Of the initial weights and of the batches.
        generator: Gives the seed in place of ``seed``.

    Returns:
        The layer (C outputs) in float32 (float64 for float64 features), without gradients, and the history of its
        training.

    Raises:
        ValueError: Shapes do not fit, a label is out of range, a feature is not finite, or both ``seed`` and
            ``generator`` are given.

    Example:
        >>> import torch
        >>> from ltnb.training import fit_linear_probe
        >>> features, labels = torch.eye(3).repeat(20, 1), torch.arange(60) % 3
        >>> layer, history = fit_linear_probe(features, labels, num_classes=3, epochs=5, lr=0.5)
        >>> layer(torch.eye(3)).argmax(dim=1)
        tensor([0, 1, 2])
    """
    seed = chosen_seed(seed, generator)
    num_classes = check_integer(num_classes, "num_classes", 1)
    features = check_features(features, "features")
    labels = check_targets(labels, "labels", len(features), num_classes=num_classes)
    layer = nn.Linear(features.shape[1], num_classes)
    bound = features.shape[1] ** -0.5  # the layer's own initialisation, from a generator of ours
    drawn = torch.Generator().manual_seed(seed)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=drawn)
    layer = layer.to(features.device, torch.promote_types(features.dtype, torch.float32))
    history = fit(
        layer,
        lambda model, batch: loss(model(batch[0].to(layer.weight.dtype)), batch[1]),
        TensorSource(features, labels),
        lr=lr,
        epochs=epochs,
        batch_size=batch_size,
        sampler=sampler,
        optimizer="adamw",
        weight_decay=1e-4,
        seed=seed,
    )
    return layer.requires_grad_(False), history
