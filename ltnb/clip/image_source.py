"""From an image dataset to batches: labels, pictures in bulk, and a training source for `ltnb.training.fit`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ltnb._checks import fail
from ltnb.clip.preprocess import Preprocess

if TYPE_CHECKING:
    from ltnb.clip.backbone import Backbone


def dataset_labels(dataset: Any) -> Tensor | None:
    """``dataset.labels`` as int64 (N,), None when the dataset does not tell them without being read."""
    labels = getattr(dataset, "labels", None)
    return None if labels is None else torch.as_tensor(labels, dtype=torch.int64)


def read_batch(dataset: Any, preprocess: Preprocess, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Reads, resizes and normalises some pictures of a dataset.

    A dataset with ``images(indices)`` gives all of them at once (uint8 (B, 3, H, W)) together with its ``labels``;
    any other is read one by one.

    Args:
        dataset: map-style, ``dataset[i]`` → (PIL picture or uint8 tensor (3, H, W), int).
        preprocess: of the model.
        indices: B positions.

    Returns:
        float32 (B, 3, h, w) and int64 labels (B,).

    Raises:
        ValueError: a picture that cannot be read, naming its position and, where the dataset knows it, its file.
    """
    labels = dataset_labels(dataset)
    if labels is not None and hasattr(dataset, "images"):
        index = torch.as_tensor(indices, dtype=torch.int64)
        return preprocess(dataset.images(index.numpy())), labels[index]
    pictures, found = [], []
    for i in indices:
        try:
            image, label = dataset[int(i)]
            pictures.append(preprocess(image))
        except Exception as error:  # Pillow raises many kinds for broken files
            raise ValueError(
                f"dataset {describe_dataset(dataset)}: image {int(i)}{_file(dataset, i)} is unreadable: {error}"
            ) from error
        found.append(int(label))
    return torch.stack(pictures), torch.tensor(found, dtype=torch.int64)


def describe_dataset(dataset: Any) -> str:
    """A dataset's own name, or its class, for messages."""
    name = getattr(dataset, "name", None)
    return repr(name) if isinstance(name, str) else type(dataset).__name__


def _file(dataset: Any, index: int) -> str:
    paths = getattr(dataset, "paths", None)
    return "" if paths is None else f" ({paths[int(index)]})"


class ImageSource:
    """Batches of pictures for fine-tuning an image tower: a source for `ltnb.training.fit`.

    Nothing random is done to the pictures: the lessons fine-tune without crops and flips, and say so.

    Args:
        backbone: whose preprocessing is used; the model itself is not kept.
        dataset: map-style image dataset with ``labels``.
    """

    def __init__(self, backbone: Backbone, dataset: Any) -> None:
        if len(dataset) == 0:
            fail("dataset", "not empty", describe_dataset(dataset))
        self._preprocess = backbone.preprocessor
        self.dataset = dataset

    @property
    def fingerprint(self) -> str | None:
        """Hash of the dataset's recipe and the preprocessing; None where the dataset has none."""
        recipe = getattr(self.dataset, "fingerprint", None)
        if recipe is None:
            return None
        return hashlib.sha256(f"{recipe} {self._preprocess.key}".encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        images, labels = self.__getitems__([index])
        return images[0], labels[0]

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Float32 (B, 3, h, w) and int64 (B,), already collated."""
        return read_batch(self.dataset, self._preprocess, indices)
