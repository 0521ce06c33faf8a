"""Anchor sentence selection (AnSS): which sentences of a noisy corpus tell a class from the others (VL-LTR 3.3)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ltnb._checks import (
    check_features,
    check_integer,
    check_label_array,
    check_targets,
    check_temperature,
    fail,
)
from ltnb._numeric import cosine_logits, unit
from ltnb._seeds import chosen_seed


def image_batch(labels: Any, per_class: int = 50, *, seed: int = 0, generator: torch.Generator | None = None) -> Tensor:
    """Draw the images that sentences are scored on: at most ``per_class`` of each class.

    Args:
        labels: (N,) integers, array, list or tensor.
        per_class: At most so many of a class; the paper: 50.
        seed: Of the draw.
        generator: Gives the seed in place of ``seed``.

    Returns:
        int64 (I,), positions in ascending order.

    Raises:
        ValueError: If labels are no integers from 0 on, ``per_class`` is no integer from 1 on, or both ``seed`` and
            ``generator`` are given.

    Example:
        >>> from ltnb.anchors import image_batch
        >>> image_batch([0, 0, 1, 2, 2], per_class=2)
        tensor([0, 1, 2, 3, 4])

    Source: VL-LTR (Tian et al. 2022) section 3.3, the "special" image batch I', https://arxiv.org/abs/2111.13579.
    """
    y = torch.from_numpy(check_label_array(labels, "labels"))
    per_class = check_integer(per_class, "per_class", 1)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(chosen_seed(seed, generator)))
    rank = _rank_in_class(y[order])
    return order[rank < per_class].sort().values


@torch.no_grad()
def score_sentences(
    text_emb: Tensor,
    text_labels: Tensor,
    image_emb: Tensor,
    image_labels: Tensor,
    temperature: float | Tensor | None = None,
    *,
    logit_scale: float | Tensor | None = None,
    block: int = 1 << 22,
) -> Tensor:
    r"""Compute L_lin of every sentence against one batch of images; a small one is a sentence that finds its class.

        L_lin(T_i) = - 1/|I+_i|  sum_{j in I+_i}  log ( exp(S_ji / tau) / sum_k exp(S_ki / tau) )

    with S_ji the cosine similarity of image j and sentence i, I+_i the images of its class. Since the sum over I+_i is
    linear, it is one product with the mean of the class's unit vectors. Sentences are taken a block at a time, so that
    memory grows with their embeddings alone.

    Args:
        text_emb: (S, D) floating point, any length.
        text_labels: (S,) integer class of each sentence, on the same device as all others.
        image_emb: (I, D) floating point, any length; see `image_batch`.
        image_labels: (I,) integer class of each image.
        temperature: tau, a positive number up to 10 or a tensor with one element.
        logit_scale: 1 / tau, as CLIP's models keep it (``model.logit_scale.exp()``, 100 for OpenAI's); exactly one of
            the two is given.
        block: Cosines worked on at a time, about; it bounds the memory.

    Returns:
        (S,), at least log |I+_i| up to rounding, float32 (float64 if an embedding is float64), where ``text_emb`` is.

    Raises:
        ValueError: If an embedding is no finite floating-point tensor, labels are no integers from 0 on, shapes do not
            fit together, not exactly one of the two scales is given or it is out of range, or a sentence's class has no
            image.

    Example:
        >>> import torch
        >>> from ltnb.anchors import score_sentences
        >>> sentences = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])  # two of class 0, one of class 1
        >>> pictures = torch.tensor([[2.0, 0.0], [0.0, 2.0]])  # one of each
        >>> scores = score_sentences(sentences, torch.tensor([0, 0, 1]), pictures, torch.tensor([0, 1]), 0.07)
        >>> scores.argsort().tolist(), round(float(scores[1]), 3)  # the second sentence tells nothing: log 2
        ([0, 2, 1], 0.693)

    Source: VL-LTR (Tian et al. 2022) section 3.3 and L_lin of Eq. 2, https://arxiv.org/abs/2111.13579.
    """
    check_features(text_emb, "text_emb")
    check_features(image_emb, "image_emb", width=text_emb.shape[1])
    text_labels = check_targets(text_labels, "text_labels", len(text_emb))
    image_labels = check_targets(image_labels, "image_labels", len(image_emb))
    tau = check_temperature(temperature, logit_scale)
    classes = max(int(text_labels.max()), int(image_labels.max())) + 1
    counts = torch.bincount(image_labels, minlength=classes)
    alone = counts[text_labels] == 0
    if bool(alone.any()):
        at = int(alone.nonzero()[0])
        fail("text_labels", "classes that occur in image_labels", f"{int(text_labels[at])} at position {at}")
    dtype = torch.promote_types(torch.promote_types(text_emb.dtype, image_emb.dtype), torch.float32)
    images = unit(image_emb.to(dtype))
    means = images.new_zeros(classes, images.shape[1]).index_add_(0, image_labels, images)
    means /= counts.clamp_min(1)[:, None]
    scores = images.new_empty(len(text_emb))
    rows_at_a_time = max(1, check_integer(block, "block", 1) // len(images))
    for rows in torch.arange(len(text_emb), device=text_emb.device).split(rows_at_a_time):
        text = unit(text_emb[rows].to(dtype))
        own = (text * means[text_labels[rows]]).sum(dim=1) / tau
        scores[rows] = cosine_logits(text, images, tau).logsumexp(dim=1) - own
    return scores


def select_anchors(
    text_emb: Tensor, text_labels: Tensor, scores: Tensor, per_class: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Choose the sentences with the smallest scores of each class, ready for `ltnb.heads.LanguageGuidedHead`.

    Of equal scores the earlier sentence is taken. The paper's "cut off" is ``scores=torch.arange(S)``, a random choice
    ``scores=torch.rand(S)``.

    Args:
        text_emb: (S, D) floating point.
        text_labels: (S,) integer classes; each of 0..C-1 at least once, C being the largest plus one.
        scores: (S,) numbers, e.g. from `score_sentences`.
        per_class: M (the paper: 64).

    Returns:
        anchors: (C, M, D) in the type of ``text_emb``, best first; zeros where a class has fewer than M sentences.
        padding_mask: (C, M) bool, True there.
        indices: (C, M) int64 positions in ``text_emb``, -1 there.

    Raises:
        ValueError: If an embedding is no finite floating-point tensor, labels are no integers from 0 on, shapes do not
            fit together, a score is NaN, M is no integer from 1 on, or a class has no sentence.

    Example:
        >>> import torch
        >>> from ltnb.anchors import select_anchors
        >>> sentences, classes = torch.randn(4, 8), torch.tensor([0, 0, 0, 1])
        >>> anchors, padding_mask, indices = select_anchors(sentences, classes, torch.tensor([3.0, 1.0, 2.0, 5.0]), 2)
        >>> indices.tolist(), padding_mask.tolist(), tuple(anchors.shape)
        ([[1, 2], [3, -1]], [[False, False], [False, True]], (2, 2, 8))

    Source: VL-LTR (Tian et al. 2022) section 3.3, https://arxiv.org/abs/2111.13579.
    """
    check_features(text_emb, "text_emb")
    text_labels = check_targets(text_labels, "text_labels", len(text_emb))
    per_class = check_integer(per_class, "per_class", 1)
    if not isinstance(scores, Tensor) or scores.shape != (len(text_emb),) or scores.is_complex():
        fail("scores", f"a tensor of shape ({len(text_emb)},)", scores)
    if bool(scores.isnan().any()):
        fail("scores", "numbers", f"NaN at position {int(scores.isnan().nonzero()[0])}")
    counts = torch.bincount(text_labels)
    if bool((counts == 0).any()):
        fail("text_labels", f"such that each class below {len(counts)} occurs", f"none of class {int(counts.argmin())}")
    order = scores.sort(stable=True).indices
    labels = text_labels[order]
    rank = _rank_in_class(labels)
    kept = rank < per_class
    indices = text_labels.new_full((len(counts), per_class), -1)
    indices[labels[kept], rank[kept]] = order[kept]
    padding_mask = indices < 0
    anchors = text_emb[indices.clamp_min(0)].masked_fill(padding_mask[..., None], 0)
    return anchors, padding_mask, indices


