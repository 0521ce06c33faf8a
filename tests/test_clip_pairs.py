"""Pairs of images and sentences: of the same class, each sentence equally likely, other ones in each epoch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ltnb.clip import PairSource
from ltnb.training import TensorSource

LABELS = torch.tensor([2, 0, 1, 1, 2, 2, 0])
TEXT_LABELS = torch.tensor([1, 0, 2, 2, 1, 2, 5])  # class 5 has no image


def source(seed: int = 0) -> PairSource:
    return PairSource(TensorSource(torch.arange(7.0)[:, None], LABELS), TEXT_LABELS, seed=seed)


def test_a_batch_holds_images_labels_positions_and_a_sentence_of_each_images_class():
    images, labels, positions, sentences = source().__getitems__([5, 1, 3, 3])
    assert images[:, 0].tolist() == [5, 1, 3, 3]
    assert positions.tolist() == [5, 1, 3, 3]
    assert torch.equal(labels, LABELS[positions])
    assert torch.equal(TEXT_LABELS[sentences], labels)
    assert len(source()) == 7


def test_draws_depend_on_seed_epoch_and_positions_alone():
    batch = list(range(7)) * 5
    first, again, other = source(), source(), source(seed=1)
    drawn = first.__getitems__(batch)[3]
    again.__getitems__([0, 1])  # what was asked before does not matter
    assert torch.equal(drawn, again.__getitems__(batch)[3])
    assert not torch.equal(drawn, other.__getitems__(batch)[3])
    first.set_epoch(1)
    assert not torch.equal(drawn, first.__getitems__(batch)[3])
    first.set_epoch(0)
    assert torch.equal(drawn, first.__getitems__(batch)[3])


def test_every_sentence_of_a_class_is_equally_likely():
    pairs, counts = source(), np.zeros(len(TEXT_LABELS))
    for epoch in range(3000):
        pairs.set_epoch(epoch)
        counts += np.bincount(pairs.__getitems__([0, 1, 2])[3], minlength=len(TEXT_LABELS))
    assert counts[6] == 0
    assert counts[1] == 3000
    for label, n in ((1, 2), (2, 3)):
        mine = counts[(TEXT_LABELS == label).numpy()]
        assert np.abs(mine - 3000 / n).max() < 4 * math.sqrt(3000 / n)


def test_an_epoch_reaches_the_images_and_their_fingerprint_is_passed_on():
    class Images(TensorSource):
        epoch = 0

        def set_epoch(self, epoch: int) -> None:
            self.epoch = epoch

    images = Images(torch.arange(7.0)[:, None], LABELS)
    pairs = PairSource(images, TEXT_LABELS)
    pairs.set_epoch(3)
    assert images.epoch == 3
    prints = {pairs.fingerprint, source(seed=1).fingerprint, PairSource(images, TEXT_LABELS.flip(0)).fingerprint}
    assert len(prints) == 3
    assert pairs.fingerprint == source().fingerprint


def test_classes_without_a_sentence_and_bad_labels_are_named():
    images = TensorSource(torch.arange(7.0)[:, None], LABELS)
    for labels in (torch.tensor([0, 1]), torch.tensor([0, 1, 5])):
        with pytest.raises(ValueError, match="text_labels must be such that each class .* got none of 2"):
            PairSource(images, labels).__getitems__([0])
    for bad in ([], [0.5], [[1]], [-1, 0]):
        with pytest.raises(ValueError, match=r"^text_labels must be .*, got ."):
            PairSource(images, bad)
    with pytest.raises(ValueError, match=r"^seed must be .*, got -1"):
        source(seed=-1)
