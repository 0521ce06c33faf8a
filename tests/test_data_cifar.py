"""CIFAR-100-LT from a small look-alike of CIFAR-100's own files."""

from __future__ import annotations

import csv
import pickle
import shutil

import numpy as np
import pytest
import torch

from ltnb.data import exponential_counts, load

PER_CLASS = 12


def dump(path, content, protocol=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=protocol))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    base = tmp_path_factory.mktemp("cifar")
    rng = np.random.default_rng(0)
    for name, n in (("train", 100 * PER_CLASS), ("test", 200)):
        labels = rng.permutation(np.arange(n) % 100)
        pixels = rng.integers(0, 255, (n, 3072), dtype=np.uint8)
        pixels[:, 0] = labels  # red of the first pixel tells the class
        dump(base / "cifar-100-python" / name, {"data": pixels, "fine_labels": labels.tolist()})
    names = [f"sea_horse_{k}" for k in range(100)]
    dump(base / "cifar-100-python" / "meta", {"fine_label_names": names, "coarse_label_names": []})
    return base


def cifar(root, **kw):
    return load(
        "cifar100_lt", root=root, **({"n_max": 10, "imbalance": 10, "val_per_class": 3, "download": False} | kw)
    )


def test_counts_follow_the_formula_head_first(root):
    data = cifar(root)
    assert data.class_counts.tolist() == exponential_counts(10, 100, 10).tolist()
    assert data.class_names[3] == "sea horse 3"
    for part in (data.train, data.val, data.test):
        images = part.images(np.arange(len(part)))
        assert images.shape == (len(part), 3, 32, 32) and images.dtype == torch.uint8
        np.testing.assert_array_equal(images[:, 0, 0, 0].numpy(), part.labels)
    assert np.bincount(data.test.labels).tolist() == [2] * 100
    # 12 pictures of a class: 10 for the head leave 2 for validation, every class with 9 or fewer has 3
    assert np.bincount(data.val.labels).tolist() == [min(3, PER_CLASS - n) for n in data.class_counts]


def test_groups_stay_those_of_imbalance_100(root):
    assert cifar(root, imbalance=2).group_counts.tolist() == cifar(root, imbalance=10).group_counts.tolist()


def test_no_picture_is_in_two_parts_and_validation_stays(root):
    ten, two = cifar(root, imbalance=10), cifar(root, imbalance=5)
    for data in (ten, two):
        train = {image.numpy().tobytes() for image in data.train.pixels}
        val = {image.numpy().tobytes() for image in data.val.pixels}
        assert len(train) == len(data.train) and not train & val
    last = [data.val.images(np.flatnonzero(data.val.labels == 99)) for data in (ten, two)]
    assert torch.equal(*last)


def test_seed_draws_pictures_and_permutes_on_request(root):
    plain, again, other = cifar(root), cifar(root), cifar(root, seed=1)
    assert plain.train.fingerprint == again.train.fingerprint != other.train.fingerprint
    assert plain.test.fingerprint == other.test.fingerprint
    assert other.class_counts.tolist() == plain.class_counts.tolist()  # the field's convention: class 0 is the head
    turned = cifar(root, permute=True, seed=1)
    assert turned.class_counts.tolist() != plain.class_counts.tolist()
    assert sorted(turned.class_counts) == sorted(plain.class_counts)
    order = np.argsort(turned.group_counts, kind="stable")
    assert (np.diff(turned.class_counts[order]) >= 0).all()  # the groups move with the classes
    assert cifar(root, permute=True, seed=2).class_counts.tolist() != turned.class_counts.tolist()


def test_asking_for_too_much(root):
    with pytest.raises(ValueError, match="n_max=500 asks for 500 images of class 0 .'sea horse 0'"):
        cifar(root, n_max=500)
    with pytest.raises(ValueError, match="imbalance=1 with n_max=12 leaves no image for validation"):
        cifar(root, n_max=12, imbalance=1)
    with pytest.raises(ValueError, match="at least one image in the smallest class"):
        cifar(root, imbalance=100)


class Evil:
    def __reduce__(self):
        return (print, ("this must not be printed",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"data": Evil()}, "print, which CIFAR-100 does not"),
        ({"data": [1]}, "not a file of CIFAR-100"),
        ([3], "not a file"),
    ],
)
def test_other_files_are_refused_and_run_nothing(tmp_path, capsys, content, message):
    dump(tmp_path / "cifar-100-python" / "train", content)
    with pytest.raises(ValueError, match=rf"train' is not a file of CIFAR-100.*{message}|{message}"):
        cifar(tmp_path)
    assert "must not" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"x": 1}, "no list of names"),
        ({"fine_label_names": ["a"] * 50}, "50 names"),
        ({"fine_label_names": "a" * 100}, "no list of names"),
    ],
)
def test_a_file_without_a_hundred_names_is_named(root, tmp_path, meta, message):
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    dump(tmp_path / "cifar-100-python" / "meta", meta)
    with pytest.raises(ValueError, match=rf"meta' is not a file of CIFAR-100.*it holds {message} for 100 classes"):
        cifar(tmp_path)


def test_half_a_folder_is_named(tmp_path):
    (tmp_path / "cifar-100-python").mkdir()
    with pytest.raises(FileNotFoundError, match="file 'train' is not there.*run again"):
        cifar(tmp_path)


def test_official_counts(shared_data):
    with (shared_data / "splits" / "CIFAR100_LT" / "train_counts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for imbalance in (100, 50, 10):
        assert exponential_counts(500, 100, imbalance).tolist() == [int(row[f"if{imbalance}"]) for row in rows]
