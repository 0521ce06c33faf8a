"""Generalised re-weighting (GRW): inverse frequency to a power, the loss under which DisAlign and MARC are trained."""

from __future__ import annotations

from typing import Any

import torch

from ltnb._checks import check_number
from ltnb.losses.classification import ClassificationLoss, cross_entropies, log_prior


class GeneralizedReweightLoss(ClassificationLoss):
    r"""Cross-entropy weighted by a power of the inverse class frequency.

        w_c = (1/pi_c)^rho * C / sum_k (1/pi_k)^rho,    pi_c = n_c / N,    L = sum_i w_{y_i} l_i / sum_i w_{y_i}

    rho = 0 is cross-entropy, rho = 1 is `ClassBalancedLoss` (``normalize="weights"``).

    Args:
        class_counts: n_c, training images of each class, shape (C,), at least 1 each.
        exponent: rho, at least 0.
        check_values: Look at values (NaN, label range) off the CPU too.

    Raises:
        ValueError: If an argument is not as described.

    Source: DisAlign (Zhang et al. 2021) section 3.4, "generalized re-weight"; exponent 1.2 is that of the code released
    with IVLM.
    """

    def __init__(self, class_counts: Any, exponent: float = 1.2, *, check_values: bool = False) -> None:
        super().__init__(class_counts, check_values=check_values)
        self.exponent = check_number(exponent, "exponent", 0.0)

    def compute(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """See the equation above."""
        # w_i / sum_j w_j is a softmax of -rho log pi over the batch: no power of a frequency over- or underflows
        shares = (-self.exponent * log_prior(self.class_counts, z)[y]).softmax(dim=0)
        return (shares * cross_entropies(z, y)).sum()

    def extra_repr(self) -> str:
        """Show the exponent when printed."""
        return f"{len(self.class_counts)} classes, exponent={self.exponent:g}"
