"""The premises of the world that ships, for each shipped model, and the gauge's table beside real CLIP.

Run: ``python benchmarks/premises.py [--models mini-vit mini-rn] [--seeds 0 1 2]``. On calibration species, which no
lesson uses. Writes ``figures/records/world/premises.json`` and prints the table of the datasheet; two to four minutes a
model and seed on two cores. Seeds draw the individuals, the class means, the long tails and the probes; the weights
stay.
"""

from __future__ import annotations

import argparse
import json
import warnings
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ltnb import clip
from ltnb._files import replacing, sha256_of
from ltnb.clip.mini import shipped_weights
from ltnb.critters.attributes import WORLD_VERSION
from ltnb.critters.premises import encode_calibration, measure_premises
from ltnb.results import environment

MODELS, SEEDS, DRAWS, PERMUTATIONS, TEST = ("mini-vit", "mini-rn"), (0, 1, 2), 10, 50, 50


def measured(model: str, seed: int) -> dict[str, Any]:
    """Everything on one model and seed, as plain numbers."""
    backbone = clip.load(*clip.parse_backbone(model), precision="fp32")
    telling = measure_premises(
        encode_calibration(backbone, seed=seed, test_per_class=TEST), draws=DRAWS, permutations=PERMUTATIONS, seed=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # binomials are words that it never saw: that is the point
        encoded = encode_calibration(backbone, "calibration_latin", seed, test_per_class=TEST)
    latin = measure_premises(encoded, draws=DRAWS, permutations=PERMUTATIONS, seed=seed)
    return {
        "model": model,
        "seed": seed,
        "telling": asdict(telling),
        "holds": {name: bool(holds) for name, (_, holds) in telling.checks().items()},
        "latin": asdict(latin) | {"chance": 100 / encoded.num_classes},
    }


def row(name: str, runs: list[dict[str, Any]]) -> str:
    """One row of the gauge's table: means over seeds, in the telling world."""

    def mean(*path: Any) -> float:
        values = []
        for run in runs:
            value: Any = run["telling"]
            for key in path:
                value = value[key]
            values.append(value)
        return float(np.mean(values))

    cells = [f"{mean('regime', 'class_means', k):.1f}" for k in (1, 2, 5, 20)]
    cells += [f"{mean('regime', 'zero_shot'):.1f}", f"{mean('regime', 'ratio'):.2f}"]
    cells += [" / ".join(f"{mean(key):.1f}" for key in ("probe_few", "adjusted_few", "zero_shot_few"))]
    return " | ".join(["", name, *cells, f"{mean('probe_plenty'):.1f}", ""]).strip()


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--out", type=Path, default=Path("figures/records/world/premises.json"))
    arguments = parser.parse_args()
    runs = [measured(model, seed) for model in arguments.models for seed in arguments.seeds]
    facts = {"world_version": WORLD_VERSION, "date": datetime.now(UTC).date().isoformat()}
    facts |= {"weights": {model: sha256_of(shipped_weights()[model]) for model in arguments.models}}
    facts |= {"draws": DRAWS, "permutations": PERMUTATIONS, "test_per_class": TEST, "environment": environment()}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(arguments.out) as temporary:
        temporary.write_text(json.dumps(facts | {"runs": runs}, indent=1) + "\n")
    print("| | 1 picture | 2 | 5 | 20 | zero-shot | ratio | few: probe / adjusted / zero-shot | 200 a class |")
    print("|---|---|---|---|---|---|---|---|---|")
    for model in arguments.models:
        print(row(model, [run for run in runs if run["model"] == model]))
    for run in runs:
        latin, failed = run["latin"], [name for name, holds in run["holds"].items() if not holds]
        print(
            f"{run['model']}, seed {run['seed']}: latin zero-shot {latin['regime']['zero_shot']:.1f} "
            f"(chance {latin['chance']:.1f}), probe on few {latin['probe_few']:.1f}; fails: {failed or 'nothing'}"
        )


if __name__ == "__main__":
    main()
