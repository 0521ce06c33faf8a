"""Head stages against scikit-learn, NumPy and cases whose result is known; and that test rows choose nothing."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from ltnb import clip
from ltnb.data import FeatureData
from ltnb.papers import reported
from ltnb.samplers import BalancedSampler
from ltnb.stages import (
    LINEAR,
    ROWS,
    Bench,
    Recipe,
    adjust_as_chosen,
    balanced_subset,
    encode,
    head_stages,
    needs,
    report,
)
from ltnb.stages.adapter import cosines, fit_adapter
from ltnb.stages.language import fit_language_head
from ltnb.stages.linear import TAUS, adjusted, fit_linear
from ltnb.training import fit_linear_probe

D, COUNTS = 5, (160, 60, 18, 8)
QUICK = Recipe(0.3, epochs=60, batch_size=128, optimizer="adamw", weight_decay=1e-4, least_draws=512)
"""Long enough for four classes that overlap: the optimum is reached, as agreement with scikit-learn shows."""


def made(counts=COUNTS, *, seed: int = 1, text: bool = True, val: bool = True, test: int = 200) -> FeatureData:
    """Clouds that overlap, so that cross-entropy has an optimum; unit length, texts a little off the centres."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(3).standard_normal((len(counts), D))

    def part(sizes) -> tuple[torch.Tensor, torch.Tensor]:
        y = np.repeat(np.arange(len(counts)), sizes)
        x = centres[y] + 1.4 * rng.standard_normal((len(y), D))
        return torch.from_numpy(x / np.linalg.norm(x, axis=1, keepdims=True)).float(), torch.from_numpy(y)

    (train_x, train_y), (test_x, test_y), (val_x, val_y) = part(counts), part(test), part((320, 120, 36, 16))
    texts = torch.from_numpy(centres + 0.4 * rng.standard_normal(centres.shape)).float()
    extra = {"val_x": val_x, "val_y": val_y} if val else {}
    extra |= {"text_x": texts} if text else {}
    parts = {"train_x": train_x, "train_y": train_y, "test_x": test_x, "test_y": test_y}
    return FeatureData(**parts, **extra, unit_norm=True)


@pytest.fixture(scope="module")
def data() -> FeatureData:
    return made()


@pytest.fixture(scope="module")
def bench(data: FeatureData) -> Bench:
    return Bench(data, linear=QUICK)


def predicted(bench: Bench, key: str) -> np.ndarray:
    report(bench, key)
    return bench.predicted[key].numpy()


def agreement(bench: Bench, key: str, other: np.ndarray) -> float:
    return float((predicted(bench, key) == other).mean())


# ---- against NumPy and scikit-learn


