"""The loss of VL-LTR's language-guided head: both branches learn the class by themselves."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from ltnb._checks import check_features, check_number, check_targets, fail


class LanguageGuidedLoss(nn.Module):
    r"""L_rec = CE(P_I, y) + CE(P_T, y), on the logits of the two branches of `ltnb.heads.LanguageGuidedHead`.

    Args:
        label_smoothing: Part of the target spread evenly over all classes, in [0, 1). The paper has none (0); the
            released code trains with 0.1 and with mixed images.
        check_values: Look at values (NaN, label range) off the CPU too.

    Raises:
        ValueError: If an argument is not as described.

    Source: VL-LTR (Tian et al. 2022) Eq. 9.
    """

    def __init__(self, label_smoothing: float = 0.0, *, check_values: bool = False) -> None:
        super().__init__()
        self.label_smoothing = check_number(label_smoothing, "label_smoothing", 0.0, 1.0, ends="[)")
        self.check_values = check_values

    def forward(self, logits_image: torch.Tensor, logits_text: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Loss of one batch.

        Args:
            logits_image: (B, C) floating point.
            logits_text: (B, C) floating point.
            targets: (B,) integer classes in 0..C-1.

        Returns:
            Scalar, float32 (float64 if either is float64).

        Raises:
            ValueError: If a shape, dtype or value is not as described.
        """
        look = self.check_values
        check_features(logits_image, "logits_image", check_values=look)
        check_features(logits_text, "logits_text", width=logits_image.shape[1], check_values=look)
        n = logits_image.shape[1]
        targets = check_targets(targets, "targets", len(logits_image), num_classes=n, check_values=look)
        if len(logits_text) != len(logits_image):
            fail("logits_text", f"of {len(logits_image)} rows, as logits_image", logits_text)
        return self._one_branch(logits_image, targets) + self._one_branch(logits_text, targets)

    def _one_branch(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        z = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return F.cross_entropy(z, targets, label_smoothing=self.label_smoothing)

    def extra_repr(self) -> str:
        """Show the smoothing when printed."""
        return f"label_smoothing={self.label_smoothing:g}"
