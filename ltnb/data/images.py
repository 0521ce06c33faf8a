"""Image datasets: files read when asked for, and arrays held in memory.

Both follow the package's image protocol: ``len``, ``dataset[i] -> (image, int)``, ``.labels`` (int64, (N,)) and
``.fingerprint`` (a hash of what the dataset yields and in which order; feature caches are keyed by it).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ltnb._pictures import bare_png, import_pillow, to_rgb
from ltnb.data.locate import MissingDataError, find_file

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

_ORIENTATION = 0x0112
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""EXIF orientation -> what turns the picture upright."""


def readable(name: str) -> str:
    """Class name for a prompt from a folder name: ``"012.sea_horse"`` -> ``"sea horse"``; numbers that only sort go."""
    words = " ".join(re.sub(r"^(\d+\.|0\d*[_\- ])(?=\s*\D)", "", name).replace("_", " ").split())
    return words or name


def read_image(path: str | Path) -> Image:
    """Read one picture as 8-bit RGB, upright (the EXIF orientation of cameras is applied where it can be read).

    Args:
        path: file in any format that Pillow reads; of an animation the first picture. `ltnb._pictures.to_rgb` says what
            becomes of transparency, of 16 bits and of other colour spaces.

    Returns:
        A picture in mode RGB.

    Raises:
        MissingDataError: no such file.
        ValueError: the file cannot be read as a picture, or the range of its values is unknown.
        ImportError: Pillow is missing.
    """
    import_pillow()
    try:
        try:
            return _upright(path)
        except Exception:  # damaged metadata of a PNG file, whose pixels can be fine
            bare = bare_png(path)
            if bare is None:
                raise
            return _upright(bare)
    except FileNotFoundError as error:
        raise MissingDataError(f"image file {str(path)!r} is missing; restore it or load the data set again") from error
    except Exception as error:  # Pillow raises many kinds for broken files: OSError, SyntaxError, struct.error, ...
        raise ValueError(f"image file {str(path)!r} cannot be read: {error}") from error


def _upright(source: str | Path | BinaryIO) -> Image:
    pillow = import_pillow()
    with pillow.open(source) as picture:
        picture.load()
        turn = _TURNS.get(_orientation(picture))
        rgb = to_rgb(picture, "it")
        return rgb if turn is None else rgb.transpose(pillow.Transpose[turn])


def _orientation(picture: Image) -> int:
    """The EXIF orientation, 1 (upright) where the metadata hold none or are broken: pixels can be fine."""
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # Pillow raises many kinds here too
        return 1


class ImageFiles:
    """Pictures that stay on disk and are decoded on access.

    Args:
        root: folder that the paths are relative to.
        paths: N relative paths, with forward slashes.
        labels: (N,) integers.

    Raises:
        ValueError: as many labels as paths are needed.
    """

    def __init__(self, root: str | Path, paths: Sequence[str], labels: Sequence[int] | np.ndarray) -> None:
        self.root = Path(root)
        self.paths = list(paths)
        self.labels = np.asarray(labels, dtype=np.int64).reshape(-1)
        if len(self.paths) != len(self.labels):
            raise ValueError(f"labels has {len(self.labels)} entries for {len(self.paths)} paths")

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Image, int]:
        """Picture and label number ``index``; see :func:`read_image` for what is raised."""
        return read_image(find_file(self.root, self.paths[index])), int(self.labels[index])

    def __repr__(self) -> str:
        return f"ImageFiles({len(self)} images under {str(self.root)!r})"

    def subset(self, indices: Sequence[int] | np.ndarray) -> ImageFiles:
        """The pictures at ``indices``, in that order."""
        chosen = np.asarray(indices, dtype=np.int64).reshape(-1)
        return ImageFiles(self.root, [self.paths[i] for i in chosen], self.labels[chosen])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over (relative path, size in bytes, time of the last change, label) of each picture in order.

        No file is read for it: a picture changed to one of equal size is told by its time. The root may move, if the
        move keeps the times (``mv``, ``cp -p``, ``rsync -a``).

        Raises:
            MissingDataError: a file is not there.
        """
        digest = hashlib.sha256(b"ImageFiles rgb upright 3\n")  # counted up when pixels come out otherwise
        for path, label in zip(self.paths, self.labels.tolist(), strict=True):
            try:
                found = find_file(self.root, path).stat()
            except OSError as error:
                raise MissingDataError(
                    f"image file {str(self.root / path)!r} is missing; restore it or load the data set again"
                ) from error
            facts = f"{path}\t{found.st_size}\t{found.st_mtime_ns}\t{label}\n"
            digest.update(facts.encode("utf-8", "surrogateescape"))  # names may hold bytes that are no UTF-8
        return digest.hexdigest()


class ImageArrays:
    """Small pictures held in memory.

    Args:
        pixels: uint8 array (N, 3, H, W).
        labels: (N,) integers.
        recipe: a word on where they come from; part of the fingerprint.

    Raises:
        ValueError: another shape or dtype.
    """

    def __init__(self, pixels: np.ndarray, labels: Sequence[int] | np.ndarray, recipe: str) -> None:
        import torch

        pixels = np.ascontiguousarray(pixels)
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1] != 3:
            raise ValueError(f"pixels must be uint8 of shape (N, 3, H, W), got {pixels.dtype} {pixels.shape}")
        self.labels = np.asarray(labels, dtype=np.int64).reshape(-1)
        if len(self.labels) != len(pixels):
            raise ValueError(f"labels has {len(self.labels)} entries for {len(pixels)} images")
        self.pixels = torch.from_numpy(pixels)
        self.recipe = recipe

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Picture (3, H, W) uint8 and label number ``index``."""
        return self.pixels[index], int(self.labels[index])

    def __repr__(self) -> str:
        return f"ImageArrays({len(self)} images, {self.recipe!r})"

    def images(self, indices: Sequence[int] | np.ndarray | torch.Tensor) -> torch.Tensor:
        """Pictures (B, 3, H, W) uint8 at ``indices`` in one call."""
        import torch

        return self.pixels[torch.as_tensor(indices, dtype=torch.int64)]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the recipe, the labels and the pixels."""
        digest = hashlib.sha256(f"ImageArrays 1 {self.recipe} {tuple(self.pixels.shape)}\n".encode())
        digest.update(self.labels.tobytes())
        digest.update(self.pixels.numpy().data)
        return digest.hexdigest()
