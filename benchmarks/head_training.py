"""Adapter training on cached features against encoding the images again in every epoch.

Run: ``python benchmarks/head_training.py [--threads 2] [--images 32] [--skip-encoder]``. Everything is measured in one
process, with random features, images and weights (time does not depend on the values):

1. ``fit`` of a linear adapter with BALLAD's loss on in-memory features: samples per second, best of three, beside a
   bare loop (permutation, slices, forward, backward, SGD step: nothing else) on the same tensors, and samples per
   second of processor time, which other programs on the machine disturb less than the wall clock.
2. The same ``fit`` when each batch goes through a frozen ViT-B/16 at 224 px first. Only a few images are encoded; the
   time per image is taken as constant, so the epoch and ten-epoch times below are extrapolated from it.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import torch

from ltnb.clip.precision import cpu_has_bf16
from ltnb.heads import LinearAdapter
from ltnb.losses import ImageTextCrossEntropy
from ltnb.training import TensorSource, fit

N, C = 40_960, 100
TEMPERATURE = 0.01
REPEATS = 3


def make_objective(text: torch.Tensor) -> Callable[[torch.nn.Module, Any], torch.Tensor]:
    loss = ImageTextCrossEntropy()
    return lambda model, batch: loss(model(batch[0]), text, batch[1], TEMPERATURE)


def bare_rate(model: torch.nn.Module, objective: Any, x: torch.Tensor, y: torch.Tensor, size: int, bf16: bool) -> float:
    """Samples per second of the shortest loop that trains the same thing."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, fused=True)
    start = time.perf_counter()
    for order in torch.randperm(len(x)).split(size):
        with torch.autocast(x.device.type, torch.bfloat16, enabled=bf16):
            loss = objective(model, (x[order], y[order]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    loss.item()
    return len(x) / (time.perf_counter() - start)


def cached(width: int, size: int, precision: str, device: torch.device) -> float:
    """Print one line of part 1; return the samples per second of ``fit``."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(N, width, generator=generator).to(device)
    y = torch.randint(C, (N,), generator=generator).to(device)
    objective = make_objective(torch.randn(C, width, generator=generator).to(device))
    model, source = LinearAdapter(width).to(device), TensorSource(x, y)
    ours, bare, per_cpu = 0.0, 0.0, 0.0
    for _ in range(REPEATS):  # in turn, so that both see the same machine
        start = time.process_time()
        history = fit(model, objective, source, lr=0.02, epochs=1, batch_size=size, precision=precision)
        ours = max(ours, history.samples_per_second)
        per_cpu = max(per_cpu, N / (time.process_time() - start))
        bare = max(bare, bare_rate(model, objective, x, y, size, precision == "bf16"))
    label = f"D={width} B={size:<5} {precision}"
    print(
        f"  {label}  fit {ours:>9,.0f}/s   bare loop {bare:>9,.0f}/s   ratio {ours / bare:.2f}   {per_cpu:>9,.0f}/CPU s"
    )
    return ours


def encoding(precision: str, n_images: int, size: int, device: torch.device) -> float:
    """Images per second when every batch is encoded again by a frozen ViT-B/16 before the adapter is trained on it."""
    from ltnb.clip import load

    backbone = load("ViT-B-16", "random", precision=precision, device=device)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (n_images, 3, 224, 224), generator=generator, dtype=torch.uint8)
    labels = torch.randint(C, (n_images,), generator=generator)
    head_objective = make_objective(torch.randn(C, backbone.embed_dim, generator=generator).to(device))

    def objective(model: torch.nn.Module, batch: Any) -> torch.Tensor:
        with torch.no_grad():
            features = backbone.encode_images(backbone.preprocess(batch[0]).to(device), normalize=False)
        return head_objective(model, (features, batch[1]))

    model, source = LinearAdapter(backbone.embed_dim).to(device), TensorSource(images, labels)
    fit(model, objective, source, lr=0.02, max_steps=1, batch_size=size)  # warm-up
    history = fit(model, objective, source, lr=0.02, epochs=1, batch_size=size)
    return history.samples_per_second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 leaves its default")
    parser.add_argument("--images", type=int, default=32, help="images that are really encoded")
    parser.add_argument("--skip-encoder", action="store_true", help="part 1 only")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    load_average = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"torch {torch.__version__} on {device}, {torch.get_num_threads()} threads, {os.cpu_count()} cores", end=", ")
    print(f"load average {load_average:.1f} before the start", flush=True)

    print(f"1. linear adapter on {N:,} cached features, C={C}")
    rates = {
        (width, size, precision): cached(width, size, precision, device)
        for width in (512, 256)
        for size in (512, 4096)
        for precision in ("fp32", "bf16")
    }
    if arguments.skip_encoder:
        return

    print(f"2. encoding every epoch, ViT-B/16 at 224 px, measured on {arguments.images} images, batches of 16")
    fast = device.type == "cuda" or cpu_has_bf16()  # emulated, bf16 would only take long
    for precision in ("fp32", "bf16") if fast else ("fp32",):
        rate = encoding(precision, arguments.images, 16, device)
        best = max(value for (width, _, kind), value in rates.items() if width == 512 and kind == precision)
        once = N / rate
        ten_cached, ten_again = once + 10 * N / best, 10 * once
        print(f"  {precision}  {rate:,.1f} images/s; cached features are {best / rate:,.0f} times as fast")
        print(
            f"        extrapolated to {N:,} images: an epoch {once:,.0f} s against {N / best:.2f} s, ten epochs ",
            end="",
        )
        print(f"{ten_again:,.0f} s against {ten_cached:,.0f} s, the one extraction included", flush=True)


if __name__ == "__main__":
    main()
