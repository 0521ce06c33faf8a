"""Distillation from the frozen CLIP, so that a small corpus does not make fine-tuning forget: VL-LTR Eq. 3."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from ltnb._checks import check_choice, check_features, check_temperature, fail
from ltnb._numeric import cosine_logits, unit
from ltnb.losses.loss import Loss, Reduction

Form = Literal["full", "paper"]


class LogitDistillationLoss(Loss):
    r"""The student's image-text similarities in a batch follow the teacher's, in both directions.

    With S_ij the student's and S'_ij the teacher's cosine similarity of image i and text j, N pairs, p and p' their
    softmax over a row (and over a column for the other direction):

        full:   mean_i  - sum_j  p'_ij log p_ij     + the same for the columns     (the released code's form)
        paper:  mean_i  - p'_ii log p_ii            + the same for the columns     (Eq. 3 as printed)

    The printed form looks at the diagonal alone: it is smallest where the student is sure of every pair, not where it
    agrees with the teacher, and 0 where the teacher is sure that a pair does not belong together.

    Args:
        form: ``"full"`` or ``"paper"``.
        reduction: ``"mean"`` or ``"sum"`` of the pairs' terms, each that of its row plus that of its column, or
            ``"none"`` of both.
        check_values: Look at values (NaN, infinity) off the CPU too.

    Raises:
        ValueError: If ``form`` or ``reduction`` is none of its choices.

    Example:
        >>> import torch
        >>> from ltnb.losses import LogitDistillationLoss
        >>> images, texts, teacher = torch.tensor([[1.0, 0.5], [0.0, 1.0]]), torch.eye(2), torch.eye(2)
        >>> LogitDistillationLoss()(images, texts, teacher, teacher, temperature=0.5)
        tensor(0.8001)

    Source: VL-LTR (Tian et al. 2022) Eq. 3, https://arxiv.org/abs/2111.13579; the released code averages the two
    directions, Eq. 3 adds them.
    """

    settings = ("form",)

    def __init__(self, form: Form = "full", *, reduction: Reduction = "mean", check_values: bool = False) -> None:
        super().__init__(reduction, check_values=check_values)
        self.form = check_choice(form, "form", get_args(Form))

    def forward(
        self,
        image_emb: torch.Tensor,
        text_emb: torch.Tensor,
        teacher_image_emb: torch.Tensor,
        teacher_text_emb: torch.Tensor,
        temperature: float | torch.Tensor | None = None,
        *,
        logit_scale: float | torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Loss of one batch of pairs.

        Args:
            image_emb: (N, D) floating point, any length, the student's.
            text_emb: (N, D), the student's text of each image.
            teacher_image_emb: (N, D'), the teacher's; no gradient reaches it.
            teacher_text_emb: (N, D'), the teacher's; no gradient reaches it.
            temperature: tau of both softmaxes, a number in (0, 10] or a tensor with one element; it learns from the
                student's side alone.
            logit_scale: 1 / tau, in the place of the temperature.

        Returns:
            Scalar, or (N,) with ``reduction="none"``; float32 (float64 if a student's embedding is float64).

        Raises:
            ValueError: If a shape or dtype does not fit, an embedding is not finite, or not exactly one of temperature
                and logit scale is given.
        """
        _check_pairs(image_emb, text_emb, teacher_image_emb, teacher_text_emb, self.check_values)
        tau = check_temperature(temperature, logit_scale, check_values=self.check_values)
        teacher_tau = tau.detach() if isinstance(tau, torch.Tensor) else tau
        logits = cosine_logits(image_emb, text_emb, tau)
        teacher = cosine_logits(teacher_image_emb.detach(), teacher_text_emb.detach(), teacher_tau).to(logits.dtype)
        return self._one_way(logits, teacher) + self._one_way(logits.T, teacher.T)

    def _one_way(self, logits: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """The teacher's cross-entropy of each row, whole rows or their diagonal term, reduced."""
        terms = teacher.softmax(dim=1) * logits.log_softmax(dim=1)
        return -self.reduce(terms.sum(dim=1) if self.form == "full" else terms.diagonal())


class FeatureDistillationLoss(Loss):
    r"""Student and teacher embeddings point the same way, in both towers.

        mean_i ||v_i - v'_i||^2 + mean_i ||u_i - u'_i||^2        (all of unit length)

    VL-LTR's Table 9 compares it with distilling the logits and gives no formula; this is the plainest one.

    Args:
        reduction: ``"mean"`` or ``"sum"`` of the pairs' terms, each that of its image plus that of its text, or
            ``"none"`` of both.
        check_values: Look at values (NaN, infinity) off the CPU too.

    Raises:
        ValueError: If ``reduction`` is none of the three.

    Example:
        >>> import torch
        >>> from ltnb.losses import FeatureDistillationLoss
        >>> teacher = torch.eye(2)
        >>> FeatureDistillationLoss()(3 * teacher, -teacher, teacher, teacher)  # images agree, texts are opposite
        tensor(4.)

    Source: VL-LTR (Tian et al. 2022) appendix E, Table 9 ("Feature"), https://arxiv.org/abs/2111.13579.
    """

    def forward(
        self,
        image_emb: torch.Tensor,
        text_emb: torch.Tensor,
        teacher_image_emb: torch.Tensor,
        teacher_text_emb: torch.Tensor,
    ) -> torch.Tensor:
        """Loss of one batch of pairs.

        Args:
            image_emb: (N, D) floating point, any length, the student's.
            text_emb: (N, D), the student's.
            teacher_image_emb: (N, D), the teacher's; no gradient reaches it.
            teacher_text_emb: (N, D), the teacher's; no gradient reaches it.

        Returns:
            Scalar in [0, 8], or (N,) with ``reduction="none"``; float32 (float64 if a student's embedding is float64).

        Raises:
            ValueError: If a shape or dtype does not fit, or an embedding is not finite.
        """
        _check_pairs(image_emb, text_emb, teacher_image_emb, teacher_text_emb, self.check_values)
        if teacher_image_emb.shape != image_emb.shape:
            fail("teacher_image_emb", f"of shape {tuple(image_emb.shape)}", teacher_image_emb)
        images, texts = _distances(image_emb, teacher_image_emb), _distances(text_emb, teacher_text_emb)
        return self.reduce(images) + self.reduce(texts)


def _distances(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Squared distances of unit vectors, (N,)."""
    dtype = torch.promote_types(student.dtype, torch.float32)
    return (unit(student.to(dtype)) - unit(teacher.detach().to(dtype))).square().sum(dim=1)


def _check_pairs(
    image: torch.Tensor, text: torch.Tensor, teacher_image: torch.Tensor, teacher_text: torch.Tensor, look: bool
) -> None:
    check_features(image, "image_emb", check_values=look)
    check_features(text, "text_emb", width=image.shape[1], check_values=look)
    check_features(teacher_image, "teacher_image_emb", check_values=look)
    check_features(teacher_text, "teacher_text_emb", width=teacher_image.shape[1], check_values=look)
    for name, tensor in {
        "text_emb": text,
        "teacher_image_emb": teacher_image,
        "teacher_text_emb": teacher_text,
    }.items():
        if len(tensor) != len(image):
            fail(name, f"of {len(image)} rows, as image_emb", tensor)
