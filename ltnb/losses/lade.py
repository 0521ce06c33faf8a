"""LADE: the training prior is removed from the logits by a bound on a divergence, not only compensated."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import torch

from ltnb._checks import check_choice, check_number, fail
from ltnb.losses.classification import ClassificationLoss, cross_entropies, log_prior, of_targets

Variant = Literal["original", "ivlm"]


class LADELoss(ClassificationLoss):
    r"""Balanced Softmax plus alpha times a regularised Donsker-Varadhan estimator for every class.

        L = L_balanced_softmax + alpha sum_c pi_c ( - mean_{i: y_i = c} f_{i,c} + g_c + lambda g_c^2 )
        g_c = log ( 1/B sum_i exp(h_{i,c}) )

    with f = z and h_{i,c} = z_{i,c} - log pi_c + log(1/C) in the original. A class that is not in the batch has no
    first term. IVLM's released code hands the estimator the prior-adjusted logits z + log pi instead of z, so there
    f = z + log pi and h = z + log(1/C): ``variant="ivlm"``. The estimator is one number of a whole batch, in which a
    sample counts for one class: there are no terms of single samples, and targets are hard.

    Args:
        class_counts: n_c, training images of each class, shape (C,), at least 1 each; pi_c = n_c / N.
        estimator_weight: alpha, at least 0; 0 is `BalancedSoftmaxLoss`.
        remine_lambda: lambda, at least 0.
        variant: ``"original"`` or ``"ivlm"``.
        reduction: ``"mean"``, the only one there is.
        check_values: Look at values (NaN, label range) off the CPU too.

    Raises:
        ValueError: If a count is no positive integer, ``reduction`` is ``"sum"`` or ``"none"``, or another argument is
            out of its range.

    Example:
        >>> import torch
        >>> from ltnb.losses import LADELoss
        >>> logits, targets = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]), torch.tensor([0, 2])
        >>> LADELoss([90, 9, 1], estimator_weight=0.1, remine_lambda=0.1)(logits, targets)
        tensor(1.3126)

    Source: LADE (Hong et al. 2021) Eq. 8-11, https://arxiv.org/abs/2012.00321, as released (the importance weight
    1 / (C pi_c) is that of the class, not of each sample). IVLM's code has alpha = lambda = 0.1 everywhere; the
    original alpha 0.05 and lambda 0.5 on ImageNet-LT, 0.005 and 0.1 on Places-LT.
    """

    settings = ("estimator_weight", "remine_lambda", "variant")
    hard_only = "its estimator counts a sample for one class"

    def __init__(
        self,
        class_counts: Any,
        estimator_weight: float = 0.1,
        remine_lambda: float = 0.1,
        variant: Variant = "original",
        *,
        reduction: Literal["mean"] = "mean",
        check_values: bool = False,
    ) -> None:
        if reduction != "mean":
            fail("reduction", "'mean' (the estimator is one number of a whole batch, no sample's)", repr(reduction))
        super().__init__(class_counts, check_values=check_values)
        self.estimator_weight = check_number(estimator_weight, "estimator_weight", 0.0)
        self.remine_lambda = check_number(remine_lambda, "remine_lambda", 0.0)
        self.variant = check_choice(variant, "variant", get_args(Variant))

    def compute(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Balanced Softmax plus alpha times the estimator."""
        prior = log_prior(self.class_counts, z)
        f = z if self.variant == "original" else z + prior
        return cross_entropies(z + prior, y).mean() + self.estimator_weight * self._estimator(f, y, prior)

    def _estimator(self, f: torch.Tensor, y: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
        """Sum over the classes of pi_c times the negative, regularised bound."""
        n_samples, num_classes = f.shape
        in_batch = torch.zeros_like(prior).index_add(0, y, torch.ones_like(f[:, 0]))
        own = torch.zeros_like(prior).index_add(0, y, of_targets(f, y)) / in_batch.clamp_min(1)
        h = f - prior - math.log(num_classes)
        g = h.logsumexp(dim=0) - math.log(n_samples)
        return (prior.exp() * (g - own + self.remine_lambda * g.square())).sum()
