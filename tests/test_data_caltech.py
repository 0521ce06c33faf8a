"""Caltech-101-LT: made-up trees for the rules, the real photographs for the facts."""

from __future__ import annotations

import json
import shutil
import tarfile

import numpy as np
import pytest
from PIL import Image

from ltnb.data import load, shot_groups

SIZES = {"Faces": 40, "Faces_easy": 40, "Leopards": 200, "ant": 20, "yin_yang": 12}


def caltech(root, **kw):
    return load("caltech101_lt", root=root, **({"download": False} | kw))


def number(path):
    return int(path[-8:-4])


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("caltech")
    for name, n in SIZES.items():
        folder = root / "caltech101" / "101_ObjectCategories" / name
        folder.mkdir(parents=True)
        for i in range(1, n + 1):
            Image.new("L", (5, 4), i % 256).save(folder / f"image_{i:04d}.jpg")
    (root / "caltech101" / "101_ObjectCategories" / "BACKGROUND_Google").mkdir()
    return root


def test_tree_alone(tree):
    data = caltech(tree, imbalance=10)
    assert data.class_names == ["face", "leopard", "ant", "yin yang"]  # Faces_easy repeats Faces
    assert data.class_counts.tolist() == [20, 100, 10, 6]  # 100, 46, 21, 10 asked for; the small classes have fewer
    assert [np.bincount(part.labels).tolist() for part in (data.val, data.test)] == [[2] * 4, [4] * 4]
    image, label = data.train[0]
    assert image.mode == "RGB" and label == 0
    assert caltech(tree, imbalance=10).train.fingerprint == data.train.fingerprint
    assert caltech(tree, imbalance=10, seed=1).train.fingerprint != data.train.fingerprint


