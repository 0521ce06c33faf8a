"""ImageNet-LT, Places-LT and iNaturalist 2018: the user's pictures and the official list files (``path label``)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ltnb._checks import check_integer
from ltnb.data.classnames import (
    builtin_imagenet_names,
    folders_of,
    match_names,
    read_lines,
    read_names,
    readable_place,
    say_equal_names,
)
from ltnb.data.containers import LongTailData
from ltnb.data.images import ImageFiles
from ltnb.data.locate import data_root, find_file, first_existing, missing
from ltnb.data.splitting import shuffled_by_class
from ltnb.data.tree import is_hidden

_LINE = re.compile(r"(.*\S)\s+(\d+)", re.ASCII)
_OLTR = "https://github.com/zhmiao/OpenLongTailRecognition-OLTR or https://github.com/shijxcs/LIFT"


@dataclass(frozen=True)
class _Source:
    """How one collection is called on disk and where it comes from."""

    name: str
    folder: str  # of the list files, and their prefix
    splits: tuple[str, ...]
    pictures: str
    picture_folders: tuple[str, ...]
    names_file: str = "classnames.txt"
    lists: str = _OLTR


_IMAGENET = _Source(
    "imagenet_lt",
    "ImageNet_LT",
    ("train", "val", "test"),
    "https://www.image-net.org (ILSVRC 2012, unpacked into train/ and val/)",
    ("imagenet_lt", "imagenet", "ImageNet", "ILSVRC2012"),
)
_PLACES = _Source(
    "places_lt",
    "Places_LT",
    ("train", "val", "test"),
    "http://places2.csail.mit.edu/download.html (Places365-Standard, 256 x 256)",
    ("places_lt", "places365", "places", "Places365"),
)
_INATURALIST = _Source(
    "inat2018",
    "iNaturalist18",
    ("train", "val"),
    "https://github.com/visipedia/inat_comp/tree/master/2018",
    ("inat2018", "iNaturalist2018", "inaturalist"),
    names_file="categories.json",
)


def imagenet_lt(root: str | Path | None = None, *, lists: str | Path | None = None) -> LongTailData:
    """ImageNet-LT (1,000 classes, 115,846 training pictures, 1,280 down to 5 a class).

    Names come from ``classnames.txt`` (``wnid name`` a line) beside the lists, else from open_clip's list where the
    labels follow the sorted wnids.

    Args:
        root: folder with the pictures (``train/<wnid>/...``, ``val/...``), or one above it; None for ``$LTNB_DATA``.
        lists: folder with ``ImageNet_LT_{train,val,test}.txt`` (or ``.txt.gz``); None looks below the root.

    Raises:
        MissingDataError: pictures, a list or the names are not there.
        ValueError: a list file that does not fit.
    """
    return _official(_IMAGENET, root, lists)


def places_lt(root: str | Path | None = None, *, lists: str | Path | None = None) -> LongTailData:
    """Places-LT (365 classes, 62,500 training pictures, 4,980 down to 5 a class).

    Names come from ``classnames.txt`` beside the lists, else from the folders.

    Args:
        root: folder with the pictures (``train/<class>/...``, ``val/...``), or one above it; None for ``$LTNB_DATA``.
        lists: folder with ``Places_LT_{train,val,test}.txt`` (or ``.txt.gz``); None looks below the root.

    Raises:
        MissingDataError: pictures or a list are not there.
        ValueError: a list file that does not fit.
    """
    return _official(_PLACES, root, lists)


def inat2018(
    root: str | Path | None = None, seed: int = 0, *, lists: str | Path | None = None, val_per_class: int = 1
) -> LongTailData:
    """Plants and animals of iNaturalist 2018 (8,142 species, 437,513 training pictures), names in Latin.

    The official validation list is the test set, as in the papers. A validation set of our own is drawn by the seed
    from the training list, ``val_per_class`` pictures of each species with at least ten times as many; 0 trains on all
    pictures and leaves validation empty.

    Args:
        root: folder with ``train_val2018``, or one above it; None for ``$LTNB_DATA``.
        seed: which training pictures become validation.
        lists: folder with ``iNaturalist18_{train,val}.txt`` and ``categories.json`` (or ``.gz``); None looks below the
            root.
        val_per_class: see above.

    Raises:
        MissingDataError: pictures, a list or the names are not there.
        ValueError: a list file that does not fit.
    """
    check_integer(seed, "seed", 0)
    check_integer(val_per_class, "val_per_class", 0)
    return _official(_INATURALIST, root, lists, seed, val_per_class)


def on_disk(name: str, root: str | Path | None = None) -> list[Path]:
    """What loading one of the three would read: the pictures' folder, lists, names, and the first picture of each list.

    The lists say which pictures are read; asking for each of half a million takes minutes on a network drive.

    Args:
        name: registered name of the data set.
        root: as for its loader.

    Returns:
        The paths; none where a part is missing.
    """
    source = next(source for source in (_IMAGENET, _PLACES, _INATURALIST) if source.name == name)
    base = data_root(root)
    if base is None:
        return []
    folders = _list_folders(source, base)
    try:
        lists = [_list_file(source, folders, split) for split in source.splits]
        firsts = [_first_picture(path) for path in lists]
        pictures = _picture_root(source, base, firsts[0])
    except ValueError:
        return []
    names = _either(folders, source.names_file)
    files = [*lists, *([names] if names else []), *(find_file(pictures, first) for first in firsts)]
    return [pictures, *(path for path in files if path.is_file())]


def _first_picture(path: Path) -> str:
    found = (_LINE.fullmatch(line) for line in read_lines(path))
    return next((line[1] for line in found if line and not is_hidden(line[1])), "")


def read_list(path: str | Path) -> tuple[list[str], np.ndarray]:
    """Read one list file, plain or gzipped.

    Args:
        path: lines ``path label``; the path may hold spaces. Lines that name what systems and editors make for
            themselves (``._a.jpg``, ``.ipynb_checkpoints/a.jpg``) are skipped.

    Returns:
        N relative paths and their (N,) int64 labels.

    Raises:
        ValueError: a line of another form (file and line number are named), a negative label, or no line at all.
    """
    paths: list[str] = []
    labels: list[int] = []
    for number, line in enumerate(read_lines(path), 1):
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(f"{str(path)!r}, line {number}: expected 'path label', got {line!r:.120}")
        if not is_hidden(found[1]):
            paths.append(found[1])
            labels.append(int(found[2]))
    if not paths:
        raise ValueError(f"{str(path)!r} holds no line")
    return paths, np.asarray(labels, dtype=np.int64)


def _official(
    source: _Source, root: str | Path | None, lists: str | Path | None, seed: int = 0, val_per_class: int = 0
) -> LongTailData:
    base = data_root(root)
    if base is None:
        raise missing(source.name, "no folder with the pictures was given", source.pictures)
    folders = [Path(lists).expanduser()] if lists else _list_folders(source, base)
    table = {split: read_list(_list_file(source, folders, split)) for split in source.splits}
    train_paths, train_labels = table["train"]
    num_classes = _check_labels(source, table)
    pictures = _picture_root(source, base, train_paths[0])
    first = [train_paths[i] for i in np.unique(train_labels, return_index=True)[1]]
    names = _class_names(source, folders, first)
    parts = {split: ImageFiles(pictures, *table[split]) for split in source.splits}
    for part in parts.values():
        _spot_check(source, part)
    train, test = parts["train"], parts.get("test", parts["val"])
    if "test" in parts:
        val = parts["val"]
    else:
        shuffled = shuffled_by_class(train_labels, num_classes, seed)
        held = np.sort(np.concatenate([c[: val_per_class * (len(c) >= 10 * val_per_class)] for c in shuffled]))
        val, train = train.subset(held), train.subset(np.setdiff1d(np.arange(len(train)), held))
    counts = np.bincount(train.labels, minlength=num_classes)
    return LongTailData(source.name, train, val, test, names, counts)


def _list_folders(source: _Source, base: Path) -> list[Path]:
    return [base, base / source.folder, base / source.name, base / "splits" / source.folder]


def _list_file(source: _Source, folders: list[Path], split: str) -> Path:
    stem = f"{source.folder}_{split}.txt"
    path = _either(folders, stem)
    if path is None:
        what, how = f"list file {stem} (or .gz) is not there", "root=..., lists='/path/to/lists'"
        raise missing(source.name, what, source.lists, folders, how)
    return path


def _either(folders: list[Path], name: str) -> Path | None:
    """The file of that name, plain or gzipped, in the first of the folders that has it."""
    return first_existing(folder / (name + ending) for folder in folders for ending in ("", ".gz"))


def _check_labels(source: _Source, table: dict[str, tuple[list[str], np.ndarray]]) -> int:
    """Number of classes, all of which must be in the training list."""
    counts = np.bincount(table["train"][1])
    if not counts.all():
        raise ValueError(f"{source.folder}_train has no image of class {int(np.flatnonzero(counts == 0)[0])}")
    for split, (paths, labels) in table.items():
        if labels.max() >= len(counts):
            i = int(labels.argmax())
            raise ValueError(
                f"{source.folder}_{split}: label {labels[i]} of {paths[i]!r} is outside 0..{len(counts) - 1} of train"
            )
    return len(counts)


def _picture_root(source: _Source, base: Path, example: str) -> Path:
    folders = [base, *(base / inner for inner in (source.folder, *source.picture_folders))]
    found = next((folder for folder in folders if find_file(folder, example).is_file()), None)
    if found is None:
        raise missing(source.name, f"pictures such as {example!r} are not there", source.pictures, folders)
    return found


def _spot_check(source: _Source, part: ImageFiles, n: int = 8) -> None:
    """Look for a few files spread over the list: asking for each of half a million takes minutes on a network drive."""
    for i in np.unique(np.linspace(0, len(part) - 1, n).astype(int)):
        if not find_file(part.root, part.paths[i]).is_file():
            raise missing(
                source.name, f"picture {part.paths[i]!r} of the lists is not there", source.pictures, [part.root]
            )


def _class_names(source: _Source, folders: list[Path], first: list[str]) -> list[str]:
    """C names; ``first`` holds a training path of each class, whose folder says which name is meant."""
    path = _either(folders, source.names_file)
    codes = [Path(example).parent.name for example in first]
    if path is not None:
        keys = {folder for example in first for folder in folders_of(example)}
        names = match_names(str(path), read_names(path, keys), first)
    elif source is _PLACES:
        names = codes
    elif source is _IMAGENET and len(set(codes)) == 1000 and codes == sorted(codes):
        names = builtin_imagenet_names()
    else:
        what = f"{source.names_file} (or .gz) is not there, and the folders hold only codes such as {codes[0]!r}"
        raise missing(source.name, what, source.lists, folders, "lists")
    names = [readable_place(name) for name in names] if source is _PLACES else names
    say_equal_names(names, codes, path or source.name)
    return names
