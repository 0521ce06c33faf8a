"""BALLAD's one-way loss: each image against the prompts of all classes."""

from __future__ import annotations

import torch
from torch import nn

from ltnb._checks import check_features, check_targets, check_temperature
from ltnb._numeric import cosine_logits


class ImageTextCrossEntropy(nn.Module):
    """Cross-entropy of images over all class prompts, L_{v->l} with the K class texts in the place of the batch.

        L = mean_i  - log ( exp(v_i . u_{y_i} / tau) / sum_{k=1..K} exp(v_i . u_k / tau) )

    v and u are the unit-length image and text embeddings. This is what Algorithm 1 of the arXiv paper and the released
    code compute (the code with tau = 1/100); Eq. 2 as printed ranges over the texts in the batch instead.

    Args:
        check_values: Look at values (NaN, label range) off the CPU too.

    Source: BALLAD (Ma et al. 2021) Eq. 2 and 4, Algorithm 1.
    """

    def __init__(self, *, check_values: bool = False) -> None:
        super().__init__()
        self.check_values = check_values

    def forward(
        self,
        image_emb: torch.Tensor,
        class_text_emb: torch.Tensor,
        labels: torch.Tensor,
        temperature: float | torch.Tensor,
    ) -> torch.Tensor:
        """Loss of one batch.

        Args:
            image_emb: (B, D) floating point, any length; normalised inside.
            class_text_emb: (C, D) floating point, row c is the text of class c; normalised inside.
            labels: (B,) integer class of each image, in 0..C-1.
            temperature: tau, a positive number or a tensor with one element, which may be learnable.

        Returns:
            Scalar, float32 (float64 if an embedding is float64).

        Raises:
            ValueError: If a shape, dtype or value is not as described.
        """
        look = self.check_values
        check_features(image_emb, "image_emb", check_values=look)
        check_features(class_text_emb, "class_text_emb", width=image_emb.shape[1], check_values=look)
        labels = check_targets(labels, "labels", len(image_emb), num_classes=len(class_text_emb), check_values=look)
        tau = check_temperature(temperature, check_values=look)

        log_prob = cosine_logits(image_emb, class_text_emb, tau).log_softmax(dim=1)
        return -log_prob.gather(1, labels[:, None]).mean()
