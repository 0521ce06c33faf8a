"""Features of a whole dataset, computed once: `extract_features`, `extract_layers` and their keyed cache."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ltnb._checks import check_choice, check_integer, fail
from ltnb.clip.backbone import Backbone
from ltnb.clip.feature_cache import CacheEntry, Draft
from ltnb.clip.image_source import describe_dataset, read_batch
from ltnb.clip.preprocess import Preprocess
from ltnb.clip.towers import LAYERS, Layer


@dataclass(frozen=True)
class Features:
    """Features of a dataset, in its order.

    Attributes:
        x: float32 (N, D), or (N, T, W) for tokens; on the CPU, memory-mapped when it comes from a cache.
        y: int64 (N,).
    """

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)


def extract_features(
    backbone: Backbone,
    dataset: Any,
    *,
    layer: Layer = "embedding",
    normalize: bool = False,
    batch_size: int = 256,
    cache_dir: str | os.PathLike[str] | None = None,
    num_workers: int = 0,
    progress: bool | None = None,
) -> Features:
    """`extract_layers` for one layer.

    Args:
        backbone: see there, as for all that follows.
        dataset: map-style, ``dataset[i]`` → (picture, int label).
        layer: ``embedding`` (joint space), ``pooled`` (before the projection) or ``tokens`` (all of them, class token
            first).
        normalize: divide each feature by its norm.
        batch_size: images a step.
        cache_dir: folder of the cache; None computes anew.
        num_workers: processes that read pictures; 0 reads them here.
        progress: progress bar on stderr; None shows one on a terminal only.

    Returns:
        `Features`.

    Raises:
        ValueError: as `extract_layers`.
    """
    check_choice(layer, "layer", LAYERS)
    return extract_layers(
        backbone,
        dataset,
        (layer,),
        normalize=normalize,
        batch_size=batch_size,
        cache_dir=cache_dir,
        num_workers=num_workers,
        progress=progress,
    )[layer]


def extract_layers(
    backbone: Backbone,
    dataset: Any,
    layers: Sequence[Layer] = LAYERS,
    *,
    normalize: bool = False,
    batch_size: int = 256,
    cache_dir: str | os.PathLike[str] | None = None,
    num_workers: int = 0,
    progress: bool | None = None,
) -> dict[Layer, Features]:
    """Runs a frozen image tower over a dataset, once for all layers that are wanted.

    With a cache folder, features are kept under a key made of the image tower's weights (as they are now),
    architecture, GELU kind, precision, preprocessing, layer, normalisation, dataset fingerprint and count; whatever
    changes one of these makes new features, and a damaged entry is made again. Layers on their way to the cache are
    written batch by batch, so that tokens of many images need no memory. Where the folder cannot be written, a warning
    says so and the features are kept in memory.

    Args:
        backbone: used in evaluation mode and without gradients, then left as it was. Tensors made here can be trained
            on.
        dataset: map-style, ``dataset[i]`` → (picture, int label); with ``images(indices)`` read in bulk.
        layers: some of ``embedding`` (joint space), ``pooled`` (before the projection) and ``tokens`` (all of them,
            class token first).
        normalize: divide each feature by its norm.
        batch_size: images a step.
        cache_dir: folder of the cache; None computes anew. A dataset whose ``fingerprint`` is None is never cached.
        num_workers: processes that read pictures; 0 reads them here.
        progress: progress bar on stderr; None shows one on a terminal only.

    Returns:
        Layer → `Features`.

    Raises:
        ValueError: an unknown layer, an empty dataset, an unreadable picture, features that are not finite, a
            `cache_dir` that is a file.
        OSError: the disk of `cache_dir` is full (where it can be known, before anything is computed) or fails.
    """
    layers = list(dict.fromkeys(layers))
    for layer in layers:
        check_choice(layer, "layers", LAYERS)
    if not layers:
        fail("layers", "not empty", layers)
    check_integer(batch_size, "batch_size", 1)
    check_integer(num_workers, "num_workers", 0)
    if len(dataset) == 0:
        fail("dataset", "not empty", describe_dataset(dataset))
    fingerprint = getattr(dataset, "fingerprint", None)
    entries: dict[Layer, CacheEntry] = {}
    if cache_dir is not None and fingerprint is not None:
        facts = {
            "weights": backbone.image_weights_hash,
            "model": backbone.name,
            "quick_gelu": backbone.quick_gelu,
            "precision": backbone.precision,
            "preprocess": backbone.preprocessor.key,
            "normalize": bool(normalize),
            "dataset": str(fingerprint),
            "count": len(dataset),
        }
        entries = {layer: CacheEntry(Path(cache_dir), facts | {"layer": layer}) for layer in layers}
    arrays = {layer: cached for layer, entry in entries.items() if (cached := entry.read()) is not None}
    missing = [layer for layer in layers if layer not in arrays]
    if missing:
        batches = _with_progress(
            _batches(dataset, backbone.preprocessor, batch_size, num_workers),
            len(dataset),
            progress,
            f"{backbone.name} {', '.join(missing)}",
        )
        with ExitStack() as stack:
            drafts = {layer: stack.enter_context(entries[layer].writing()) for layer in missing if layer in entries}
            arrays |= _run(backbone, dataset, batches, missing, normalize, drafts)
    return {layer: Features(*map(torch.from_numpy, arrays[layer])) for layer in layers}


@torch.no_grad()
def _run(
    backbone: Backbone,
    dataset: Any,
    batches: Iterator[tuple[Tensor, Tensor]],
    layers: Sequence[Layer],
    normalize: bool,
    drafts: dict[Layer, Draft | None],
) -> dict[Layer, tuple[np.ndarray, np.ndarray]]:
    """Layer → features (N, ...), on disk where the layer has a draft, and labels (N,)."""
    x: dict[Layer, np.ndarray] = {}
    y, done = np.empty(len(dataset), dtype=np.int64), 0
    training = backbone.training
    backbone.eval()
    try:
        for images, labels in batches:
            for layer, features in backbone.encode_layers(images, layers).items():
                if normalize:
                    features = functional.normalize(features, dim=-1)
                if not bool(torch.isfinite(features).all()):
                    row = int((~torch.isfinite(features)).flatten(1).any(dim=1).nonzero()[0])
                    raise ValueError(
                        f"dataset {describe_dataset(dataset)}: layer {layer!r} of {backbone.name} has NaN or infinity "
                        f"at image {done + row}"
                    )
                draft, rows = drafts.get(layer), features.cpu().numpy()
                if draft is not None:
                    draft.add(rows, len(dataset))
                    continue
                if layer not in x:
                    x[layer] = np.empty((len(dataset), *rows.shape[1:]), dtype=np.float32)
                x[layer][done : done + len(labels)] = rows
            y[done : done + len(labels)] = labels.numpy()
            done += len(labels)
    finally:
        backbone.train(training)
    if done != len(dataset):
        fail("dataset", f"as long as it says, {len(dataset)}", f"{done} images")
    written = {layer: draft.finish(y) for layer, draft in drafts.items() if draft is not None}
    return written | {layer: (array, y) for layer, array in x.items()}


class _Reader(torch.utils.data.Dataset):
    """Reads one batch an index: what a worker process needs, without the model.

    An unreadable picture is handed over as the error that it is, because a worker process would wrap it in a traceback.
    """

    def __init__(self, dataset: Any, preprocess: Preprocess, batch_size: int) -> None:
        self.dataset, self.preprocess, self.batch_size = dataset, preprocess, batch_size

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __getitem__(self, batch: int) -> tuple[Tensor, Tensor] | ValueError:
        start = batch * self.batch_size
        indices = range(start, min(start + self.batch_size, len(self.dataset)))
        try:
            return read_batch(self.dataset, self.preprocess, indices)
        except ValueError as error:
            return error


def _batches(
    dataset: Any, preprocess: Preprocess, batch_size: int, num_workers: int
) -> Iterator[tuple[Tensor, Tensor]]:
    reader = _Reader(dataset, preprocess, batch_size)
    batches: Iterable[tuple[Tensor, Tensor] | ValueError] = (reader[i] for i in range(len(reader)))
    if num_workers > 0:
        generator = torch.Generator().manual_seed(0)
        batches = torch.utils.data.DataLoader(reader, batch_size=None, num_workers=num_workers, generator=generator)
    for batch in batches:
        if isinstance(batch, ValueError):
            raise batch
        yield batch


def _with_progress(
    batches: Iterator[tuple[Tensor, Tensor]], total: int, progress: bool | None, description: str
) -> Iterator[tuple[Tensor, Tensor]]:
    shown = sys.stderr.isatty() if progress is None else progress
    if not shown:
        yield from batches
        return
    from tqdm import tqdm

    with tqdm(total=total, desc=description, unit="image", file=sys.stderr) as bar:
        for images, labels in batches:
            yield images, labels
            bar.update(len(labels))