def test_droppings_are_skipped_and_other_suffixes_taken(tree, tmp_path):
    folder = tmp_path / "101_ObjectCategories"
    shutil.copytree(tree / "caltech101" / "101_ObjectCategories", folder)
    before = caltech(tmp_path, imbalance=10)
    for name in ("ant/.ipynb_checkpoints/image_0001.jpg", "ant/._image_0001.jpg", ".cache/x.jpg", "__MACOSX/x.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "ant" / "image_0001.jpg", folder / name)
    assert caltech(tmp_path, imbalance=10).train.fingerprint == before.train.fingerprint
    for i in range(5):
        shutil.copy(folder / "ant" / "image_0001.jpg", folder / "ant" / f"extra_{i}.JPEG")
    (folder / "ant" / "notes.xyz").touch()
    with pytest.warns(UserWarning, match="1 file ignored: .xyz 1"):
        data = caltech(tmp_path, imbalance=1)
    assert data.class_counts[2] == caltech_size(25) > caltech_size(20)


def caltech_size(n):
    """Pictures of n left for training: the shares of CoOp's split are 50 : 20 : 30."""
    return n - round(0.2 * n) - round(0.3 * n)


@pytest.mark.parametrize("seed", range(5))
def test_mirrored_leopards_stay_in_one_part(tree, seed):
    data = caltech(tree, imbalance=10, seed=seed)
    keys = [{number(p) % 100 for p in part.paths if "Leopards" in p} for part in (data.train, data.val, data.test)]
    assert all(keys) and not (keys[0] & keys[1] or keys[0] & keys[2] or keys[1] & keys[2])


def coop(tree, parts):
    names = {"Leopards": (0, "leopard"), "ant": (1, "ant"), "yin_yang": (2, "yin_yang")}
    table = {
        key: [[f"{name}/image_{i:04d}.jpg", *names[name]] for name, numbers in part.items() for i in numbers]
        for key, part in parts.items()
    }
    path = tree / "split.json"
    path.write_text(json.dumps(table))
    return path


def test_coop_split_without_the_twins_of_tested_pictures(tree):
    split = coop(
        tree,
        {
            "train": {"Leopards": [1, 2, 3, 4, 105, 106], "ant": [1, 2, 3], "yin_yang": [1, 2]},
            "val": {"Leopards": [102, 7], "ant": [4], "yin_yang": [3]},
            "test": {"Leopards": [101, 103], "ant": [5, 6], "yin_yang": [4, 5]},
        },
    )
    data = caltech(tree, split=split, imbalance=2)
    assert data.class_names == ["leopard", "ant", "yin yang"]
    leopards = [sorted(number(p) for p in part.paths if "Leopards" in p) for part in (data.train, data.val, data.test)]
    assert leopards[2] == [101, 103]
    assert set(leopards[0]) <= ({2, 4, 105, 106} if leopards[1] == [7] else {4, 105, 106})
    assert data.class_counts[0] == (4 if leopards[1] == [7] else 3)
    assert np.bincount(data.val.labels).tolist() == [1, 1, 1] and np.bincount(data.test.labels).tolist() == [2, 2, 2]


def test_groups_stay_those_of_imbalance_100(tree):
    strong, weak = caltech(tree, imbalance=100), caltech(tree, imbalance=5)
    assert strong.group_counts.tolist() == weak.group_counts.tolist() == strong.class_counts.tolist()
    assert weak.class_counts.tolist() != strong.class_counts.tolist()


def test_some_classes_only(tree):
    data = caltech(tree, imbalance=2, classes=["yin_yang", "ant"])
    assert data.class_names == ["ant", "yin yang"] and data.class_counts.tolist() == [10, 5]
    with pytest.raises(ValueError, match="classes names 'bee'"):
        caltech(tree, classes=["ant", "bee"])
    with pytest.raises(ValueError, match="at least two"):
        caltech(tree, classes=["ant"])
    with pytest.raises(ValueError, match="imbalance=100 leaves no image in the smallest class: the largest has 10"):
        caltech(tree, classes=["ant", "yin_yang"])


def test_splits_that_do_not_fit(tree, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"split file '.*none\.json' is not there.*split='/path/to/it'"):
        caltech(tree, split=tmp_path / "none.json")
    (tmp_path / "s.json").write_text("[1, 2]")
    with pytest.raises(ValueError, match=r"s\.json' is not CoOp's"):
        caltech(tree, split=tmp_path / "s.json")
    rows = {"train": [["bee/image_0001.jpg", 0, "bee"]], "val": [], "test": []}
    (tmp_path / "s.json").write_text(json.dumps(rows))
    with pytest.raises(FileNotFoundError, match="1 class folders are not there, such as 'bee'"):
        caltech(tree, split=tmp_path / "s.json")
    parts = {"ant": [1], "yin_yang": [1], "Leopards": [1]}
    other = {"ant": [2], "yin_yang": [2], "Leopards": [2]}
    with pytest.raises(FileNotFoundError, match=r"picture 'ant/image_0099\.jpg' is not there"):
        caltech(
            tree,
            split=coop(tree, {"train": parts | {"ant": [99]}, "val": other, "test": {k: [3] for k in parts}}),
            imbalance=1,
        )
    with pytest.raises(ValueError, match="split leaves no validation picture"):
        caltech(tree, split=coop(tree, {"train": parts, "val": {"ant": [2]}, "test": {k: [3] for k in parts}}))


# --- the real photographs ---


@pytest.fixture(scope="module")
def real(shared_data, tmp_path_factory):
    root = tmp_path_factory.mktemp("real")
    with tarfile.open(shared_data / "caltech101_images" / "101_ObjectCategories.tar") as archive:
        archive.extractall(root / "caltech101", filter="data")
    return root


def test_real_caltech_with_coop_split(shared_data, real):
    split = shared_data / "caltech101_images" / "split_zhou_Caltech101.json"
    data = caltech(real, split=split)
    assert (data.num_classes, len(data.val), len(data.test)) == (100, 600, 900)
    assert (data.class_counts.max(), data.class_counts.min()) == (200, 2)
    assert {key: int(mask.sum()) for key, mask in shot_groups(data.class_counts).items()} == {
        "many": 4,
        "medium": 46,
        "few": 50,
    }
    assert data.class_names[:3] == ["face", "leopard", "motorbike"] and "yin yang" in data.class_names
    table = json.loads(split.read_text())
    for part, key in ((data.train, "train"), (data.val, "val"), (data.test, "test")):
        official = {path: label for path, label, _ in table[key]}
        assert all(official[path] == label for path, label in zip(part.paths, part.labels, strict=True))
    twins = [{number(p) % 100 for p in part.paths if "Leopards" in p} for part in (data.train, data.val, data.test)]
    assert not (twins[0] & twins[2] or twins[1] & twins[2] or twins[0] & twins[1])
    for i in range(0, len(data.test), 45):
        image, label = data.test[i]
        assert image.mode == "RGB" and min(image.size) >= 40 and label == data.test.labels[i]


def test_leopards_really_are_mirrored(real):
    """The trap that the loader takes care of: picture i + 100 is picture i, mirrored."""
    folder = real / "caltech101" / "101_ObjectCategories" / "Leopards"

    def small(i):
        with Image.open(folder / f"image_{i:04d}.jpg") as image:
            return np.asarray(image.convert("L").resize((24, 24)), dtype=float)

    for i in (1, 40, 100):
        assert np.corrcoef(small(i).ravel(), small(i + 100)[:, ::-1].ravel())[0, 1] > 0.97


def test_real_caltech_without_split(real):
    data = caltech(real)
    assert data.num_classes == 100 and (data.class_counts.max(), data.class_counts.min()) == (200, 2)
    assert len(set(np.bincount(data.test.labels))) == len(set(np.bincount(data.val.labels))) == 1
    assert not any("Faces_easy" in path for path in data.train.paths)


def test_real_caltech_as_any_folder(real):
    base = real / "caltech101" / "101_ObjectCategories"
    with pytest.raises(ValueError, match="BACKGROUND_Google' holds no picture"):
        load(f"folder:{base}")
