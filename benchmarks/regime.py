"""What the name of a class is worth to a real CLIP: the gauge of `ltnb.regime` on features that exist.

Run: ``python benchmarks/regime.py --features FILE.npz [--imagenet FILE.npz] --out figures/records/real/regime.json``.
Measures, in a minute on one core, and writes numbers alone:

1. ``--features``: a long tail with a balanced test split, as `ltnb.data.load_features` reads it, with ``text_x``. Class
   means of as many pictures as the smallest class has, of all pictures, and a linear probe in the settings of
   `ltnb.training.fit_linear_probe`, plain and with the log prior subtracted from its logits.
2. ``--imagenet``: arrays ``x``, ``y`` (seven pictures of each class) and text features of two prompts, ``text_a`` and
   ``text_b``. There is no test split, so the first five pictures of each class in the order of the file make the means
   and the other two are the test. Twenty random splits of the same sizes say how much that choice matters, and the
   ratio of variances is taken of all pictures.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ltnb._files import replacing, sha256_of
from ltnb.data import load_features
from ltnb.heads import NearestClassMean
from ltnb.losses import logit_adjust
from ltnb.metrics import evaluate
from ltnb.regime import measure_regime, variance_ratio
from ltnb.results import environment
from ltnb.results.real import SCHEMA
from ltnb.training import fit_linear_probe

DRAWS, SEED, PROBE_SEEDS, SPLITS, FOR_MEANS = 20, 0, (0, 1, 2), 20, 5
PROMPTS = {"text_a": "a {name}, a or an", "text_b": "a photo of a {name}, a or an"}
NOTE = "Measurements only: no picture, feature, text or list of the data sets is kept here."


def long_tail(path: Path, name: str, data: str, model: str) -> dict[str, Any]:
    """The row of a long-tailed set with text features."""
    given = load_features(path)
    if given.text_x is None:
        raise ValueError(f"{path.name} has no text_x: without names there is no gauge")
    (x, y), test, counts = (given.train_x, given.train_y), (given.test_x, given.test_y), given.class_counts
    smallest = int(counts.min())
    shots = [k for k in (1, 2, 5, 20) if k <= smallest]
    regime = measure_regime((x, y), test, given.text_x, shots=shots, draws=DRAWS, seed=SEED)
    every_picture = evaluate(NearestClassMean(x, y, given.num_classes)(test[0]), test[1], counts)
    plain, adjusted = [], []
    for seed in PROBE_SEEDS:
        probe, _ = fit_linear_probe(x, y, given.num_classes, seed=seed)
        logits = probe(test[0])
        plain.append(evaluate(logits, test[1], counts).few)
        adjusted.append(evaluate(logit_adjust(logits, counts), test[1], counts).few)
    return {
        "name": name,
        "data": data,
        "model": model,
        "source": fingerprint(path),
        "classes": given.num_classes,
        "split": f"long-tailed training split, {smallest} to {counts.max()} pictures a class, balanced test split of "
        f"{len(test[1]) // given.num_classes} a class, both as the file has them",
        "prompt": "as the file has them",
        "draws": DRAWS,
        "seed": SEED,
        "zero_shot": rounded(regime.zero_shot),
        "class_means": {str(k): rounded(v) for k, v in regime.class_means.items()},
        "ratio": rounded(regime.ratio),
        "class_means_of_all_pictures": rounded(every_picture.overall),
        "few": {
            "zero_shot": rounded(evaluate(test[0] @ given.text_x.T, test[1], counts).few),
            "probe": rounded(np.mean(plain)),
            "probe_adjusted": rounded(np.mean(adjusted)),
            "what": "classes below 20 training pictures; linear probe (AdamW, lr 0.01, weight decay 1e-4, batches of "
            "128, 100 epochs, cosine schedule), mean of seeds; adjusted: log prior subtracted from its logits, tau 1",
            "probe_seeds": list(PROBE_SEEDS),
        },
    }


def seven_a_class(path: Path, name: str, data: str, model: str) -> dict[str, Any]:
    """The row of a set with a few pictures of each class and no test split."""
    with np.load(path, allow_pickle=False) as file:
        x, y = torch.from_numpy(file["x"]).float(), torch.from_numpy(file["y"])
        texts = {key: torch.from_numpy(file[key]).float() for key in PROMPTS}
    classes = [torch.nonzero(y == c).flatten() for c in range(len(texts["text_a"]))]
    per_class = len(classes[0])

    def parts(rows: list[Tensor]) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        first, rest = torch.cat([r[:FOR_MEANS] for r in rows]), torch.cat([r[FOR_MEANS:] for r in rows])
        return (x[first], y[first]), (x[rest], y[rest])

    shots = (1, 2, FOR_MEANS)
    regimes = {k: measure_regime(*parts(classes), t, shots=shots, draws=DRAWS, seed=SEED) for k, t in texts.items()}
    main = regimes["text_a"]
    generator = torch.Generator().manual_seed(SEED)
    others = []
    for split in range(SPLITS):
        rows = [r[torch.randperm(per_class, generator=generator)] for r in classes]
        found = measure_regime(*parts(rows), texts["text_a"], shots=shots, draws=1, seed=split)
        others.append([found.zero_shot, *found.class_means.values()])
    names = ["zero_shot", *(f"class_means_{k}" for k in shots)]
    mean, sd = np.mean(others, axis=0), np.std(others, axis=0, ddof=1)
    return {
        "name": name,
        "data": data,
        "model": model,
        "source": fingerprint(path),
        "classes": len(classes),
        "split": f"of {per_class} pictures a class the first {FOR_MEANS} in the order of the file make the means, the "
        f"other {per_class - FOR_MEANS} are the test; the ratio is taken of all {per_class}",
        "prompt": PROMPTS["text_a"],
        "draws": DRAWS,
        "seed": SEED,
        "zero_shot": rounded(main.zero_shot),
        "class_means": {str(k): rounded(v) for k, v in main.class_means.items()},
        "ratio": rounded(variance_ratio(x, y)),
        "ratio_of_the_test_pictures": rounded(main.ratio),
        "other_prompt": {"prompt": PROMPTS["text_b"], "zero_shot": rounded(regimes["text_b"].zero_shot)},
        "random_splits": {
            "splits": SPLITS,
            "mean": dict(zip(names, map(rounded, mean), strict=True)),
            "sd": dict(zip(names, map(rounded, sd), strict=True)),
        },
        "caution": "the features are of training pictures, each most likely the mean over random crops of one picture: "
        "pictures that were seen once would differ more, so the true ratio is higher and the means are worse",
    }


def fingerprint(path: Path) -> dict[str, str]:
    """The name of a file and the start of its SHA-256."""
    return {"file": path.name, "sha256": sha256_of(path)[:16]}


def rounded(value: Any) -> float:
    """Two decimals."""
    return round(float(value), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True, help="long tail with text_x")
    parser.add_argument("--data", default="Caltech-101, 66 classes, long-tailed", help="what --features holds")
    parser.add_argument("--name", default="CLIP ViT-B/32, Caltech 66", help="name of its row")
    parser.add_argument("--imagenet", type=Path, help="x, y, text_a and text_b, seven pictures a class")
    parser.add_argument("--model", default="OpenAI CLIP ViT-B/32", help="what encoded both")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    rows = [long_tail(arguments.features, arguments.name, arguments.data, arguments.model)]
    if arguments.imagenet:
        row = "CLIP ViT-B/32, ImageNet"
        rows.insert(0, seven_a_class(arguments.imagenet, row, "ImageNet, 1,000 classes", arguments.model))
    content = {
        "schema": SCHEMA,
        "note": NOTE,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment("cpu"),
        "rows": rows,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(arguments.out) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for row in rows:
        means = ", ".join(f"{k}: {v}" for k, v in row["class_means"].items())
        print(f"{row['name']}: class means of {means}; zero-shot {row['zero_shot']}; ratio {row['ratio']}")


if __name__ == "__main__":
    main()
