"""What a name is worth in pictures: closed forms, enumeration and scikit-learn against ``ltnb.regime``."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import NearestCentroid

from ltnb.regime import Regime, measure_regime, variance_ratio

Data = tuple[torch.Tensor, torch.Tensor]


def clouds(n: int, *, classes: int = 6, dim: int = 10, noise: float = 0.5, seed: int = 0) -> Data:
    """n pictures of each class around the first unit vectors, of any length, in random order."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(classes), n))
    x = np.eye(dim)[labels] + noise * rng.standard_normal((len(labels), dim))
    return torch.from_numpy(x * rng.uniform(0.5, 20, size=(len(labels), 1))).float(), torch.from_numpy(labels)


def on_cones(n: int, classes: int, angle: float, rng: np.random.Generator) -> Data:
    """Unit vectors at a fixed angle from the axis of their class, in directions that no class shares.

    Within a class they vary by sin^2 of the angle. The axes are orthogonal, and the unbiased variance of C orthogonal
    unit vectors is 1, so classes vary by cos^2.
    """
    labels = np.repeat(np.arange(classes), n)
    aside = rng.standard_normal((len(labels), 300))
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    x = np.hstack([math.cos(angle) * np.eye(classes)[labels], math.sin(angle) * aside])
    return torch.from_numpy(x), torch.from_numpy(labels)


@pytest.mark.parametrize("n", [2, 3, 20])
@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.5])
def test_the_ratio_of_variances_is_unbiased_for_any_number_of_pictures(n, ratio):
    """With two pictures the variance of the class means alone would count half of the variance within as well."""
    rng, angle = np.random.default_rng(n), math.atan(math.sqrt(ratio))
    found = [variance_ratio(*on_cones(n, 30, angle, rng)) for _ in range(30)]
    assert np.mean(found) == pytest.approx(ratio, rel=0.02)


def test_the_ratio_by_loops():
    x, y = clouds(7, classes=4, seed=3)
    rows = [[v / np.linalg.norm(v) for v in x[y == k].double().numpy()] for k in range(4)]
    means = [sum(group) / 7 for group in rows]
    within = np.mean([sum(((v - m) ** 2).sum() for v in g) / 6 for g, m in zip(rows, means, strict=True)])
    grand = sum(means) / 4
    between = sum(((m - grand) ** 2).sum() for m in means) / 3 - within / 7
    assert variance_ratio(x, y) == pytest.approx(within / between, rel=1e-6)


def test_the_ratio_knows_neither_length_nor_direction_nor_the_numbers_of_classes():
    x, y = on_cones(4, 10, 0.7, np.random.default_rng(5))
    generator = torch.Generator().manual_seed(0)
    turn, _ = torch.linalg.qr(torch.randn(x.shape[1], x.shape[1], generator=generator, dtype=x.dtype))
    longer = x * torch.rand(len(x), 1, generator=generator, dtype=x.dtype).add(0.1)
    order = torch.randperm(len(x), generator=generator)
    expected = pytest.approx(variance_ratio(x, y), rel=1e-9)
    assert variance_ratio(x @ turn, y) == expected
    assert variance_ratio(longer, y) == expected
    assert variance_ratio(x[order], 3 * y[order] + 1) == expected
    assert variance_ratio(x.float(), y.int()) == pytest.approx(variance_ratio(x, y), rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_pictures_that_tell_nothing_of_their_class_have_no_finite_ratio(seed):
    """The estimate of the variance between classes may fall below zero; a negative ratio would read as a small one."""
    rng = np.random.default_rng(seed)
    y = torch.arange(40) % 4
    x = torch.from_numpy(np.repeat(rng.standard_normal((10, 6)), 4, axis=0))  # the same ten pictures of each class
    assert variance_ratio(x, y) == math.inf
    regime = measure_regime((x, y), (x, y), torch.eye(4, 6), shots=(1,), draws=1)
    assert regime.ratio == math.inf


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 0, 1, 1, 1, 0, 1], "as many pictures of each"),
        ([0] * 7, "two classes or more"),
        (list(range(7)), "two at least"),
        ([0, 1, 0], r"labels must be of shape \(7,\)"),
        ([0, 1, -1, 0, 1, -1, 0], "labels must be >= 0"),
    ],
)
def test_pictures_that_have_no_ratio(labels, message):
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match=message):
        variance_ratio(x, torch.tensor(labels))


def test_class_means_of_all_pictures_are_nearest_centroids():
    """On unit vectors the nearest of centroids of length 1 is the one of the largest cosine."""
    train, test = clouds(9, noise=0.7, seed=1), clouds(40, noise=0.7, seed=2)
    regime = measure_regime(train, test, torch.eye(6, 10), shots=(9,), draws=3)
    (train_x, test_x), (train_y, test_y) = (
        (x.double().numpy() / np.linalg.norm(x.numpy(), axis=1, keepdims=True) for x in (train[0], test[0])),
        (train[1].numpy(), test[1].numpy()),
    )
    classifier = NearestCentroid().fit(train_x, train_y)
    classifier.centroids_ /= np.linalg.norm(classifier.centroids_, axis=1, keepdims=True)
    expected = 100 * balanced_accuracy_score(test_y, classifier.predict(test_x))
    assert 40 < expected < 95
    assert regime.class_means == {9: pytest.approx(expected)}
    assert regime.ratio == pytest.approx(variance_ratio(*test), rel=1e-5)


