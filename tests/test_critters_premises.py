"""How the premises of the world are measured: on made-up features, with a probe of the test's own where one matters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import clip_tiny
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from ltnb import clip
from ltnb.critters import premises as module
from ltnb.critters.datasets import calibration_data
from ltnb.critters.premises import Encoded, Premises, encode_calibration, measure_premises
from ltnb.critters.species import species_world
from ltnb.data.longtail import exponential_counts
from ltnb.regime import Regime, measure_regime

C, DIM, DRAWS = 15, 24, 4


@pytest.fixture(scope="module")
def encoded() -> Encoded:
    """Classes around unit vectors; a name is near the vector of its class, of some classes nearer than of others."""
    rng = np.random.default_rng(0)
    axes = np.eye(C, DIM)

    def pictures(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        labels = np.repeat(np.arange(C), n)
        x = torch.from_numpy(axes[labels] + 0.35 * rng.standard_normal((len(labels), DIM))).float()
        return x / x.norm(dim=1, keepdim=True), torch.from_numpy(labels)

    text = torch.from_numpy(axes + np.linspace(0.05, 0.5, C)[:, None] * rng.standard_normal((C, DIM))).float()
    return Encoded(pictures(module.PICTURES), pictures(20), text / text.norm(dim=1, keepdim=True))


def recall(scores: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
    """(C,) percent of each class that is right, counted one by one."""
    right = [[] for _ in range(C)]
    for row, label in zip(scores.tolist(), labels.tolist(), strict=True):
        right[label].append(row.index(max(row)) == label)
    return np.array([100 * sum(own) / len(own) for own in right])


class Probes:
    """In place of linear probes: zero-shot, in favour of what it was trained on most; remembers what that was."""

    def __init__(self, text: torch.Tensor) -> None:
        self.text = text
        self.trained: list[tuple[torch.Tensor, torch.Tensor, int]] = []

    def __call__(self, x: torch.Tensor, y: torch.Tensor, num_classes: int, *, seed: int = 0, **_: object):
        self.trained.append((x, y, seed))
        return self.answer(torch.bincount(y, minlength=num_classes)), None

    def answer(self, counts: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda x: 4 * x @ self.text.T + (counts / counts.sum()).log()


@pytest.fixture(scope="module")
def measured(encoded):
    """The premises of the features by those probes, and the probes."""
    probes = Probes(encoded.text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "fit_linear_probe", probes)
        return measure_premises(encoded, draws=DRAWS, permutations=30, seed=5), probes


def test_probes_are_trained_on_long_tails_of_the_calibration_pictures(encoded, measured):
    train_x, train_y = encoded.train
    number = {row.numpy().tobytes(): i for i, row in enumerate(train_x)}
    *tails, (plenty_x, plenty_y, _) = trained = measured[1].trained
    assert len(tails) == DRAWS
    assert len({seed for _, _, seed in trained}) == DRAWS + 1
    orders, chosen = set(), set()
    for x, y, _ in tails:
        counts = torch.bincount(y, minlength=C).numpy()
        assert sorted(counts, reverse=True) == exponential_counts(320, C, 100).tolist()
        rows = [number[row.numpy().tobytes()] for row in x]
        assert len(set(rows)) == len(rows)
        assert torch.equal(train_y[rows], y)
        orders.add(tuple(counts.argsort(kind="stable").tolist()))
        place = np.array([row - int(torch.searchsorted(train_y, label)) for row, label in zip(rows, y, strict=True)])
        of_few = place[(counts < 20)[y.numpy()]]
        assert of_few.mean() == pytest.approx(159.5, abs=4 * 92.4 / len(of_few) ** 0.5)  # not the first of each class
        chosen.add(tuple(of_few))
    assert len(orders) == len(chosen) == DRAWS  # head and tail anew each time, and the pictures of the tail as well
    assert torch.bincount(plenty_y).tolist() == [200] * C
    rows = [number[row.numpy().tobytes()] for row in plenty_x]
    assert len(set(rows)) == 200 * C
    assert torch.equal(train_y[rows], plenty_y)


def test_few_is_few_of_each_tail(encoded, measured):
    """The mean over tails of the mean over their classes with fewer than 20 pictures."""
    premises, probes = measured
    (test_x, test_y), found = encoded.test, []
    zero_shot = recall(test_x @ encoded.text.T, test_y)
    for _, y, _ in probes.trained[:-1]:
        counts = torch.bincount(y, minlength=C)
        few = (counts < 20).numpy()
        logits = probes.answer(counts)(test_x)
        adjusted = logits - (counts / counts.sum()).log()
        found.append([recall(s, test_y)[few].mean() for s in (logits, adjusted)] + [zero_shot[few].mean()])
    probe, adjusted, name = np.mean(found, axis=0)
    assert premises.probe_few == pytest.approx(probe)
    assert premises.adjusted_few == pytest.approx(adjusted)
    assert premises.zero_shot_few == pytest.approx(name)
    assert probe < adjusted - 10
    assert premises.adjusted_few == pytest.approx(premises.zero_shot_few)  # what these probes are without their prior


def test_plenty_and_regime_are_of_balanced_pictures(encoded, measured):
    premises, _ = measured
    zero_shot = recall(encoded.test[0] @ encoded.text.T, encoded.test[1])
    assert zero_shot.std() > 5
    assert premises.probe_plenty == pytest.approx(zero_shot.mean())  # a prior that is even changes no answer
    assert premises.regime.zero_shot == pytest.approx(zero_shot.mean())
    assert premises.regime == measure_regime(encoded.train, encoded.test, encoded.text, draws=DRAWS, seed=5)


def test_flatness_is_many_less_few_over_permutations(encoded, measured):
    counts = exponential_counts(320, C, 100)
    n_many, n_few = int((counts > 100).sum()), int((counts < 20).sum())
    assert n_many and n_few
    zero_shot = recall(encoded.test[0] @ encoded.text.T, encoded.test[1])
    rng, found = np.random.default_rng(5), []
    for _ in range(30):
        order = rng.permutation(C).tolist()
        many = sum(zero_shot[c] for c in order[:n_many]) / n_many
        found.append(many - sum(zero_shot[c] for c in order[-n_few:]) / n_few)
    assert np.std(found) > 1
    assert measured[0].flatness == pytest.approx(np.mean(found))
    assert measured[0].flatness_sd == pytest.approx(np.std(found, ddof=1))
    assert abs(np.mean(found)) < 4 * np.std(found) / 30**0.5  # zero-shot knows no head and tail


def test_with_real_probes(encoded, monkeypatch):
    """Those of the package, on fewer pictures; with plenty of them as good as another's logistic regression."""
    monkeypatch.setattr(module, "PICTURES", 120)
    monkeypatch.setattr(module, "PLENTY", 60)
    premises = measure_premises(encoded, draws=1, permutations=2)
    x, y = encoded.train
    rows = torch.cat([torch.nonzero(y == c).flatten()[:60] for c in range(C)])
    other = LogisticRegression(C=100.0, max_iter=300).fit(x[rows], y[rows])
    assert premises.probe_plenty == pytest.approx(100 * other.score(*encoded.test), abs=3)
    assert premises.probe_few < premises.adjusted_few - 5
    assert premises.probe_few < premises.probe_plenty - 10


