"""`fit_linear_probe` against scikit-learn's logistic regression, its repeatability and its messages."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from ltnb.samplers import BalancedSampler
from ltnb.training import fit_linear_probe

C, D = 4, 8


def blobs(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((C, D))
    y = np.arange(n) % C
    x = centres[y] + 0.9 * rng.standard_normal((n, D))
    return torch.from_numpy(x / np.linalg.norm(x, axis=1, keepdims=True)).float(), torch.from_numpy(y)


def test_as_accurate_as_scikit_learn() -> None:
    x, y = blobs(400, 1)
    test_x, test_y = blobs(2000, 2)
    layer, history = fit_linear_probe(x, y, C)
    ours = float((layer(test_x).argmax(1) == test_y).float().mean())
    theirs = LogisticRegression(C=100, max_iter=2000).fit(x.numpy(), y.numpy()).score(test_x.numpy(), test_y.numpy())
    assert 0.6 < theirs < 0.99
    assert abs(ours - theirs) < 0.02
    assert history.step_loss[-1] < history.step_loss[0]
    assert not layer.weight.requires_grad and not layer.bias.requires_grad


def test_depends_on_its_seed_alone() -> None:
    x, y = blobs(80, 1)
    torch.manual_seed(1)
    a = fit_linear_probe(x, y, C, epochs=2, seed=3)[0].weight
    torch.manual_seed(2)
    b = fit_linear_probe(x, y, C, epochs=2, seed=3)[0].weight
    c = fit_linear_probe(x, y, C, epochs=2, seed=4)[0].weight
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_a_generator_gives_the_seed() -> None:
    x, y = blobs(80, 1)
    generator = torch.Generator().manual_seed(1)
    first, second = (fit_linear_probe(x, y, C, epochs=2, generator=generator)[0].weight for _ in range(2))
    drawn = torch.randint(2**63 - 1, (2,), generator=torch.Generator().manual_seed(1)).tolist()
    for weight, seed in zip((first, second), drawn, strict=True):
        assert torch.equal(weight, fit_linear_probe(x, y, C, epochs=2, seed=seed)[0].weight)
    for wrong in ({"seed": 1, "generator": generator}, {"seed": 1.5}, {"seed": -1}, {"generator": 3}):
        with pytest.raises(ValueError, match="^(seed|generator) must be .*, got ."):
            fit_linear_probe(x, y, C, epochs=1, **wrong)


def test_loss_and_sampler_are_used() -> None:
    x, y = blobs(80, 1)
    plain = fit_linear_probe(x, y, C, epochs=3)[0].weight
    flat = fit_linear_probe(x, y, C, epochs=3, loss=lambda z, t: 0.0 * z.sum())[0].weight
    balanced = fit_linear_probe(x, y, C, epochs=3, sampler=BalancedSampler(y, "class", seed=1))[0].weight
    assert not torch.allclose(plain, flat) and not torch.allclose(plain, balanced)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_features_of_every_precision_are_trained_in_full(dtype: torch.dtype) -> None:
    x, y = blobs(80, 1)
    x, full = x.to(dtype), torch.promote_types(dtype, torch.float32)
    layer, _ = fit_linear_probe(x, y, C, epochs=3)
    expected, _ = fit_linear_probe(x.to(full), y, C, epochs=3)
    assert layer.weight.dtype == layer.bias.dtype == full
    assert torch.equal(layer.weight, expected.weight) and torch.equal(layer.bias, expected.bias)
    in_single, _ = fit_linear_probe(x.float(), y, C, epochs=3)
    torch.testing.assert_close(layer.weight.float(), in_single.weight, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((torch.zeros(3), torch.zeros(3, dtype=torch.long), 2), "features"),
        ((torch.full((3, 2), float("nan")), torch.zeros(3, dtype=torch.long), 2), "features"),
        ((torch.zeros(3, 2), torch.zeros(2, dtype=torch.long), 2), "labels"),
        ((torch.zeros(3, 2), torch.full((3,), 2), 2), "labels"),
        ((torch.zeros(3, 2), torch.zeros(3, dtype=torch.long), 0), "num_classes"),
    ],
)
def test_bad_input_is_named(arguments: tuple, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        fit_linear_probe(*arguments)
