"""Logit adjustment: the prior is added in training, or taken off afterwards."""

from __future__ import annotations

from typing import Any

import torch

from ltnb._checks import check_counts, check_features, check_number
from ltnb.losses.classification import ClassificationLoss, cross_entropies, log_prior


class LogitAdjustedLoss(ClassificationLoss):
    r"""L = mean_i -log softmax(z_i + tau log pi)_{y_i}, with pi_c = n_c / N; at test time the plain logits are used.

    tau = 0 is cross-entropy, tau = 1 is `BalancedSoftmaxLoss`.

    Args:
        class_counts: n_c, training images of each class, shape (C,), at least 1 each.
        tau: Strength, at least 0.
        check_values: Look at values (NaN, label range) off the CPU too.

    Raises:
        ValueError: If an argument is not as described.

    Source: Menon et al. 2021, *Long-Tail Learning via Logit Adjustment*, Eq. 10; HLC's LA loss.
    """

    def __init__(self, class_counts: Any, tau: float = 1.0, *, check_values: bool = False) -> None:
        super().__init__(class_counts, check_values=check_values)
        self.tau = check_number(tau, "tau", 0.0)

    def compute(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the equation above."""
        return cross_entropies(z + self.tau * log_prior(self.class_counts, z), y).mean()

    def extra_repr(self) -> str:
        """Show tau when printed."""
        return f"{len(self.class_counts)} classes, tau={self.tau:g}"


def logit_adjust(
    logits: torch.Tensor, class_counts: Any, tau: float = 1.0, *, check_values: bool = False
) -> torch.Tensor:
    """Post-hoc adjustment: z_c - tau log pi_c, for a classifier that was trained without any.

    Args:
        logits: z, (B, C) floating point.
        class_counts: n_c, training images of each class, shape (C,), at least 1 each.
        tau: Strength, at least 0; 0 changes nothing.
        check_values: Look at values (NaN) off the CPU too.

    Returns:
        (B, C), float32 (float64 for float64 logits), on the device of the logits.

    Raises:
        ValueError: If an argument is not as described.

    Source: Menon et al. 2021 Eq. 9; HLC Eq. 4.
    """
    counts = torch.from_numpy(check_counts(class_counts))
    tau = check_number(tau, "tau", 0.0)
    check_features(logits, "logits", width=len(counts), check_values=check_values)
    z = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return z - tau * log_prior(counts.to(z.device), z)


def pc_softmax(logits: torch.Tensor, class_counts: Any, *, check_values: bool = False) -> torch.Tensor:
    r"""Post-compensated softmax: the probabilities under a balanced test set of a classifier trained on pi.

        p(c | x) = exp(z_c) (pi^t_c / pi_c) / sum_k exp(z_k) (pi^t_k / pi_k),    pi^t uniform

    Args:
        logits: z, (B, C) floating point.
        class_counts: n_c, training images of each class, shape (C,), at least 1 each; pi_c = n_c / N.
        check_values: Look at values (NaN) off the CPU too.

    Returns:
        Probabilities (B, C) that sum to 1, float32 (float64 for float64 logits). Its ranking is that of
        ``logit_adjust(logits, class_counts)``, whose softmax it is.

    Raises:
        ValueError: If an argument is not as described.

    Source: LADE (Hong et al. 2021) Eq. 5.
    """
    return logit_adjust(logits, class_counts, check_values=check_values).softmax(dim=1)
