"""The two sheets of Critters: species from the most to the least frequent, and individuals with what each shows.

Run: ``python benchmarks/sheet.py [--folder figures]``. A few seconds on one core. Writes ``critters.png`` (README) and
``critters_individuals.png`` (datasheet).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ltnb import plots
from ltnb.critters.attributes import ATTRIBUTES
from ltnb.critters.truth import VALUES, CritterTruth
from ltnb.data import load, truth

SPECIES, INDIVIDUALS = 18, 20


def shows(known: CritterTruth, i: int) -> str:
    """What test picture i shows: the animal, and what is around it."""
    word = {name: VALUES[name][known.images["test"][name][i]] for name in ATTRIBUTES}
    animal = f"{word['texture']} {word['colour']} {word['shape']}, {word['second_colour']} {word['limbs']}"
    return f"{animal}; {known.in_words('test', i)}"


def main() -> None:
    """Draw both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("figures"))
    folder = parser.parse_args().folder
    data = load("critters_lt")
    places = np.linspace(0, data.num_classes - 1, SPECIES).astype(int)
    shown = np.argsort(-data.class_counts, kind="stable")[places]
    pictures = [data.train[int(np.flatnonzero(data.train.labels == c)[0])][0] for c in shown]
    names = [f"{data.class_names[c]}: {data.class_counts[c]}" for c in shown]
    plots.save(plots.image_grid(pictures, names, columns=6, size=1.25), folder / "critters.png")
    rows = np.random.default_rng(0).permutation(len(data.test))[:INDIVIDUALS]
    known = truth(data)
    labels = [shows(known, int(i)) for i in rows]
    plots.save(
        plots.image_grid([data.test[int(i)][0] for i in rows], labels, columns=5, size=1.7),
        folder / "critters_individuals.png",
    )


if __name__ == "__main__":
    main()
