"""The shipped models stand where the premises of the world say: the committed measurement, and a small one made now."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ltnb import clip
from ltnb._files import sha256_of
from ltnb.clip.mini import shipped_weights
from ltnb.critters.attributes import WORLD_VERSION
from ltnb.critters.datasets import calibration_data
from ltnb.critters.premises import Premises
from ltnb.regime import Regime, measure_regime

RECORD = Path(__file__).parents[1] / "figures" / "records" / "world" / "premises.json"
OUT_OF_REACH: set[str] = set()  # premises that the world does not meet; each is named in the datasheet


@cache
def record() -> dict[str, Any]:
    """What `benchmarks/premises.py` measured."""
    return json.loads(RECORD.read_text())


def runs(model: str) -> list[dict[str, Any]]:
    """The seeds of one model."""
    return [run for run in record()["runs"] if run["model"] == model]


def premises(measured: dict[str, Any]) -> Premises:
    """The numbers of one run, to be judged by the bounds of today."""
    regime = measured["regime"]
    means = {int(shots): accuracy for shots, accuracy in regime["class_means"].items()}
    return Premises(**measured | {"regime": Regime(**regime | {"class_means": means})})


def test_the_measurement_is_of_this_world_and_these_weights():
    """Anything else means: run benchmarks/premises.py again."""
    assert record()["world_version"] == WORLD_VERSION
    assert set(record()["weights"]) == {"mini-vit", "mini-rn"}
    for model, digest in record()["weights"].items():
        assert sha256_of(shipped_weights()[model]) == digest, model
        assert [run["seed"] for run in runs(model)] == [0, 1, 2]
    assert record()["draws"] >= 10 and record()["permutations"] >= 50


@pytest.mark.parametrize("seed", range(3))
def test_mini_vit_meets_the_premises(seed):
    run = runs("mini-vit")[seed]
    checks = premises(run["telling"]).checks()
    assert {name for name, (_, holds) in checks.items() if not holds} <= OUT_OF_REACH
    assert {name: holds for name, (_, holds) in checks.items()} == run["holds"]
    latin = run["latin"]
    assert latin["regime"]["zero_shot"] < 3 * latin["chance"]
    assert latin["probe_few"] < 0.5 * latin["probe_plenty"]


@pytest.fixture(scope="module")
def now() -> Regime:
    """mini-vit on 40 pictures of each calibration species, one that the committed measurement does not use."""
    backbone = clip.load("mini-vit", precision="fp32")
    data = calibration_data("calibration", seed=7, test_per_class=20)
    val, test = (clip.extract_features(backbone, part, normalize=True) for part in (data.val, data.test))
    text = clip.zero_shot_weights(backbone, data.class_names, "a photo of a {}.").cpu()
    return measure_regime((val.x, val.y), (test.x, test.y), text, shots=(1, 5), draws=10)


def test_a_small_measurement_made_now_agrees_with_the_committed_one(now):
    """1,200 test pictures: a standard error of 1.4 points and, of the means, of the pictures that make them."""
    committed = [run["telling"]["regime"] for run in runs("mini-vit")]

    def mean(pick):
        return sum(pick(regime) for regime in committed) / len(committed)

    assert now.zero_shot == pytest.approx(mean(lambda r: r["zero_shot"]), abs=5)
    for shots in (1, 5):
        assert now.class_means[shots] == pytest.approx(mean(lambda r, k=shots: r["class_means"][str(k)]), abs=5)
    assert now.ratio == pytest.approx(mean(lambda r: r["ratio"]), rel=0.15)


def test_a_name_is_worth_more_than_a_handful_of_pictures(now):
    assert now.class_means[1] < now.zero_shot - 15
    assert now.class_means[5] < now.zero_shot + 3
    assert now.worth > 3
