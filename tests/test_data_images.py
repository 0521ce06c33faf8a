"""Image datasets, their fingerprints, the container that holds them and the seeded splits."""

from __future__ import annotations

import os
import pickle
import shutil
import struct
import unicodedata
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from ltnb._pictures import picture_suffixes
from ltnb.data import LongTailData
from ltnb.data.images import ImageArrays, ImageFiles, read_image, readable
from ltnb.data.splitting import shuffled_by_class, split_by_class


def picture(path, color=(200, 30, 90), size=(12, 8), **save):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path, **save)
    return path


@pytest.fixture
def files(tmp_path):
    for i in range(4):
        picture(tmp_path / "a" / f"{i}.png", (60 * i, 0, 0))
    return ImageFiles(tmp_path, [f"a/{i}.png" for i in range(4)], [0, 0, 1, 1])


def test_files_are_read_in_order(files):
    assert len(files) == 4 and files.labels.dtype == np.int64
    image, label = files[3]
    assert (image.mode, image.size, image.getpixel((0, 0)), label) == ("RGB", (12, 8), (180, 0, 0), 1)
    assert [label for _, label in files] == [0, 0, 1, 1]  # iteration ends
    chosen = files.subset([2, 0])
    assert chosen.paths == ["a/2.png", "a/0.png"] and chosen.labels.tolist() == [1, 0]
    assert pickle.loads(pickle.dumps(files))[1][1] == 0  # as loader processes receive it
    with pytest.raises(ValueError, match="labels has 1 entries for 2 paths"):
        ImageFiles(".", ["a", "b"], [0])


def test_fingerprint_follows_files_and_order_not_place(files, tmp_path):
    copy = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "a", copy / "a")  # keeps the times
    same = ImageFiles(copy, files.paths, files.labels)
    assert same.fingerprint == files.fingerprint == ImageFiles(tmp_path, files.paths, files.labels).fingerprint
    assert files.subset([1, 0, 2, 3]).fingerprint != files.fingerprint  # cached rows would be in the wrong order
    assert ImageFiles(copy, files.paths, [0, 1, 1, 1]).fingerprint != files.fingerprint
    with (copy / "a" / "2.png").open("ab") as file:
        file.write(b"x")
    assert ImageFiles(copy, files.paths, files.labels).fingerprint != files.fingerprint
    (copy / "a" / "2.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"2\.png.*missing"):
        _ = ImageFiles(copy, files.paths, files.labels).fingerprint


def test_fingerprint_follows_a_change_of_equal_size(tmp_path):
    """Bitmaps of one shape have one size, whatever they show: a cache would give the features of the old picture."""
    path, before = picture(tmp_path / "0.bmp", (10, 0, 0)), ImageFiles(tmp_path, ["0.bmp"], [0])
    size, old, when = path.stat().st_size, before.fingerprint, path.stat().st_mtime_ns
    picture(path, (200, 0, 0))
    os.utime(path, ns=(when, when + 1))  # whatever the clock of the file system resolves
    assert path.stat().st_size == size
    assert ImageFiles(tmp_path, ["0.bmp"], [0]).fingerprint != old


@pytest.mark.parametrize("content", [b"", b"not a picture", "truncated"])
def test_unreadable_image_is_named(tmp_path, content):
    path = tmp_path / "broken.jpg"
    if content == "truncated":
        noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        content = path.read_bytes()[:900]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"image file '.*broken\.jpg' cannot be read"):
        ImageFiles(tmp_path, ["broken.jpg"], [0])[0]
    with pytest.raises(ValueError, match=r"none\.jpg' is missing"):
        read_image(tmp_path / "none.jpg")


@pytest.mark.filterwarnings("error")
def test_every_mode_becomes_rgb_and_upright(tmp_path):
    for mode in ("1", "L", "LA", "P", "RGBA"):
        Image.new(mode, (5, 4)).save(tmp_path / "x.png")
        assert read_image(tmp_path / "x.png").mode == "RGB"
    palette = Image.new("P", (5, 4))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.save(tmp_path / "t.png", transparency=bytes([128, 255]))
    assert read_image(tmp_path / "t.png").getpixel((0, 0)) == (255, 127, 127)  # half of it is the white ground
    Image.new("CMYK", (5, 4)).save(tmp_path / "x.jpg")
    assert read_image(tmp_path / "x.jpg").mode == "RGB"
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    assert read_image(picture(tmp_path / "p.jpg", size=(20, 10), exif=exif)).size == (10, 20)


