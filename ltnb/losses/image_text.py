"""BALLAD's one-way loss: each image against the prompts of all classes."""

from __future__ import annotations

import torch

from ltnb._checks import check_class_targets, check_features, check_number, check_temperature
from ltnb._numeric import cosine_logits
from ltnb.losses.classification import cross_entropies
from ltnb.losses.loss import Loss, Reduction


class ImageTextCrossEntropy(Loss):
    """Cross-entropy of images over all class prompts, L_{v->l} with the K class texts in the place of the batch.

        L = mean_i  - log ( exp(v_i . u_{y_i} / tau) / sum_{k=1..K} exp(v_i . u_k / tau) )

    v and u are the unit-length image and text embeddings. This is what Algorithm 1 of the arXiv paper and the released
    code compute (the code with tau = 1/100); Eq. 2 as printed ranges over the texts in the batch instead.

    Args:
        reduction: ``"mean"`` or ``"sum"`` of the images' terms, or ``"none"`` of both.
        label_smoothing: Part of every label that is spread evenly over the classes, in [0, 1).
        check_values: Look at values (NaN, label range) off the CPU too.

    Raises:
        ValueError: If ``reduction`` is none of the three or ``label_smoothing`` is outside of [0, 1).

    Example:
        >>> import torch
        >>> from ltnb.losses import ImageTextCrossEntropy
        >>> images, prompts = torch.tensor([[3.0, 1.0], [0.0, 2.0]]), torch.eye(2)
        >>> ImageTextCrossEntropy()(images, prompts, torch.tensor([0, 1]), temperature=0.5)
        tensor(0.1878)

    Source: BALLAD (Ma et al. 2021) Eq. 2 and 4, Algorithm 1, https://arxiv.org/abs/2111.14745.
    """

    def __init__(
        self, *, reduction: Reduction = "mean", label_smoothing: float = 0.0, check_values: bool = False
    ) -> None:
        super().__init__(reduction, check_values=check_values)
        self.label_smoothing = check_number(label_smoothing, "label_smoothing", 0.0, 1.0, ends="[)")

    def forward(
        self,
        image_emb: torch.Tensor,
        class_text_emb: torch.Tensor,
        labels: torch.Tensor,
        temperature: float | torch.Tensor | None = None,
        *,
        logit_scale: float | torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Loss of one batch.

        Args:
            image_emb: (B, D) floating point, any length; normalised inside.
            class_text_emb: (C, D) floating point, row c is the text of class c; normalised inside.
            labels: (B,) integer class of each image, in 0..C-1; or (B, C) floating point, the share of each class in an
                image, rows that sum to 1.
            temperature: tau, a number in (0, 10] or a tensor with one element, which may be learnable.
            logit_scale: 1 / tau, in the place of the temperature.

        Returns:
            Scalar, or (B,) with ``reduction="none"``; float32 (float64 if an embedding is float64).

        Raises:
            ValueError: If a shape or dtype does not fit, an embedding is not finite, a label is no class, or not
                exactly one of temperature and logit scale is given.
        """
        look = self.check_values
        check_features(image_emb, "image_emb", check_values=look)
        check_features(class_text_emb, "class_text_emb", width=image_emb.shape[1], check_values=look)
        labels = check_class_targets(labels, "labels", len(image_emb), len(class_text_emb), check_values=look)
        tau = check_temperature(temperature, logit_scale, check_values=look)
        logits = cosine_logits(image_emb, class_text_emb, tau)
        if labels.is_floating_point():
            labels = labels.to(logits.dtype)
        return self.reduce(cross_entropies(logits, labels, self.label_smoothing))
