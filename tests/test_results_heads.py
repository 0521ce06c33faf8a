"""The committed head stages on real CLIP: read as written, damage is named, and they are what the features say."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from ltnb.papers import reported
from ltnb.results import RealHeads, project_root, real_heads, real_regimes
from ltnb.results.real_stages import FILE
from ltnb.stages import ROWS

SET = {
    "name": "CLIP, photographs",
    "seeds": [0, 1],
    "stages": {"ncm": {"overall": [60.0, 62.0], "few": [40.0, 41.0]}},
    "pictures": {"2": {"ncm": {"overall": [30.0, 30.0]}}},
    "source": "x",
}


def write(root, content) -> None:
    (root / FILE).parent.mkdir(parents=True, exist_ok=True)
    (root / FILE).write_text(content if isinstance(content, str) else json.dumps(content))


def test_rows_are_read(tmp_path):
    assert real_heads(tmp_path) is None
    write(tmp_path, {"schema": 1, "sets": [SET]})
    (found,) = real_heads(tmp_path)
    assert isinstance(found, RealHeads) and found.name == "CLIP, photographs" and found.facts["source"] == "x"
    row = found.stages["ncm"]
    assert (row.mean(), row.mean("few"), row.sd("few")) == (61.0, 40.5, pytest.approx(0.5**0.5))
    assert row.sd() == pytest.approx(np.std([60, 62], ddof=1)) and row.mean("many") is None is row.sd("many")
    assert found.pictures[2]["ncm"].mean() == 30.0 and found.pictures[2]["ncm"].sd() == 0.0


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "not a whole JSON file"),
        ([], "schema must be 1"),
        ({"schema": 2, "sets": []}, "schema must be 1"),
        ({"schema": 1}, "with a list of sets"),
        ({"schema": 1, "sets": ["x"]}, "one of sets lacks"),
        ({"schema": 1, "sets": [{k: v for k, v in SET.items() if k != "seeds"}]}, "one of sets lacks .*seeds"),
        ({"schema": 1, "sets": [SET | {"pictures": {"two": {}}}]}, "one of sets lacks"),
        ({"schema": 1, "sets": [SET | {"stages": {"ncm": {"overall": [1.0]}}}]}, "2 percentages"),
        ({"schema": 1, "sets": [SET | {"stages": {"ncm": {"overall": [1.0, 101.0]}}}]}, "2 percentages"),
        ({"schema": 1, "sets": [SET | {"stages": {"ncm": {"overall": [1.0, None]}}}]}, "one of sets lacks"),
        ({"schema": 1, "sets": [SET | {"stages": {"ncm": {"few": [1.0, 2.0]}}}]}, "no overall"),
    ],
)
def test_damage_is_named(tmp_path, content, message):
    write(tmp_path, content)
    with pytest.raises(ValueError, match=rf"heads\.json.*{message}"):
        real_heads(tmp_path)


# ---- the committed file


def committed(name: str) -> RealHeads:
    return {found.name: found for found in real_heads(project_root())}[f"CLIP ViT-B/32, {name}"]


def test_the_file_says_how_it_was_measured_and_keeps_numbers_alone():
    text = (project_root() / FILE).read_text()
    content = json.loads(text)
    assert len(text) < 60_000 and "no picture" in content["note"]
    for given in content["sets"]:
        assert given["date"] and not given["environment"]["git_commit"].endswith("-dirty")
        assert {"data", "model", "source", "split", "prompt", "training_end", "left_out", "chosen"} <= set(given)
        assert re.fullmatch("[0-9a-f]{16}", given["source"]["sha256"]) and len(given["seeds"]) == 10
        assert set(given["stages"]) | set(given["left_out"]) == set(ROWS) and not set(given["stages"]) & set(
            given["left_out"]
        )


def test_keys_join_with_the_published_tables():
    stages = committed("Caltech 66").stages
    assert len(set(reported("ivlm/table1")["key"]) & set(stages)) >= 11


def unit(x):
    x = x.astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def recall(named, labels, classes):
    return 100 * np.mean([(named[labels == c] == c).mean() for c in classes])


def test_rows_without_training_are_what_the_features_say(shared_data):
    folder = shared_data / "caltech101_clip_vitb32"
    with np.load(folder / "caltech101_lt_66cls_text.npz") as file:
        x, y, test, labels = unit(file["train_x"]), file["train_y"], unit(file["test_x"]), file["test_y"]
        text, counts = unit(file["text_x"]), file["class_counts"]
    stages, few = committed("Caltech 66").stages, np.flatnonzero(counts < 20)
    means = unit(np.stack([x[y == c].mean(0) for c in range(66)]))
    for key, weights in {"zero_shot": text, "ncm": means}.items():
        named = (test @ weights.T).argmax(1)
        assert stages[key].mean() == pytest.approx(recall(named, labels, range(66)), abs=0.16)
        assert stages[key].mean("few") == pytest.approx(recall(named, labels, few), abs=0.31)
        assert stages[key].sd() == 0


def test_trained_rows_are_near_what_others_measured():
    """Baselines of somebody else, three seeds; a picture is 0.15 points of all and 0.3 of few, so noise is near one."""
    for name, key, overall, few in (
        ("Caltech 66", "logit_adjusted", 95.3, 92.4),
        ("Caltech 66", "balanced_softmax", 95.1, 92.0),
        ("Caltech 66", "adapter_class", 96.6, 95.4),
        ("Caltech 100", "logit_adjusted", 91.1, 87.5),
        ("Caltech 100", "balanced_softmax", 91.0, 87.3),
    ):
        stage = committed(name).stages[key]
        assert stage.mean() == pytest.approx(overall, abs=1.0), (name, key)
        assert stage.mean("few") == pytest.approx(few, abs=1.5), (name, key)


def test_random_splits_of_imagenet_agree_with_those_of_the_gauge():
    imagenet = committed("ImageNet")
    (gauge,) = [row.facts["random_splits"] for row in real_regimes(project_root()) if row.name.endswith("ImageNet")]
    for key, name in {"zero_shot": "zero_shot", "ncm": "class_means_5"}.items():
        spread = gauge["sd"][name] * (1 / len(imagenet.facts["seeds"]) + 1 / gauge["splits"]) ** 0.5
        assert imagenet.stages[key].mean() == pytest.approx(gauge["mean"][name], abs=4 * spread)


def test_linear_heads_were_trained_to_their_end():
    """The loss falls on, as it must on features that can be separated; no accuracy moves by a point any more."""
    for found in real_heads(project_root()):
        half, once, twice = (found.facts["training_end"]["lengths"][k] for k in ("0.5", "1", "2"))
        assert np.mean(twice["training_loss"]) < np.mean(once["training_loss"]) < np.mean(half["training_loss"])
        assert all(b == 2 * a and a >= 1500 for a, b in zip(once["steps"], twice["steps"], strict=True))
        for metric in (name for name in once if name.endswith("_overall")):
            assert abs(np.mean(twice[metric]) - np.mean(once[metric])) < 1, (found.name, metric)


def test_accuracy_grows_with_pictures():
    for name in ("Caltech 66", "Caltech 100", "ImageNet"):
        pictures = committed(name).pictures
        assert sorted(pictures) == list(pictures) and 1 in pictures
        for key in ("linear_probe", "adapter_class"):
            found = [pictures[k][key].mean() for k in pictures]
            assert found == sorted(found), (name, key)
