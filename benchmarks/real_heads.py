"""Head stages on real CLIP features: which loss, adjustment, second stage or adapter pays where features exist.

Run: ``python benchmarks/real_heads.py --features FILE.npz [--features ...] [--imagenet FILE.npz] --out
figures/records/real/heads.json``. Ten seeds of every row of `ltnb.stages`; writes numbers alone, the file that
`ltnb.results.real_heads` reads.

1. ``--features``: long tails with a balanced test split, as `ltnb.data.load_features` reads them, with or without
   ``text_x``. The split is the file's; a seed decides initial weights and batches. Arrays called ``rest_x`` and
   ``rest_y`` are taken as validation rows where the file has them.
2. ``--imagenet``: arrays ``x``, ``y`` (seven pictures of each class) and ``text_a``. There is no test split,
   so each seed draws five pictures of each class for training and tests on the other two. All classes are of one size:
   there is no tail, and what was made to lift one is left out.
3. Balanced parts of each training set, 1, 2, 5, ... pictures of each class, drawn by the seed.
4. How long a linear head must be trained: half, once and twice the recipe's length.

Sets of other names that the file holds already stay as they are, each with the date and the commit of its own run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from ltnb._files import replacing, sha256_of
from ltnb.data import FeatureData, load_features
from ltnb.results import environment
from ltnb.results.real import SCHEMA
from ltnb.stages import ADAPTER, LANGUAGE, LINEAR, ROWS, Bench, balanced_subset, needs, report

METRICS = ("overall", "many", "medium", "few")
PICTURES = (1, 2, 5, 10, 20, 50, 100)
BY_PICTURES = ("zero_shot", "linear_probe", "logit_adjusted", "adapter_class")
OF_EQUAL_CLASSES = ("zero_shot", "ncm", "knn", "linear_probe", "adapter_class", "vl_ltr")
FOR_TRAINING = 5  # of ImageNet's seven pictures a class
LENGTHS = (0.5, 1.0, 2.0)
RECIPES = {"linear": LINEAR, "adapter": ADAPTER, "text": LANGUAGE}
NOTE = "Measurements only: no picture, feature, text or list of the data sets is kept here."

Loader = Callable[[int], FeatureData]


def long_tail(path: Path, seed: int) -> FeatureData:
    """The features of a file, with its rows that are neither training nor test as validation."""
    with np.load(path, allow_pickle=False) as file:
        val = "rest" if "rest_x" in file.files else "val"
    return load_features(path, val=val)


def of_seven(path: Path, seed: int) -> FeatureData:
    """Five pictures of each class to train on and two to test, drawn by the seed."""
    with np.load(path, allow_pickle=False) as file:
        x, y = torch.from_numpy(file["x"]).float(), torch.from_numpy(file["y"])
        texts = torch.from_numpy(file["text_a"]).float()
    generator = torch.Generator().manual_seed(seed)
    groups = [torch.nonzero(y == c).flatten() for c in range(len(texts))]
    groups = [rows[torch.randperm(len(rows), generator=generator)] for rows in groups]
    train, test = (torch.cat([r[part] for r in groups]) for part in (slice(FOR_TRAINING), slice(FOR_TRAINING, None)))
    parts = {"train_x": F.normalize(x[train], dim=1), "train_y": y[train]}
    parts |= {"test_x": F.normalize(x[test], dim=1), "test_y": y[test], "text_x": F.normalize(texts, dim=1)}
    return FeatureData(**parts, unit_norm=True, name=path.stem)


def of_one_seed(load: Loader, keys: Iterable[str] | None, seed: int) -> dict[str, Any]:
    """All rows of one seed, on all training rows and on balanced parts of them."""
    torch.set_num_threads(1)
    began, data = time.perf_counter(), load(seed)
    keys = [key for key in (ROWS if keys is None else keys) if not needs(data, key)]
    bench = Bench(data, seed=seed)
    found: dict[str, Any] = {"stages": {key: numbers(bench, key) for key in keys}, "pictures": {}}
    found |= {"chosen": bench.chosen, "validated": {key: rounded(value) for key, value in bench.validated.items()}}
    smallest = int(data.class_counts.min())
    equal = smallest == int(data.class_counts.max())
    for k in (k for k in PICTURES if k <= smallest):
        all_of_them = k == smallest and equal
        drawn = data if all_of_them else balanced_subset(data, k, seed=seed)
        part = bench if all_of_them else Bench(drawn, seed=seed, group_counts=data.class_counts)
        found["pictures"][k] = {key: numbers(part, key) for key in BY_PICTURES if not needs(data, key)}
    print(f"{data.name}, seed {seed}: {time.perf_counter() - began:.0f} s", flush=True)
    return found


def numbers(bench: Bench, key: str) -> dict[str, float]:
    """One row in percent; groups without a class are left out, and all of them where classes are of one size."""
    found = report(bench, key)
    metrics = METRICS if len(np.unique(bench.group_counts)) > 1 else METRICS[:1]
    values = {metric: getattr(found, metric) for metric in metrics}
    return {metric: rounded(value) for metric, value in values.items() if value is not None}


def training_end(load: Loader, seed: int) -> dict[str, dict[str, float]]:
    """The probe after half, once and twice its recipe: cross-entropy of the training rows, and accuracy."""
    torch.set_num_threads(1)
    data, found = load(seed), {}
    for length in LENGTHS:
        recipe = dataclasses.replace(LINEAR, epochs=round(length * LINEAR.epochs))
        bench = Bench(data, seed=seed, linear=recipe)
        loss = F.cross_entropy(bench.probe(bench.x["train"]), bench.y["train"])
        draws = len(recipe.sampler(data.train_y, "instance", seed))
        steps = recipe.epochs * -(-draws // recipe.batch_size)
        row: dict[str, float] = {"steps": steps, "training_loss": round(float(loss), 4)}
        for key in ("linear_probe", "logit_adjusted", "balanced_softmax"):
            if data.class_counts.min() == data.class_counts.max() and ROWS[key].counts:
                continue
            row |= {f"{key}_{metric}": value for metric, value in numbers(bench, key).items()}
        found[f"{length:g}"] = row
    return found


def measured(
    pool: ProcessPoolExecutor, load: Loader, seeds: list[int], end_seeds: int, keys: Iterable[str] | None
) -> Callable[[], dict[str, Any]]:
    """Start all seeds of one set; the function that is returned waits for them and puts them together."""
    ends = [pool.submit(training_end, load, seed) for seed in seeds[:end_seeds]]
    runs = [pool.submit(of_one_seed, load, keys, seed) for seed in seeds]

    def wait() -> dict[str, Any]:
        found, data = [run.result() for run in runs], load(seeds[0])
        counts = data.class_counts
        return {
            "classes": data.num_classes,
            "training_pictures": int(counts.sum()),
            "smallest_class": int(counts.min()),
            "largest_class": int(counts.max()),
            "test_pictures": len(data.test_y),
            "validation_pictures": 0 if data.val_y is None else len(data.val_y),
            "validation_classes": 0 if data.val_y is None else len(data.val_y.unique()),
            "anchors": "text_x"
            if data.text_x is not None
            else "class means of the training features, as no text exists",
            "seeds": seeds,
            "stages": merged([run["stages"] for run in found]),
            "pictures": {str(k): merged([run["pictures"][k] for run in found]) for k in found[0]["pictures"]},
            "chosen": merged([run["chosen"] for run in found]),
            "validated": {key: [run["validated"][key] for run in found] for key in found[0]["validated"]},
            "left_out": left_out(data, found[0]["stages"]),
            "training_end": {"seeds": seeds[:end_seeds], "lengths": merged([end.result() for end in ends])},
        }

    return wait


def left_out(data: FeatureData, present: Iterable[str]) -> dict[str, str]:
    """Row -> why it was not measured."""
    equal = "all classes are of one size, so there is no tail to lift"
    return {key: needs(data, key) or equal for key in ROWS if key not in present}


def merged(runs: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, list[float]]]:
    """Row -> metric -> one number a seed."""
    return {key: {metric: [run[key][metric] for run in runs] for metric in metrics} for key, metrics in runs[0].items()}


def fingerprint(path: Path) -> dict[str, str]:
    """The name of a file and the start of its SHA-256."""
    return {"file": path.name, "sha256": sha256_of(path)[:16]}


def rounded(value: Any) -> float:
    """Two decimals."""
    return round(float(value), 2)


def described(path: Path, data: FeatureData) -> dict[str, Any]:
    """What a long-tailed file is called."""
    with_text = "with" if data.text_x is not None else "without"
    return {
        "name": f"CLIP ViT-B/32, Caltech {data.num_classes}",
        "data": f"Caltech-101, {data.num_classes} classes, long-tailed, {with_text} text features",
        "split": "training, test and remaining rows as the file has them; the remaining ones choose settings",
    }


def written(content: dict[str, Any]) -> str:
    """JSON with a list of numbers on one line."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    return re.sub(r"\[\s+([^\[\]{}\"]*?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text) + "\n"


def keep(path: Path, found: dict[str, Any]) -> None:
    """Put one set into the file, in the place of a set of its name."""
    held = (
        json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"schema": SCHEMA, "note": NOTE, "sets": []}
    )
    if held["schema"] != SCHEMA:
        raise ValueError(f"{path}: schema must be {SCHEMA}")
    held["sets"] = [one for one in held["sets"] if one["name"] != found["name"]] + [found]
    with replacing(path) as temporary:
        temporary.write_text(written(held), encoding="utf-8")


def show(given: dict[str, Any]) -> None:
    """Print one set."""
    print(given["name"])
    for key, values in given["stages"].items():
        cells = (f"{m} {np.mean(v):.1f} ± {np.std(v, ddof=1) if len(v) > 1 else 0:.1f}" for m, v in values.items())
        print(f"  {key:22} " + ", ".join(cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, action="append", default=[], help="long tail; may be given again")
    parser.add_argument("--imagenet", type=Path, help="x, y and text_a, seven pictures a class")
    parser.add_argument("--model", default="OpenAI CLIP ViT-B/32", help="what encoded all of them")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1, help="processes; each takes one core")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    seeds, began, machine = list(range(arguments.seeds)), time.perf_counter(), environment("cpu")
    with ProcessPoolExecutor(arguments.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = []
        for path in arguments.features:
            known = described(path, long_tail(path, 0)) | {
                "source": fingerprint(path),
                "prompt": "as the file has them",
            }
            waiting.append((known, measured(pool, partial(long_tail, path), seeds, 3, None)))
        if arguments.imagenet:
            path = arguments.imagenet
            known = {
                "name": "CLIP ViT-B/32, ImageNet",
                "data": "ImageNet, 1,000 classes of one size",
                "split": f"each seed draws {FOR_TRAINING} pictures of each class to train on; the other 2 are the test",
                "source": fingerprint(path),
                "prompt": "a {name}, a or an",
                "caution": "the features are of training pictures, each most likely the mean over random crops of one "
                "picture: pictures that were seen once would differ more",
            }
            waiting.append((known, measured(pool, partial(of_seven, path), seeds, 1, OF_EQUAL_CLASSES)))
        for known, wait in waiting:
            run = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "environment": machine}
            run |= {"processes": arguments.jobs, "recipes": {name: how.to_dict() for name, how in RECIPES.items()}}
            found = known | {"model": arguments.model} | run | wait()
            found["seconds"] = round(time.perf_counter() - began)
            keep(arguments.out, found)
            show(found)


if __name__ == "__main__":
    main()
