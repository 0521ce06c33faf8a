"""Class-wise contrastive loss between images and sentences: VL-LTR Eq. 2, and BALLAD's Phase A in its BMVC version."""

from __future__ import annotations

import torch

from ltnb._checks import check_features, check_number, check_targets, check_temperature, reads_values
from ltnb._numeric import cosine_logits
from ltnb.losses.loss import Loss, Reduction


class ClassWiseContrastiveLoss(Loss):
    r"""Every sentence of an image's class is a positive, and every image of a sentence's class.

    With S_ij the cosine similarity of image i and text j, T+_i the texts of image i's class in the batch and I+_i the
    images of text i's class, VL-LTR Eq. 2 adds two directions, each averaged over the batch here:

        L_vis = mean_i  - 1/|T+_i|  sum_{j in T+_i}  log ( exp(S_ij/tau) / sum_{k in T} exp(S_ik/tau) )
        L_lin = mean_i  - 1/|I+_i|  sum_{j in I+_i}  log ( exp(S_ji/tau) / sum_{k in I} exp(S_ki/tau) )

    The number of images and the number of texts may differ. With one image and one text per class this is CLIP's loss
    (its two directions added, where CLIP and the released VL-LTR code take their mean).

    Args:
        label_smoothing: Part of the target spread evenly over the whole row, in [0, 1). The paper has none (0); the
            released VL-LTR code uses 0.1.
        reduction: ``"mean"`` (L_vis + L_lin), ``"none"`` (the terms of the I images, then those of the T texts) or
            ``"sum"`` (of all I + T terms).
        check_values: Look at values (NaN, labels, partners) off the CPU too.

    Raises:
        ValueError: If ``label_smoothing`` is outside of [0, 1) or ``reduction`` is none of the three.

    Example:
        >>> import torch
        >>> from ltnb.losses import ClassWiseContrastiveLoss
        >>> images, texts = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[1.0, 0.2], [0.9, 0.1], [0.0, 1.0]])
        >>> labels, text_labels = torch.tensor([0, 1]), torch.tensor([0, 0, 1])
        >>> loss = ClassWiseContrastiveLoss()
        >>> loss(images, texts, labels, text_labels, temperature=0.1)
        tensor(0.3481)
        >>> loss(images, texts, labels, text_labels, logit_scale=10.0)
        tensor(0.3481)

    Source: VL-LTR (Tian et al. 2022) Eq. 2, https://arxiv.org/abs/2111.13579; BALLAD and TACKLE (BMVC version) Eq. 1 is
    the same loss.
    """

    settings = ("label_smoothing",)

    def __init__(
        self, label_smoothing: float = 0.0, *, reduction: Reduction = "mean", check_values: bool = False
    ) -> None:
        super().__init__(reduction, check_values=check_values)
        self.label_smoothing = check_number(label_smoothing, "label_smoothing", 0.0, 1.0, ends="[)")

    def forward(
        self,
        image_emb: torch.Tensor,
        text_emb: torch.Tensor,
        image_labels: torch.Tensor,
        text_labels: torch.Tensor,
        temperature: float | torch.Tensor | None = None,
        *,
        logit_scale: float | torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Loss of one batch.

        Args:
            image_emb: (I, D) floating point, any length; normalised inside.
            text_emb: (T, D) floating point, any length; normalised inside.
            image_labels: (I,) integer class of each image.
            text_labels: (T,) integer class of each text.
            temperature: tau, a number in (0, 10] or a tensor with one element, which may be learnable.
            logit_scale: 1 / tau, in the place of the temperature.

        Returns:
            Scalar, or (I + T,) with ``reduction="none"``; float32 (float64 if an embedding is float64).

        Raises:
            ValueError: If a shape or dtype does not fit, an embedding is not finite, a label is negative, not exactly
                one of temperature and logit scale is given, or an image or text has no partner of its class in the
                batch (where values are not read, the loss is then NaN).
        """
        look = self.check_values
        check_features(image_emb, "image_emb", check_values=look)
        check_features(text_emb, "text_emb", width=image_emb.shape[1], check_values=look)
        image_labels = check_targets(image_labels, "image_labels", len(image_emb), check_values=look)
        text_labels = check_targets(text_labels, "text_labels", len(text_emb), check_values=look)
        tau = check_temperature(temperature, logit_scale, check_values=look)

        positive = image_labels[:, None] == text_labels[None, :]
        if reads_values(positive, look):
            self._check_partners(positive, image_labels, text_labels)
        logits = cosine_logits(image_emb, text_emb, tau)
        visual, linguistic = self._one_way(logits, positive), self._one_way(logits.T, positive.T)
        return torch.cat([visual, linguistic]) if self.reduction == "none" else visual + linguistic

    def _one_way(self, logits: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
        """Cross-entropies between the softmax of each row and a uniform target on its positives, reduced."""
        target = positive.to(logits.dtype) / positive.sum(dim=1, keepdim=True)
        target = (1 - self.label_smoothing) * target + self.label_smoothing / logits.shape[1]
        return self.reduce(-(target * logits.log_softmax(dim=1)).sum(dim=1))

    @staticmethod
    def _check_partners(positive: torch.Tensor, image_labels: torch.Tensor, text_labels: torch.Tensor) -> None:
        for name, other, labels, alone in (
            ("image_labels", "text_labels", image_labels, ~positive.any(dim=1)),
            ("text_labels", "image_labels", text_labels, ~positive.any(dim=0)),
        ):
            if bool(alone.any()):
                at = int(alone.nonzero()[0])
                raise ValueError(f"{name} must each occur in {other}, got {int(labels[at])} at position {at}")
