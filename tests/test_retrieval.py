"""``top_images`` against a full sort by (similarity, index)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from ltnb.retrieval import average_precision, modality_gap, top_images


def slow(queries: np.ndarray, images: np.ndarray, k: int) -> list[list[int]]:
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)  # noqa: E731
    similarity = unit(queries) @ unit(images).T
    return [sorted(range(len(images)), key=lambda i: (-row[i], i))[:k] for row in similarity]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 30), block=st.sampled_from([16, 64, 1 << 23]))
def test_equals_a_full_sort_with_many_ties(seed: int, k: int, block: int):
    rng = np.random.default_rng(seed)
    # few directions, in many lengths: most similarities occur several times
    images = np.array([[1, 0], [0, 1], [-1, 0], [3, 4]])[rng.integers(4, size=30)] * 2.0 ** rng.integers(-3, 4, (30, 1))
    queries = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])[rng.integers(4, size=7)] * 3.0  # no product is rounded
    found = top_images(torch.from_numpy(queries), torch.from_numpy(images), k, block=block)
    assert found.dtype == torch.int64
    assert found.tolist() == slow(queries, images, k)


def test_images_in_blocks_give_what_one_block_gives():
    generator = torch.Generator().manual_seed(0)
    queries, images = torch.randn(40, 8, generator=generator), torch.randn(3000, 8, generator=generator)
    images[1500:] = images[:1500]  # each picture twice, far apart
    whole = top_images(queries, images, 9)
    assert torch.equal(top_images(queries, images, 9, block=700, images_at_a_time=100), whole)
    assert torch.equal(whole[:, ::2][:, :4] + 1500, whole[:, 1::2])


def test_one_query_gives_one_row():
    images = torch.eye(5)
    assert top_images(images[3], images, 2).tolist() == [3, 0]
    assert top_images(images[3:4], images, 2).tolist() == [[3, 0]]


def test_length_and_precision_do_not_matter():
    generator = torch.Generator().manual_seed(0)
    queries, images = torch.randn(4, 8, generator=generator), torch.randn(50, 8, generator=generator)
    expected = top_images(queries, images, 5)
    assert torch.equal(top_images(queries * 100, images * torch.rand(50, 1, generator=generator), 5), expected)
    assert torch.equal(top_images(queries.double(), images, 5), expected)
    half, brain = queries.half(), images.bfloat16()
    assert top_images(half, brain, 5).tolist() == slow(half.double().numpy(), brain.double().numpy(), 5)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(top_images(queries, images, 5), expected)


def test_thousands_of_queries_take_no_thousand_times_the_memory(monkeypatch: pytest.MonkeyPatch):
    """No tensor of queries x images is made: the largest product has the size of a block."""
    largest = 0
    product = torch.Tensor.__matmul__

    def watched(a, b):
        nonlocal largest
        largest = max(largest, a.shape[0] * b.shape[1])
        return product(a, b)

    monkeypatch.setattr(torch.Tensor, "__matmul__", watched)
    found = top_images(torch.randn(5000, 4), torch.randn(20_000, 4), 3)
    assert found.shape == (5000, 3)
    assert 0 < largest <= 1 << 23


# ---- average precision


def test_average_precision_is_scikit_learns():
    rng = np.random.default_rng(0)
    queries, images = torch.from_numpy(rng.normal(size=(12, 6))), torch.from_numpy(rng.normal(size=(80, 6)))
    relevant = rng.random((12, 80)) < rng.uniform(0.02, 0.6, (12, 1))
    relevant[3], relevant[4] = False, True
    found = average_precision(5 * queries, images.float(), torch.from_numpy(relevant)).numpy()
    cosines = torch.nn.functional.cosine_similarity(queries[:, None], images[None], dim=2).numpy()
    expected = [
        average_precision_score(own, near) if own.any() else np.nan for own, near in zip(relevant, cosines, strict=True)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.isnan(found[3]) and found[4] == 1


def test_equally_near_images_do_not_flatter():
    one, images = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0]] * 4)
    assert average_precision(one, images, torch.tensor([[True, False, False, False]])).item() == 0.25
    assert average_precision(one, images, torch.tensor([[False, False, False, True]])).item() == 0.25


@pytest.mark.parametrize(
    ("relevant", "message"),
    [(torch.ones(2, 5, dtype=torch.bool), r"bool of shape \(2, 4\)"), (torch.ones(2, 4), r"bool of shape \(2, 4\)")],
)
def test_relevance_that_does_not_fit_is_named(relevant, message):
    with pytest.raises(ValueError, match=f"relevant must be {message}"):
        average_precision(torch.ones(2, 3), torch.eye(4, 3), relevant)


def test_the_modality_gap_against_counting_by_hand():
    g = torch.Generator().manual_seed(0)
    images, texts, queries = (3 * torch.randn(n, 6, generator=g) for n in (40, 25, 10))
    apart, share = modality_gap(images, texts, queries, k=7)
    unit = [x.numpy() / np.linalg.norm(x.numpy(), axis=1, keepdims=True) for x in (images, texts, queries)]
    assert apart == pytest.approx(np.linalg.norm(unit[0].mean(0) - unit[1].mean(0)), abs=1e-5)
    order = np.argsort(-(unit[2] @ np.concatenate(unit[:2]).T), axis=1)[:, :7]
    assert share == pytest.approx((order >= 40).mean())
    far = torch.tensor([[1.0, 0.0, 0, 0, 0, 0]]).repeat(20, 1), torch.tensor([[-1.0, 0, 0, 0, 0, 0]]).repeat(20, 1)
    assert modality_gap(*far, far[0], k=20) == (pytest.approx(2.0), 0.0)
    with pytest.raises(ValueError, match="text_emb"):
        modality_gap(images, texts[:, :5], queries)
