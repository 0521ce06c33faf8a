"""Class counts of the published long-tailed training sets."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np


def real_counts(shared_data: Path, name: str, column: str = "train_count") -> np.ndarray:
    """Training images per class of ``ImageNet_LT``, ``Places_LT`` or ``CIFAR100_LT`` (columns if100, if50, if10).

    ``shared_data`` is the fixture of that name, which skips a test where the files are not present.
    """
    with open(shared_data / "splits" / name / "train_counts.csv", newline="") as file:
        return np.array([int(row[column]) for row in csv.DictReader(file)], dtype=np.int64)
