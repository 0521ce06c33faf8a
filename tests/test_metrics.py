"""``evaluate`` against scikit-learn, and against numbers worked out by hand."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ltnb.metrics import Report, evaluate

examples = settings(max_examples=60, deadline=None, derandomize=True, database=None)
BOUNDS = {
    "strict": {"many": (101, 10**9), "medium": (20, 100), "few": (0, 19)},
    "inclusive": {"many": (100, 10**9), "medium": (21, 99), "few": (0, 20)},
}


@examples
@given(
    num_classes=st.integers(2, 9),
    n=st.integers(1, 80),
    seed=st.integers(0, 2**32 - 1),
    convention=st.sampled_from(["strict", "inclusive"]),
)
def test_equals_scikit_learn(num_classes: int, n: int, seed: int, convention: str):
    from sklearn import metrics

    rng = np.random.default_rng(seed)
    # some classes never occur in the targets, some never in the predictions
    targets = rng.choice(rng.choice(num_classes, rng.integers(1, num_classes + 1), replace=False), n)
    predictions = np.where(rng.random(n) < 0.5, targets, rng.integers(num_classes, size=n))
    counts = rng.choice([0, 1, 19, 20, 21, 99, 100, 101, 500], num_classes)
    report = evaluate(predictions, targets, counts, convention)

    def close(value: float, expected: float) -> bool:
        return value / 100 == pytest.approx(expected, rel=0, abs=1e-12)

    assert close(report.overall, metrics.accuracy_score(targets, predictions))
    macro = {"average": "macro", "zero_division": 0}
    assert close(report.precision, metrics.precision_score(targets, predictions, **macro))
    assert close(report.recall, metrics.recall_score(targets, predictions, **macro))
    assert close(report.f1, metrics.f1_score(targets, predictions, **macro))
    present = np.unique(targets)
    per_class = metrics.recall_score(targets, predictions, labels=present, average=None, zero_division=0)
    np.testing.assert_allclose(report.per_class[present] / 100, per_class, rtol=0, atol=1e-12)
    assert np.array_equal(np.isnan(report.per_class), ~np.isin(np.arange(num_classes), present))
    for name, (low, high) in BOUNDS[convention].items():
        members = [c for c in present if low <= counts[c] <= high]
        if not members:
            assert getattr(report, name) is None
            continue
        expected = metrics.recall_score(targets, predictions, labels=members, average="macro", zero_division=0)
        assert close(getattr(report, name), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # predictions of a class without targets
        balanced = metrics.balanced_accuracy_score(targets, predictions)
    assert close(float(np.nanmean(report.per_class)), balanced)


def test_by_hand():
    counts = [500, 200, 50, 10]
    targets = [0, 0, 0, 0, 1, 1, 2, 2]
    predictions = [0, 0, 0, 1, 1, 3, 2, 2]
    report = evaluate(predictions, targets, counts)
    assert report.overall == 75
    assert report.many == (75 + 50) / 2
    assert report.medium == 100
    assert report.few is None
    assert report.precision == pytest.approx(100 * (1 + 1 / 2 + 1 + 0) / 4)
    assert report.recall == pytest.approx((75 + 50 + 100 + 0) / 4)
    assert report.f1 == pytest.approx(100 * (6 / 7 + 1 / 2 + 1 + 0) / 4)
    np.testing.assert_array_equal(report.per_class, [75, 50, 100, np.nan])


def test_standard_errors_are_the_spread_over_test_sets_drawn_anew():
    """Classes with their own chances of being right, and unequal numbers of test images."""
    rng, counts, images = np.random.default_rng(0), [500, 200, 50, 30, 5, 3], [40, 25, 30, 10, 20, 15]
    chance, targets = np.array([0.9, 0.6, 0.7, 0.5, 0.2, 0.4]), np.repeat(np.arange(6), [40, 25, 30, 10, 20, 15])
    found = [
        evaluate(np.where(rng.random(len(targets)) < chance[targets], targets, (targets + 1) % 6), targets, counts)
        for _ in range(3000)
    ]
    assert len(targets) == sum(images)
    for name in ("overall", "many", "medium", "few"):
        spread = np.std([getattr(report, name) for report in found])
        squared = np.mean([report.standard_errors[name] ** 2 for report in found])
        assert squared**0.5 == pytest.approx(spread, rel=0.05), name  # 3000 sets: a standard error of 1.3 %


def test_one_image_of_a_class_has_no_standard_error():
    errors = evaluate([0, 0, 1, 0, 2], [0, 0, 1, 1, 2], [500, 50, 50]).standard_errors
    assert errors["many"] == 0 and errors["medium"] is errors["overall"] is errors["few"] is None
    assert evaluate([0, 0, 1, 0], [0, 0, 1, 1], [500, 50]).standard_errors["medium"] == 50


def test_scores_and_labels_of_any_kind_give_the_same_report():
    rng = np.random.default_rng(0)
    scores, targets = rng.standard_normal((40, 5)), rng.integers(5, size=40)
    counts = [300, 150, 60, 30, 3]
    expected = evaluate(scores.argmax(1), targets, counts).to_dict()
    for predictions in (
        scores,
        scores.tolist(),
        torch.from_numpy(scores).float().requires_grad_(),
        torch.from_numpy(scores).argmax(1),
        scores.argmax(1).astype(np.uint8),
        scores.argmax(1).tolist(),
    ):
        assert evaluate(predictions, torch.from_numpy(targets), torch.tensor(counts)).to_dict() == expected
    for dtype in (torch.bfloat16, torch.float16):
        rounded = torch.from_numpy(scores).to(dtype)
        assert evaluate(rounded, targets, counts).to_dict() == evaluate(rounded.double(), targets, counts).to_dict()


def test_the_first_of_equal_scores_wins():
    assert evaluate(np.zeros((2, 3)), [0, 1], [5, 5, 5]).overall == 50


def test_report_reads_well_and_goes_into_json():
    report = evaluate([0, 1, 1], [0, 1, 2], [500, 50, 50, 3])
    assert isinstance(report, Report)
    assert repr(report) == (
        "Report(overall 66.67 | many 100.00 medium 50.00 few none | precision 50.00 recall 66.67 f1 55.56"
        " | strict, 4 classes)"
    )
    values = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert values["per_class"] == [100, 100, 0, None]
    assert values["few"] is None
    assert list(values)[:4] == ["overall", "many", "medium", "few"]
