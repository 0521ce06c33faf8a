"""A folder per feature set: arrays that are there whole or not at all, verified and memory-mapped when read."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import shutil
import socket
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ltnb._checks import fail
from ltnb._files import sha256_of

_RECIPE = "recipe.json"
_FORMAT = 2  # 2: pictures of every mode and bit depth are scaled before they are encoded
_SILENCE = 3600.0  # seconds without a write after which a draft of a dead or unknown process is a leftover


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


class Draft:
    """An entry on its way: features appended batch by batch through an ordinary file, which reports a full disk.

    (A sparse memory map would kill the process there with SIGBUS.)

    Args:
        folder: an empty folder below the cache folder, for ``x.npy`` and ``y.npy``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "x.npy"

    def add(self, rows: np.ndarray, count: int) -> None:
        """Appends float32 (B, ...) to what will be (count, ...)."""
        with _faults_named(self.folder.parent), self._path.open("ab") as file:
            if file.tell() == 0:
                shape = (count, *rows.shape[1:])
                needed, free = 4 * math.prod(shape), shutil.disk_usage(self.folder).free
                if needed > free:
                    raise OSError(
                        errno.ENOSPC, f"no space: it needs {needed / 1e6:.1f} MB, {free / 1e6:.1f} MB are free"
                    )
                header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False}
                np.lib.format.write_array_header_1_0(file, header | {"shape": shape})
            file.write(np.ascontiguousarray(rows, dtype=np.float32).data)

    def finish(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Adds the labels, int64 (count,); gives both arrays as `CacheEntry.read` does."""
        with _faults_named(self.folder.parent):
            np.save(self.folder / "y.npy", labels)
            return _arrays(self.folder)


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
                if sha256_of(self.folder / f"{name}.npy") != written["sha256"][name]:
                    return None
            return _arrays(self.folder)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @contextmanager
    def writing(self) -> Iterator[Draft | None]:
        """Gives a `Draft` that becomes the entry when the block ends well; None, with a warning, in a read-only folder.

        Arrays from `Draft.finish` stay valid whatever becomes of the files. An entry that cannot be moved into place is
        dropped with a warning. Leftovers of killed processes are removed.

        Raises:
            ValueError: the cache folder is a file, or lies under one.
            OSError: a full disk or another fault while writing, naming the folder.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(self.root)
            prefix = f".writing-{socket.gethostname()}-{os.getpid()}-"
            temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=self.root))
        except (FileExistsError, NotADirectoryError):
            fail("cache_dir", "a folder or a place for one", f"{str(self.root)!r}, which is a file or lies under one")
        except OSError as error:
            self._warn(error)
            yield None
            return
        try:
            yield Draft(temporary)
            with _faults_named(self.root):
                hashes = {name: sha256_of(temporary / f"{name}.npy") for name in ("x", "y")}
                recipe = {**self.recipe, "sha256": hashes}
                (temporary / _RECIPE).write_text(json.dumps(recipe, indent=1, sort_keys=True))
                for file in temporary.iterdir():
                    _flush(file)
            self._publish(temporary)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _publish(self, temporary: Path) -> None:
        try:
            temporary.rename(self.folder)
        except OSError:  # something stands there: an entry that cannot be read, or the same one from another process
            if self.read() is not None:
                return
            try:
                shutil.rmtree(self.folder, ignore_errors=True)
                if self.folder.is_file():
                    self.folder.unlink()
                temporary.rename(self.folder)
            except OSError as error:
                self._warn(error)

    def _warn(self, error: OSError) -> None:
        warnings.warn(
            f"features are not kept: the cache {str(self.root)!r} cannot be written ({error.strerror or error})",
            UserWarning,
            stacklevel=2,
        )


@contextmanager
def _faults_named(root: Path) -> Iterator[None]:
    """Says which folder it is that the system cannot write."""
    try:
        yield
    except OSError as error:
        raise OSError(
            error.errno,
            f"the feature cache {str(root)!r} cannot be written: {error.strerror or error}. Free space there, pass "
            "another cache_dir, or cache_dir=None to keep features in memory",
        ) from error


def _arrays(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The two arrays, mapped copy-on-write; in memory on a file system that maps no files."""
    paths = folder / "x.npy", folder / "y.npy"
    try:
        x, y = (np.load(path, mmap_mode="c", allow_pickle=False) for path in paths)
    except OSError:
        x, y = (np.load(path, allow_pickle=False) for path in paths)
    return x, y


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):  # file systems that have no such call
                raise


def _remove_leftovers(root: Path) -> None:
    """Removes drafts that nobody has written to for an hour, unless their process is alive on this machine."""
    for folder in root.glob(".writing-*"):
        try:
            silent = time.time() - max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
        except OSError:  # moved into place just now
            continue
        named = re.fullmatch(r"\.writing-(.+)-(\d+)-[^-]*", folder.name)
        at_home = named is not None and named[1] == socket.gethostname()
        if silent > _SILENCE and not (at_home and _is_alive(int(named[2]))):  # type: ignore[index]
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    if os.name != "posix":  # where asking would be a signal
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is there, but another user's
        pass
    return True
