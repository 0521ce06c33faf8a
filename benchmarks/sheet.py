"""The sheet of Critters in the README: eighteen species from the most to the least frequent, one picture each.

Run: ``python benchmarks/sheet.py [--out figures/critters.png]``. A few seconds on one core.
"""

from __future__ import annotations

import argparse

import numpy as np

from ltnb import plots
from ltnb.data import load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="figures/critters.png")
    arguments = parser.parse_args()
    data = load("critters_lt")
    places = np.linspace(0, data.num_classes - 1, 18).astype(int)
    shown = np.argsort(-data.class_counts, kind="stable")[places]
    pictures = [data.train[int(np.flatnonzero(data.train.labels == c)[0])][0] for c in shown]
    names = [f"{data.class_names[c]}: {data.class_counts[c]}" for c in shown]
    plots.save(plots.image_grid(pictures, names, columns=6, size=1.25), arguments.out)


if __name__ == "__main__":
    main()
