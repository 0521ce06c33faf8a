"""Names of classes: how a line is read, and that two classes of one name are said wherever the names come from."""

from __future__ import annotations

import json
import pickle
import unicodedata
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from ltnb.data import FeatureData, LongTailData, load, load_features
from ltnb.data.classnames import read_names, say_equal_names
from ltnb.data.images import ImageFiles
from ltnb.data.listfiles import read_list


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def tree(base, names, n=8):
    for name in names:
        (base / name).mkdir(parents=True)
        for i in range(n):
            Image.new("RGB", (4, 4), (i, 0, 0)).save(base / name / f"{i}.png")


@pytest.mark.parametrize(
    ("line", "keys", "pair"),
    [
        ("n01440764 tench", (), ("n01440764", "tench")),
        ("n01 great white shark", (), ("n01", "great white shark")),
        ("n01\ttench", (), ("n01", "tench")),
        ("sea horse\thippocampus fish", (), ("sea horse", "hippocampus fish")),
        ("sea horse\thippocampus fish", ("sea horse", "sea"), ("sea horse", "hippocampus fish")),
        ("sea horse hippocampus", ("sea horse", "cow"), ("sea horse", "hippocampus")),
        ("sea horse hippocampus", ("sea", "sea horse"), ("sea horse", "hippocampus")),  # the longest
        ("sea\thorse fish", ("sea", "sea horse"), ("sea", "horse fish")),  # the tab says otherwise
        ("sea horse", ("sea", "sea horse"), ("sea", "horse")),  # a name must be left
        ("a\tb\tc d", ("a\tb",), ("a\tb", "c d")),  # a folder whose name holds a tab
        ("cow\tsea\thorse", ("cow",), ("cow", "sea\thorse")),
        ("n01  tench ", (), ("n01", "tench")),
        ("a\u2028b name", ("a\u2028b",), ("a\u2028b", "name")),  # no line break to us
    ],
)
def test_a_line_is_a_key_and_a_name(tmp_path, line, keys, pair):
    assert read_names(write(tmp_path / "names.txt", f"{line}\n"), keys) == [pair]


def test_keys_meet_in_either_unicode_form(tmp_path):
    for ours, theirs in (("NFC", "NFD"), ("NFD", "NFC")):
        path = write(tmp_path / "names.txt", unicodedata.normalize(ours, "pâté rôti Émincé\n"))
        pair = read_names(path, [unicodedata.normalize(theirs, "pâté rôti")])[0]
        assert pair == ("pâté rôti", "Émincé")


def test_two_names_for_one_key_are_refused(tmp_path):
    with pytest.raises(ValueError, match="gives two names for 'a': 'x' and 'y'"):
        read_names(write(tmp_path / "names.txt", "a x\na y\n"))
    assert read_names(write(tmp_path / "names.txt", "a x\na x\n")) == [("a", "x")] * 2
    entries = [{"id": 0, "name": "x"}, {"id": 0, "name": "y"}]
    with pytest.raises(ValueError, match="gives two names for '0'"):
        read_names(write(tmp_path / "categories.json", json.dumps(entries)))


def lists(base, names_file, content, codes):
    for split in ("train", "val", "test"):
        lines = [f"{split}/{code}/{i}.png {c}\n" for c, code in enumerate(codes) for i in range(12)]
        for prefix in ("ImageNet_LT", "iNaturalist18"):
            write(base / prefix / f"{prefix}_{split}.txt", "".join(lines))
        for line in lines:
            path = base / line.rpartition(" ")[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4)).save(path)
    for prefix in ("ImageNet_LT", "iNaturalist18"):
        write(base / prefix / names_file, content)


def from_folders(base):
    tree(base, ["134.crane", "517.crane", "cow"])
    return load(f"folder:{base}"), ("'134.crane'", "'517.crane'", "'crane'")


def from_case(base):
    tree(base, ["Sea_Horse", "sea horse", "cow"])
    return load(f"folder:{base}"), ("'Sea_Horse'", "'sea horse'")


def from_classnames(base):
    tree(base, ["a", "b", "c"])
    write(base / "classnames.txt", "a crane\nb cow\nc crane\n")
    return load(f"folder:{base}"), ("'a'", "'c'", "'crane'", "classnames.txt")


def from_list_files(base):
    lists(base, "classnames.txt", "n01 crane\nn02 crane\nn03 cow\n", ["n01", "n02", "n03"])
    return load("imagenet_lt", root=base), ("'n01'", "'n02'", "'crane'", "classnames.txt")


def from_categories(base):
    names = ["crane", "Crane", "cow"]
    entries = json.dumps([{"id": c, "name": name} for c, name in enumerate(names)])
    lists(base, "categories.json", entries, ["0", "1", "2"])
    return load("inat2018", root=base), ("'0'", "'1'", "'Crane'", "categories.json")


