"""Any folder of pictures with one subfolder a class, as ``folder:/path``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, cast

import numpy as np

from ltnb._checks import check_integer, check_number, fail
from ltnb._pictures import plugin_hint
from ltnb.data.classnames import legible, read_names, say_equal_names
from ltnb.data.containers import LongTailData
from ltnb.data.images import ImageFiles, readable
from ltnb.data.locate import MissingDataError, data_root, printable, same_name
from ltnb.data.splitting import split_by_class
from ltnb.data.tree import aside, listed, pictures, say_ignored, subfolders, walk

_SPLIT = re.compile(
    r"(?:(?P<train>train(?:ing)?)|(?P<val>val|valid|validation|dev|development)|(?P<test>test(?:ing)?|eval|evaluation))"
    r"s?(?:[ _-]?(?:set|split|data|dataset|image|img|picture|photo)s?)?",
    re.IGNORECASE,
)
"""Names that are a split's and not a class's."""


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
    choosing. The usual words for a split are known in any case (``Training``, ``test_set``, ``valid``, ``dev``), and a
    class may be called ``train``. Class names are the folder names with spaces for underscores, or those of a file
    ``classnames.txt`` (``folder name`` a line; a tab behind a folder name that holds spaces).

    A picture is every file that Pillow can decode, at any depth below its class folder. Links are followed, each place
    once; names that systems and editors make for themselves are skipped; what else is left aside is counted by kind in
    one warning.

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
    base = find_folder(str(path), root)
    given = _given_splits(base)
    start = base / given["train"] if given else base
    classes = _classes(start, given)
    ignored = aside(base) if given else Counter()
    files, labels = _pictures(base, start, classes, ignored)
    everything = ImageFiles(base, files, labels)
    parts: dict[str, ImageFiles] = {}
    for split in ("val", "test"):
        if split in given:
            parts[split] = ImageFiles(base, *_pictures(base, base / given[split], classes, ignored))
    say_ignored(base, ignored)
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
        raise ValueError(f"{str(base)!r} has too few pictures a class to split: the largest class has {np.bincount(labels).max()}")
    return LongTailData(
        name=f"folder:{printable(base.name)}",
        train=everything.subset(train),
        val=parts["val"],
        test=parts["test"],
        class_names=_names(base, classes),
        class_counts=np.bincount(labels[train], minlength=len(classes)),
    )


def on_disk(name: str, root: str | Path | None = None) -> list[Path]:
    """What loading ``folder:/path`` would read: every file below the folder, none where there is no such folder."""
    try:
        base = find_folder(name.removeprefix("folder:"), root)
    except ValueError:
        return []
    return [base, *(where / file for where, file in walk(base))]


def find_folder(path: str, root: str | Path | None = None) -> Path:
    """The folder that ``folder:path`` means, absolute; see `folder` for where it is looked for.

    Raises:
        MissingDataError: there is none.
        ValueError: the path is empty.
    """
    if not path:
        raise ValueError("folder: needs a path, as in 'folder:/path/to/pictures'")
    given = Path(path).expanduser()
    fallback = data_root(root)
    candidates = [fallback / given] if root and fallback else [given] if fallback is None else [given, fallback / given]
    found = next((place for place in candidates if place.is_dir()), None)
    if found is None:
        places = ", ".join(printable(place) for place in candidates)
        raise MissingDataError(
            f"folder:{printable(path)}: there is no such folder. Looked for {places}. Put your pictures there, one subfolder a "
            "class, and run again: ltnb.data.load('folder:/path/to/pictures')"
        )
    return found.resolve()


def split_of(name: str) -> Literal["train", "val", "test"] | None:
    """The split that a folder's name means, None where it is no split's: ``"Testing_Set"`` is ``"test"``."""
    found = _SPLIT.fullmatch(name)
    return None if found is None else cast(Literal["train", "val", "test"], found.lastgroup)


def _given_splits(base: Path) -> dict[str, str]:
    """Split -> name of its folder; empty where the folders are classes."""
    names = subfolders(base)
    found: dict[str, list[str]] = {}
    for name in names:
        split = split_of(name)
        if split is not None:
            found.setdefault(split, []).append(name)
    for split, same in found.items():
        if len(same) > 1:
            raise ValueError(f"{str(base)!r} must hold one folder for the split {split!r}, it holds {same}")
    classes = [name for name in names if split_of(name) is None]
    if classes and "train" in found and len(found) > 1:
        splits = [name for name in names if name not in classes]
        raise ValueError(f"{str(base)!r} must hold splits or classes, it holds {splits} and beside them {classes[:5]}")
    if found and not classes and "train" not in found:
        raise ValueError(f"{str(base)!r} must hold a folder 'train' for its splits, it holds {names}")
    return {} if classes else {split: name for split, [name] in found.items()}


def _classes(start: Path, given: Mapping[str, str]) -> list[str]:
    """Names of the class folders; refused where they are something else."""
    classes = subfolders(start)
    if len(classes) < 2:
        beside = f" ({listed(aside(start))})" if aside(start) else ""
        raise ValueError(
            f"{str(start)!r} must hold a folder for each of at least two classes, it holds {classes}{beside}"
        )
    if all(map(split_of, classes)):
        raise ValueError(f"{str(start)!r} must hold a folder for each class, it holds only splits: {classes}")
    inner = {name: subfolders(start / name) for name in classes} if not given else {}
    if inner and all(names and all(map(split_of, names)) for names in inner.values()):
        first = f"{classes[0]}/{inner[classes[0]][0]}"
        raise ValueError(f"{str(start)!r} must hold the splits above the classes, it holds them below, as {first!r}")
    _by_name(start, classes)
    return classes


def _by_name(start: Path, names: Sequence[str]) -> dict[str, str]:
    """Name in composed form -> folder name."""
    found: dict[str, str] = {}
    for name in names:
        other = found.setdefault(same_name(name), name)
        if other != name:
            raise ValueError(f"{str(start)!r} holds two folders of one name, {other!a} and {name!a}: join or rename them")
    return found


def _pictures(
    base: Path, start: Path, classes: Sequence[str], ignored: Counter[str]
) -> tuple[list[str], np.ndarray]:
    """Paths relative to ``base`` and labels, sorted; pictures may lie in subfolders of a class."""
    there = _by_name(start, subfolders(start))
    known = {same_name(name): label for label, name in enumerate(classes)}
    if not there:
        raise ValueError(f"split folder {str(start)!r} holds no class folders: without them its pictures have no class")
    unknown = [folder for name, folder in there.items() if name not in known]
    if unknown:
        raise ValueError(f"class folder {str(start / unknown[0])!r} has no counterpart among the training classes")
    found: list[tuple[str, int]] = []
    for name, folder in sorted(there.items(), key=lambda item: known[item[0]]):
        others = [start / other for other in there.values() if other != folder]
        own: Counter[str] = Counter()
        paths = pictures(start / folder, own, owned=others)
        if not paths:
            rest = f", only {listed(own)}{plugin_hint(own)}" if own else ""
            raise ValueError(f"class folder {str(start / folder)!r} holds no picture that Pillow can read{rest}")
        ignored.update(own)
        found.extend((path.relative_to(base).as_posix(), known[name]) for path in paths)
    ignored.update(aside(start))
    return [path for path, _ in found], np.asarray([label for _, label in found], dtype=np.int64)


def _names(base: Path, classes: Sequence[str]) -> list[str]:
    path = base / "classnames.txt"
    if path.is_file():
        known = dict(read_names(path, classes))
        absent = [name for name in classes if same_name(name) not in known]
        if absent:
            raise ValueError(f"{str(path)!r} has no line for class folder {absent[0]!r}")
        names = [known[same_name(name)] for name in classes]
    else:
        names = [readable(same_name(legible(name, base))) for name in classes]
    say_equal_names(names, classes, path if path.is_file() else base)
    return names
