"""ImageNet-LT, Places-LT and iNaturalist from list files: made-up trees, and the official lists."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ltnb.data import listfiles, load, shot_groups
from ltnb.data.classnames import match_names, read_names, readable_place
from ltnb.data.listfiles import read_list

PREFIX = {"imagenet_lt": "ImageNet_LT", "places_lt": "Places_LT", "inat2018": "iNaturalist18"}


def write(path: Path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def world(root, name, keys, sizes=(4, 2), ending=".txt.gz", splits=("train", "val", "test"), made=True):
    """Lists under root/<prefix>, pictures under root/pictures."""
    for split in splits:
        number = {"train": sizes, "val": (1,) * len(keys), "test": (2,) * len(keys)}[split]
        lines = []
        for label, (key, n) in enumerate(zip(keys, number, strict=True)):
            for i in range(n):
                path = f"{split}/{key}/{i}.png"
                lines.append(f"{path} {label}")
                if made:
                    (root / Path(path).parent).mkdir(parents=True, exist_ok=True)
                    Image.new("RGB", (5, 4), (label, i, 0)).save(root / path)
        write(root / PREFIX[name] / f"{PREFIX[name]}_{split}{ending}", lines)


@pytest.mark.parametrize("ending", [".txt", ".txt.gz"])
def test_imagenet_layout(tmp_path, ending):
    world(tmp_path, "imagenet_lt", ["n01", "n02"], ending=ending)
    write(tmp_path / "ImageNet_LT" / "classnames.txt", ["n01 great white shark", "n02 jack-o'-lantern"])
    data = load("imagenet_lt", root=tmp_path)
    assert data.class_names == ["great white shark", "jack-o'-lantern"]
    assert data.class_counts.tolist() == data.group_counts.tolist() == [4, 2]
    assert (len(data.train), len(data.val), len(data.test)) == (6, 2, 4)
    image, label = data.test[3]
    assert image.getpixel((0, 0)) == (1, 1, 0) and label == 1
    assert len({data.train.fingerprint, data.val.fingerprint, data.test.fingerprint}) == 3


def test_lists_and_pictures_may_lie_apart(tmp_path):
    world(tmp_path / "pictures" / "imagenet", "imagenet_lt", ["n01", "n02"])
    (tmp_path / "pictures" / "imagenet" / "ImageNet_LT").rename(tmp_path / "lists")
    write(tmp_path / "lists" / "classnames.txt.gz", ["n01 tench", "n02 goldfish"])
    data = load("imagenet_lt", root=tmp_path / "pictures", lists=tmp_path / "lists")
    assert data.train.root == tmp_path / "pictures" / "imagenet" and len(data.train) == 6


def test_codes_are_no_names(tmp_path):
    world(tmp_path, "imagenet_lt", ["n01", "n02"])
    with pytest.raises(FileNotFoundError, match=r"classnames\.txt \(or \.gz\) is not there.*codes such as 'n01'"):
        load("imagenet_lt", root=tmp_path)


def test_imagenet_names_fall_back_on_those_open_clip_ships(tmp_path, monkeypatch):
    keys = [f"n{i:08d}" for i in range(1000)]
    world(tmp_path, "imagenet_lt", keys, sizes=(1,) * 1000, made=False)
    first = tmp_path / "train" / keys[0] / "0.png"
    first.parent.mkdir(parents=True)
    first.touch()
    monkeypatch.setattr(listfiles, "_spot_check", lambda source, part: None)
    with pytest.warns(UserWarning, match="are both called 'missile'"):  # a fact of that list
        names = load("imagenet_lt", root=tmp_path).class_names
    assert len(names) == 1000 and names[:2] == ["tench", "goldfish"] and names[-1] == "toilet paper"


def test_places_names(tmp_path):
    world(tmp_path, "places_lt", ["bus_station-indoor", "arena-rodeo"])
    assert load("places_lt", root=tmp_path).class_names == ["indoor bus station", "arena rodeo"]
    write(tmp_path / "Places_LT" / "classnames.txt", ["bus_station-indoor station hall", "arena-rodeo rodeo"])
    assert load("places_lt", root=tmp_path).class_names == ["station hall", "rodeo"]
    assert readable_place("shoe_shop") == "shoe shop"


def test_inaturalist_tests_on_the_official_validation_list(tmp_path):
    world(tmp_path, "inat2018", ["0", "1", "2"], sizes=(30, 10, 9), splits=("train", "val"))
    categories = [{"id": 2, "name": "Bufo bufo"}, {"id": 0, "name": "Rana arvalis"}, {"id": 1, "name": "Hyla hyla"}]
    write(tmp_path / "iNaturalist18" / "categories.json", [json.dumps(categories)])
    data = load("inat2018", root=tmp_path)
    assert data.class_names == ["Rana arvalis", "Hyla hyla", "Bufo bufo"]
    assert data.class_counts.tolist() == [29, 9, 9] and np.bincount(data.val.labels).tolist() == [1, 1]
    assert all(path.startswith("val/") for path in data.test.paths)
    assert not set(data.train.paths) & set(data.val.paths)
    assert load("inat2018", root=tmp_path, seed=1).val.paths != data.val.paths
    whole = load("inat2018", root=tmp_path, val_per_class=0)
    assert whole.class_counts.tolist() == [30, 10, 9] and len(whole.val) == 0
    with pytest.raises(ValueError, match="val_per_class must be an integer >= 0"):
        load("inat2018", root=tmp_path, val_per_class=-1)


def test_missing_parts_are_named(tmp_path):
    world(tmp_path, "places_lt", ["a", "b"])
    (tmp_path / "Places_LT" / "Places_LT_val.txt.gz").rename(tmp_path / "val.txt.gz")
    with pytest.raises(FileNotFoundError, match=r"list file Places_LT_val\.txt \(or \.gz\) is not there.*lists='/path"):
        load("places_lt", root=tmp_path)
    (tmp_path / "val.txt.gz").rename(tmp_path / "Places_LT" / "Places_LT_val.txt.gz")
    (tmp_path / "test/b/1.png").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"picture 'test/b/1\.png' of the lists is not there.*Places365-Standard"
    ):
        load("places_lt", root=tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder with the pictures was given"):
        load("places_lt")


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv("LTNB_DATA", raising=False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train/x.jpg", "line 2: expected 'path label'"),
        ("x.jpg -1", "line 2"),
        ("x.jpg 1.5", "line 2"),
        ("7", "line 2"),
    ],
)
def test_malformed_line_is_named(tmp_path, line, message):
    write(tmp_path / "l.txt", ["a/b c.jpg 0", line])
    with pytest.raises(ValueError, match=rf"l\.txt', {message}"):
        read_list(tmp_path / "l.txt")
    write(tmp_path / "l.txt", ["a/b c.jpg 0", "", "d.jpg\t12"])
    paths, labels = read_list(tmp_path / "l.txt")
    assert paths == ["a/b c.jpg", "d.jpg"] and labels.tolist() == [0, 12]


def test_broken_lists(tmp_path):
    write(tmp_path / "empty.txt", [])
    with pytest.raises(ValueError, match=r"empty\.txt' holds no line"):
        read_list(tmp_path / "empty.txt")
    (tmp_path / "cut.txt.gz").write_bytes(gzip.compress(b"a.jpg 0\n" * 100)[:20])
    with pytest.raises(ValueError, match=r"cut\.txt\.gz' cannot be read"):
        read_list(tmp_path / "cut.txt.gz")
    world(tmp_path, "places_lt", ["a", "b"])
    lists = tmp_path / "Places_LT"
    write(lists / "Places_LT_test.txt.gz", ["test/a/0.png 2"])
    with pytest.raises(ValueError, match=r"Places_LT_test: label 2 of 'test/a/0\.png' is outside 0\.\.1"):
        load("places_lt", root=tmp_path)
    write(lists / "Places_LT_train.txt.gz", ["train/a/0.png 0", "train/b/0.png 2"])
    with pytest.raises(ValueError, match="Places_LT_train has no image of class 1"):
        load("places_lt", root=tmp_path)


def test_names_go_by_folder_not_by_line(tmp_path):
    world(tmp_path, "imagenet_lt", ["n01", "n02"])
    names = tmp_path / "ImageNet_LT" / "classnames.txt"
    write(names, ["n02 goldfish", "n01 tench"])
    assert load("imagenet_lt", root=tmp_path).class_names == ["tench", "goldfish"]
    write(names, ["n02 goldfish", "n03 tench"])
    with pytest.raises(ValueError, match=r"has no name for class 0, whose pictures lie in 'train/n01'"):
        load("imagenet_lt", root=tmp_path)
    write(names, ["n01 tench"])
    with pytest.raises(ValueError, match="names 1 classes, the training list has 2"):
        load("imagenet_lt", root=tmp_path)
    write(names, ["n01 tench", "n02"])
    with pytest.raises(ValueError, match=r"classnames\.txt', entry 2: expected 'key name', got 'n02'"):
        load("imagenet_lt", root=tmp_path)
    keyed = [("a", "A"), ("b", "B")]
    assert match_names("f", keyed, ["x/1.jpg", "y/2.jpg"]) == ["A", "B"]  # folders that are no keys: by line
    with pytest.raises(ValueError, match="classes 0 and 1 both lie in folder 'a'"):
        match_names("f", keyed, ["a/1.jpg", "a/2.jpg"])


# --- the official lists ---


@pytest.mark.parametrize(
    ("folder", "split", "lines", "classes", "each"),
    [
        ("ImageNet_LT", "val", 20_000, 1000, 20),
        ("ImageNet_LT", "test", 50_000, 1000, 50),
        ("Places_LT", "train", 62_500, 365, None),
        ("Places_LT", "val", 7_300, 365, 20),
        ("Places_LT", "test", 36_500, 365, 100),
        ("iNaturalist18", "val", 24_426, 8142, 3),
    ],
)
def test_official_lists(shared_data, folder, split, lines, classes, each):
    paths, labels = read_list(shared_data / "splits" / folder / f"{folder}_{split}.txt.gz")
    assert len(paths) == len(set(paths)) == lines
    counts = np.bincount(labels)
    assert len(counts) == classes and (each is None or (counts == each).all())
    names = read_names(next((shared_data / "splits" / folder).glob("c*.gz")))
    first = [paths[i] for i in np.unique(labels, return_index=True)[1]]
    matched = match_names(folder, names, first)
    by_line = [name for _, name in names]
    assert match_names(folder, names[::-1], first) == matched
    # the Places file sorts five classes otherwise than the labels; the others go line by line
    differ = [c for c in range(classes) if matched[c] != by_line[c]]
    assert differ == ([116, 117, 118, 141, 142] if folder == "Places_LT" else [])
    assert all(matched[c] in Path(first[c]).parts for c in differ)


def test_official_places_gives_the_known_counts(shared_data, tmp_path, monkeypatch):
    lists = shared_data / "splits" / "Places_LT"
    first = tmp_path / read_list(lists / "Places_LT_train.txt.gz")[0][0]
    first.parent.mkdir(parents=True)
    first.touch()  # 106,300 pictures are not made for this; loading looks for the first, then for a few more
    with pytest.raises(FileNotFoundError, match="of the lists is not there"):
        load("places_lt", root=tmp_path, lists=lists)
    monkeypatch.setattr(listfiles, "_spot_check", lambda source, part: None)
    data = load("places_lt", root=tmp_path, lists=lists)
    with (lists / "train_counts.csv").open(newline="") as file:
        known = [int(row["train_count"]) for row in csv.DictReader(file)]
    assert data.class_counts.tolist() == known
    assert {key: int(mask.sum()) for key, mask in shot_groups(data.class_counts).items()} == {
        "many": 131,
        "medium": 163,
        "few": 71,
    }
    assert len(data.val) == 7300 and len(data.test) == 36_500
    assert data.class_names[116:119] == ["desert road", "desert sand", "desert vegetation"]
    assert data.class_names[:2] == ["airfield", "airplane cabin"] and "outdoor apartment building" in data.class_names
