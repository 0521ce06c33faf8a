"""Class counts of long-tailed sets and the many / medium / few groups, against published numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from real_splits import real_counts

from ltnb.data.longtail import exponential_counts, pareto_counts, shot_groups

examples = settings(max_examples=50, deadline=None, derandomize=True, database=None)


def sizes(counts, convention: str) -> list[int]:
    return [int(mask.sum()) for mask in shot_groups(counts, convention).values()]


@pytest.mark.parametrize(("imbalance", "total"), [(100, 10_847), (50, 12_608), (10, 19_573)])
def test_exponential_counts_sum_as_cifar100_lt(imbalance: int, total: int):
    counts = exponential_counts(500, 100, imbalance)
    assert counts.dtype == np.int64
    assert counts.sum() == total
    assert (counts[0], counts[-1]) == (500, 500 // imbalance)


@pytest.mark.parametrize("imbalance", [100, 50, 10])
def test_exponential_counts_equal_the_published_cifar100_lt(shared_data, imbalance: int):
    assert np.array_equal(
        exponential_counts(500, 100, imbalance), real_counts(shared_data, "CIFAR100_LT", f"if{imbalance}")
    )


@examples
@given(st.integers(1, 5000), st.integers(1, 300), st.floats(1, 500))
def test_exponential_counts_follow_the_formula(n_max: int, num_classes: int, imbalance: float):
    expected = (
        [int(n_max * (1 / imbalance) ** (i / (num_classes - 1))) for i in range(num_classes)]
        if num_classes > 1
        else [n_max]
    )
    if expected[-1] == 0:
        with pytest.raises(ValueError, match="n_max"):
            exponential_counts(n_max, num_classes, imbalance)
    else:
        assert exponential_counts(n_max, num_classes, imbalance).tolist() == expected


def test_imbalance_one_is_balanced():
    assert exponential_counts(20, 5, 1).tolist() == [20] * 5


@examples
@given(st.integers(1, 500), st.integers(0, 5000), st.integers(1, 400), st.floats(0.01, 1e6))
def test_pareto_counts_fall_from_n_max_to_n_min(n_min: int, extra: int, num_classes: int, alpha: float):
    counts = pareto_counts(n_min + extra, n_min, num_classes, alpha)
    assert counts.shape == (num_classes,)
    assert counts[0] == n_min + extra
    assert num_classes == 1 or counts[-1] == n_min
    assert (np.diff(counts) <= 0).all()


def test_pareto_counts_are_quantiles_of_the_law():
    """Stretched back, the share of classes above x is the Pareto survival function (1 + x)^-alpha."""
    alpha, num_classes = 3.0, 2000
    counts = pareto_counts(10**12, 1, num_classes, alpha).astype(float)
    rank = (np.arange(num_classes) + 0.5) / num_classes
    ends = rank[[0, -1]] ** (-1 / alpha) - 1
    x = ends[1] + (counts - 1) / (10**12 - 1) * (ends[0] - ends[1])
    np.testing.assert_allclose((1 + x) ** -alpha, rank, rtol=1e-9)


def test_pareto_counts_resemble_the_published_sets():
    # ImageNet-LT has 115,846 images; Places-LT drawn with alpha 6 had 184,500 (the number its paper still prints)
    assert pareto_counts(1280, 5, 1000).sum() == pytest.approx(115_846, rel=0.1)
    assert pareto_counts(4980, 5, 365).sum() == pytest.approx(184_500, rel=0.02)


def test_group_boundaries_of_both_conventions():
    counts = [102, 101, 100, 99, 21, 20, 19, 1, 0]
    expected = {
        "strict": (["many"] * 2 + ["medium"] * 4 + ["few"] * 3),
        "inclusive": (["many"] * 3 + ["medium"] * 2 + ["few"] * 4),
    }
    for convention, names in expected.items():
        for kind in (list, np.array, torch.tensor):
            groups = shot_groups(kind(counts), convention)
            assert list(groups) == ["many", "medium", "few"]
            assert all(type(mask) is np.ndarray and mask.dtype == bool for mask in groups.values())
            assert [next(name for name, mask in groups.items() if mask[i]) for i in range(len(counts))] == names
            assert (sum(mask.astype(int) for mask in groups.values()) == 1).all()


def test_strict_is_the_default():
    assert shot_groups([100])["medium"].all()


@pytest.mark.parametrize(
    ("name", "strict", "inclusive"),
    [("ImageNet_LT", [385, 479, 136], [391, 463, 146]), ("Places_LT", [131, 163, 71], [132, 156, 77])],
)
def test_groups_of_the_published_sets(shared_data, name: str, strict: list[int], inclusive: list[int]):
    counts = real_counts(shared_data, name)
    assert counts.sum() == {"ImageNet_LT": 115_846, "Places_LT": 62_500}[name]
    assert sizes(counts, "strict") == strict
    assert sizes(counts, "inclusive") == inclusive


def test_groups_of_cifar100_lt_at_imbalance_100():
    assert sizes(exponential_counts(500, 100, 100), "strict") == [35, 35, 30]
