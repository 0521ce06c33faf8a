"""Any folder of pictures with one subfolder a class, as ``folder:/path``."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ltnb._checks import check_integer, check_number, fail
from ltnb.data.classnames import read_names
from ltnb.data.containers import LongTailData
from ltnb.data.images import EXTENSIONS, ImageFiles, readable
from ltnb.data.locate import MissingDataError, data_root
from ltnb.data.splitting import split_by_class

_SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""Folder name in small letters -> split."""


def folder(
    path: str | Path,
    root: str | Path | None = None,
    seed: int = 0,
    *,
    val_fraction: float = 0.1,
    test_fraction: float = 0.2,
) -> LongTailData:
    """Your own pictures, with the imbalance that they have.

    Two layouts: ``train/<class>/*`` with ``val/<class>/*`` and ``test/<class>/*``, or ``<class>/*`` alone, which is
    split by the seed (each class in the same proportions, at least one picture of it for training). Where only
    ``train`` and ``test`` exist, validation is taken from ``train``; where only ``train`` and ``val`` exist, ``val``
    becomes the test set and validation is taken from ``train``, so that no number is reported on pictures used for
    choosing. Splits may be written with capital letters, ``valid`` and ``validation`` are ``val``, and a class may be
    called ``train``. Class names are the folder names with spaces for underscores, or those of a file
    ``classnames.txt`` (``folder name`` a line).

    Args:
        path: the folder; a relative one is looked for under ``root`` if given, else in the working folder, then under
            ``$LTNB_DATA``.
        root: see above.
        seed: which pictures go where, when a split is made.
        val_fraction: share of validation, when that is made.
        test_fraction: share of the test set, when that is made.

    Raises:
        MissingDataError: no such folder.
        ValueError: no class folders, folders that are neither all splits nor all classes, a class without pictures, a
            test class that is not trained, too few pictures to split, or a share out of range. A picture that cannot be
            read is named when it is asked for.
    """
    check_integer(seed, "seed", 0)
    val_fraction = check_number(val_fraction, "val_fraction", 0.0, 1.0, ends="[)")
    test_fraction = check_number(test_fraction, "test_fraction", 0.0, 1.0, ends="[)")
    base = _find(str(path), root)
    given = _given_splits(base)
    start = base / given["train"] if given else base
    classes = _subfolders(start)
    if len(classes) < 2:
        raise ValueError(f"{str(start)!r} must hold a folder for each of at least two classes, it holds {classes}")
    files, labels = _pictures(base, start, classes)
    counts = np.bincount(labels, minlength=len(classes))
    if not counts.all():
        empty = classes[int(np.flatnonzero(counts == 0)[0])]
        raise ValueError(f"class folder {str(start / empty)!r} holds no picture ({', '.join(sorted(EXTENSIONS))})")
    everything = ImageFiles(base, files, labels)
    parts: dict[str, ImageFiles] = {}
    for split in ("val", "test"):
        if split in given:
            parts[split] = ImageFiles(base, *_pictures(base, base / given[split], classes))
    if "val" in parts and "test" not in parts:
        parts["test"] = parts.pop("val")
    if "test" not in parts and test_fraction == 0:
        fail("test_fraction", "above 0 where no folder holds a test set", repr(test_fraction))
    train = np.arange(len(everything))
    if len(parts) < 2:
        train, val, test = split_by_class(
            labels,
            len(classes),
            seed,
            val_fraction=val_fraction,
            test_fraction=0.0 if "test" in parts else test_fraction,
        )
        parts["val"] = everything.subset(val)
        parts.setdefault("test", everything.subset(test))
    if not len(parts["test"]) or (not len(parts["val"]) and val_fraction > 0):
        raise ValueError(f"{str(base)!r} has too few pictures a class to split: the largest class has {counts.max()}")
    return LongTailData(
        name=f"folder:{base.name}",
        train=everything.subset(train),
        val=parts["val"],
        test=parts["test"],
        class_names=_names(base, classes),
        class_counts=np.bincount(labels[train], minlength=len(classes)),
    )


def _find(path: str, root: str | Path | None) -> Path:
    if not path:
        raise ValueError("folder: needs a path, as in 'folder:/path/to/pictures'")
    given = Path(path).expanduser()
    fallback = data_root(root)
    candidates = [fallback / given] if root and fallback else [given] if fallback is None else [given, fallback / given]
    found = next((place for place in candidates if place.is_dir()), None)
    if found is None:
        places = ", ".join(str(place) for place in candidates)
        raise MissingDataError(
            f"folder:{path}: there is no such folder. Looked for {places}. Put your pictures there, one subfolder a "
            "class, and run again: ltnb.data.load('folder:/path/to/pictures')"
        )
    return found.resolve()


def _given_splits(base: Path) -> dict[str, str]:
    """Split -> name of its folder; empty where the folders are classes."""
    names = _subfolders(base)
    found: dict[str, list[str]] = {}
    for name in names:
        if name.lower() in _SPLITS:
            found.setdefault(_SPLITS[name.lower()], []).append(name)
    for split, same in found.items():
        if len(same) > 1:
            raise ValueError(f"{str(base)!r} must hold one folder for the split {split!r}, it holds {same}")
    classes = [name for name in names if name.lower() not in _SPLITS]
    if classes and "train" in found and len(found) > 1:
        splits = [name for name in names if name not in classes]
        raise ValueError(f"{str(base)!r} must hold splits or classes, it holds {splits} and beside them {classes[:5]}")
    if found and not classes and "train" not in found:
        raise ValueError(f"{str(base)!r} must hold a folder 'train' for its splits, it holds {names}")
    return {} if classes else {split: name for split, [name] in found.items()}


def _subfolders(folder: Path) -> list[str]:
    return sorted(f.name for f in folder.iterdir() if f.is_dir() and not f.name.startswith((".", "__")))


def _pictures(base: Path, start: Path, classes: list[str]) -> tuple[list[str], np.ndarray]:
    """Paths relative to ``base`` and labels, sorted; pictures may lie in subfolders of a class."""
    unknown = [name for name in _subfolders(start) if name not in classes]
    if unknown:
        raise ValueError(f"class folder {str(start / unknown[0])!r} has no counterpart among the training classes")
    found: list[tuple[str, int]] = []
    for label, name in enumerate(classes):
        for where, inner, files in os.walk(start / name):
            inner[:] = sorted(f for f in inner if not f.startswith((".", "__")))
            there = Path(where).relative_to(base)
            kept = (f for f in sorted(files) if not f.startswith(".") and Path(f).suffix.lower() in EXTENSIONS)
            found.extend(((there / f).as_posix(), label) for f in kept)
    return [path for path, _ in found], np.asarray([label for _, label in found], dtype=np.int64)


def _names(base: Path, classes: list[str]) -> list[str]:
    path = base / "classnames.txt"
    if not path.is_file():
        return [readable(name) for name in classes]
    known = dict(read_names(path))
    absent = [name for name in classes if name not in known]
    if absent:
        raise ValueError(f"{str(path)!r} has no line for class folder {absent[0]!r}")
    return [known[name] for name in classes]
