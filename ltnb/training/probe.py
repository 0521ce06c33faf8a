"""A linear probe: one linear classifier on frozen features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ltnb._checks import check_features, check_integer, check_targets
from ltnb._deprecation import renamed_argument
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
) -> tuple[nn.Linear, History]:
    """Train one linear layer on features: the probe that the lessons compare everything with.

    AdamW with weight decay 1e-4 and a cosine schedule; the learning rate suits features of unit length.

    Args:
        features: (N, D) float, on the CPU or a GPU; the layer is trained there.
        labels: (N,) integers in [0, num_classes).
        num_classes: C.
        loss: `loss(logits, labels)` gives a scalar.
        sampler: As in `fit`; None visits every sample once an epoch.
        epochs: Passes over the sampler.
        lr: Peak learning rate.
        batch_size: Samples a step.
        seed: Of the initial weights and of the batches.

    Returns:
        The layer (C outputs), without gradients, and the history of its training.

    Raises:
        ValueError: If shapes do not fit, a label is out of range or a feature is not finite.
    """
    num_classes = check_integer(num_classes, "num_classes", 1)
    features = check_features(features, "features")
    labels = check_targets(labels, "labels", len(features), num_classes=num_classes)
    layer = nn.Linear(features.shape[1], num_classes)
    bound = features.shape[1] ** -0.5  # the layer's own initialisation, from a generator of ours
    generator = torch.Generator().manual_seed(seed)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    history = fit(
        layer.to(features.device),
        lambda model, batch: loss(model(batch[0]), batch[1]),
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
