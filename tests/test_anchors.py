"""Anchor sentence selection against Eq. 2's linguistic half written out, and its choices against a plain sort."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from contract.oracles import cosine, log_softmax_at

from ltnb.anchors import image_batch, score_sentences, scores_in_turn, select_anchors
from ltnb.losses import ClassWiseContrastiveLoss


def corpus(seed: int = 0, n_texts: int = 11, n_images: int = 9, classes: int = 3, dim: int = 5):
    rng = np.random.default_rng(seed)
    text_labels = torch.from_numpy(rng.permutation(np.arange(n_texts) % classes))
    image_labels = torch.from_numpy(rng.permutation(np.arange(n_images) % classes))
    texts, images = (torch.from_numpy(rng.standard_normal((n, dim)) * 3) for n in (n_texts, n_images))
    return texts, text_labels, images, image_labels


def slow_scores(texts, text_labels, images, image_labels, tau: float) -> list[float]:
    """L_lin of VL-LTR Eq. 2 for each sentence, both sums written out."""
    scores = []
    for text, label in zip(texts.numpy(), text_labels.tolist(), strict=True):
        row = [cosine(image, text) / tau for image in images.numpy()]
        own = [k for k, other in enumerate(image_labels.tolist()) if other == label]
        scores.append(-sum(log_softmax_at(row, k) for k in own) / len(own))
    return scores


@pytest.mark.parametrize("tau", [0.01, 0.07, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_scores_equal_the_slow_form(seed: int, tau: float):
    inputs = corpus(seed)
    expected = slow_scores(*inputs, tau)
    np.testing.assert_allclose(score_sentences(*inputs, tau).numpy(), expected, rtol=1e-11)
    single = [x.float() if x.is_floating_point() else x for x in inputs]
    scores = score_sentences(*single, torch.tensor(tau))
    assert scores.dtype == torch.float32
    np.testing.assert_allclose(scores.numpy(), expected, rtol=1e-4)


@pytest.mark.parametrize("block", [1, 30])
def test_blocks_do_not_matter(block: int):
    inputs = corpus(n_texts=50)
    torch.testing.assert_close(score_sentences(*inputs, 0.07, block=block), score_sentences(*inputs, 0.07))


@pytest.mark.parametrize("kind", [float, torch.tensor])
def test_logit_scale_is_the_inverse_of_the_temperature(kind):
    inputs = corpus()
    torch.testing.assert_close(
        score_sentences(*inputs, logit_scale=kind(20.0)), score_sentences(*inputs, 0.05), rtol=1e-7, atol=0
    )
    for bad in (0.0, -1.0, math.nan, "20"):
        with pytest.raises(ValueError, match="must be"):
            score_sentences(*inputs, logit_scale=bad)
    with pytest.raises(ValueError, match="temperature.*logit_scale.*neither"):
        score_sentences(*inputs)
    with pytest.raises(ValueError, match="^temperature must be .*logit_scale"):
        score_sentences(*inputs, 100)


def test_mean_of_scores_is_the_linguistic_half_of_the_contrastive_loss():
    texts, text_labels, images, image_labels = corpus()
    both = ClassWiseContrastiveLoss()(images, texts, image_labels, text_labels, 0.1)
    other = score_sentences(images, image_labels, texts, text_labels, 0.1).mean()  # the visual half, roles swapped
    torch.testing.assert_close(score_sentences(texts, text_labels, images, image_labels, 0.1).mean() + other, both)


def test_limits_of_the_score():
    images = torch.eye(4)
    labels = torch.arange(4)
    sure = score_sentences(images, labels, images, labels, 0.01)
    torch.testing.assert_close(sure, torch.zeros(4), atol=1e-6, rtol=0)
    blind = score_sentences(torch.ones(4, 4), labels, images, labels, 0.07)
    torch.testing.assert_close(blind, torch.full((4,), math.log(4)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_and_long_vectors_stay_finite(dtype: torch.dtype):
    texts, text_labels, images, image_labels = corpus()
    texts, images = (x.to(dtype) * 1000 for x in (texts, images))
    scores = score_sentences(texts, text_labels, images, image_labels, 1e-4)
    assert scores.dtype == torch.float32
    assert bool(torch.isfinite(scores).all())
    expected = slow_scores(texts.double(), text_labels, images.double(), image_labels, 1e-4)
    np.testing.assert_allclose(scores.numpy(), expected, rtol=1e-4, atol=1e-2)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(score_sentences(texts, text_labels, images, image_labels, 1e-4), scores)
    anchors, *_ = select_anchors(texts, text_labels, scores, 2)
    assert anchors.dtype == dtype


def test_selection_equals_a_plain_sort_of_each_class():
    rng = np.random.default_rng(1)
    labels = np.concatenate([np.arange(6), rng.geometric(0.3, 80) % 6])
    scores = rng.integers(0, 10, len(labels)).astype(float)  # with ties
    texts = torch.from_numpy(rng.standard_normal((len(labels), 4)))
    anchors, padding, indices = select_anchors(texts, torch.from_numpy(labels), torch.from_numpy(scores), 12)
    assert anchors.shape == (6, 12, 4)
    for c in range(6):
        expected = sorted(np.flatnonzero(labels == c), key=lambda i: (scores[i], i))[:12]
        assert indices[c, : len(expected)].tolist() == expected
        assert indices[c, len(expected) :].tolist() == [-1] * (12 - len(expected))
        assert padding[c].tolist() == [False] * len(expected) + [True] * (12 - len(expected))
        assert torch.equal(anchors[c, : len(expected)], texts[expected])
        assert bool((anchors[c, len(expected) :] == 0).all())


def test_cut_off_takes_the_first_sentences():
    texts, labels, *_ = corpus()
    _, _, indices = select_anchors(texts, labels, torch.arange(len(texts)), 2)
    for c in range(3):
        assert indices[c].tolist() == (labels == c).nonzero()[:2, 0].tolist()


def test_image_batch_takes_at_most_so_many_of_each_class():
    labels = np.repeat([4, 0, 2], [200, 7, 50])
    batch = image_batch(labels, seed=1)
    assert torch.equal(batch, batch.unique())
    assert np.bincount(labels[batch.numpy()]).tolist() == [7, 0, 50, 0, 50]
    assert torch.equal(batch, image_batch(torch.from_numpy(labels), seed=1))
    assert not torch.equal(batch, image_batch(labels, seed=2))


def test_image_batch_takes_a_generator():
    labels = np.zeros(200, dtype=int)
    one, same, other = (image_batch(labels, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    shared = torch.Generator().manual_seed(1)
    assert torch.equal(image_batch(labels, generator=shared), one)
    assert not torch.equal(image_batch(labels, generator=shared), one)


def test_image_batch_draws_all_images_of_a_class_equally_often():
    draws = np.zeros(20)
    for seed in range(2000):
        draws[image_batch(np.zeros(20, dtype=int), 5, seed=seed).numpy()] += 1
    assert np.abs(draws - 500).max() < 5 * math.sqrt(2000 * 0.25 * 0.75)


def test_kinds_take_turns():
    """Step by step: of each class the best of each kind, then the second best of each."""
    rng = np.random.default_rng(0)
    scores = torch.from_numpy(rng.integers(6, size=40) / 2)  # many ties
    labels, kinds = torch.from_numpy(rng.integers(4, size=40)), torch.from_numpy(rng.integers(2, size=40))
    found = scores_in_turn(scores, labels, kinds.bool())
    for c in range(4):
        for kind in range(2):
            rows = [i for i in range(40) if labels[i] == c and kinds[i] == kind]
            for place, i in enumerate(sorted(rows, key=lambda i: (float(scores[i]), i))):
                assert found[i] == place
    chosen = select_anchors(torch.eye(40), labels, found, 4)[2]
    for row in chosen:
        assert sorted(kinds[row].tolist()) == [0, 0, 1, 1]
    with pytest.raises(ValueError, match="kinds must be of shape"):
        scores_in_turn(scores, labels, kinds[:3])
