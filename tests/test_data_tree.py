"""Folders as people keep them: nothing is lost without a word, nothing is taken for what it is not."""

from __future__ import annotations

import os
import unicodedata
import warnings

import pytest
from PIL import Image

from ltnb._pictures import picture_suffixes, suffix_of
from ltnb.data import load
from ltnb.data.folder import split_of
from ltnb.data.tree import class_pictures, is_hidden, subfolders, walk


def put(path, n=None):
    """One picture at a path, or n of them in the folder that the path is."""
    for place in [path] if n is None else [path / f"{i:02d}.png" for i in range(n)]:
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 5), (9, 9, 9)).save(place)


def quiet(base, **kw):
    """Loaded without any warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load(f"folder:{base}", **kw)


def every_path(data):
    return sorted(data.train.paths + data.val.paths + data.test.paths)


@pytest.mark.parametrize(
    "name",
    [".DS_Store", "._a.jpg", ".ipynb_checkpoints", "Thumbs.db", "desktop.ini", "__MACOSX", "@eaDir", "a.png~",
     "#a.png#", "a.swp", "~$a.docx", "x/.git/a.png", "__MACOSX/a.png", "a/.hidden", "#recycle/a.png", "@Recycle",
     "#snapshot", "@tmp", "Network Trash Folder/a.png", "Temporary Items"],
)  # fmt: skip
def test_what_systems_and_editors_make_is_hidden(name):
    assert is_hidden(name)


@pytest.mark.parametrize(
    "name", ["a.png", "_other", "__init", "a.b", "~a", "#1", "1#2", "Dr. Who", "x/a.png", "./x/a.png", "../a.png", "…a"]
)
def test_odd_names_are_not_hidden(name):
    assert not is_hidden(name)


SPLITS = {
    "train": "train Train TRAIN training Trainings trainset train_set Training-Set train_data train_images",
    "val": "val VAL valid validation Validations val_set validation_set dev dev-set development",
    "test": "test Tests testing TEST_SET testset eval Evaluation test_images",
}


@pytest.mark.parametrize(("word", "split"), [(w, split) for split, words in SPLITS.items() for w in words.split()])
def test_usual_words_are_splits(word, split):
    assert split_of(word) == split


@pytest.mark.parametrize(
    "word", ["training_shoe", "valley", "trainer", "testa", "device", "evaluator", "a_test", "value"]
)
def test_other_words_are_classes(word):
    assert split_of(word) is None


@pytest.mark.parametrize(("train", "other"), [("Training", "Test"), ("training_set", "DEV"), ("trains", "evaluation")])
def test_splits_in_any_spelling_are_no_classes(tmp_path, train, other):
    for split in (train, other):
        for name in ("apple", "pear"):
            put(tmp_path / split / name, n=6)
    data = quiet(tmp_path)
    assert data.class_names == ["apple", "pear"] and all(path.startswith(f"{other}/") for path in data.test.paths)


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ("train/a train/b test", r"split folder '.*/test' holds no class folders"),
        ("train test", r"'.*/train' must hold a folder for each of at least two classes, it holds \[\]"),
        ("train/train train/test", r"'.*/train' must hold a folder for each class, it holds only splits"),
        ("cat/train cat/test dog/train dog/test", "must hold the splits above the classes.*'cat/test'"),
        ("a b c/empty/", r"class folder '.*/c' holds no picture that Pillow can read"),
        ("train/a train/b val/a val/b/empty/", r"class folder '.*val/b' holds no picture"),
    ],
)
def test_structure_is_not_content(tmp_path, folders, message):
    for folder in folders.split():
        if folder.endswith("/"):
            (tmp_path / folder).mkdir(parents=True)
        else:
            put(tmp_path / folder, n=4)
    with pytest.raises(ValueError, match=message) as caught:
        load(f"folder:{tmp_path}")
    assert "\n" not in str(caught.value)


def test_loose_pictures_in_a_split_are_counted(tmp_path):
    put(tmp_path / "train", n=3)
    with pytest.raises(ValueError, match=r"it holds \[\] \(pictures beside the class folders 3\)"):
        load(f"folder:{tmp_path}")


def test_every_suffix_that_pillow_reads_is_taken(tmp_path):
    names = [
        "a.jpg",
        "a.JPG",
        "a.jfif",
        "a.jpe",
        "a.Jpeg",
        "a.png",
        "a.PNG",
        "a.webp",
        "a.bmp",
        "a.gif",
        "a.tga",
        "a.mpo",
        "a",
    ]
    names += ["a.avif"] if ".avif" in picture_suffixes() else []
    forms = {".png": "PNG", ".webp": "WEBP", ".bmp": "BMP", ".gif": "GIF", ".tga": "TGA", ".avif": "AVIF"}
    (tmp_path / "a").mkdir()
    for name in names:
        Image.new("RGB", (6, 5)).save(tmp_path / "a" / name, forms.get(suffix_of(name), "JPEG"))
    put(tmp_path / "b", n=3)
    data = quiet(tmp_path)
    assert sorted(p for p in every_path(data) if p.startswith("a/")) == sorted(f"a/{name}" for name in names)
    assert all(part[i][0].mode == "RGB" for part in (data.train, data.val, data.test) for i in range(len(part)))


def test_what_is_ignored_is_said_by_kind_in_one_warning(tmp_path):
    for name in ("a", "b"):
        put(tmp_path / name, n=5)
    for i in range(3):
        (tmp_path / "a" / f"x{i}.xyz").touch()
        (tmp_path / "a" / f".x{i}").touch()
    for name in ("b/x.txt", "b/LIES", "b/IMG.HEIC", "README", "classnames.csv", "Thumbs.db", "a/desktop.ini"):
        (tmp_path / name).touch()
    (tmp_path / "a" / "gone.png").symlink_to("nowhere")
    (tmp_path / "lost").symlink_to("nowhere")
    put(tmp_path / "beside.png")
    with pytest.warns(UserWarning) as caught:
        data = load(f"folder:{tmp_path}")
    [message] = [str(warning.message) for warning in caught]
    assert message == (
        f"{tmp_path}: 9 files ignored: .xyz 3, broken links 2, .heic 1, .txt 1, "
        "pictures beside the class folders 1, without suffix 1 (.heic: pip install pillow-heif)"
    )
    assert len(every_path(data)) == 10


def test_notes_beside_the_classes_need_no_warning(tmp_path):
    for name in ("a", "b"):
        put(tmp_path / name, n=5)
        put(tmp_path / name / ".ipynb_checkpoints", n=2)
        (tmp_path / name / "._00.png").touch()
    put(tmp_path / "__MACOSX" / "a", n=2)
    put(tmp_path / "@eaDir", n=2)
    (tmp_path / "README.md").touch()
    (tmp_path / "classnames.txt").write_text("a tree frog\nb newt\n")
    data = quiet(tmp_path)
    assert len(every_path(data)) == 10 and data.class_names == ["tree frog", "newt"]


def test_links_are_followed_each_place_once(tmp_path):
    base, far = tmp_path / "base", tmp_path / "far"
    put(far, n=7)
    put(far / "deep", n=2)
    put(base / "b", n=4)
    put(base / "a", n=3)
    (base / "a" / "more").symlink_to(far)  # taken, deep too
    (base / "a" / "again").symlink_to(far / "deep")  # taken under one of its names
    (base / "a" / "up").symlink_to(base)  # would go round, and through b
    (base / "a" / "loop").symlink_to(base / "a")
    (base / "a" / "other").symlink_to(base / "b")  # has its own label
    (base / "a" / "zz.png").symlink_to(base / "a" / "00.png")
    (base / "a" / "self").symlink_to("self")
    (base / "c").symlink_to(far.parent / "whole")
    put(tmp_path / "whole", n=5)
    with pytest.warns(UserWarning, match="6 files ignored: links to what is taken already 5, broken links 1"):
        data = load(f"folder:{base}")
    paths = every_path(data)
    assert [sum(path.startswith(f"{name}/") for path in paths) for name in "abc"] == [3 + 7 + 2, 4, 5]
    assert len({os.path.realpath(base / path) for path in paths}) == len(paths)


def test_odd_folder_names_are_kept(tmp_path):
    names = ["_other", "a.b c", "Dr. Who", "__x", "ça", "鳥", "'quoted'", "-dash", "#1", "100%"]
    for name in names:
        put(tmp_path / name, n=3)
    assert len(quiet(tmp_path).class_names) == len(names)
    assert subfolders(tmp_path) == sorted(names)


def test_folders_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    for name in ("a", "b"):
        put(tmp_path / name / "inner", n=4)
    scan = os.scandir

    def refuse(path="."):
        if str(path).endswith("b/inner"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ValueError, match=r"folder '.*b/inner' cannot be read: Permission denied"):
        load(f"folder:{tmp_path}")
    monkeypatch.setattr(os, "scandir", lambda path: refuse(f"{path}b/inner"))
    with pytest.raises(ValueError, match="cannot be read: Permission denied"):
        subfolders(tmp_path)


def test_the_order_is_that_of_names(tmp_path):
    for name in ("b/2.png", "b/10.png", "a/z/1.png", "a/1.png", "a/B/1.png"):
        put(tmp_path / name)
    found, ignored = class_pictures(tmp_path, ["b", "a"])
    assert found == [["b/10.png", "b/2.png"], ["a/1.png", "a/B/1.png", "a/z/1.png"]] and not ignored
    assert [(str(where.relative_to(tmp_path)), names) for where, names in walk(tmp_path / "a")] == [
        ("a", ["1.png"]), ("a/B", ["1.png"]), ("a/z", ["1.png"]),
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_splits_meet_whatever_the_unicode_form(tmp_path, form):
    put(tmp_path / "train" / unicodedata.normalize("NFC", "pâté"), n=4)
    put(tmp_path / "train" / "b", n=4)
    put(tmp_path / "test" / unicodedata.normalize(form, "pâté"), n=2)
    (tmp_path / "classnames.txt").write_text(unicodedata.normalize("NFD", "pâté") + " liver\nb bread\n")
    data = quiet(tmp_path)
    assert data.class_names == ["bread", "liver"] and data.test.labels.tolist() == [1, 1]


def test_one_name_in_two_unicode_forms_is_refused(tmp_path):
    for form in ("NFC", "NFD"):
        put(tmp_path / unicodedata.normalize(form, "pâté"), n=4)
    with pytest.raises(ValueError, match=r"holds two folders of one name, 'pa\\u0302te\\u0301' and 'p\\xe2t\\xe9'"):
        load(f"folder:{tmp_path}")


def test_folders_whose_names_are_no_utf8_are_named(tmp_path):
    for name in (os.fsdecode(b"caf\xe9"), "b"):
        put(tmp_path / "top" / name, n=5)
    (tmp_path / "top").rename(tmp_path / os.fsdecode(b"\xff"))
    (tmp_path / os.fsdecode(b"\xff") / "b" / os.fsdecode(b"\xfe.\xfd")).touch()
    with pytest.warns(UserWarning) as caught:
        data = load(f"folder:{os.fsdecode(bytes(tmp_path) + b'/' + bytes([255]))}")
    assert any("no UTF-8" in str(warning.message) and "udce9" in str(warning.message) for warning in caught)
    assert data.class_names == ["b", "caf\ufffd"] and len(data.train.fingerprint) == 64
    for text in (*(str(warning.message) for warning in caught), repr(data), data.name):
        text.encode()  # as printing does


@pytest.mark.parametrize(
    "folders",
    [
        ["train/a", "train/b", "holdout/a", "holdout/b"],
        ["seg_train/a", "seg_train/b", "seg_test/a", "seg_test/b"],
        ["train2017/a", "train2017/b", "test2017/b", "test2017/c"],
        ["trn/a", "trn/b", "tst/a", "tst/b"],
        ["set_train/set_train/a", "set_train/set_train/b", "set_test/set_test/a", "set_test/set_test/b"],
    ],
)
def test_splits_under_other_names_are_no_classes(tmp_path, folders):
    for folder in folders:
        put(tmp_path / folder, 4)
    with pytest.raises(ValueError, match=rf"'{tmp_path}' must hold .*split"):
        load(f"folder:{tmp_path}")


@pytest.mark.parametrize("inner", ["left right", "2019 2020"])
def test_classes_may_hold_the_same_folders(tmp_path, inner):
    for name in ("cat", "dog"):
        for side in inner.split():
            put(tmp_path / name / side, 4)
    assert quiet(tmp_path).class_names == ["cat", "dog"]
    (tmp_path / "dog").rename(tmp_path / "bullet_train")
    put(tmp_path / "cat" / "a.png")
    assert quiet(tmp_path).class_names == ["bullet train", "cat"]


@pytest.mark.parametrize(("link", "target"), [("train/c", "a"), ("test", "train"), ("val/a", "../train/a")])
def test_pictures_of_one_folder_count_once(tmp_path, link, target):
    for split in ("train", "val"):
        put(tmp_path / split / "b", 4)
    put(tmp_path / "train" / "a", 4)
    os.symlink(target, tmp_path / link)
    with pytest.raises(ValueError, match=r"class folders '.*' and '.*' are one place"):
        load(f"folder:{tmp_path}")
