"""Logit adjustment: the prior is added in training, or taken off afterwards."""

from __future__ import annotations

from typing import Any, Unpack

import torch

from ltnb._checks import check_count_tensor, check_features, check_number
from ltnb.losses.classification import ClassificationLoss, cross_entropies, log_prior
from ltnb.losses.loss import SmoothedOptions


class LogitAdjustedLoss(ClassificationLoss):
    r"""L = mean_i -log softmax(z_i + tau log pi)_{y_i}, with pi_c = n_c / N; at test time the plain logits are used.

    tau = 0 is cross-entropy, tau = 1 is `BalancedSoftmaxLoss`. For a soft or a smoothed target
    it is the cross-entropy under the same softmax, sum_c y_c (-log p_c).

    Args:
        class_counts: n_c, training images of each class, shape (C,), at least 1 each.
        tau: Strength, at least 0.
        **options: Those of `ClassificationLoss`, which also says what is a ``ValueError``.

    Example:
        >>> import torch
        >>> from ltnb import losses
        >>> batch = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]), torch.tensor([0, 2])
        >>> strengths = (0.0, 0.5, 1.0)  # cross-entropy, half of the way, Balanced Softmax
        >>> torch.stack([losses.LogitAdjustedLoss([90, 9, 1], tau=tau)(*batch) for tau in strengths])
        tensor([0.4076, 0.6714, 1.4202])

    Source: Menon et al. 2021, *Long-Tail Learning via Logit Adjustment*, Eq. 10, https://arxiv.org/abs/2007.07314;
    HLC's LA loss.
    """

    settings = ("tau",)

    def __init__(self, class_counts: Any, tau: float = 1.0, **options: Unpack[SmoothedOptions]) -> None:
        super().__init__(class_counts, **options)
        self.tau = check_number(tau, "tau", 0.0)

    def compute(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of z + tau log pi."""
        return self.reduce(cross_entropies(z + self.tau * log_prior(self.class_counts, z), y, self.label_smoothing))


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
        ValueError: If a count is no positive integer, ``tau`` is negative, or the logits are not finite or not of C
            columns.

    Example:
        >>> import torch
        >>> from ltnb.losses import logit_adjust
        >>> logit_adjust(torch.tensor([[2.0, 1.0, 0.0]]), [90, 9, 1])
        tensor([[2.1054, 3.4079, 4.6052]])

    Source: Menon et al. 2021 Eq. 9, https://arxiv.org/abs/2007.07314; HLC Eq. 4.
    """
    counts = check_count_tensor(class_counts)
    tau = check_number(tau, "tau", 0.0)
    check_features(logits, "logits", width=len(counts), check_values=check_values)
    z = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return z - tau * log_prior(counts, z)


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
        ValueError: If a count is no positive integer, or the logits are not finite or not of C columns.

    Example:
        >>> import torch
        >>> from ltnb.losses import pc_softmax
        >>> pc_softmax(torch.tensor([[2.0, 1.0, 0.0]]), [90, 9, 1])
        tensor([[0.0593, 0.2182, 0.7225]])

    Source: LADE (Hong et al. 2021) Eq. 5, https://arxiv.org/abs/2012.00321.
    """
    return logit_adjust(logits, class_counts, check_values=check_values).softmax(dim=1)