@pytest.mark.parametrize("suffix", sorted({".jpg", ".png", ".webp", ".tif", ".avif"} & picture_suffixes()))
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_pictures_are_turned_upright_once(tmp_path, suffix, orientation):
    name = f"x{suffix}"
    corner = Image.new("RGB", (32, 16), "white")
    corner.paste("black", (0, 0, 8, 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    corner.save(tmp_path / name, exif=exif.tobytes())
    turned = np.asarray(read_image(tmp_path / name).convert("L"), dtype=float)
    quarter_turns = {3: 2, 6: -1, 8: 1}[orientation]
    expected = np.rot90(np.asarray(corner.convert("L"), dtype=float), quarter_turns)
    assert turned.shape == expected.shape and np.abs(turned - expected).mean() < 8


def broken_exif(kind, tmp_path):
    """A picture of 50 x 30 whose pixels are fine, and whose metadata are not."""
    base = Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 50, 3)).astype("uint8"))
    path = tmp_path / f"x.{kind.split()[0]}"
    if kind == "png":
        base.save(path)
        raw, data = path.read_bytes(), b"\0\x08\0\x02\x01\x12\0\x03"
        checksum = struct.pack(">I", zlib.crc32(b"eXIf" + data))
        path.write_bytes(raw[:33] + struct.pack(">I", len(data)) + b"eXIf" + data + checksum + raw[33:])
    elif kind == "jpg orientation":
        wrong = struct.pack("<HHI4s", 0x112, 2, 4, b"six\0")
        base.save(path, exif=b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + wrong + struct.pack("<I", 0))
    elif kind == "jpg tag":
        tags = struct.pack("<HHIi", 0x100, 9, 1, -5) + struct.pack("<HHIHH", 0x112, 3, 1, 1, 0)
        base.save(path, exif=b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + tags + struct.pack("<I", 0))
    else:
        base.save(path, exif=b"Exif\0\0garbage!")
    return path, base


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("kind", ["png", "webp", "jpg", "jpg tag", "jpg orientation"])
def test_broken_metadata_do_not_stop_a_picture(tmp_path, kind):
    path, base = broken_exif(kind, tmp_path)
    found = read_image(path)
    assert (found.mode, found.size) == ("RGB", (50, 30))
    with Image.open(path) as plain:
        np.testing.assert_array_equal(np.asarray(found), np.asarray(plain.convert("RGB")))
    assert kind != "png" or np.array_equal(np.asarray(found), np.asarray(base))


DAMAGED = {
    "a checksum": (b"tEXt", b"a\0b", b"\0\0\0\0"),
    "a resolution": (b"pHYs", b"\0\0", None),
    "a gamma": (b"gAMA", b"\0", None),
    "a text of gigabytes": (b"zTXt", b"x\0\0" + zlib.compress(bytes(2**22)), None),
}


