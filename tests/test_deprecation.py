"""Old spellings work and say so; the new one is the only one in signatures."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

from ltnb.data import exponential_counts, load, pareto_counts
from ltnb.data.corpus import read_corpus, write_corpus
from ltnb.heads import CosineClassifier, KNNHead, NearestClassMean
from ltnb.training import fit_linear_probe

X, Y = torch.eye(4), torch.tensor([0, 0, 1, 1])


@pytest.mark.parametrize(
    "call, result",
    [
        (lambda **kw: exponential_counts(100, imbalance=10, **kw), len),
        (lambda **kw: pareto_counts(100, 5, **kw), len),
        (lambda **kw: CosineClassifier(8, **kw), lambda head: len(head.weight)),
        (lambda **kw: NearestClassMean(X, Y, **kw), lambda head: len(head.means)),
        (lambda **kw: KNNHead(X, Y, 1, **kw), lambda head: head(X).shape[1]),
        (lambda **kw: fit_linear_probe(X, Y, epochs=1, **kw), lambda pair: pair[0].out_features),
    ],
)
def test_n_classes_is_num_classes(call, result):
    with pytest.warns(DeprecationWarning, match="n_classes is now called num_classes") as caught:
        assert result(call(n_classes=2)) == result(call(num_classes=2)) == 2
    assert caught[0].filename == __file__
    with pytest.raises(TypeError, match="give num_classes alone"):
        call(n_classes=2, num_classes=2)


def test_corpora_and_data_sets_too(tmp_path):
    folder = write_corpus(tmp_path, [["a"], ["b"]])
    with pytest.warns(DeprecationWarning):
        assert read_corpus(folder, n_classes=2) == read_corpus(folder, num_classes=2)
    data = load("critters_lt", size="small", pool_size=0)
    with pytest.warns(DeprecationWarning):
        assert data.n_classes == data.num_classes == len(np.unique(data.test.labels))


def test_signatures_show_the_new_name():
    for function in (exponential_counts, pareto_counts, CosineClassifier, NearestClassMean, KNNHead, fit_linear_probe):
        assert "num_classes" in inspect.signature(function).parameters