def test_zero_shot_is_the_nearest_text():
    test, text = clouds(30, noise=0.6, seed=4), torch.from_numpy(np.random.default_rng(4).standard_normal((6, 10)))
    text = 5 * (torch.eye(6, 10) + 0.2 * text.float())
    cosine = test[0] @ text.T / test[0].norm(dim=1, keepdim=True) / text.norm(dim=1)
    expected = 100 * balanced_accuracy_score(test[1], cosine.argmax(1))
    assert measure_regime(clouds(2), test, text, shots=(1,), draws=1).zero_shot == pytest.approx(expected)
    assert 40 < expected < 95


@pytest.mark.parametrize("shots", [1, 2, 3])
def test_class_means_of_a_few_are_means_over_every_choice(shots):
    """Three classes of four pictures: all choices without replacement counted out, against 400 draws."""
    (x, y), test = clouds(4, classes=3, dim=4, noise=0.8, seed=6), clouds(30, classes=3, dim=4, noise=0.8, seed=7)
    x = x / x.norm(dim=1, keepdim=True)
    per_class = [
        [x[torch.nonzero(y == k).flatten()[list(rows)]].mean(0) for rows in itertools.combinations(range(4), shots)]
        for k in range(3)
    ]
    every = []
    for means in itertools.product(*per_class):
        answers = (test[0] @ torch.stack([m / m.norm() for m in means], 1)).argmax(1)
        every.append(np.mean([100 * float((answers[test[1] == k] == k).double().mean()) for k in range(3)]))
    found = measure_regime((x, y), test, torch.eye(3, 4), shots=(shots,), draws=400).class_means[shots]
    assert np.std(every) > 1
    assert found == pytest.approx(np.mean(every), abs=4 * np.std(every) / 20)


def test_draws_follow_the_seed_and_numbers_may_come_in_any_order():
    train, test, text = clouds(8, noise=0.7), clouds(30, noise=0.7, seed=9), torch.eye(6, 10)
    first = measure_regime(train, test, text, shots=(1, 2, 5), draws=3, seed=1)
    assert first == measure_regime(train, test, text, shots=(5, 1, 2), draws=3, seed=1)
    assert list(first.class_means) == [1, 2, 5]
    assert first.class_means != measure_regime(train, test, text, shots=(1, 2, 5), draws=3, seed=2).class_means
    large = measure_regime(train, test, text, shots=(1, 2, 5), draws=60)
    assert large.class_means[1] < large.class_means[2] < large.class_means[5] < large.zero_shot
    assert large.worth == math.inf  # no mean of pictures is better than the true axis of a class


@pytest.mark.parametrize(
    ("zero_shot", "worth"),
    [(50, 2 * 2**0.5), (30, 2**0.5), (40, 2), (55, 2 * 2**0.75), (10, 0), (60, math.inf), (70, math.inf), (20, 1)],
)
def test_the_worth_of_a_name_lies_on_the_curve(zero_shot, worth):
    curve = {1: 20.0, 2: 40.0, 4: 60.0}
    assert Regime(zero_shot, curve, 1.0).worth == pytest.approx(worth)
    assert Regime(zero_shot, dict(reversed(curve.items())), 1.0).worth == pytest.approx(worth)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shots": (1, 9)}, r"shots must be one or more of 1\.\.8, the pictures of the smallest class, got \(1, 9\)"),
        ({"shots": ()}, "shots must be one or more of"),
        ({"shots": (0, 1)}, "shots must be an integer >= 1, got 0"),
        ({"draws": 0}, "draws must be an integer >= 1, got 0"),
        ({"text": torch.eye(6, 11)}, r"train must be of shape \(N, 11\)"),
        ({"text": torch.eye(5, 10)}, r"train labels must be in 0\.\.4, got 5"),
        ({"text": torch.eye(7, 10)}, r"shots must be one or more of 1\.\.0"),
        (
            {"test": (torch.ones(4, 10), torch.tensor([0, 0, 1, 1]))},
            "test labels must be of all 6 classes, got 2 of them",
        ),
        ({"train": (torch.full((2, 10), torch.nan), torch.tensor([0, 1]))}, "train must be finite"),
    ],
)
def test_bad_arguments_are_named(change, message):
    arguments = {"train": clouds(8), "test": clouds(5, seed=1), "text": torch.eye(6, 10), "shots": (1, 2)} | change
    with pytest.raises(ValueError, match=message):
        measure_regime(arguments.pop("train"), arguments.pop("test"), arguments.pop("text"), **arguments)
