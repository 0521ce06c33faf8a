"""Where a CLIP stands: what the name of a class is worth to it, counted in pictures.

The papers live where a sentence beats a handful of pictures. Whether features are like that is measured here, on any
features with a text feature for each class: accuracy of class means of a few pictures against zero-shot, and how much
pictures of one class differ among themselves against how much the classes differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ltnb._checks import check_features, check_integer, check_targets, fail
from ltnb._numeric import unit
from ltnb._seeds import generator_of

__all__ = ["Regime", "measure_regime", "variance_ratio"]


@dataclass(frozen=True)
class Regime:
    """What a name is worth on some features.

    Attributes:
        zero_shot: test accuracy of the text features, percent, mean over classes.
        class_means: pictures a class -> test accuracy of class means of so many, percent, mean over draws.
        ratio: variance within classes over variance between them, see :func:`variance_ratio`; inf where pictures tell
            nothing of their class.
    """

    zero_shot: float
    class_means: dict[int, float]
    ratio: float

    @property
    def worth_in_words(self) -> str:
        """:attr:`worth` as a sentence takes it, with the limits of what was measured: "more than 5 pictures"."""
        fewest, most, worth = min(self.class_means), max(self.class_means), self.worth
        word, number = ("about", round(worth)) if fewest <= worth <= most else ("less than", fewest)
        if worth > most:
            word, number = "more than", most
        return f"{word} {number} picture{'s' if number > 1 else ''}"

    @property
    def worth(self) -> float:
        """How many pictures a class equal its name, between the measured numbers on a logarithmic scale.

        0 or inf where the curve lies above or below zero-shot everywhere.
        """
        shots, accuracy = np.array(sorted(self.class_means.items())).T
        if accuracy[0] > self.zero_shot:
            return 0.0
        above = np.flatnonzero(accuracy > self.zero_shot)
        if not len(above):
            return float("inf")
        i = above[0]
        share = (self.zero_shot - accuracy[i - 1]) / (accuracy[i] - accuracy[i - 1])
        return float(np.exp(np.log(shots[i - 1]) + share * np.log(shots[i] / shots[i - 1])))


def variance_ratio(features: Tensor, labels: Tensor) -> float:
    """Variance within classes over variance between them, of unit features.

    Within: the unbiased variance of a class, summed over dimensions, mean over classes. Between: the unbiased variance
    of the class means less what a mean of n pictures varies by itself, within / n.

    Args:
        features: (N, D) image features, scaled to unit length here; as many of each class, two at least.
        labels: (N,) integers.

    Returns:
        The ratio; inf where the class means differ by no more than those of random groups would.

    Raises:
        ValueError: classes of different sizes or of one picture, or fewer than two classes.
    """
    x = unit(check_features(features, "features").double())
    y = check_targets(labels, "labels", len(x))
    classes, counts = y.unique(return_counts=True)
    n = int(counts[0])
    if len(classes) < 2 or n < 2 or not bool((counts == n).all()):
        raise ValueError("labels must hold two classes or more, and as many pictures of each, two at least")
    groups = x[y.argsort(stable=True)].view(len(classes), n, -1)
    within = groups.var(dim=1).sum(-1).mean()
    between = groups.mean(1).var(dim=0).sum() - within / n
    return float(within / between) if between > 0 else float("inf")


def measure_regime(
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    text: Tensor,
    *,
    shots: Sequence[int] = (1, 2, 5, 20),
    draws: int = 10,
    seed: int = 0,
) -> Regime:
    """Class means of a few pictures against zero-shot.

    Args:
        train: (N, D) image features and (N,) labels in [0, C) from which class means are drawn without replacement.
        test: the same of balanced test pictures.
        text: (C, D) one text feature a class.
        shots: pictures a class, in any order; every class must have so many.
        draws: how often each number is drawn.
        seed: of the draws.

    Raises:
        ValueError: a class has too few training pictures or no test picture, a label is out of range, or what
            :func:`variance_ratio` raises of the test pictures.

    Example:
        >>> import torch
        >>> from ltnb.regime import measure_regime
        >>> names = torch.eye(3)
        >>> labels = torch.arange(60) % 3
        >>> pictures = names[labels] + 0.5 * torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
        >>> measure_regime((pictures, labels), (pictures, labels), names, shots=(1, 5)).zero_shot > 80
        True
    """
    c, width = check_features(text, "text").shape
    (train_x, train_y), (test_x, test_y) = (
        (unit(check_features(x, name, width=width).float()), check_targets(y, f"{name} labels", len(x), num_classes=c))
        for name, (x, y) in (("train", train), ("test", test))
    )
    text_x, sizes = unit(text.float()), sorted(check_integer(k, "shots", 1) for k in shots)
    smallest = int(torch.bincount(train_y, minlength=c).min())
    if not sizes or sizes[-1] > smallest:
        fail("shots", f"one or more of 1..{smallest}, the pictures of the smallest class", repr(tuple(shots)))
    if not bool(torch.bincount(test_y, minlength=c).all()):
        fail("test labels", f"of all {c} classes", f"{len(test_y.unique())} of them")
    check_integer(draws, "draws", 1)
    generator = generator_of(seed, None)
    groups = [torch.nonzero(train_y == k).flatten() for k in range(c)]
    found: dict[int, list[float]] = {k: [] for k in sizes}
    for _ in range(draws):
        order = [rows[torch.randperm(len(rows), generator=generator)] for rows in groups]
        for k in sizes:
            means = unit(torch.stack([train_x[rows[:k]].mean(0) for rows in order]))
            found[k].append(_accuracy(test_x @ means.T, test_y, c))
    return Regime(
        zero_shot=_accuracy(test_x @ text_x.T, test_y, c),
        class_means={k: float(np.mean(values)) for k, values in found.items()},
        ratio=variance_ratio(test_x, test_y),
    )


def _accuracy(scores: Tensor, labels: Tensor, c: int) -> float:
    """Percent, mean over classes."""
    right = (scores.argmax(1) == labels).double()
    return float(100 * (torch.bincount(labels, right, c) / torch.bincount(labels, minlength=c)).mean())