def scores_in_turn(scores: Tensor, text_labels: Tensor, kinds: Tensor) -> Tensor:
    """Scores under which kinds of sentences take turns in `select_anchors`: first the best of each kind, and so on.

    Args:
        scores: (S,) numbers, smaller is better.
        text_labels: (S,) integer classes.
        kinds: (S,) integers or bools, e.g. whether a sentence is a prompt.

    Returns:
        int64 (S,): the rank of a sentence among those of its class and kind, from 0; of equal scores the earlier first.

    Raises:
        ValueError: If shapes do not fit together, or classes and kinds are no integers from 0 on.

    Example:
        >>> import torch
        >>> from ltnb.anchors import scores_in_turn
        >>> of_one_class, is_prompt = torch.zeros(4).long(), torch.tensor([True, True, False, False])
        >>> scores_in_turn(torch.tensor([0.1, 0.2, 0.9, 0.3]), of_one_class, is_prompt).tolist()
        [0, 1, 1, 0]
    """
    text_labels = check_targets(text_labels, "text_labels", len(scores))
    kinds = check_targets(kinds.long() if kinds.dtype == torch.bool else kinds, "kinds", len(scores))
    order = scores.sort(stable=True).indices
    group = text_labels * (int(kinds.max()) + 1) + kinds
    ranks = torch.empty_like(order)
    ranks[order] = _rank_in_class(group[order])
    return ranks


def _rank_in_class(labels: Tensor) -> Tensor:
    """For each position how many earlier ones have the same label."""
    by_class = labels.sort(stable=True)
    starts = torch.searchsorted(by_class.values, by_class.values)
    rank = torch.empty_like(labels)
    rank[by_class.indices] = torch.arange(len(labels), device=labels.device) - starts
    return rank
