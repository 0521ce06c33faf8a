"""load_features: what it reads, what it refuses, and the real CLIP features of Caltech-101."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
import torch

from ltnb.data import FeatureData, load_features


def arrays(seed=0, n=30, c=3, d=8, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return {
        "train_x": rng.normal(size=(n, d)).astype(dtype),
        "train_y": np.arange(n) % c,
        "test_x": rng.normal(size=(n, d)).astype(dtype),
        "test_y": np.arange(n) % c,
        "class_names": np.asarray([f"kind {k}" for k in range(c)]),
    }


def unit(x, dtype=np.float16):
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(dtype)


@pytest.fixture
def save(tmp_path):
    def save(change=None, **more):
        content = arrays() | more
        for key in change or ():
            del content[key]
        path = tmp_path / "f.npz"
        np.savez(path, **content)
        return path

    return save


def test_reads_what_was_written(save):
    content = arrays()
    data = load_features(save(val_x=content["test_x"][:5], val_y=content["test_y"][:5], text_x=content["train_x"][:3]))
    assert data.train_x.dtype == torch.float32 and data.train_y.dtype == torch.int64
    np.testing.assert_array_equal(data.train_x.numpy(), content["train_x"])
    np.testing.assert_array_equal(data.val_x.numpy(), content["test_x"][:5])
    np.testing.assert_array_equal(data.text_x.numpy(), content["train_x"][:3])
    assert data.class_names == ["kind 0", "kind 1", "kind 2"] and data.name == "f" and data.dim == 8
    assert data.class_counts.tolist() == [10, 10, 10] and data.class_counts.dtype == np.int64
    assert not data.unit_norm
    assert "30" in repr(data) and "not unit norm" in repr(data)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_unit_norm_is_restored_after_rounding(save, dtype):
    content = arrays()
    x = {key: unit(content[key], dtype) for key in ("train_x", "test_x")}
    data = load_features(save(**x))
    assert data.unit_norm
    exact = x["train_x"].astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    np.testing.assert_allclose(data.train_x.numpy(), exact, rtol=0, atol=2e-7)


def test_half_features_that_are_not_unit_norm_stay_as_they_are(save):
    x = {key: (10 * arrays()[key]).astype(np.float16) for key in ("train_x", "test_x")}
    data = load_features(save(**x))
    assert not data.unit_norm
    np.testing.assert_array_equal(data.train_x.numpy(), x["train_x"].astype(np.float32))


def test_validation_comes_only_from_where_it_was_asked(save):
    content = arrays()
    path = save(rest_x=content["test_x"], rest_y=content["test_y"], text_raw=10 * content["train_x"][:3])
    assert load_features(path).val_x is None and load_features(path).text_x is None
    data = load_features(path, val="rest", text="text_raw")
    np.testing.assert_array_equal(data.val_x.numpy(), content["test_x"])
    np.testing.assert_array_equal(data.text_x.numpy(), 10 * content["train_x"][:3])
    both = save(val_x=content["test_x"], val_y=content["test_y"], text_x=content["train_x"][:3])
    assert load_features(both, val=None, text=None).val_x is None
    assert load_features(both, val=None, text=None).text_x is None


def test_four_arrays_are_enough(save):
    with pytest.warns(UserWarning, match="holds no class_names: the classes are called '0' to '2', and what needs"):
        data = load_features(save(change=["class_names"]))
    assert data.class_names == ["0", "1", "2"] and data.class_counts.tolist() == [10, 10, 10]
    assert not data.named and "no class names" in repr(data)
    assert load_features(save()).named and "no class names" not in repr(load_features(save()))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"train_y": np.where(np.arange(30) == 4, 2**60, np.arange(30) % 3)}, r"train_y must be in 0\.\.29.*got 11529"),
        ({"train_y": np.arange(30) % 3 * 2}, r"train_y has no row of 2 of 5 classes"),
        ({"train_y": np.arange(30) % 3 - 1}, r"train_y must be >= 0, got -1"),
        ({"test_y": np.arange(30) % 4}, r"test_y must be in 0\.\.2, got 3 at position 3"),
        ({"text_x": np.ones((4, 8), np.float32)}, "train_y has no row of 1 of 4 classes"),
        ({"class_counts": np.asarray([10, 10])}, r"train_y must be in 0\.\.1, got 2"),
        ({"class_counts": np.asarray(3)}, "class_counts"),
    ],
)
def test_a_file_without_names_is_checked_as_one_with_them(save, more, message):
    with pytest.raises(ValueError, match=message):
        load_features(save(change=["class_names"], **more))


def with_value(key, position, value):
    def change():
        array = arrays()[key]
        array[position] = value
        return {key: array}

    return change


BAD = {
    "NaN": (with_value("train_x", (17, 3), np.nan), "train_x.*finite.*row 17"),
    "inf in test": (with_value("test_x", (2, 0), np.inf), "test_x.*finite.*row 2"),
    "label too large": (with_value("train_y", 4, 3), r"train_y.*0\.\.2.*3 at position 4"),
    "label negative": (with_value("test_y", 5, -1), r"test_y.*-1 at position 5"),
    "huge label": (with_value("train_y", 4, 2**60), "train_y.*at position 4"),
    "float labels": (lambda: {"train_y": arrays()["train_y"].astype(float)}, "train_y must be integers.*float64"),
    "length": (lambda: {"train_y": arrays()["train_y"][:-1]}, "train_y"),
    "pictures": (
        lambda: {"train_x": np.zeros((30, 4, 4, 3), np.uint8)},
        r"train_x must be floats.*uint8 \(30, 4, 4, 3\)",
    ),
    "empty": (lambda: {"test_x": np.zeros((0, 8), np.float32), "test_y": np.zeros(0, int)}, "test_x.*got"),
    "test width": (lambda: {"test_x": np.ones((30, 9), np.float32)}, r"test_x must be of shape \(N, 8\)"),
    "text width": (lambda: {"text_x": np.ones((3, 5), np.float32)}, r"text_x must be of shape \(N, 8\).*\(3, 5\)"),
    "text rows": (lambda: {"text_x": np.ones((4, 8), np.float32)}, "text_x has 4 rows for 3 classes"),
    "empty class": (
        lambda: {"class_names": np.asarray(list("abcd"))},
        r"train_y has no row of 1 of 4 classes: 3 \('d'\)",
    ),
    "no classes": (lambda: {"class_names": np.asarray([], dtype=str)}, "class_names"),
    "blank name": (lambda: {"class_names": np.asarray(["a", " ", "c"])}, "class_names has no name for class 1"),
    "pickled names": (
        lambda: {"class_names": np.asarray(["a", "b", None], object)},
        r"cannot be read.*class_names: .*pickle.*save text as class_names\.astype\(str\)",
    ),
    "names in another encoding": (
        lambda: {"class_names": np.asarray([b"a", b"\xe9", b"c"])},
        "class_names must be UTF-8",
    ),
    "numbers as names": (lambda: {"class_names": np.arange(3)}, "class_names must be strings"),
    "wrong counts": (lambda: {"class_counts": np.asarray([10, 11, 9])}, "class_counts says 11 for class 1.*has 10"),
    "half a validation": (lambda: {"val_x": np.ones((2, 8), np.float32)}, "val_y is missing"),
    "mixed lengths": (lambda: {"train_x": unit(arrays()["train_x"])}, "test_x is not.*Normalise all or none"),
}


@pytest.mark.parametrize("case", BAD, ids=BAD.keys())
def test_bad_input_is_one_clear_value_error(save, case):
    make, message = BAD[case]
    path = save(**make())
    with pytest.raises(ValueError, match=message) as caught:
        load_features(path)
    assert str(path) in str(caught.value)


def test_missing_array_names_it_and_what_there_is(save):
    with pytest.raises(ValueError, match="array test_x is missing; the file holds class_names, test_y"):
        load_features(save(change=["test_x"]))
    with pytest.raises(ValueError, match="array rest_x, rest_y is missing"):
        load_features(save(), val="rest")
    with pytest.raises(ValueError, match="array text_raw is missing"):
        load_features(save(), text="text_raw")


def test_missing_file_is_both_kinds_of_error(tmp_path):
    for kind in (FileNotFoundError, ValueError):
        with pytest.raises(kind, match=r"nowhere\.npz.*missing.*numpy\.savez"):
            load_features(tmp_path / "nowhere.npz")


def test_files_that_are_no_npz(tmp_path, save):
    whole = save().read_bytes()
    single = io.BytesIO()
    np.save(single, np.ones(3))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("train_x.npy", b"nonsense")
    for content in (b"", b"text", whole[: len(whole) // 2], single.getvalue(), archive.getvalue()):
        path = tmp_path / "broken.npz"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"broken\.npz.*cannot be read as \.npz"):
            load_features(path)


def test_feature_data_checks_types():
    content = {key: value for key, value in arrays().items() if key != "class_names"}
    tensors = {key: torch.from_numpy(value) for key, value in content.items()} | {"class_names": ["a", "b", "c"]}
    assert FeatureData(**tensors).class_counts.tolist() == [10, 10, 10]
    with pytest.raises(ValueError, match="train_x must be float32"):
        FeatureData(**tensors | {"train_x": tensors["train_x"].double()})
    with pytest.raises(ValueError, match="val_x and val_y"):
        FeatureData(**tensors, val_x=tensors["test_x"])
    with pytest.raises(ValueError, match="class_names must be a list"):
        FeatureData(**tensors | {"class_names": "abc"})


@pytest.mark.parametrize(
    ("name", "classes", "train", "test", "text"),
    [("caltech101_lt_66cls_text", 66, 1828, 660, True), ("caltech101_lt_100cls_notext", 100, 2457, 1000, False)],
)
def test_real_clip_features(shared_data, name, classes, train, test, text):
    data = load_features(shared_data / "caltech101_clip_vitb32" / f"{name}.npz")
    assert (data.num_classes, len(data.train_x), len(data.test_x), data.dim) == (classes, train, test, 512)
    assert (data.class_counts.max(), data.class_counts.min()) == (200, 2) and data.unit_norm and data.val_x is None
    assert float((data.train_x.norm(dim=1) - 1).abs().max()) < 1e-6
    assert (data.text_x is not None) == text
    if text:  # 621 of 660 in the data's own description: an independent computation of the same thing
        predicted = (data.test_x @ data.text_x.T).argmax(1)
        assert abs(int((predicted == data.test_y).sum()) - 621) <= 1
    rest = load_features(shared_data / "caltech101_clip_vitb32" / f"{name}.npz", val="rest")
    assert len(rest.val_x) == (599 if text else 636)


def test_real_file_of_another_kind(shared_data):
    with pytest.raises(ValueError, match="array train_x, train_y, test_x, test_y is missing; the file holds .*text_a"):
        load_features(shared_data / "imagenet_clip_vitb32" / "imagenet1k_7shot.npz")
    with pytest.raises(ValueError, match=r"train_x must be floats .* uint8 \(8562, 32, 32, 3\)"):
        load_features(shared_data / "tiny_imagenet32_lt" / "tiny_imagenet32_lt_if100.npz")
