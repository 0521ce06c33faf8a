"""`extract_features` against a bare loop over the model, and bf16 against fp32.

Run: ``python benchmarks/extract_features.py [--threads 2] [--models mini-vit mini-rn ViT-B-16] [--repeats 5]``.

Three things run in turn, and the best of several rounds counts:

- model: batches prepared beforehand, in memory, and nothing but ``model.encode_image`` under ``no_grad`` and autocast;
- loop: the shortest loop over the dataset: read, resize and normalise a batch, ``model.encode_image``;
- `extract_features`: the loop, and checking, collecting, and what a cache needs.

Ratios are given by wall clock and by processor time, which other programs on the machine disturb less. Weights are
random: time does not depend on them. The last column is the second call with a cache folder: hashing the weights,
verifying and mapping the file.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch

from ltnb import clip
from ltnb.clip.mini import MINI_MODELS
from ltnb.clip.precision import autocast, cpu_has_bf16

BATCH = 256


class InMemory:
    """Random pictures, read in bulk."""

    name = "random"

    def __init__(self, count: int, size: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.pixels = torch.randint(256, (count, 3, size, size), generator=generator, dtype=torch.uint8)
        self.labels = np.zeros(count, dtype=np.int64)
        self.fingerprint = f"random {count} {size}"

    def __len__(self) -> int:
        return len(self.labels)

    def images(self, indices: np.ndarray) -> torch.Tensor:
        """Uint8 (B, 3, size, size)."""
        return self.pixels[torch.as_tensor(indices)]


def timed(function: Callable[[], Any]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    function()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - processor


@torch.no_grad()
def model_only(backbone: clip.Backbone, batches: Iterable[torch.Tensor]) -> None:
    for batch in batches:
        with autocast(backbone.precision, backbone.device):
            features = backbone.model.encode_image(batch.to(backbone.device))
        features.float().cpu()


def prepared(backbone: clip.Backbone, dataset: InMemory) -> Iterator[torch.Tensor]:
    for start in range(0, len(dataset), BATCH):
        yield backbone.preprocess(dataset.pixels[start : start + BATCH])


def measure(name: str, precision: str, repeats: int, images: int) -> float:
    """Prints one line and returns the images per second of `extract_features`."""
    backbone = clip.load(name, "random", precision=precision)
    dataset = InMemory(images, 64) if name in MINI_MODELS else InMemory(max(images // 64, 1), 256)
    batches = list(prepared(backbone, dataset))
    model_only(backbone, batches[:1])
    tasks: list[Callable[[], Any]] = [
        lambda: model_only(backbone, batches),
        lambda: model_only(backbone, prepared(backbone, dataset)),
        lambda: clip.extract_features(backbone, dataset),
    ]
    rounds = [[timed(task) for task in tasks] for _ in range(repeats)]
    (model, model_cpu), (loop, loop_cpu), (ours, ours_cpu) = np.min(rounds, axis=0)
    with tempfile.TemporaryDirectory() as folder:
        clip.extract_features(backbone, dataset, cache_dir=folder)
        cached = min(timed(lambda: clip.extract_features(backbone, dataset, cache_dir=folder))[0] for _ in range(3))
    rate = len(dataset) / ours
    print(
        f"{name:<9} {precision}  extract_features {rate:>8,.0f}/s   "
        f"against loop {loop / ours:.3f} (processor {loop_cpu / ours_cpu:.3f})   "
        f"against model {model / ours:.3f} (processor {model_cpu / ours_cpu:.3f})   cached {1000 * cached:.0f} ms",
        flush=True,
    )
    return float(rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models", nargs="+", default=["mini-vit", "mini-rn", "ViT-B-16"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--images", type=int, default=4096, help="pictures for the mini models; larger ones get 1 in 64"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"threads {arguments.threads}, bf16 units on this CPU: {cpu_has_bf16()}, CUDA: {torch.cuda.is_available()}")
    fast = cpu_has_bf16() or torch.cuda.is_available()
    for name in arguments.models:
        fp32 = measure(name, "fp32", arguments.repeats, arguments.images)
        if fast:
            bf16 = measure(name, "bf16", arguments.repeats, arguments.images)
            print(f"{name:<9} bf16 against fp32: {bf16 / fp32:.2f} x")
    if not fast:
        print("bf16 was not measured: without units for it, it is emulated, and precision='auto' takes fp32")


if __name__ == "__main__":
    main()
