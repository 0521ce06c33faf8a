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
from typing import TYPE_CHECKING, Any

import numpy as np

from ltnb.data.locate import MissingDataError

if TYPE_CHECKING:
    import torch

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})
_EIGHT_BIT = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"})


def readable(name: str) -> str:
    """Class name for a prompt from a folder name: ``"012.sea_horse"`` -> ``"sea horse"``; numbers that only sort go."""
    words = " ".join(re.sub(r"^(\d+\.|0\d*[_\- ])(?=\s*\D)", "", name).replace("_", " ").split())
    return words or name


def read_image(path: str | Path) -> Any:
    """Read one picture as 8-bit RGB, upright (the EXIF orientation of cameras is applied).

    Args:
        path: file in any format that Pillow reads. Greyscale, palette and CMYK pictures are converted.

    Returns:
        A ``PIL.Image.Image`` in mode RGB.

    Raises:
        MissingDataError: no such file.
        ValueError: the file cannot be read as a picture, or has more than 8 bits a channel (its range is unknown).
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as picture:
            mode = picture.mode
            if mode in _EIGHT_BIT:
                upright = ImageOps.exif_transpose(picture)
                if upright.mode in ("P", "PA") and "transparency" in upright.info:
                    upright = upright.convert("RGBA")
                return upright.convert("RGB")
    except FileNotFoundError as error:
        raise MissingDataError(f"image file {str(path)!r} is missing; restore it or load the data set again") from error
    except Exception as error:  # Pillow raises many kinds for broken files: OSError, SyntaxError, struct.error, ...
        raise ValueError(f"image file {str(path)!r} cannot be read: {error}") from error
    raise ValueError(f"image file {str(path)!r} has pixels of mode {mode!r}; convert it to 8 bits a channel first")


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

    def __getitem__(self, index: int) -> tuple[Any, int]:
        """Picture and label number ``index``; see :func:`read_image` for what is raised."""
        return read_image(self.root / self.paths[index]), int(self.labels[index])

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
        digest = hashlib.sha256(b"ImageFiles rgb upright 2\n")
        for path, label in zip(self.paths, self.labels.tolist(), strict=True):
            try:
                found = (self.root / path).stat()
            except OSError as error:
                raise MissingDataError(
                    f"image file {str(self.root / path)!r} is missing; restore it or load the data set again"
                ) from error
            digest.update(f"{path}\t{found.st_size}\t{found.st_mtime_ns}\t{label}\n".encode())
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
