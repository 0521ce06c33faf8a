"""Time of a million sampler draws at class counts like those of ImageNet-LT.

Run: ``python benchmarks/samplers.py``. Prints, per strategy, the best of five times for a million indices as a NumPy
array (``draw``) and as the Python integers that a DataLoader asks for (``iter``), the largest deviation of the class
histogram in standard deviations, and the ratio to torch's WeightedRandomSampler with the same probabilities.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np
import torch
from torch.utils.data import WeightedRandomSampler

from ltnb.data.longtail import pareto_counts
from ltnb.samplers import STRATEGIES, BalancedSampler, sampling_probabilities

DRAWS = 1_000_000
EPOCHS = 10
REPEATS = 5


def best_time(action: Callable[[], object]) -> float:
    """Shortest of a few wall-clock times, in seconds."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print the table."""
    counts = pareto_counts(1280, 5, 1000)
    labels = np.repeat(np.arange(len(counts)), counts)
    print(f"{len(counts)} classes, {len(labels)} images, {DRAWS:,} draws, best of {REPEATS}\n")
    print(f"{'strategy':<10}{'draw s':>9}{'iter s':>9}{'torch s':>9}{'ratio':>8}{'max sigma':>11}")
    for strategy in STRATEGIES:
        sampler = BalancedSampler(labels, strategy, num_samples=DRAWS, epochs=EPOCHS)
        sampler.set_epoch(EPOCHS // 2)
        p = sampling_probabilities(counts, strategy, sampler.progress)
        weights = torch.from_numpy((p / counts)[labels])
        weighted = WeightedRandomSampler(weights, DRAWS, generator=torch.Generator().manual_seed(0))
        drawn, listed, torch_time = (
            best_time(sampler.draw),
            best_time(lambda s=sampler: deque(s, maxlen=0)),
            best_time(lambda s=weighted: deque(s, maxlen=0)),
        )
        sampler.set_epoch(EPOCHS // 2)
        histogram = np.bincount(labels[sampler.draw()], minlength=len(counts))
        sigma = np.abs(histogram - DRAWS * p) / np.sqrt(DRAWS * p * (1 - p))
        ratio = torch_time / listed
        print(f"{strategy:<10}{drawn:>9.3f}{listed:>9.3f}{torch_time:>9.3f}{ratio:>8.1f}{sigma.max():>11.2f}")


if __name__ == "__main__":
    main()
