"""From a source and a sampler to batches on the device."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sized
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ltnb._checks import fail
from ltnb.training.checkpoint import fingerprint
from ltnb.training.randomness import mixed_seed


class TensorSource:
    """In-memory training source: tensors with a common first dimension, indexed a whole batch at a time.

    Args:
        *tensors: Tensors of shape (N, ...), e.g. features (N, D) float32 and labels (N,) int64; on the CPU,
            memory-mapped, or on the training device.

    Raises:
        ValueError: If there is no tensor, something that is not a tensor, no sample, or lengths differ.
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            fail("tensors", "at least one", tensors)
        for i, tensor in enumerate(tensors):
            if not isinstance(tensor, Tensor) or tensor.ndim == 0:
                fail(f"tensors[{i}]", "a tensor whose first dimension counts samples", tensor)
        lengths = [len(tensor) for tensor in tensors]
        if len(set(lengths)) > 1 or lengths[0] == 0:
            fail("tensors", "of one length, at least 1", f"lengths {lengths}")
        self.tensors = tensors

    @property
    def fingerprint(self) -> str:
        """CRC-32 of the content, which a checkpoint keeps so that no run resumes on other data."""
        return fingerprint(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, ...]:
        index = torch.from_numpy(np.asarray(indices, dtype=np.int64))  # several times faster than torch on a list
        return tuple(tensor.index_select(0, index.to(tensor.device)) for tensor in self.tensors)


class EpochBatches:
    """Batch sampler: lists of indices, a new order each epoch, no more than ``limit`` batches.

    Args:
        source: What is sampled; gets ``set_epoch`` if it has one.
        sampler: Yields ``len(sampler)`` indices an epoch, or None for a permutation drawn from (seed, epoch).
        batch_size: Indices in a batch; the last one may be smaller.
        seed: Of the permutations.

    Raises:
        ValueError: If the source gives no collated batches or is empty, or the sampler is empty, has no length or (when
            iterated) yields another number of indices or one that is out of range.
    """

    drop_last = False

    def __init__(self, source: Any, sampler: Any, batch_size: int, seed: int) -> None:
        if not isinstance(source, Sized) or not hasattr(source, "__getitems__"):
            fail("source", "an object with len() and __getitems__(indices), such as a TensorSource", source)
        if len(source) == 0:
            fail("source", "not empty", source)
        if sampler is not None and (not isinstance(sampler, Sized) or len(sampler) == 0):
            fail("sampler", "None or have a length of at least 1", sampler)
        self.batch_size = batch_size
        self.limit = sys.maxsize
        self._source = source
        self._sampler: Any = sampler
        self._n_drawn = len(source) if sampler is None else len(sampler)
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next iteration."""
        self._epoch = epoch
        for part in (self._sampler, self._source):
            if hasattr(part, "set_epoch"):
                part.set_epoch(epoch)

    def __len__(self) -> int:
        return min(math.ceil(self._n_drawn / self.batch_size), self.limit)

    def __iter__(self) -> Iterator[list[int]]:
        order = self._order()
        for i in range(len(self)):
            yield order[i * self.batch_size : (i + 1) * self.batch_size]

    def _order(self) -> list[int]:
        if self._sampler is None:
            generator = torch.Generator().manual_seed(mixed_seed(self._seed, self._epoch))
            return torch.randperm(self._n_drawn, generator=generator).tolist()
        order = [int(index) for index in self._sampler]
        low, high = min(order, default=0), max(order, default=0)
        if len(order) != self._n_drawn or low < 0 or high >= len(self._source):
            promise = f"an iterable of {self._n_drawn} indices in 0..{len(self._source) - 1}"
            fail("sampler", promise, f"{len(order)} in {low}..{high}")
        return order

    def samples(self, steps: int) -> int:
        """How many samples the first so many steps of a run take."""
        epochs, rest = divmod(steps, math.ceil(self._n_drawn / self.batch_size))
        return epochs * self._n_drawn + rest * self.batch_size

    def identity(self) -> str:
        """Text that changes with the data and, for a sampler that is a function of the epoch, with what it draws."""
        text = f"{len(self._source)} samples {getattr(self._source, 'fingerprint', None)}, {self._n_drawn} drawn"
        if hasattr(self._sampler, "set_epoch"):
            self.set_epoch(0)
            text += f" by {type(self._sampler).__name__} {fingerprint([torch.as_tensor(self._order())])}"
        return text


def make_loader(accelerator: Any, source: Any, batches: EpochBatches, device: torch.device, num_workers: int) -> Any:
    """Make a DataLoader over batches, prepared by accelerate: each process gets its part of a batch, on ``device``.

    Raises:
        ValueError: If the batch size is not a multiple of the number of processes.
    """
    from accelerate.data_loader import prepare_data_loader

    if batches.batch_size % accelerator.num_processes:
        fail("batch_size", f"a multiple of the number of processes, {accelerator.num_processes}", batches.batch_size)
    loader = torch.utils.data.DataLoader(
        source,
        batch_sampler=batches,
        collate_fn=as_it_is,
        num_workers=num_workers,
        pin_memory=num_workers > 0 and device.type == "cuda",
        generator=torch.Generator(),
    )
    return prepare_data_loader(
        loader,
        device=device,
        num_processes=accelerator.num_processes,
        process_index=accelerator.process_index,
        split_batches=True,
        put_on_device=True,
        non_blocking=True,
    )


def as_it_is(batch: Any) -> Any:
    """Collation of a batch that the source has collated already."""
    return batch
