"""What both towers make of a world as they stand: its pictures and some sentences, to be compared later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ltnb._checks import check_choice, check_integer
from ltnb.clip.backbone import Backbone
from ltnb.clip.features import Features, extract_features
from ltnb.data.containers import LongTailData

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Embedded:
    """Embeddings of a data set and of sentences by the same towers, on the CPU, of the length that they come in.

    Attributes:
        train, val, test: features and labels of the pictures.
        texts: (S, D) embeddings of the sentences.
    """

    train: Features
    val: Features
    test: Features
    texts: Tensor


@torch.no_grad()
def embed_sentences(backbone: Backbone, sentences: Sequence[str], *, batch_size: int = 256) -> Tensor:
    """Embeddings (S, D) of any number of sentences, a batch at a time, on the CPU.

    Args:
        backbone: its text tower is used as it stands.
        sentences: S strings; none gives (0, D).
        batch_size: sentences a step.

    Raises:
        ValueError: ``batch_size`` is no integer from 1 on, or a sentence is no text.
    """
    step = check_integer(batch_size, "batch_size", 1)
    parts = [
        backbone.encode_texts(list(sentences[i : i + step]), normalize=False).cpu()
        for i in range(0, len(sentences), step)
    ]
    return torch.cat(parts) if parts else torch.empty(0, backbone.embed_dim)


def embed(
    backbone: Backbone, data: LongTailData, sentences: Sequence[str], *, parts: Sequence[str] = PARTS
) -> Embedded:
    """Encode pictures of a data set, and sentences.

    Args:
        backbone: towers as they stand; nothing follows them when they are trained later.
        data: see `ltnb.data.load`.
        sentences: S strings.
        parts: those of ``train``, ``val`` and ``test`` that are wanted; of the others there is no row.

    Raises:
        ValueError: there is no such part.
    """
    for name in parts:
        check_choice(name, "parts", PARTS)
    splits = {name: Features(torch.empty(0, backbone.embed_dim), torch.empty(0, dtype=torch.int64)) for name in PARTS}
    for name in dict.fromkeys(parts):
        found = extract_features(backbone, getattr(data, name))
        splits[name] = Features(found.x.cpu(), found.y.cpu())
    return Embedded(**splits, texts=embed_sentences(backbone, sentences))
