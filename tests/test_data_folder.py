"""folder:/path: somebody's own pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ltnb.data import load


def tree(base, sizes, color=0):
    for name, n in sizes.items():
        (base / name).mkdir(parents=True)
        for i in range(n):
            Image.new("RGB", (6, 5), (color + i, 0, 0)).save(base / name / f"{i:03d}.png")


def test_one_tree_is_split_by_the_seed(tmp_path):
    tree(tmp_path, {"tree_frog": 20, "newt": 10, "01.sea_horse": 3})
    (tmp_path / "newt" / "notes.txt").write_text("no picture")
    (tmp_path / "newt" / "._000.png").write_text("a file manager's")
    (tmp_path / ".cache").mkdir()
    with pytest.warns(UserWarning, match="1 file ignored: .txt 1"):
        data = load(f"folder:{tmp_path}")
    (tmp_path / "newt" / "notes.txt").unlink()
    assert data.name == f"folder:{tmp_path.name}"
    assert data.class_names == ["sea horse", "newt", "tree frog"]
    assert data.class_counts.tolist() == [1, 7, 14]
    assert [np.bincount(part.labels).tolist() for part in (data.val, data.test)] == [[1, 1, 2], [1, 2, 4]]
    everything = data.train.paths + data.val.paths + data.test.paths
    assert len(everything) == len(set(everything)) == 33
    image, label = data.train[len(data.train) - 1]
    assert image.mode == "RGB" and label == 2
    assert load(f"folder:{tmp_path}").train.paths == data.train.paths
    assert load(f"folder:{tmp_path}", seed=1).train.paths != data.train.paths
    assert load(f"folder:{tmp_path}").train.fingerprint == data.train.fingerprint != data.val.fingerprint
    assert len(load(f"folder:{tmp_path}", val_fraction=0).val) == 0


def test_given_splits_are_kept(tmp_path):
    tree(tmp_path / "train", {"a": 6, "b": 3})
    tree(tmp_path / "valid", {"a": 2, "b": 1})
    tree(tmp_path / "test", {"a": 4})
    (tmp_path / "classnames.txt").write_text("b green newt\na tree frog\n")
    data = load(f"folder:{tmp_path}")
    assert (len(data.train), len(data.val), len(data.test)) == (9, 3, 4)
    assert data.class_names == ["tree frog", "green newt"] and data.class_counts.tolist() == [6, 3]
    assert data.test.paths[0] == "test/a/000.png"


def test_missing_splits_are_made_from_train(tmp_path):
    tree(tmp_path / "train", {"a": 20, "b": 10})
    tree(tmp_path / "val", {"a": 4, "b": 4})
    data = load(f"folder:{tmp_path}")  # val becomes the test set: no number on pictures used for choosing
    assert all(path.startswith("val/") for path in data.test.paths) and len(data.test) == 8
    assert all(path.startswith("train/") for path in data.val.paths) and len(data.val) == 3
    assert data.class_counts.tolist() == [18, 9]


def test_a_class_may_be_called_train(tmp_path):
    tree(tmp_path, {"bus": 6, "car": 6, "train": 6})
    assert load(f"folder:{tmp_path}").class_names == ["bus", "car", "train"]


def test_capital_letters_do_not_make_classes_of_splits(tmp_path):
    tree(tmp_path / "Train", {"a": 6, "b": 3})
    tree(tmp_path / "VALID", {"a": 2, "b": 1})
    tree(tmp_path / "Test", {"a": 4})
    data = load(f"folder:{tmp_path}")
    assert data.class_names == ["a", "b"] and (len(data.train), len(data.val), len(data.test)) == (9, 3, 4)
    assert data.test.paths[0] == "Test/a/000.png"


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ("train test extra", r"must hold splits or classes, it holds \['test', 'train'\] and beside them \['extra'\]"),
        ("Train Test extra", r"it holds \['Test', 'Train'\] and beside them \['extra'\]"),
        ("train test val valid", r"one folder for the split 'val', it holds \['val', 'valid'\]"),
        ("train VAL validation", r"one folder for the split 'val', it holds \['VAL', 'validation'\]"),
        ("test val", r"must hold a folder 'train' for its splits, it holds \['test', 'val'\]"),
    ],
)
def test_folders_that_are_neither_all_splits_nor_all_classes_are_named(tmp_path, folders, message):
    for name in folders.split():
        tree(tmp_path / name, {"a": 4, "b": 4})
    with pytest.raises(ValueError, match=message):
        load(f"folder:{tmp_path}")


@pytest.mark.parametrize(
    ("share", "message"),
    [
        ({"val_fraction": "0.1"}, r"val_fraction must be a finite number in \[0, 1\), got '0.1'"),
        ({"val_fraction": None}, r"val_fraction must be a finite number in \[0, 1\), got None"),
        ({"val_fraction": 2}, "val_fraction must be a finite number"),
        ({"test_fraction": -0.1}, "test_fraction must be a finite number"),
        ({"test_fraction": 0}, r"test_fraction must be above 0 where no folder holds a test set, got 0\.0"),
        ({"val_fraction": 0.5, "test_fraction": 0.5}, "sum to less than 1"),
    ],
)
def test_shares_out_of_range_are_named(tmp_path, share, message):
    tree(tmp_path, {"a": 10, "b": 10})
    with pytest.raises(ValueError, match=message):
        load(f"folder:{tmp_path}", **share)


def test_a_given_test_set_needs_no_share(tmp_path):
    tree(tmp_path / "train", {"a": 10, "b": 10})
    tree(tmp_path / "test", {"a": 3, "b": 3})
    assert len(load(f"folder:{tmp_path}", test_fraction=0).test) == 6


def test_where_it_is_looked_for(tmp_path, monkeypatch):
    tree(tmp_path / "photos", {"a": 5, "b": 5})
    assert len(load("folder:photos", root=tmp_path).class_names) == 2
    monkeypatch.setenv("LTNB_DATA", str(tmp_path))
    assert len(load("folder:photos").class_names) == 2
    monkeypatch.delenv("LTNB_DATA")
    with pytest.raises(
        FileNotFoundError, match=r"there is no such folder.*one subfolder a class.*run again: ltnb\.data\.load"
    ):
        load("folder:photos")
    with pytest.raises(ValueError, match="needs a path"):
        load("folder:")


def test_bad_folders(tmp_path):
    tree(tmp_path / "empty", {"a": 4, "b": 0})
    with pytest.raises(ValueError, match=r"class folder '.*/b' holds no picture"):
        load(f"folder:{tmp_path / 'empty'}")
    tree(tmp_path / "one", {"a": 4})
    with pytest.raises(ValueError, match="at least two classes, it holds .'a'"):
        load(f"folder:{tmp_path / 'one'}")
    tree(tmp_path / "more" / "train", {"a": 4, "b": 4})
    tree(tmp_path / "more" / "test", {"a": 4, "c": 4})
    with pytest.raises(ValueError, match=r"test/c' has no counterpart among the training classes"):
        load(f"folder:{tmp_path / 'more'}")
    tree(tmp_path / "few", {"a": 1, "b": 1})
    with pytest.raises(ValueError, match="too few pictures a class"):
        load(f"folder:{tmp_path / 'few'}")
    tree(tmp_path / "named", {"a": 4, "b": 4})
    (tmp_path / "named" / "classnames.txt").write_text("a tree frog\n")
    with pytest.raises(ValueError, match="no line for class folder 'b'"):
        load(f"folder:{tmp_path / 'named'}")


def test_unreadable_picture_is_named_when_it_is_asked_for(tmp_path):
    tree(tmp_path, {"a": 9, "b": 9})
    data = load(f"folder:{tmp_path}")
    (tmp_path / data.train.paths[0]).write_bytes(b"junk")
    data = load(f"folder:{tmp_path}")
    with pytest.raises(ValueError, match=rf"image file '.*{data.train.paths[0]}' cannot be read"):
        data.train[0]
