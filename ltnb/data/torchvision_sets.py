"""The data sets that torchvision can fetch: find them on disk, or let torchvision download them.

torchvision only downloads and unpacks. What is on disk is read by this package, so that a copy put there by hand works
the same way and torchvision is not imported where nothing is missing.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ltnb.data.locate import download_root, first_existing, missing, stamp
from ltnb.data.tree import files_below

_NEEDED = {"torchvision": "torchvision", "PIL": "pillow"}
"""Module -> package that brings it."""

_MARK = ".ltnb-download"
"""File that remembers what was downloaded into a folder."""


def find(root: str | Path | None, places: Sequence[str]) -> Path | None:
    """The first of the places below the root that exists, None where nothing is."""
    return first_existing(download_root(root) / place for place in places)


def find_or_download(
    name: str, torchvision_class: str, root: str | Path | None, places: Sequence[str], page: str, download: bool
) -> Path:
    """Folder of a data set on disk.

    Args:
        name: registered name, for the message.
        torchvision_class: name in ``torchvision.datasets`` of the class that can download it.
        root: see :func:`ltnb.data.locate.download_root`; receives the download.
        places: folders below the root in which the data may lie.
        page: where a person gets the data.
        download: whether to let torchvision fetch what is missing.

    Returns:
        The first of the places that exists.

    Raises:
        MissingDataError: nothing there and not to be downloaded, or the download failed for whatever reason.
        ImportError: a package that the download, or reading what it brings, needs is missing; nothing is downloaded.
    """
    base = download_root(root)
    candidates = [base / place for place in places]
    found = first_existing(candidates)
    if found is None and not download:
        raise missing(name, "the data are not there and download=False", page, candidates)
    if found is None:
        for module, package in _NEEDED.items():
            if importlib.util.find_spec(module) is None:
                raise ImportError(f"{name} is not there, and downloading it needs {module}: pip install {package}")
        try:
            downloader(torchvision_class)(root=str(base), download=True)
        except Exception as error:  # no network, no space, a broken archive: the way out is the same
            what = f"the data are not there and the download failed ({type(error).__name__}: {error})"
            raise missing(name, what, page, candidates) from error
        found = first_existing(candidates)
        if found is not None:
            with suppress(OSError):
                (found / _MARK).write_text(stamp(files_below(found)))
    if found is None:
        raise missing(name, "the download left nothing where it was expected", page, candidates)
    return found


def as_downloaded(folder: Path) -> bool:
    """Whether a folder holds what :func:`find_or_download` fetched into it, and nothing was changed since."""
    try:
        return (folder / _MARK).read_text() == stamp(files_below(folder))
    except (OSError, ValueError):
        return False


def downloader(torchvision_class: str) -> Callable[..., Any]:
    """The class of that name in ``torchvision.datasets``; torchvision is imported here and nowhere else."""
    from ltnb._torchvision import prepare_torchvision

    prepare_torchvision()
    import torchvision

    return getattr(torchvision.datasets, torchvision_class)
