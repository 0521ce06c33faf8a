"""Pictures a second of the critter renderer on one core.

Run: ``python benchmarks/render.py``. Prints the best of five times for each style, for a whole ``critters_lt`` training
set and for one picture at a time (as ``dataset[i]`` asks); the bar is 1,500 pictures a second in bulk. Times are
those of the processor, with one thread, so that other work on the machine disturbs little.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from ltnb.critters.attributes import STYLES, Traits
from ltnb.critters.datasets import CritterImages, critters_lt
from ltnb.critters.render import render
from ltnb.critters.species import species_world

PICTURES = 1024
REPEATS = 5
BAR = 1500


def rate(count: int, action: Callable[[], object]) -> float:
    """Pictures a second in the best of a few runs; a first run fills the look-up tables."""
    action()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return count / min(times)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    table = species_world("lt").table[np.arange(PICTURES) % 60]
    numbers = np.arange(PICTURES)
    print(f"one core, best of {REPEATS}, bar {BAR:,}/s\n\n{'what':<28}{'pictures/s':>12}{'of bar':>9}")
    rows: list[tuple[str, int, Callable[[], object]]] = []
    for i, name in enumerate(STYLES):
        rows.append((f"{name}, {PICTURES} at a time", PICTURES, partial(render, 1, numbers, Traits.of(table, style=i))))
    train = critters_lt().train
    assert isinstance(train, CritterImages)
    everything = np.arange(len(train))  # a data set keeps what it has drawn, so each time needs a fresh one
    rows.append((f"critters_lt train, {len(train)}", len(train), lambda: train.subset(everything).images(everything)))
    rows.append(("one at a time", 64, lambda: [picture for picture, _ in train.subset(everything[:64])]))
    for name, count, action in rows:
        found = rate(count, action)
        print(f"{name:<28}{found:>12,.0f}{found / BAR:>9.2f}")


if __name__ == "__main__":
    main()
