"""What the classification losses share: one call, full precision, class counts as a buffer, hard and soft targets."""

from __future__ import annotations

from typing import Any

import torch

from ltnb._checks import check_class_targets, check_count_tensor, check_features, check_number, fail
from ltnb.losses.loss import Loss, Reduction


class ClassificationLoss(Loss):
    """``loss(logits, targets)``: input checked, computed in full precision; a loss adds its equation in ``compute``.

    Args:
        class_counts: n_c, training images of each class, shape (C,), at least 1 each; None for a loss without a prior.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        label_smoothing: Part of every target that is spread evenly over the classes, in [0, 1).
        check_values: Look at values (NaN, label range) off the CPU too.

    Attributes:
        class_counts: Buffer (C,) int64, which ``.half()`` leaves exact and no checkpoint holds; absent without a prior.
            It moves with ``.to(device)``; logits on another device get a copy of it in every call.
        hard_only: Why soft targets are not defined, for a loss where they are not.

    Raises:
        ValueError: If a count is no positive integer, or another argument is out of its range.
    """

    class_counts: torch.Tensor
    hard_only: str = ""

    def __init__(
        self,
        class_counts: Any = None,
        *,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
        check_values: bool = False,
    ) -> None:
        super().__init__(reduction, check_values=check_values)
        self.label_smoothing = check_number(label_smoothing, "label_smoothing", 0.0, 1.0, ends="[)")
        self.num_classes: int | None = None
        if class_counts is not None:
            # the prior belongs to the training set, not to what a checkpoint restores
            self.register_buffer("class_counts", check_count_tensor(class_counts), persistent=False)
            self.num_classes = len(self.class_counts)

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Loss of one batch.

        Args:
            logits: z, (B, C) floating point.
            targets: y, (B,) integers in 0..C-1; or (B, C) floating point, the share of each class in a sample (mixup),
                rows that sum to 1, for the losses that are defined for it.

        Returns:
            Scalar, or (B,) with ``reduction="none"``; float32 (float64 for float64 logits).

        Raises:
            ValueError: If a shape or dtype does not fit, a logit is not finite, or a target is no class.
        """
        look = self.check_values
        check_features(logits, "logits", width=self.num_classes, check_values=look)
        soft = isinstance(targets, torch.Tensor) and targets.is_floating_point()
        if soft and self.hard_only:
            fail("targets", f"integers, soft targets are not defined for {self._get_name()}: {self.hard_only}", targets)
        targets = check_class_targets(targets, "targets", *logits.shape, check_values=look)
        z = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return self.compute(z, targets.to(z.dtype) if soft else targets)

    def compute(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The reduced loss of checked logits z (B, C), float32 or float64, and targets y.

        Args:
            z: (B, C).
            y: (B,) int64, or (B, C) in the dtype of z.
        """
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Number of classes and settings."""
        classes = "" if self.num_classes is None else f"{self.num_classes} classes"
        return ", ".join(filter(None, [classes, super().extra_repr()]))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # checkpoints of former versions held the counts
        state_dict.pop(f"{prefix}class_counts", None)
        super()._load_from_state_dict(state_dict, prefix, *args)


def log_prior(class_counts: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Log prior of every class, log(n_c / N), (C,), in the dtype and on the device of ``like``."""
    counts = class_counts.to(like)
    return counts.log() - counts.sum().log()


def of_targets(values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Values of the true classes, (B,): sum_c y_c v_c, which for a hard target is the entry of its class.

    Args:
        values: (B, C), or (C,) where they are the same for every sample.
        targets: (B,) int64, or (B, C) floating point.
    """
    if targets.is_floating_point():
        return (targets * values).sum(dim=1)
    return values.expand(len(targets), -1).gather(1, targets[:, None]).squeeze(1)


def smoothed(values: torch.Tensor, targets: torch.Tensor, label_smoothing: float) -> torch.Tensor:
    """`of_targets` with (1 - epsilon) y_c + epsilon / C in the place of y_c; values (B, C)."""
    own = of_targets(values, targets)
    return (1 - label_smoothing) * own + label_smoothing * values.mean(dim=1) if label_smoothing else own


def cross_entropies(
    z: torch.Tensor, y: torch.Tensor, label_smoothing: float = 0.0, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """sum_c y_c w_c (-log softmax(z)_c) of each sample, (B,), without weights w_c = 1.

    Args:
        z: (B, C).
        y: (B,) int64, or (B, C) floating point.
        label_smoothing: epsilon.
        weights: w, (C,).
    """
    log_p = z.log_softmax(dim=1)
    return -smoothed(log_p if weights is None else weights * log_p, y, label_smoothing)
