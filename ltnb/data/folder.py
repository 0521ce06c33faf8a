"""Any folder of pictures with one subfolder a class, as ``folder:/path``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, cast

import numpy as np

from ltnb._checks import check_integer, check_number, fail
from ltnb.data.classnames import legible, read_names, say_equal_names
from ltnb.data.containers import LongTailData
from ltnb.data.images import ImageFiles, readable
from ltnb.data.locate import find_folder, printable, same_name
from ltnb.data.splitting import split_by_class
from ltnb.data.tree import aside, class_pictures, files_below, listed, say_ignored, subfolders

_SPLIT = re.compile(
    r"(?:(?P<train>train(?:ing)?)|(?P<val>val|valid|validation|dev|development)|(?P<test>test(?:ing)?|eval|evaluation))"
    r"s?(?:[ _-]?(?:set|split|data|dataset|image|img|picture|photo)s?)?",
    re.IGNORECASE,
)
"""Names that are a split's and not a class's."""

_SHORT = ("trn", "tst")
"""Words that may mean a split inside a longer name, where other signs say so too."""


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
    taken: dict[str, Path] = {}
    files, labels = _pictures(base, start, classes, ignored, taken)
    everything = ImageFiles(base, files, labels)
    parts: dict[str, ImageFiles] = {}
    for split in ("val", "test"):
        if split in given:
            parts[split] = ImageFiles(base, *_pictures(base, base / given[split], classes, ignored, taken))
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
        largest = np.bincount(labels).max()
        raise ValueError(f"{str(base)!r} has too few pictures a class to split: the largest class has {largest}")
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
    return [base, *files_below(base)]


def split_of(name: str) -> Literal["train", "val", "test"] | None:
    """The split that a folder's name means, None where it is no split's: ``"Testing_Set"`` is ``"test"``."""
    found = _SPLIT.fullmatch(name)
    return cast(Literal["train", "val", "test"], found.lastgroup) if found else None


def _hints_at_split(name: str) -> bool:
    """Whether a word of the name is a split's: ``seg_train``, ``test2017``; so is one of ``bullet_train``."""
    words = re.split(r"[\W\d_]+", name)
    return any(split_of(word) is not None or word.lower() in _SHORT for word in words)


def _given_splits(base: Path) -> dict[str, str]:
    """Split -> name of its folder; empty where the folders are classes."""
    names = subfolders(base)
    found: dict[str, list[str]] = {}
    for name in names:
        if (word := split_of(name)) is not None:
            found.setdefault(word, []).append(name)
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
    if inner and all(names and all(map(_hints_at_split, names)) for names in inner.values()):
        first = f"{classes[0]}/{inner[classes[0]][0]}"
        raise ValueError(f"{str(start)!r} must hold the splits above the classes, it holds them below, as {first!r}")
    if inner and any(map(_hints_at_split, classes)) and set.intersection(*map(set, inner.values())):
        if not any(aside(start / name) for name in classes):
            raise ValueError(
                f"{str(start)!r} must hold a folder for each class; {classes} hold folders of the same names, as "
                "splits do: call those train, val and test"
            )
    _by_name(start, classes)
    return classes


def _by_name(start: Path, names: Sequence[str]) -> dict[str, str]:
    """Name in composed form -> folder name."""
    found: dict[str, str] = {}
    for name in names:
        other = found.setdefault(same_name(name), name)
        if other != name:
            raise ValueError(f"{str(start)!r} holds two folders of one name, {other!a} and {name!a}: join them")
    return found


def _pictures(
    base: Path, start: Path, classes: Sequence[str], ignored: Counter[str], taken: dict[str, Path]
) -> tuple[list[str], np.ndarray]:
    """Paths relative to ``base`` and labels, sorted; pictures may lie in subfolders of a class."""
    there = _by_name(start, subfolders(start))
    known = {same_name(name): label for label, name in enumerate(classes)}
    if not there:
        raise ValueError(f"split folder {str(start)!r} holds no class folders: without them its pictures have no class")
    unknown = [folder for name, folder in there.items() if name not in known]
    if unknown:
        raise ValueError(f"class folder {str(start / unknown[0])!r} has no counterpart among the training classes")
    order = sorted(there, key=known.__getitem__)
    found, aside_here = class_pictures(start, [there[name] for name in order], taken)
    ignored.update(aside_here)
    prefix = f"{start.name}/" if start != base else ""
    files = [prefix + path for paths in found for path in paths]
    return files, np.repeat(np.asarray([known[name] for name in order]), [len(paths) for paths in found])


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