def test_rows_without_training_are_what_numpy_says(bench: Bench, data: FeatureData):
    x, y, test, text = (getattr(data, name).numpy() for name in ("train_x", "train_y", "test_x", "text_x"))
    directions = text / np.linalg.norm(text, axis=1, keepdims=True)
    assert agreement(bench, "zero_shot", (test @ directions.T).argmax(1)) == 1
    means = np.stack([x[y == c].mean(0) for c in range(4)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    assert agreement(bench, "ncm", (test @ means.T).argmax(1)) == 1
    alone = Bench(dataclasses.replace(data, val_x=None, val_y=None), linear=QUICK)
    neighbours = KNeighborsClassifier(5, metric="cosine").fit(x, y)
    assert agreement(alone, "knn", neighbours.predict(test)) > 0.99  # votes that tie may be broken otherwise
    assert alone.chosen["knn"] == {"k": 5}


def test_the_report_is_of_the_named_classes(bench: Bench, data: FeatureData):
    found = report(bench, "zero_shot")
    right = bench.predicted["zero_shot"].numpy() == data.test_y.numpy()
    assert found.overall == pytest.approx(100 * right.mean())
    assert found.many == pytest.approx(100 * right[:200].mean()) and found.medium == pytest.approx(
        100 * right[200:400].mean()
    )
    assert found.few == pytest.approx(100 * right[400:].mean())


def test_the_probe_is_logistic_regression_and_the_house_probe(bench: Bench, data: FeatureData):
    model = LogisticRegression(C=1e4, max_iter=5000).fit(data.train_x, data.train_y)
    assert agreement(bench, "linear_probe", model.predict(data.test_x)) > 0.97
    y, sampler = data.train_y, BalancedSampler(data.train_y, "instance", num_samples=512, seed=0)
    house, _ = fit_linear_probe(bench.x["train"], y, 4, sampler=sampler, epochs=60, lr=0.3, batch_size=128, seed=0)
    assert torch.equal(house.weight, bench.probe.weight) and torch.equal(house.bias, bench.probe.bias)


@pytest.mark.parametrize("key", ["cbw", "crt"])
def test_weights_and_balanced_samples_are_balanced_logistic_regression(bench: Bench, data: FeatureData, key: str):
    plain = LogisticRegression(C=1e4, max_iter=5000).fit(data.train_x, data.train_y).predict(data.test_x)
    model = LogisticRegression(C=1e4, max_iter=5000, class_weight="balanced").fit(data.train_x, data.train_y)
    expected = model.predict(data.test_x)
    assert (expected == plain).mean() < 0.9, "the two must differ, or nothing is tested"
    assert agreement(bench, key, expected) > 0.94


def test_the_adjustment_is_menons(bench: Bench, data: FeatureData):
    w, b = bench.probe.weight.numpy(), bench.probe.bias.numpy()
    z = data.test_x.numpy() @ w.T + b - np.log(np.array(COUNTS) / sum(COUNTS))
    assert agreement(bench, "logit_adjusted", z.argmax(1)) > 0.999


def test_balanced_softmax_ends_where_the_adjustment_does(bench: Bench):
    """A bias takes up what is added to a logit, so at the optimum z + log pi is the classifier of cross-entropy."""
    assert agreement(bench, "balanced_softmax", predicted(bench, "logit_adjusted")) > 0.97
    assert agreement(bench, "balanced_softmax", predicted(bench, "linear_probe")) < 0.9


def test_an_adapter_is_equation_5_and_nothing_at_lambda_0(bench: Bench, data: FeatureData):
    x, text = data.test_x.double().numpy(), bench.anchors.double().numpy()
    trained = fit_adapter(bench, 0.2, "class")
    w, b = trained.linear.weight.double().numpy(), trained.linear.bias.double().numpy()
    h = 0.2 * np.maximum(x @ w.T + b, 0) + 0.8 * x
    expected = (h / np.linalg.norm(h, axis=1, keepdims=True)) @ text.T
    np.testing.assert_allclose(cosines(bench, trained)("test").numpy(), expected, atol=1e-5)
    untouched = cosines(bench, fit_adapter(bench, 0.0, "class"))("test").numpy()
    np.testing.assert_allclose(untouched, x @ text.T, atol=1e-5)


def test_the_text_branch_of_the_language_guided_head_is_zero_shot(bench: Bench, data: FeatureData):
    head = fit_language_head(bench)
    x = D**0.5 * data.test_x
    softmax = lambda z: np.exp(z - z.max(1, keepdims=True)) / np.exp(z - z.max(1, keepdims=True)).sum(1)[:, None]  # noqa: E731
    cosine = data.test_x.double().numpy() @ bench.anchors.double().numpy().T
    expected = (softmax(head.mlp(x).double().numpy()) + softmax(cosine / 0.07)) / 2
    np.testing.assert_allclose(head.predict_proba(x).numpy(), expected, atol=1e-5)


# ---- cases whose result is known


@pytest.fixture(scope="module")
def equal() -> Bench:
    return Bench(made((60, 60, 60, 60)), linear=QUICK)


@pytest.mark.parametrize("key", ["cbw", "generalized_reweight", "balanced_softmax", "logit_adjusted"])
def test_what_counts_alone_change_is_the_probe_on_classes_of_one_size(equal: Bench, key: str):
    assert ROWS[key].counts
    assert agreement(equal, key, predicted(equal, "linear_probe")) > 0.995


@pytest.mark.parametrize("key", ["lws", "marc"])
def test_a_finished_classifier_of_equal_classes_has_nothing_to_bend(equal: Bench, key: str):
    """At the optimum of cross-entropy the gradient of every factor and margin is zero."""
    assert agreement(equal, key, predicted(equal, "linear_probe")) > 0.97


@pytest.mark.parametrize("key", ["lws", "disalign", "marc", "crt"])
def test_a_second_stage_leaves_the_probe_and_lifts_the_tail(bench: Bench, key: str):
    before = bench.probe.weight.clone()
    lifted = report(bench, key).few
    assert torch.equal(bench.probe.weight, before)
    assert lifted > report(bench, "linear_probe").few


def test_balanced_samples_lift_the_tail_of_the_adapter(bench: Bench):
    few = [report(bench, f"adapter_{name}").few for name in ("instance", "sqrt", "class")]
    assert few[0] < few[1] < few[2]


# ---- seeds, validation, subsets


def test_the_seed_decides_everything(data: FeatureData):
    short = dataclasses.replace(QUICK, epochs=1)
    found = [fit_linear(Bench(data, seed=seed, linear=short)).weight for seed in (0, 0, 1)]
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_validation_chooses_by_class_and_test_rows_by_nothing(bench: Bench, data: FeatureData):
    report(bench, "logit_adjusted_chosen")
    right = {}
    for tau in TAUS:
        named = adjusted(bench, "", tau)("val").argmax(1).numpy()
        right[tau] = np.mean([(named[data.val_y.numpy() == c] == c).mean() for c in range(4)])
    assert bench.chosen["logit_adjusted_chosen"]["tau"] == max(TAUS, key=right.get)
    overall = {tau: (adjusted(bench, "", tau)("val").argmax(1) == data.val_y).float().mean() for tau in TAUS}
    assert max(TAUS, key=overall.get) != max(TAUS, key=right.get), "the two rules must differ, or nothing is tested"
    shuffled = dataclasses.replace(data, test_y=data.test_y.flip(0), test_x=-data.test_x)
    other = Bench(shuffled, linear=QUICK)
    keys = ("logit_adjusted_chosen", "tau", "knn", "adapter_class_chosen")
    for key in keys:
        report(bench, key), report(other, key)
    assert {key: other.chosen[key] for key in keys} == {key: bench.chosen[key] for key in keys}
    assert other.validated["tau"] == bench.validated["tau"]


def test_the_first_of_equal_settings_is_taken_and_the_default_without_validation(bench: Bench, data: FeatureData):
    same = lambda part: bench.x[part] @ bench.anchors.T  # noqa: E731
    assert bench.choose({0.5: same, 1.0: same}, otherwise=1.0)[1] == 0.5
    alone = Bench(dataclasses.replace(data, val_x=None, val_y=None))
    assert alone.choose({0.5: same, 1.0: same}, otherwise=1.0)[1] == 1.0


def test_a_pass_draws_enough_and_in_the_asked_shares(data: FeatureData):
    recipe = dataclasses.replace(QUICK, least_draws=8000)
    drawn = data.train_y[list(recipe.sampler(data.train_y, "class", 0))]
    assert np.bincount(drawn) / 8000 == pytest.approx([0.25] * 4, abs=0.03)
    assert len(dataclasses.replace(QUICK, least_draws=10).sampler(data.train_y, "instance", 0)) == sum(COUNTS)
    steps = LINEAR.epochs * -(-len(LINEAR.sampler(data.train_y, "instance", 0)) // LINEAR.batch_size)
    assert steps >= 1500


def test_a_balanced_subset_is_nested_and_of_the_training_rows(data: FeatureData):
    one, five, other = (balanced_subset(data, k, seed=s) for k, s in ((1, 2), (5, 2), (5, 3)))
    assert np.bincount(five.train_y).tolist() == [5] * 4 == five.class_counts.tolist()
    rows = {tuple(row) for row in five.train_x.tolist()}
    assert len(rows) == 20 and {tuple(row) for row in one.train_x.tolist()} < rows
    known = {(*row, c) for row, c in zip(data.train_x.tolist(), data.train_y.tolist(), strict=True)}
    assert {(*row, c) for row, c in zip(five.train_x.tolist(), five.train_y.tolist(), strict=True)} <= known
    assert not torch.equal(five.train_x, other.train_x) and torch.equal(five.test_x, data.test_x)
    assert not five.named and five.class_names == data.class_names


# ---- what there is, and what is refused


def test_published_rows_exist_under_their_keys():
    for key, row in ROWS.items():
        if row.published is not None:
            table, published = row.published
            assert published in set(reported(table)["key"]), key
    own = {"focal", "ldam", "cbw", "balanced_softmax", "lade", "crt", "lws", "disalign", "marc", "linear_probe"}
    assert all(ROWS[key].published == ("ivlm/table1", key) for key in own)
    assert len({row.title for row in ROWS.values()}) == len(ROWS)


def test_without_text_and_validation_means_stand_in_and_rows_are_left_out():
    data = made(text=False, val=False, test=20)
    lacking = {key for key in ROWS if needs(data, key)}
    assert lacking == {"zero_shot", "vl_ltr", "logit_adjusted_chosen", "adapter_class_chosen"}
    bench = Bench(data)
    means = np.stack([data.train_x.numpy()[data.train_y.numpy() == c].mean(0) for c in range(4)])
    np.testing.assert_allclose(bench.anchors, means / np.linalg.norm(means, axis=1, keepdims=True), atol=1e-6)
    assert bench.validated == {} and set(head_stages(data, keys=["ncm", "knn"])) == {"ncm", "knn"}
    with pytest.raises(ValueError, match="key must be .* 'zero_shot', which needs text_x"):
        head_stages(data, keys=["zero_shot"])


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"seed": -1}, "seed"),
        ({"temperature": 0.0}, "temperature"),
        ({"group_counts": [1, 2]}, "group_counts"),
        ({"group_counts": [-1, 1, 1, 1]}, "group_counts"),
        ({"convention": "loose"}, "convention"),
        ({"keys": ["focus"]}, "keys"),
    ],
)
def test_bad_arguments_are_named(data: FeatureData, wrong: dict, named: str):
    with pytest.raises(ValueError, match=f"^{named} must be .*, got "):
        head_stages(data, **{"keys": ["ncm"]} | wrong)


