"""Pixels of every mode and depth: against arithmetic by hand, never clipped; which files are pictures."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
from PIL import Image

from ltnb import _pictures
from ltnb._pictures import is_picture, picture_suffixes, suffix_of, to_rgb
from ltnb.clip.preprocess import Preprocess
from ltnb.data.images import read_image

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (9, 7, 3), dtype=np.uint8)
ALPHA = RNG.integers(0, 256, (9, 7, 1), dtype=np.uint8)


def on_white(colours, alpha):
    share = alpha / 255
    return colours * share + 255 * (1 - share)


def pixels(picture):
    assert picture.mode == "RGB"
    return np.asarray(picture).astype(int)


def near(picture, expected, by=1):
    expected = np.broadcast_to(expected, (*picture.size[::-1], 3))
    return np.abs(pixels(picture) - expected).max() <= by


def test_alpha_is_laid_on_white():
    grey = COLOURS[..., :1]
    rgba = Image.fromarray(np.concatenate([COLOURS, ALPHA], 2))
    la = Image.merge("LA", (Image.fromarray(grey[..., 0]), Image.fromarray(ALPHA[..., 0])))
    assert near(to_rgb(rgba), on_white(COLOURS, ALPHA)) and near(to_rgb(la), on_white(grey, ALPHA))
    opaque = np.maximum(ALPHA, 64)  # what is multiplied by a small alpha has lost its colour
    for straight, mode, colours in (("RGBA", "RGBa", COLOURS), ("LA", "La", grey)):
        bands = [Image.fromarray(b) for b in np.moveaxis(np.concatenate([colours, opaque], 2), 2, 0)]
        assert near(to_rgb(Image.merge(straight, bands).convert(mode)), on_white(colours, opaque), by=3)
    solid = Image.fromarray(np.concatenate([COLOURS, np.full_like(ALPHA, 255)], 2))
    np.testing.assert_array_equal(pixels(to_rgb(solid)), COLOURS)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P"])
def test_a_transparent_colour_is_laid_on_white(tmp_path, mode):
    picture = Image.fromarray(np.repeat([[[0, 0, 0], [200, 10, 10]]], 2, axis=0).astype(np.uint8)).convert(mode)
    black = {"RGB": (0, 0, 0), "P": picture.getpixel((0, 0))}.get(mode, 0)
    picture.save(tmp_path / "x.png", transparency=black)
    with Image.open(tmp_path / "x.png") as opened:
        assert "transparency" in opened.info
    assert read_image(tmp_path / "x.png").getpixel((0, 0)) == (255, 255, 255)
    assert read_image(tmp_path / "x.png").getpixel((1, 0)) != (255, 255, 255) or mode == "1"


def test_palettes_with_alpha():
    picture = Image.new("P", (2, 1))
    picture.putdata([0, 1])
    picture.putpalette([200, 0, 0, 51, 0, 0, 100, 255], "RGBA")
    assert near(to_rgb(picture), on_white(np.asarray([[[200, 0, 0], [0, 0, 100]]]), np.asarray([[[51], [255]]])))
    picture = Image.fromarray(COLOURS).quantize(8)
    colours = np.asarray(picture.convert("RGB"))
    picture.putalpha(Image.fromarray(ALPHA[..., 0]))
    assert picture.mode == "PA" and near(to_rgb(picture), on_white(colours, ALPHA))


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "RGBX", "LAB"])
def test_other_colour_spaces_are_converted(mode):
    red = Image.new("RGB", (4, 3), (200, 40, 60))
    if mode == "LAB":
        from PIL import ImageCms

        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        made = ImageCms.profileToProfile(red, *profiles, outputMode="LAB")
    else:
        made = red.convert(mode)
    assert near(to_rgb(made), np.asarray([200, 40, 60]), by=4)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L"])
def test_sixteen_bits_are_scaled_by_their_range(mode):
    values = np.linspace(0, 65535, 63).round().astype(np.uint16).reshape(9, 7)
    order = ">u2" if mode == "I;16B" else "<u2"
    picture = Image.frombytes(mode, (7, 9), values.astype(order).tobytes())
    np.testing.assert_array_equal(pixels(to_rgb(picture))[..., 0], np.rint(values / 257))
    dark = Image.fromarray(np.full((4, 5), 3000, np.uint16))  # the range is that of the type, not of this picture
    assert near(to_rgb(dark), 12, by=0)


def test_sixteen_bits_from_files(tmp_path):
    values = (np.arange(48 * 48).reshape(48, 48) * 28).astype(np.uint16)
    picture, expected = Image.fromarray(values), np.rint(values / 257)
    for name in ("x.png", "x.tif", "x.jp2", "x.pgm"):
        if name != "x.pgm":
            picture.save(tmp_path / name)
        else:  # Pillow opens it as 32-bit integers
            (tmp_path / name).write_bytes(b"P5 48 48 65535\n" + values.astype(">u2").tobytes())
        assert np.abs(pixels(read_image(tmp_path / name))[..., 0] - expected).max() <= (2 if name == "x.jp2" else 0)
    picture.save(tmp_path / "clear.png", transparency=0)
    assert read_image(tmp_path / "clear.png").getpixel((0, 0)) == (255, 255, 255)


def tiff(path, bits, photometric, content, size=(4, 1)):
    """A one-strip TIFF by hand: Pillow writes neither 12 bits nor a white zero."""
    entries = [(256, size[0]), (257, size[1]), (258, bits), (259, 1), (262, photometric), (273, 8), (277, 1)]
    entries += [(278, size[1]), (279, len(content))]
    directory = len(entries).to_bytes(2, "little") + b"".join(
        tag.to_bytes(2, "little") + b"\x04\0" + b"\x01\0\0\0" + value.to_bytes(4, "little") for tag, value in entries
    )
    content += b"\0" * (len(content) % 2)
    path.write_bytes(b"II*\0" + (8 + len(content)).to_bytes(4, "little") + content + directory + b"\0\0\0\0")
    return path


def test_twelve_bits_and_a_white_zero(tmp_path):
    packed = b"".join(((a << 12) | b).to_bytes(3, "big") for a, b in ((0, 1365), (2730, 4095)))
    assert pixels(read_image(tiff(tmp_path / "a.tif", 12, 1, packed)))[0, :, 0].tolist() == [0, 85, 170, 255]
    deep = np.asarray([0, 21845, 43690, 65535], "<u2").tobytes()
    assert pixels(read_image(tiff(tmp_path / "b.tif", 16, 1, deep)))[0, :, 0].tolist() == [0, 85, 170, 255]
    assert pixels(read_image(tiff(tmp_path / "c.tif", 16, 0, deep)))[0, :, 0].tolist() == [255, 170, 85, 0]


@pytest.mark.parametrize(
    "array", [np.full((4, 5), 0.5, np.float32), np.full((4, 5), 70_000, np.int32), np.full((4, 5), 7, np.int32)]
)
def test_values_of_unknown_range_are_refused_by_name(tmp_path, array):
    picture = Image.fromarray(array)
    with pytest.raises(ValueError, match=rf"^image has pixels of mode '{picture.mode}', whose range is unknown; scale"):
        to_rgb(picture)
    with pytest.raises(ValueError, match="image has pixels of mode"):
        Preprocess((8, 8), (0.5,) * 3, (0.5,) * 3)(picture)
    picture.save(tmp_path / "x.tif")
    with pytest.raises(ValueError, match=r"x\.tif' cannot be read: it has pixels of mode"):
        read_image(tmp_path / "x.tif")


def test_preparing_for_a_tower_reads_every_mode_alike():
    prepare = Preprocess((8, 8), (0.5,) * 3, (0.5,) * 3)
    rgba = Image.fromarray(np.concatenate([COLOURS, ALPHA], 2))
    white = Image.fromarray(np.rint(on_white(COLOURS, ALPHA)).astype(np.uint8))
    assert float((prepare(rgba) - prepare(white)).abs().max()) < 0.02
    values = RNG.integers(0, 65536, (9, 7), dtype=np.uint16)
    scaled = Image.fromarray(np.rint(values / 257).astype(np.uint8)).convert("RGB")
    np.testing.assert_array_equal(prepare(Image.fromarray(values)), prepare(scaled))


def test_the_suffixes_are_those_that_pillow_decodes():
    assert {".jpg", ".jfif", ".jpe", ".mpo", ".png", ".webp", ".tif", ".gif", ".jp2", ".tga"} <= picture_suffixes()
    assert not {".pdf", ".h5", ".mpg", ".txt", ""} & picture_suffixes()
    assert [suffix_of(f"a/{name}") for name in ("x.JPG", "x", "Dr. Who", "frame.0001", "x.tar.gz")] == [
        ".jpg", "", "", "", ".gz",
    ]  # fmt: skip


def test_without_a_suffix_the_first_bytes_tell(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "picture", "JPEG")
    (tmp_path / "README").write_text("no picture")
    (tmp_path / "empty").touch()
    suffixes = picture_suffixes()
    assert [is_picture(tmp_path / name, suffixes) for name in ("picture", "README", "empty", "none")] == [
        True, False, False, False,
    ]  # fmt: skip


def test_a_plugin_that_is_installed_is_used_and_one_that_is_not_is_named(monkeypatch):
    called = []
    fake = types.ModuleType("pillow_heif")
    fake.__spec__ = types.SimpleNamespace()
    fake.register_heif_opener = lambda: called.append(True)
    monkeypatch.setitem(sys.modules, "pillow_heif", fake)
    _pictures.import_pillow.cache_clear()
    _pictures.import_pillow()
    assert called
    hint = _pictures.plugin_hint([".heic", ".txt", ".jxl"])
    assert hint == " (.heic: pip install pillow-heif, .jxl: pip install pillow-jxl-plugin)"
    assert _pictures.plugin_hint([".txt"]) == ""


def test_without_pillow_the_line_that_installs_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "PIL", None)
    _pictures.import_pillow.cache_clear()
    with pytest.raises(ImportError, match="pip install pillow"):
        read_image(tmp_path / "x.png")
    _pictures.import_pillow.cache_clear()
