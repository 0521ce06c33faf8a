"""Pictures from Pillow: which files are some, and how every kind of pixel becomes 8-bit RGB."""

from __future__ import annotations

import importlib
import importlib.util
import io
import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

# suffix -> module that teaches Pillow to read it, and its package; used where it is installed
_PLUGINS = {
    ".avif": ("pillow_avif", "pillow-avif-plugin"),
    ".heic": ("pillow_heif", "pillow-heif"),
    ".heif": ("pillow_heif", "pillow-heif"),
    ".hif": ("pillow_heif", "pillow-heif"),
    ".jxl": ("pillow_jxl", "pillow-jxl-plugin"),
}
_NO_PIXELS = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})
"""Formats that Pillow knows by name, but cannot decode without another program."""

_OPENED_AS_JPEG = frozenset({"MPO"})
"""Formats that Pillow has no reader of its own for, because their first picture is a JPEG."""

_UNKNOWN_RANGE = frozenset({"FITS", "MCIDAS"})
"""Formats whose 16 bits may be signed or calibrated."""

_KNOWN_RANGE = frozenset({"PNG", "PPM"})
"""Formats that hold at most 16 bits, which Pillow gives as 32-bit integers in 0..65535."""

_PNG = b"\x89PNG\r\n\x1a\n"
_SUFFIX = re.compile(r"\.[a-z][a-z0-9]{0,8}")
_TAG_BITS, _TAG_PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0


@cache
def import_pillow() -> Any:
    """``PIL.Image`` with every format registered, those of installed plug-ins too.

    Raises:
        ImportError: Pillow is missing; the message says how to install it.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("reading pictures needs Pillow: pip install pillow") from error
    Image.init()
    for suffix, (module, _) in _PLUGINS.items():
        if suffix not in Image.registered_extensions() and importlib.util.find_spec(module) is not None:
            plugin = importlib.import_module(module)
            if hasattr(plugin, "register_heif_opener"):
                plugin.register_heif_opener()
    return Image


def picture_suffixes() -> frozenset[str]:
    """Suffixes, in small letters and with the dot, of the files that the installed Pillow can decode."""
    pillow = import_pillow()
    return frozenset(
        suffix
        for suffix, form in pillow.registered_extensions().items()
        if (form in pillow.OPEN or form in _OPENED_AS_JPEG) and form not in _NO_PIXELS
    )


def suffix_of(path: str | Path) -> str:
    """Suffix in small letters, empty where what follows the last dot is none (``"Dr. Who"``, ``"frame.0001"``)."""
    suffix = os.path.splitext(path)[1].lower()
    return suffix if _SUFFIX.fullmatch(suffix) else ""


def is_picture(path: str | Path, suffixes: frozenset[str]) -> bool:
    """Whether a file is a picture: by its suffix, or, where it has none, by its first bytes.

    Args:
        path: the file; it is opened only if it has no suffix.
        suffixes: what `picture_suffixes` gave.
    """
    suffix = suffix_of(path)
    if suffix:
        return suffix in suffixes
    try:
        with import_pillow().open(path) as picture:  # reads the header alone
            return picture.format not in _NO_PIXELS
    except Exception:  # each format has errors of its own for what is none of it
        return False


def bare_png(path: str | Path) -> io.BytesIO | None:
    """A PNG file without the chunks that say nothing about its pixels; None for a file of another format.

    Pillow refuses a whole picture for one date, text or resolution that is damaged.
    """
    data = Path(path).read_bytes()
    if not data.startswith(_PNG):
        return None
    kept, place = [_PNG], len(_PNG)
    while place < len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")  # length, kind, content, checksum
        kind = data[place + 4 : place + 8]
        if kind[:1].isupper() or kind == b"tRNS":  # capital letter: needed to decode
            kept.append(data[place:end])
        place = end
    return io.BytesIO(b"".join(kept))


def plugin_hint(suffixes: Iterable[str]) -> str:
    """What to install for suffixes that a plug-in of Pillow reads, as ``" (.heic: pip install pillow-heif)"``."""
    hints = [f"{suffix}: pip install {_PLUGINS[suffix][1]}" for suffix in sorted(suffixes) if suffix in _PLUGINS]
    return f" ({', '.join(hints)})" if hints else ""


def to_rgb(image: Image, name: str = "image") -> Image:
    """Turn a picture of any mode into 8-bit RGB, never by clipping.

    - Transparent pictures (an alpha channel, a transparent colour, a palette with either) are laid on white.
    - 16 bits a pixel are scaled by their range: 65535, or what the file says where it holds fewer (12-bit TIFF).
    - Greyscale, palette, 1-bit, CMYK, YCbCr, Lab and HSV pictures are converted by Pillow.
    - 32-bit integers (``I``) and floats (``F``) are refused: their range is not known, and one guessed from the values
      of each picture would make two pictures of one scene differ. Only PNG and PGM, of at most 16 bits, are certain.

    Args:
        image: the picture, as opened or made in memory. Its metadata need not be in order.
        name: how the message calls it.

    Returns:
        A picture of mode ``RGB`` and of the same size.

    Raises:
        ValueError: the range of its values is unknown, or Pillow cannot convert its mode.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _scaled(image, name)
    try:
        if not image.has_transparency_data:
            return image.convert("RGB")
        straight = {"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)  # colours not yet multiplied by alpha
        picture = image.convert(straight).convert("RGBA")
        ground = import_pillow().new("RGBA", picture.size, "white")
        ground.alpha_composite(picture)
        return ground.convert("RGB")
    except (ValueError, OSError) as error:
        raise ValueError(f"{name} has pixels of mode {image.mode!r}, which cannot be made RGB: {error}") from error


def _scaled(image: Image, name: str) -> Image:
    """A picture of more than 8 bits a pixel, scaled by the range that its mode and format have."""
    known = image.mode.startswith("I;16") and image.format not in _UNKNOWN_RANGE
    if not known and not (image.mode == "I" and image.format in _KNOWN_RANGE):
        raise ValueError(
            f"{name} has pixels of mode {image.mode!r}, whose range is unknown; scale them to 8 bits first: "
            "Image.fromarray((255 * (x - low) / (high - low)).clip(0, 255).astype('uint8')), one low and high for all"
        )
    tags = getattr(image, "tag_v2", {})  # of a TIFF file
    bits = tags.get(_TAG_BITS, (16,))
    top = 2 ** int(bits[0] if isinstance(bits, tuple) else bits) - 1
    values = np.asarray(image).astype(np.int64)
    grey = (values * 255 + top // 2) // top
    if tags.get(_TAG_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = 255 - grey
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey[values == clear] = 255
    return import_pillow().fromarray(grey.astype(np.uint8)).convert("RGB")