def test_other_bad_input_is_named(data: FeatureData, bench: Bench):
    with pytest.raises(ValueError, match="^data must be"):
        head_stages({"train_x": data.train_x})
    with pytest.raises(ValueError, match="^linear must be"):
        Bench(data, linear=0.1)
    with pytest.raises(ValueError, match="^key must be"):
        report(bench, "nothing")
    for per_class in (0, 9, 1.5):
        with pytest.raises(ValueError, match="^per_class must be"):
            balanced_subset(data, per_class)
    for name in ("lr", "epochs", "batch_size", "least_draws"):
        with pytest.raises(ValueError, match=f"^{name} must be"):
            dataclasses.replace(QUICK, **{name: 0})
    with pytest.raises(ValueError, match="residual"):
        fit_adapter(bench, 1.5, "class")


def test_any_logits_can_be_adjusted_as_validation_chooses(bench):
    report(bench, "logit_adjusted_chosen")
    scorer, tau = adjust_as_chosen(bench, bench.on_unit(bench.probe))
    assert {"tau": tau} == bench.chosen["logit_adjusted_chosen"]
    assert torch.equal(scorer("test").argmax(dim=1), bench.predicted["logit_adjusted_chosen"])
    favoured = torch.tensor(COUNTS).float().log()
    right = {part: 2.0 * torch.eye(len(COUNTS))[bench.y[part]] for part in ("val", "test")}
    scorer, tau = adjust_as_chosen(bench, lambda part: right[part] + 1.5 * favoured)
    assert 1.0 <= tau <= 2.0 and torch.equal(scorer("test").argmax(dim=1), bench.y["test"]), "taken off again"
    finer = {tau: adjust_as_chosen(bench, lambda part: right[part] + 0.1 * favoured, (tau,)) for tau in (0.0, 0.1)}
    assert [tau for _, tau in finer.values()] == [0.0, 0.1]
    assert torch.allclose(finer[0.1][0]("val") - finer[0.1][0]("val").mean(), right["val"] - right["val"].mean())
    without = Bench(made(val=False), linear=QUICK)
    assert adjust_as_chosen(without, without.on_unit(without.probe))[1] == 1.0
    assert adjust_as_chosen(without, without.on_unit(without.probe), (0.0, 0.1))[1] == 1.0
    with pytest.raises(ValueError, match=r"strengths must be at least one number, got \(\)"):
        adjust_as_chosen(bench, bench.on_unit(bench.probe), ())


def test_encoding_gives_features_as_they_come_and_texts_of_length_one():
    pixels = np.random.default_rng(0).integers(0, 256, size=(6, 64, 64, 3), dtype=np.uint8)
    parts = {split: [(Image.fromarray(p), i % 2) for i, p in enumerate(pixels)] for split in ("train", "val", "test")}
    data = SimpleNamespace(**parts, class_names=["red bird", "blue cat"], class_counts=np.array([3, 3]))
    backbone = clip.load("mini-rn", device="cpu")
    found = encode(backbone, data, "a sketch of a {}.")
    for split in ("train", "val", "test"):
        assert torch.allclose(getattr(found, f"{split}_x"), clip.extract_features(backbone, parts[split]).x, atol=1e-5)
    assert found.val_y.tolist() == [0, 1] * 3 and not found.unit_norm and found.class_counts.tolist() == [3, 3]
    texts = clip.zero_shot_weights(backbone, data.class_names, "a sketch of a {}.")
    assert torch.equal(found.text_x, texts) and torch.allclose(texts.norm(dim=1), torch.ones(2), atol=1e-5)
