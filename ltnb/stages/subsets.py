"""A balanced part of a long tail: what the same stages do with one, two or five pictures of every class."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from ltnb._checks import check_integer, fail
from ltnb._seeds import generator_of
from ltnb.data import FeatureData


def balanced_subset(data: FeatureData, per_class: int, *, seed: int = 0) -> FeatureData:
    """Features with as many training rows of every class, drawn without replacement; all else stays.

    Args:
        data: features and labels.
        per_class: rows of each class.
        seed: of the draw. One seed draws nested sets: the rows of two a class hold the row of one.

    Returns:
        The features, training rows in the order of the classes.

    Raises:
        ValueError: ``per_class`` is no whole number from 1 to the size of the smallest class.

    Example:
        >>> import torch
        >>> from ltnb.data import FeatureData
        >>> from ltnb.stages import balanced_subset
        >>> x, y = torch.eye(6), torch.tensor([0, 0, 0, 0, 1, 1])
        >>> balanced_subset(FeatureData(train_x=x, train_y=y, test_x=x, test_y=y), 2).train_y
        tensor([0, 0, 1, 1])
    """
    smallest = int(data.class_counts.min())
    if check_integer(per_class, "per_class", 1) > smallest:
        fail("per_class", f"at most {smallest}, the training rows of the smallest class", repr(per_class))
    generator = generator_of(seed, None)
    groups = [torch.nonzero(data.train_y == c).flatten() for c in range(data.num_classes)]
    rows = torch.cat([group[torch.randperm(len(group), generator=generator)][:per_class] for group in groups])
    return dataclasses.replace(
        data,
        train_x=data.train_x[rows],
        train_y=data.train_y[rows],
        class_names=data.class_names if data.named else None,  # type: ignore[arg-type]  # numbers, as before
        class_counts=np.full(data.num_classes, per_class, dtype=np.int64),
    )
