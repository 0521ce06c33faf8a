"""The pictures that answer a text best."""

from __future__ import annotations

import torch
from torch import Tensor

from ltnb._checks import check_features, check_integer, fail
from ltnb._numeric import unit, without_autocast


@torch.no_grad()
def top_images(
    query_emb: Tensor, image_emb: Tensor, k: int, *, block: int = 1 << 23, images_at_a_time: int = 1 << 16
) -> Tensor:
    """Find the k images with the greatest cosine similarity to each query, best first.

    Of equally similar images, equal to the last bit of the products, the one with the smaller index comes first.
    Queries and images are compared a block at a time: memory does not grow with the number of either, beyond their
    embeddings and the result.

    Args:
        query_emb: (Q, D) or, for one query, (D,); floating point, any length. Of texts in the first place, but an
            image's embedding asks as well.
        image_emb: (N, D) floating point, any length, on the same device.
        k: 1 to N.
        block: Cosines worked on at a time, about; it bounds the memory.
        images_at_a_time: Images of a block, at least 2 k being taken.

    Returns:
        int64 (Q, k), or (k,) for one query: positions in ``image_emb``.

    Raises:
        ValueError: If an embedding is no finite floating-point tensor, the widths differ, or a number is no integer
            from 1 on or larger than N.

    Example:
        >>> import torch
        >>> from ltnb.retrieval import top_images
        >>> pictures = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
        >>> top_images(torch.tensor([0.1, 1.0]), pictures, k=2)
        tensor([1, 2])

    Source: VL-LTR (Tian et al. 2022) Fig. 6 and 9, images with the greatest cosine similarity to a concept,
    https://arxiv.org/abs/2111.13579.
    """
    single = isinstance(query_emb, Tensor) and query_emb.ndim == 1
    queries = check_features(query_emb[None] if single else query_emb, "query_emb")
    check_features(image_emb, "image_emb", width=queries.shape[1])
    k = check_integer(k, "k", 1)
    if k > len(image_emb):
        fail("k", f"at most the number of images, {len(image_emb)}", repr(k))
    dtype = torch.promote_types(torch.promote_types(queries.dtype, image_emb.dtype), torch.float32)
    images_at_a_time = max(2 * k, min(len(image_emb), check_integer(images_at_a_time, "images_at_a_time", 1)))
    queries_at_a_time = max(1, check_integer(block, "block", 1) // images_at_a_time)
    found = []
    for part in unit(queries.to(dtype)).split(queries_at_a_time):
        values = part.new_empty(len(part), 0)
        indices = torch.empty(len(part), 0, dtype=torch.int64, device=part.device)
        for first in range(0, len(image_emb), images_at_a_time):
            images = unit(image_emb[first : first + images_at_a_time].to(dtype))
            with without_autocast(part):
                similarity = part @ images.T
            best = _first_of_the_best(similarity, min(k, len(images)))
            # those found before have smaller indices and stand first, so that a stable sort keeps the order of ties
            values = torch.cat([values, similarity.gather(1, best)], dim=1)
            indices = torch.cat([indices, first + best], dim=1)
            order = values.sort(dim=1, descending=True, stable=True).indices[:, :k]
            values, indices = values.gather(1, order), indices.gather(1, order)
        found.append(indices)
    result = torch.cat(found)
    return result[0] if single else result


@torch.no_grad()
def average_precision(query_emb: Tensor, image_emb: Tensor, relevant: Tensor) -> Tensor:
    """How far up the relevant images stand when all are sorted by their cosine with a query.

    The mean, over the relevant images, of the precision at the place of each: 1 if all of them come first, about their
    share if the order is random. Of equally similar images those that are not relevant come first.

    Args:
        query_emb: (Q, D) floating point, any length.
        image_emb: (N, D) floating point, any length, on the same device.
        relevant: (Q, N) bool.

    Returns:
        (Q,) float64, NaN where no image is relevant.

    Raises:
        ValueError: If an embedding is no finite floating-point tensor, or shapes do not fit together.

    Example:
        >>> import torch
        >>> from ltnb.retrieval import average_precision
        >>> pictures = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        >>> average_precision(torch.tensor([[1.0, 0.0]]), pictures, torch.tensor([[True, True, False]]))
        tensor([0.8333], dtype=torch.float64)
    """
    check_features(query_emb, "query_emb")
    check_features(image_emb, "image_emb", width=query_emb.shape[1])
    if relevant.shape != (len(query_emb), len(image_emb)) or relevant.dtype != torch.bool:
        fail("relevant", f"bool of shape ({len(query_emb)}, {len(image_emb)})", relevant)
    dtype = torch.promote_types(torch.promote_types(query_emb.dtype, image_emb.dtype), torch.float32)
    with without_autocast(query_emb):
        similarity = unit(query_emb.to(dtype)) @ unit(image_emb.to(dtype)).T
    irrelevant_first = relevant.to(torch.uint8).sort(dim=1, stable=True).indices
    order = similarity.gather(1, irrelevant_first).sort(dim=1, descending=True, stable=True).indices
    hits = relevant.gather(1, irrelevant_first.gather(1, order)).double()
    places = torch.arange(1, hits.shape[1] + 1, device=hits.device)
    return (hits * hits.cumsum(dim=1) / places).sum(dim=1) / hits.sum(dim=1)


@torch.no_grad()
def modality_gap(image_emb: Tensor, text_emb: Tensor, query_emb: Tensor, k: int = 20) -> tuple[float, float]:
    """How far apart images and texts lie, and how often a search among both finds a text.

    Args:
        image_emb: (N, D) floating point, any length.
        text_emb: (S, D).
        query_emb: (Q, D) images that search.
        k: Neighbours looked at, 1 to N + S.

    Returns:
        The distance of the mean image from the mean text, all of length 1 (0 to 2), and the share of texts among the k
        nearest of a query, 0 to 1; S / (N + S) if both lay in one place.

    Raises:
        ValueError: If an embedding is no finite floating-point tensor, widths differ, or ``k`` is out of its range.

    Example:
        >>> import torch
        >>> from ltnb.retrieval import modality_gap
        >>> images, texts = torch.tensor([[1.0, 0.0], [0.8, 0.6]]), torch.tensor([[0.0, 1.0]])
        >>> apart, share = modality_gap(images, texts, images, k=2)
        >>> round(apart, 3), share
        (1.14, 0.0)
    """
    images = unit(check_features(image_emb, "image_emb"))
    texts = unit(check_features(text_emb, "text_emb", width=images.shape[1]))
    check_features(query_emb, "query_emb", width=images.shape[1])
    found = top_images(query_emb, torch.cat([images, texts]), k)
    return float((images.mean(0) - texts.mean(0)).norm()), float((found >= len(images)).double().mean())


def _first_of_the_best(similarity: Tensor, k: int) -> Tensor:
    """Columns of the k greatest of each row, of equal ones the first, in ascending order: int64 (Q, k)."""
    values, columns = similarity.topk(k, dim=1)
    last = values[:, -1:]
    tied = (similarity >= last).sum(dim=1) > k  # topk chose among equals, and not always the first
    if bool(tied.any()):
        rows = tied.nonzero()[:, 0]
        columns[rows] = similarity[rows].sort(dim=1, descending=True, stable=True).indices[:, :k]
    return columns.sort(dim=1).values
