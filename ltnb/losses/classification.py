"""What the classification losses share: logits in full precision, class counts as a buffer, weighted means."""

from __future__ import annotations

from typing import Any

import torch

from ltnb._checks import check_counts, check_features, check_targets


def counts_buffer(class_counts: Any) -> torch.Tensor:
    """Class counts as an int64 tensor (C,), to be registered as a buffer: integers stay exact in ``.half()``.

    Raises:
        ValueError: If they are not whole numbers of at least 1, one a class.
    """
    return torch.from_numpy(check_counts(class_counts).copy())


def check_logits(
    logits: torch.Tensor, targets: torch.Tensor, n_classes: int | None, check_values: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Checked logits (B, C), float32 or float64, and targets (B,) int64.

    Args:
        logits: As given to a loss.
        targets: As given to a loss.
        n_classes: C where the loss knows it, None where the logits say it.
        check_values: Look at values off the CPU too.

    Raises:
        ValueError: If a shape, dtype or value is not as described.
    """
    check_features(logits, "logits", width=n_classes, check_values=check_values)
    targets = check_targets(targets, "targets", len(logits), n_classes=logits.shape[1], check_values=check_values)
    return logits.to(torch.promote_types(logits.dtype, torch.float32)), targets


def log_prior(class_counts: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Log prior of every class, log(n_c / N), (C,), in the dtype of ``like``."""
    counts = class_counts.to(like.dtype)
    return counts.log() - counts.sum().log()


def true_class(values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The entry of the true class in each row of (B, C), shape (B,)."""
    return values.gather(1, targets[:, None]).squeeze(1)


def cross_entropies(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """-log softmax(z)_y of each sample, shape (B,)."""
    return -true_class(logits.log_softmax(dim=1), targets)


def weighted_mean(losses: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Sum of w_i l_i over sum of w_i, both of shape (B,)."""
    return (weights * losses).sum() / weights.sum()
