"""Pairs of an image and a sentence of its class, drawn anew in each step: what class-wise pre-training is fed with."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ltnb._checks import check_integer, check_label_array, fail
from ltnb.clip.image_source import describe_dataset


class PairSource:
    """Batches (images, labels, positions, sentences): a source for `ltnb.training.fit`.

    For each image a sentence of its class is drawn, every one equally likely, anew in each epoch. The draw depends on
    (seed, epoch, positions in the batch) alone, so that it is the same in every loader process and after a resume.

    Args:
        source: Gives a batch (images, labels) for a list of positions, e.g. `ltnb.clip.ImageSource`.
        text_labels: (S,) integer class of each sentence; every class of the images at least once.
        seed: Of the draws.

    Raises:
        ValueError: If `text_labels` are no integers >= 0, `seed` is negative, or a class of the images has no sentence.

    Source: VL-LTR (Tian et al. 2022) section 3.2: the text of an image is another one in each iteration.
    """

    def __init__(self, source: Any, text_labels: Any, *, seed: int = 0) -> None:
        self.source, self.seed, self.epoch = source, check_integer(seed, "seed", 0), 0
        labels = check_label_array(text_labels, "text_labels")
        self._labels, self._counts = labels, np.bincount(labels)
        self._starts = np.concatenate([[0], self._counts.cumsum()])
        self._order = np.argsort(labels, kind="stable")  # those of class c: _order[_starts[c] : _starts[c + 1]]
        known = getattr(getattr(source, "dataset", None), "labels", None)
        if known is not None:
            self._check(np.asarray(known))

    @property
    def fingerprint(self) -> str | None:
        """That of the images, with the sentences' classes; None where the images have none."""
        images = getattr(self.source, "fingerprint", None)
        return None if images is None else f"{images} {zlib.crc32(self._labels.tobytes()):08x} {self.seed}"

    def set_epoch(self, epoch: int) -> None:
        """Choose the draws of an epoch."""
        self.epoch = check_integer(epoch, "epoch", 0)
        if hasattr(self.source, "set_epoch"):
            self.source.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.source)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Images (B, ...), labels (B,), positions (B,) and sentences (B,), the last three int64."""
        images, labels = self.source.__getitems__(list(indices))
        classes = labels.cpu().numpy()
        self._check(classes)
        rng = np.random.default_rng((self.seed, self.epoch, *map(int, indices)))
        chosen = self._order[self._starts[classes] + rng.integers(self._counts[classes])]
        return images, labels, torch.as_tensor(indices, dtype=torch.int64), torch.from_numpy(chosen)

    def _check(self, labels: np.ndarray) -> None:
        counts = np.concatenate([self._counts, np.zeros(max(0, int(labels.max()) + 1 - len(self._counts)), dtype=int)])
        if (counts[labels] == 0).any():
            name = describe_dataset(getattr(self.source, "dataset", self.source))
            fail(
                "text_labels",
                f"such that each class of {name} has a sentence",
                f"none of {labels[counts[labels] == 0][0]}",
            )