# ---- what has to hold


def premises_with(
    zero_shot: float = 60.0, one: float = -20.0, five: float = 0.0, plenty: float = 8.0, **others: float
) -> Premises:
    """Premises at the edge of what is demanded; class means and the probe relative to zero-shot."""
    means = {1: zero_shot + one, 2: 50.0, 5: zero_shot + five, 20: 90.0}
    regime = Regime(zero_shot, means, others.pop("ratio", 0.9))
    few = {"zero_shot_few": 60.0, "probe_few": 45.0, "adjusted_few": 52.0}
    edge = Premises(regime, 2.0, flatness_sd=8.0, **few, probe_plenty=zero_shot + plenty)
    return replace(edge, **others)


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({"zero_shot": 54.0}, 54),
        ({"zero_shot": 73.0}, 73),
        ({"flatness": 2.5}, 2.5),
        ({"flatness": -2.5}, -2.5),
        ({"five": 0.5}, 0.5),
        ({"one": -19.5}, -19.5),
        ({"ratio": 0.85}, 0.85),
        ({"probe_few": 45.5}, -14.5),
        ({"adjusted_few": 51.5}, -8.5),
        ({"adjusted_few": 68.5}, 8.5),
        ({"plenty": 7.5}, 7.5),
    ],
)
def test_each_premise_fails_by_itself(change, value):
    failed = [found for found, holds in premises_with(**change).checks().values() if not holds]
    assert failed == [value]


@pytest.mark.parametrize("zero_shot", [55.0, 72.0])
@pytest.mark.parametrize("others", [{}, {"flatness": -2.0, "adjusted_few": 68.0}, {"five": -9.0, "one": -40.0}])
def test_all_hold_at_the_edge_of_what_is_demanded(zero_shot, others):
    checks = premises_with(zero_shot, **others).checks()
    assert len(checks) == 8
    assert all(holds for _, holds in checks.values())


# ---- encoding


@pytest.mark.parametrize("world", ["calibration", "calibration_latin"])
def test_a_calibration_world_is_encoded_once_with_its_names(world, tmp_path, monkeypatch):
    """A tiny CLIP of random weights, and four training pictures a class in place of 320."""
    made = []

    def small(*arguments: object, **options: object):
        data = calibration_data(*arguments, **options)
        assert set(data.class_counts) == {module.PICTURES}  # no long tail: each draw takes its own
        rows = np.concatenate([np.flatnonzero(data.train.labels == c)[:4] for c in range(data.num_classes)])
        made.append(replace(data, train=data.train.subset(rows), class_counts=data.class_counts // 80))
        return made[-1]

    monkeypatch.setattr(module, "calibration_data", small)
    with clip_tiny.architectures(tmp_path):
        backbone = clip.load(clip_tiny.TINY, "random", precision="fp32", device="cpu")
        encoded = encode_calibration(backbone, world, 3, test_per_class=2)
        (data,) = made
        names = species_world(world).names
        assert encoded.num_classes == len(names)
        for (x, y), part in ((encoded.train, data.train), (encoded.test, data.test)):
            assert torch.equal(y, torch.from_numpy(part.labels))
            rows = [0, len(part) // 2, len(part) - 1]
            batch = torch.stack([backbone.preprocess(part[row][0]) for row in rows])
            torch.testing.assert_close(x[rows], backbone.encode_images(batch).detach(), rtol=1e-4, atol=1e-5)
        prompts = [f"a photo of a {names[c]}." for c in (0, 7)]
        torch.testing.assert_close(encoded.text[[0, 7]], backbone.encode_texts(prompts).detach(), rtol=1e-4, atol=1e-5)
    assert torch.bincount(encoded.test[1]).tolist() == [2] * len(names)