@pytest.mark.parametrize("what", DAMAGED)
@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_one_damaged_chunk_does_not_stop_a_png(tmp_path, what, mode):
    kind, content, checksum = DAMAGED[what]
    base = Image.fromarray(np.random.default_rng(0).integers(0, 3, (30, 50), dtype=np.uint8)).convert(mode)
    base.save(tmp_path / "whole.png", **({"transparency": 0} if mode == "P" else {}))
    raw = (tmp_path / "whole.png").read_bytes()
    checksum = struct.pack(">I", zlib.crc32(kind + content)) if checksum is None else checksum
    damaged = raw[:33] + struct.pack(">I", len(content)) + kind + content + checksum + raw[33:]
    (tmp_path / "x.png").write_bytes(damaged)
    with pytest.raises(Exception, match=r"."), Image.open(tmp_path / "x.png") as plain:
        plain.load()
    np.testing.assert_array_equal(
        np.asarray(read_image(tmp_path / "x.png")), np.asarray(read_image(tmp_path / "whole.png"))
    )
    (tmp_path / "x.png").write_bytes(damaged[: -len(raw) // 3])
    with pytest.raises(ValueError, match=r"x\.png' cannot be read"):
        read_image(tmp_path / "x.png")


def test_an_animation_gives_its_first_picture(tmp_path):
    frames = [Image.new("RGB", (6, 5), color) for color in ("red", "blue")]
    for name in ("x.gif", "x.webp", "x.png"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
        assert read_image(tmp_path / name).getpixel((0, 0))[0] > 250


def test_names_that_are_no_utf8_are_printed_and_hashed(tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    picture(tmp_path / "x.png").rename(tmp_path / name)
    files = ImageFiles(tmp_path, [name], [0])
    assert len(files.fingerprint) == 64 and files[0][0].size == (12, 8)
    with pytest.raises(ValueError) as caught:
        read_image(tmp_path / "gone" / name)
    for text in (repr(files), str(caught.value)):
        text.encode()  # as printing does


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_files_are_found_under_either_unicode_form(tmp_path, forms):
    listed, there = (unicodedata.normalize(form, "pâté/é.png") for form in forms)
    picture(tmp_path / there)
    files = ImageFiles(tmp_path, [listed], [3])
    assert files[0][1] == 3 and len(files.fingerprint) == 64


def test_arrays(files):
    pixels = np.random.default_rng(0).integers(0, 255, (5, 3, 4, 4), dtype=np.uint8)
    data = ImageArrays(pixels, [0, 1, 2, 0, 1], "made here")
    image, label = data[2]
    assert image.dtype == torch.uint8 and label == 2 and isinstance(label, int)
    np.testing.assert_array_equal(data.images([4, 0]).numpy(), pixels[[4, 0]])
    assert len(list(data)) == 5
    same = ImageArrays(pixels.copy(), data.labels, "made here")
    assert same.fingerprint == data.fingerprint
    changed = pixels.copy()
    changed[3, 1, 2, 2] += 1
    assert ImageArrays(changed, data.labels, "made here").fingerprint != data.fingerprint
    assert ImageArrays(pixels, data.labels[::-1], "made here").fingerprint != data.fingerprint
    with pytest.raises(ValueError, match=r"pixels must be uint8 of shape \(N, 3, H, W\)"):
        ImageArrays(pixels.transpose(0, 2, 3, 1), data.labels, "")
    with pytest.raises(ValueError, match="labels has 1 entries"):
        ImageArrays(pixels, [0], "")


def test_container_checks_what_it_is_given(files):
    good = {"name": "x", "train": files, "val": files, "test": files, "class_names": ["a", "b"], "class_counts": [2, 2]}
    data = LongTailData(**good)
    assert data.corpus == [[], []] and data.descriptors == [[], []] and data.pool is None
    assert data.group_counts.tolist() == [2, 2] and data.class_counts.dtype == np.int64 and data.num_classes == 2
    assert "train 4, val 4, test 4, imbalance 1" in repr(data)
    assert LongTailData(**good, group_counts=[9, 1]).group_counts.tolist() == [9, 1]
    for change, message in {
        "class_counts": ([3, 1], "class_counts says 3 for class 0 .'a'., but train has 2"),
        "class_names": (["a"], "train.labels must be in 0..0, got 1 at position 2"),
        "corpus": ([["s"]], "corpus has 1 lists for 2 classes"),
        "descriptors": ([[], [], []], "descriptors has 3 lists"),
        "group_counts": ([1, 2, 3], "group_counts has 3 entries for 2 classes"),
        "test": (ImageFiles(files.root, files.paths, [0, 1, 2, 0]), "test.labels must be in 0..1, got 2 at position 2"),
        "val": ([(0, 1)], "val needs .labels"),
    }.items():
        value, text = message
        with pytest.raises(ValueError, match=text):
            LongTailData(**good | {change: value})
    with pytest.raises(ValueError, match="class_counts must be >= 1 for every class, got 0 for class 2"):
        LongTailData(**good | {"class_names": ["a", "b", "c"], "class_counts": [2, 2, 0]})


def test_making_a_container_does_not_touch_the_files(tmp_path):
    absent = ImageFiles(tmp_path, ["no.png", "none.png"], [0, 1])  # a fingerprint would look for them
    LongTailData("x", absent, absent, absent, ["a", "b"], np.asarray([1, 1]))


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("sea_horse", "sea horse"),
        ("012.Black_footed__Albatross", "Black footed Albatross"),
        ("03_lion", "lion"),
        ("7_segment_display", "7 segment display"),
        ("747-400", "747-400"),
        ("2024", "2024"),
        ("_", "_"),
    ],
)
def test_readable(folder, name):
    assert readable(folder) == name


def test_split_by_class():
    sizes = [1, 2, 3, 10, 100]
    labels = np.repeat(np.arange(5), sizes)[np.random.default_rng(1).permutation(sum(sizes))]
    parts = split_by_class(labels, 5, 0, val_fraction=0.1, test_fraction=0.2)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(sum(sizes)))
    table = [np.bincount(labels[part], minlength=5).tolist() for part in parts]
    assert table == [[1, 1, 1, 7, 70], [0, 0, 1, 1, 10], [0, 1, 1, 2, 20]]
    greedy = split_by_class(labels, 5, 0, val_fraction=0.15, test_fraction=0.8)  # a class keeps one to train on
    assert np.bincount(labels[greedy[0]], minlength=5).min() == 1
    again = split_by_class(labels, 5, 0, val_fraction=0.1, test_fraction=0.2)
    other = split_by_class(labels, 5, 1, val_fraction=0.1, test_fraction=0.2)
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))
    assert not np.array_equal(parts[2], other[2])
    twins = np.arange(sum(sizes)) // 2  # neighbours may not be torn apart (within a class)
    for part in split_by_class(np.zeros(sum(sizes), np.int64), 1, 0, val_fraction=0.1, test_fraction=0.2, groups=twins):
        _, copies = np.unique(twins[part], return_counts=True)
        assert (copies == 2).all()
    for val, test in ((0.5, 0.5), (-0.1, 0.2), (0.1, float("nan"))):
        with pytest.raises(ValueError, match="val_fraction and test_fraction"):
            split_by_class(labels, 5, 0, val_fraction=val, test_fraction=test)


def test_shuffled_by_class_draws_each_class_alone():
    labels = np.asarray([2, 0, 2, 2, 0, 2, 0])
    three = shuffled_by_class(labels, 4, seed=5)
    assert [sorted(members.tolist()) for members in three] == [[1, 4, 6], [], [0, 2, 3, 5], []]
    alone = shuffled_by_class(np.where(labels == 2, 2, 1), 4, seed=5)
    np.testing.assert_array_equal(alone[2], three[2])
