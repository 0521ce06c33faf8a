"""The loss of VL-LTR's language-guided head: both branches learn the class by themselves."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from ltnb._checks import check_class_targets, check_features, check_number, fail
from ltnb.losses.loss import Loss, Reduction


class LanguageGuidedLoss(Loss):
    r"""L_rec = CE(P_I, y) + CE(P_T, y), on the logits of the two branches of `ltnb.heads.LanguageGuidedHead`.

    Args:
        label_smoothing: Part of the target spread evenly over all classes, in [0, 1). The paper has none (0); the
            released code trains with 0.1 and with mixed images.
        reduction: ``"mean"`` or ``"sum"`` of the samples' terms, each that of both branches, or ``"none"`` of both.
        check_values: Look at values (NaN, label range) off the CPU too.

    Raises:
        ValueError: If ``label_smoothing`` is outside of [0, 1) or ``reduction`` is none of the three.

    Example:
        >>> import torch
        >>> from ltnb.losses import LanguageGuidedLoss
        >>> image, text = torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]])
        >>> LanguageGuidedLoss()(image, text, torch.tensor([0]))
        tensor(0.9591)

    Source: VL-LTR (Tian et al. 2022) Eq. 9, https://arxiv.org/abs/2111.13579.
    """

    settings = ("label_smoothing",)

    def __init__(
        self, label_smoothing: float = 0.0, *, reduction: Reduction = "mean", check_values: bool = False
    ) -> None:
        super().__init__(reduction, check_values=check_values)
        self.label_smoothing = check_number(label_smoothing, "label_smoothing", 0.0, 1.0, ends="[)")

    def forward(self, logits_image: torch.Tensor, logits_text: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Loss of one batch.

        Args:
            logits_image: (B, C) floating point.
            logits_text: (B, C) floating point.
            targets: (B,) integer classes in 0..C-1; or (B, C) floating point, the share of each class in a sample, rows
                that sum to 1.

        Returns:
            Scalar, or (B,) with ``reduction="none"``; float32 (float64 if either is float64).

        Raises:
            ValueError: If a shape or dtype does not fit, a logit is not finite, or a target is no class.
        """
        look = self.check_values
        check_features(logits_image, "logits_image", check_values=look)
        check_features(logits_text, "logits_text", width=logits_image.shape[1], check_values=look)
        targets = check_class_targets(targets, "targets", *logits_image.shape, check_values=look)
        if len(logits_text) != len(logits_image):
            fail("logits_text", f"of {len(logits_image)} rows, as logits_image", logits_text)
        return self._one_branch(logits_image, targets) + self._one_branch(logits_text, targets)

    def _one_branch(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        z = logits.to(torch.promote_types(logits.dtype, torch.float32))
        targets = targets.to(z.dtype) if targets.is_floating_point() else targets
        return F.cross_entropy(z, targets, reduction=self.reduction, label_smoothing=self.label_smoothing)
