"""A folder per feature set: arrays that are there whole or not at all, verified and memory-mapped when read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ltnb._checks import fail

_RECIPE = "recipe.json"
_FORMAT = 1


def state_hash(module: nn.Module) -> str:
    """SHA-256 over names, types, shapes and bytes of a module's weights and buffers: 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def cache_key(recipe: Mapping[str, Any]) -> str:
    """First 32 hexadecimal digits of the SHA-256 over everything that the features depend on."""
    text = json.dumps({"format": _FORMAT, **recipe}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass
class CacheEntry:
    """Features on disk: ``x.npy`` (N, ...) float32, ``y.npy`` (N,) int64 and ``recipe.json`` with their SHA-256.

    The folder is written under another name and moved into place in one step, so that a killed process leaves nothing
    that looks finished.

    Attributes:
        root: the cache folder.
        recipe: what the features depend on; its hash names the entry.
    """

    root: Path
    recipe: Mapping[str, Any]
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.root / cache_key(self.recipe)

    def read(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Memory maps (copy-on-write) of the two arrays; None when the entry is missing, truncated or altered."""
        try:
            written = json.loads((self.folder / _RECIPE).read_text())
            for name in ("x", "y"):
                if _sha256(self.folder / f"{name}.npy") != written["sha256"][name]:
                    return None
            x = np.load(self.folder / "x.npy", mmap_mode="c", allow_pickle=False)
            y = np.load(self.folder / "y.npy", mmap_mode="c", allow_pickle=False)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return x, y

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Gives a temporary folder for ``x.npy`` and ``y.npy``; when the block ends well it becomes the entry.

        Raises:
            ValueError: the cache folder is a file, or lies under one.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            fail("cache_dir", "a folder or a place for one", f"{str(self.root)!r}, which is a file or lies under one")
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=self.root))
        try:
            yield temporary
            hashes = {name: _sha256(temporary / f"{name}.npy") for name in ("x", "y")}
            (temporary / _RECIPE).write_text(json.dumps({**self.recipe, "sha256": hashes}, indent=1, sort_keys=True))
            for file in temporary.iterdir():
                with open(file, "rb") as handle:
                    os.fsync(handle.fileno())
            self._publish(temporary)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _publish(self, temporary: Path) -> None:
        try:
            temporary.rename(self.folder)
        except OSError:  # something stands there: an entry that cannot be read, or the same one from another process
            if self.read() is None:
                shutil.rmtree(self.folder, ignore_errors=True)
                if self.folder.is_file():
                    self.folder.unlink()
                temporary.rename(self.folder)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
