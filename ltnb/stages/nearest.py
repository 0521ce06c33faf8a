"""Rows without training: the nearest text, the nearest class mean, the nearest neighbours."""

from __future__ import annotations

from torch import Tensor

from ltnb.heads import KNNHead, NearestClassMean
from ltnb.stages.bench import Bench, Scorer

NEIGHBOURS = (1, 3, 5, 10, 20)
"""Numbers of neighbours that validation chooses from."""


def zero_shot(bench: Bench, key: str) -> Scorer:
    """Cosines with text features (CLIP; BALLAD Eq. 4)."""
    return lambda part: bench.x[part] @ bench.anchors.T


def ncm(bench: Bench, key: str) -> Scorer:
    """Cosines with the mean of each class's features of length 1 (Kang et al. 2020, 4.2)."""
    return bench.on_unit(NearestClassMean(bench.x["train"], bench.y["train"], bench.num_classes))


def knn(bench: Bench, key: str) -> Scorer:
    """Share of each class among the nearest training features by cosine: validation chooses how many, else 5."""
    x, y = bench.x["train"], bench.y["train"]
    asked = [k for k in NEIGHBOURS if k <= len(x)]
    heads = {k: bench.on_unit(KNNHead(x, y, k=k, num_classes=bench.num_classes)) for k in asked}
    scorer, k = bench.choose(heads, otherwise=max(k for k in asked if k <= 5))
    bench.chosen[key] = {"k": k}
    return scorer


def chosen_neighbours(
    bank: tuple[Tensor, Tensor], val: tuple[Tensor, Tensor], num_classes: int, asked: tuple[int, ...] = NEIGHBOURS
) -> KNNHead:
    """Nearest neighbours by cosine in any bank, of pictures or of sentences, as many as are best on validation rows.

    Args:
        bank: features (N, D) and classes (N,) of what is searched.
        val: features and classes of the validation pictures.
        num_classes: C.
        asked: numbers of neighbours; those above N are left out. Of equally good ones the first is taken.
    """
    heads = [KNNHead(*bank, k=k, num_classes=num_classes) for k in asked if k <= len(bank[0])]
    return max(heads, key=lambda head: int((head(val[0]).argmax(dim=1) == val[1]).sum()))
