"""The two sheets of Critters: species from the most to the least frequent, and individuals with what each shows.

Run: ``python benchmarks/sheet.py [--folder figures]``. A few seconds on one core. Writes ``critters.png`` (README) and
``critters_individuals.png`` (datasheet).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ltnb import plots
from ltnb.critters.attributes import NONE, WEATHERS
from ltnb.critters.truth import VALUES
from ltnb.data import load, truth

SPECIES, INDIVIDUALS = 18, 20


def shows(attributes: dict[str, int]) -> str:
    """What one picture shows: the animal, its companion, what is around them."""
    word = {name: VALUES[name][value] for name, value in attributes.items() if value >= 0}
    extras = (word[name] for name in ("weather", "accessory", "cover"))
    around = ", ".join([word["habitat"], *(extra for extra in extras if extra not in (NONE, WEATHERS[0]))])
    animal = f"{word['texture']} {word['colour']} {word['shape']}, {word['second_colour']} {word['limbs']}"
    beside = "alone" if word["companion"] == NONE else f"by {word['companion_colour']} {word['companion']}"
    return "; ".join([animal, beside, around])


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
    seen = truth(data).images["test"]
    labels = [shows({name: int(values[i]) for name, values in seen.items()}) for i in rows]
    plots.save(
        plots.image_grid([data.test[int(i)][0] for i in rows], labels, columns=5, size=1.7),
        folder / "critters_individuals.png",
    )


if __name__ == "__main__":
    main()