def from_features(base):
    x, y = np.random.default_rng(0).normal(size=(6, 4)).astype("float32"), np.arange(6) % 3
    base.mkdir()
    names = np.asarray(["crane", "cow", "crane"])
    np.savez(base / "f.npz", train_x=x, train_y=y, test_x=x, test_y=y, class_names=names)
    return load_features(base / "f.npz"), ("0", "2", "'crane'", "f.npz")


def from_coop(base):
    rows = {part: [[f"{f}/image_000{i}.jpg", c, n] for c, (f, n) in enumerate(COOP.items())] for i, part in PARTS}
    folder = base / "101_ObjectCategories"
    for row in (row for part in rows.values() for row in part):
        (folder / row[0]).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(folder / row[0])
    write(folder / "split_zhou_Caltech101.json", json.dumps(rows))
    return load("caltech101_lt", root=base, imbalance=1), ("'crane_1'", "'crane_2'", "split_zhou")


COOP = {"crane_1": "crane", "crane_2": "crane", "cow": "cow"}
PARTS = ((1, "train"), (2, "val"), (3, "test"))


def from_cifar(base):
    folder = base / "cifar-100-python"
    folder.mkdir(parents=True)
    labels = (np.arange(400) % 100).tolist()
    content = {"data": np.zeros((400, 3072), np.uint8), "fine_labels": labels}
    for name in ("train", "test"):
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    names = [f"kind {k}" for k in range(99)] + ["kind_7"]
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": names}, protocol=2))
    return load("cifar100_lt", root=base, n_max=2, imbalance=1), ("7", "99", "'kind 7'", "meta")


SOURCES = [
    from_folders,
    from_case,
    from_classnames,
    from_list_files,
    from_categories,
    from_features,
    from_coop,
    from_cifar,
]


@pytest.mark.parametrize("source", SOURCES)
def test_two_classes_of_one_name_are_said_in_every_source(tmp_path, source):
    with pytest.warns(UserWarning, match="are both called") as caught:
        data, parts = source(tmp_path / "data")
    [message] = [str(warning.message) for warning in caught]
    assert all(part in message for part in parts) and data.num_classes >= 3


def test_names_are_composed_whatever_their_source(tmp_path):
    apart, together = (unicodedata.normalize(form, "café") for form in ("NFD", "NFC"))
    x, y = torch.zeros(2, 3), torch.arange(2)
    features = FeatureData(train_x=x, train_y=y, test_x=x, test_y=y, class_names=[apart, "b"])
    data = LongTailData("x", *[ImageFiles(tmp_path, ["0", "1"], [0, 1])] * 3, [apart, "b"], [1, 1])
    assert features.class_names == data.class_names == [together, "b"] != [apart, "b"]


def test_names_that_differ_are_not_said():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        say_equal_names(["crane", "cranes", "a crane", "c rane"], range(4), "here")
    with pytest.warns(UserWarning, match=r"0 and 1 .*; 0 and 2 .*; 0 and 3 .* \(and 2 more\)"):
        say_equal_names(["e\u0301", "é", "É", " é", "é ", "É  "], range(6), "here")


def test_a_name_per_class_folder_with_spaces(tmp_path):
    tree(tmp_path, ["sea horse", "sea", "cow"])
    write(tmp_path / "classnames.txt", "sea horse hippocampus fish\nsea\thorse water\ncow cattle\nother not there\n")
    assert load(f"folder:{tmp_path}").class_names == ["cattle", "horse water", "hippocampus fish"]


def test_list_files_with_spaces_hidden_lines_and_the_other_unicode_form(tmp_path):
    codes = ["sea horse", unicodedata.normalize("NFD", "pâté")]
    lists(tmp_path, "classnames.txt", "sea horse hippocampus\npâté liver bread\n", codes)
    for split in ("train", "val", "test"):
        path = tmp_path / "ImageNet_LT" / f"ImageNet_LT_{split}.txt"
        text = unicodedata.normalize("NFC", path.read_text(encoding="utf-8"))  # the folders stay in NFD
        write(path, f"{text}{split}/sea horse/.ipynb_checkpoints/0.png 0\n{split}/sea horse/._0.png\t1\n")
    data = load("imagenet_lt", root=tmp_path)
    assert data.class_names == ["hippocampus", "liver bread"] and data.class_counts.tolist() == [12, 12]
    assert data.test[23][0].size == (4, 4) and len(data.test.fingerprint) == 64
    write(tmp_path / "l.txt", "a b/c d.png   3\na\tb.png\t4\n")
    assert read_list(tmp_path / "l.txt")[0] == ["a b/c d.png", "a\tb.png"]


def test_undecodable_files_of_names_are_named(tmp_path):
    (tmp_path / "names.txt").write_bytes(b"caf\xe9 name\n")
    with pytest.raises(ValueError, match=r"names\.txt' cannot be read as text"):
        read_names(tmp_path / "names.txt")
