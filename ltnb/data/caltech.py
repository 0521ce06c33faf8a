"""Caltech-101-LT: real photographs in 100 classes, small enough for a laptop."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ltnb._checks import check_integer, check_number
from ltnb.data.classnames import say_equal_names
from ltnb.data.containers import LongTailData
from ltnb.data.images import ImageFiles, readable
from ltnb.data.locate import download_root, find_file, first_existing, missing
from ltnb.data.longtail import exponential_counts
from ltnb.data.splitting import shuffled_by_class, split_by_class
from ltnb.data.torchvision_sets import find, find_or_download
from ltnb.data.tree import class_pictures, files_below, is_hidden, say_ignored, subfolders

_NAME = "caltech101_lt"
_PAGE = "https://data.caltech.edu/records/mzrjq-6wc02 (101_ObjectCategories, unpacked)"
_PLACES = ("caltech101/101_ObjectCategories", "caltech-101/101_ObjectCategories", "101_ObjectCategories")
_SPLIT = "split_zhou_Caltech101.json"
_SINGULAR = {"Faces": "face", "Leopards": "leopard", "Motorbikes": "motorbike", "airplanes": "airplane"}
_LEFT_OUT = ("BACKGROUND_Google", "Faces_easy")
_GROUP_IMBALANCE = 100


def caltech101_lt(
    root: str | Path | None = None,
    imbalance: float = 100,
    seed: int = 0,
    *,
    n_max: int = 200,
    split: str | Path | None = None,
    classes: Sequence[str] | None = None,
    download: bool = True,
) -> LongTailData:
    """Caltech-101 (100 classes) cut to a long tail.

    The classes in order of their size, largest first, get exponentially falling counts. A class never gets more
    pictures than it has, so the curve lies under the exponential where classes are small. The split is CoOp's (file
    ``split_zhou_Caltech101.json``) where it is found, else a seeded one in the same proportions (50 : 20 : 30). Test
    and validation are cut to the smallest class, so that they are balanced (9 and 6 pictures a class with CoOp's
    split). The groups come from the counts at imbalance 100 whatever the imbalance.

    Two traps of this collection are taken care of. ``Faces_easy`` shows the photographs of ``Faces`` again and is left
    out, as is ``BACKGROUND_Google``. In ``Leopards``, picture i + 100 mirrors picture i: the seeded split keeps both in
    one part, and with CoOp's, which does not, pictures whose twin is tested are left out of training and validation.

    Args:
        root: folder with ``caltech101/101_ObjectCategories`` (torchvision's layout), ``caltech-101/...`` (CoOp's) or
            ``101_ObjectCategories``, or receives the first; None for ``$LTNB_DATA`` or ``~/.cache/ltnb/data``.
        imbalance: largest over smallest class count.
        seed: which pictures are drawn.
        n_max: pictures of the largest class, if it has as many.
        split: CoOp's split file; None to look for it beside the pictures.
        classes: folder names to keep (labels are renumbered in CoOp's order); None for all.
        download: fetch the data (about 140 MB) when they are not there.

    Raises:
        MissingDataError: not there and not to be downloaded, or the download failed.
        ValueError: an unknown class, or a split file that does not fit.
    """
    check_integer(seed, "seed", 0)
    check_integer(n_max, "n_max", 1)
    check_number(imbalance, "imbalance", 1.0)
    folder = find_or_download(_NAME, "Caltech101", root, _PLACES, _PAGE, download)
    split_file = _split_file(split, folder, download_root(root))
    if split_file is not None:
        paths, labels, part, names = _coop_pictures(folder, split_file, classes)
    else:
        paths, labels, part, names = _tree_pictures(folder, classes, seed)
    pictures = ImageFiles(folder, paths, labels)
    pool, val, test = _untwinned(pictures, part, len(names), seed)
    sizes = np.asarray([len(indices) for indices in pool])
    rank = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable")
    largest = min(n_max, int(sizes.max()))
    if imbalance > largest:
        raise ValueError(f"imbalance={imbalance} leaves no image in the smallest class: the largest has {largest}")

    def wanted(ratio: float) -> np.ndarray:
        return np.minimum(exponential_counts(largest, len(names), ratio)[rank], sizes)

    counts = wanted(imbalance)
    train = [indices[:n] for indices, n in zip(pool, counts, strict=True)]
    parts = {
        name: pictures.subset(np.sort(np.concatenate(chosen)))
        for name, chosen in (("train", train), ("val", val), ("test", test))
    }
    for path in (path for kept in parts.values() for path in kept.paths):
        if not find_file(folder, path).is_file():
            raise missing(_NAME, f"picture {path!r} is not there", _PAGE, [folder])
    return LongTailData(
        name=_NAME,
        train=parts["train"],
        val=parts["val"],
        test=parts["test"],
        class_names=names,
        class_counts=counts,
        group_counts=wanted(min(_GROUP_IMBALANCE, largest)),
    )


def on_disk(name: str, root: str | Path | None = None) -> list[Path]:
    """What loading this data set would read: its folder, the pictures in it, CoOp's split; nothing where it is not."""
    folder = find(root, _PLACES)
    if folder is None:
        return []
    split = _split_file(None, folder, download_root(root))
    return [folder, *files_below(folder), *([split] if split else [])]


def _untwinned(
    pictures: ImageFiles, part: np.ndarray, num_classes: int, seed: int
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Candidates for training, and balanced validation and test sets, without twins in two of them.

    Args:
        pictures: N pictures.
        part: (N,) 0 for training, 1 for validation, 2 for the test.
        num_classes: C.
        seed: order of the pictures of each class.

    Returns:
        Three lists of C index arrays. The test is drawn first and wins where twins are torn apart.
    """
    twins = [_twin_key(path) for path in pictures.paths]
    taken: set[str] = set()
    chosen = {}
    for p, word in ((2, "test"), (1, "validation"), (0, "training")):
        shuffled = shuffled_by_class(np.where(part == p, pictures.labels, num_classes), num_classes + 1, seed)[
            :num_classes
        ]
        free = [np.asarray([i for i in indices if twins[i] not in taken], dtype=np.int64) for indices in shuffled]
        smallest = min(free, key=len)
        if not len(smallest):
            raise ValueError(f"split leaves no {word} picture for a class of {str(pictures.root)!r}")
        chosen[p] = free if p == 0 else [indices[: len(smallest)] for indices in free]
        taken.update(twins[i] for indices in chosen[p] for i in indices)
    return chosen[0], chosen[1], chosen[2]


def _coop_pictures(
    folder: Path, split_file: Path, classes: Sequence[str] | None
) -> tuple[list[str], np.ndarray, np.ndarray, list[str]]:
    """Paths, labels, part (0 train, 1 val, 2 test) and class names of CoOp's split."""
    try:
        table = json.loads(split_file.read_text(encoding="utf-8"))
        rows = [(p, *row) for p, key in enumerate(("train", "val", "test")) for row in table[key]]
        rows = [row for row in rows if not is_hidden(row[1])]
        found = {int(label): (path.split("/")[0], str(name)) for _, path, label, name in rows}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"split file {str(split_file)!r} is not CoOp's (train, val, test: path, label, name)"
        ) from error
    _check_classes(classes, [found[k][0] for k in sorted(found)])
    keep = [k for k in sorted(found) if classes is None or found[k][0] in classes]
    absent = [found[k][0] for k in keep if not find_file(folder, found[k][0]).is_dir()]
    if absent:
        raise missing(_NAME, f"{len(absent)} class folders are not there, such as {absent[0]!r}", _PAGE, [folder])
    new = {k: position for position, k in enumerate(keep)}
    rows = [row for row in rows if int(row[2]) in new]
    names = [readable(found[k][1]) for k in keep]
    say_equal_names(names, [found[k][0] for k in keep], split_file)
    return (
        [str(path) for _, path, _, _ in rows],
        np.asarray([new[int(label)] for _, _, label, _ in rows], dtype=np.int64),
        np.asarray([p for p, _, _, _ in rows], dtype=np.int64),
        names,
    )


def _tree_pictures(
    folder: Path, classes: Sequence[str] | None, seed: int
) -> tuple[list[str], np.ndarray, np.ndarray, list[str]]:
    """As :func:`_coop_pictures`, from the folders alone."""
    known = [name for name in subfolders(folder) if name not in _LEFT_OUT]
    _check_classes(classes, known)
    keep = [name for name in known if classes is None or name in classes]
    found, ignored = class_pictures(folder, keep)
    say_ignored(folder, ignored)
    paths = [path for there in found for path in there]
    labels = np.repeat(np.arange(len(keep)), [len(there) for there in found])
    indices = split_by_class(
        labels, len(keep), seed, val_fraction=0.2, test_fraction=0.3, groups=[_twin_key(path) for path in paths]
    )
    part = np.zeros(len(paths), dtype=np.int64)
    for p in (1, 2):
        part[indices[p]] = p
    names = [_SINGULAR.get(name, readable(name)) for name in keep]
    say_equal_names(names, keep, folder)
    return paths, labels, part, names


def _twin_key(path: str) -> str:
    """Equal for the two mirror copies of a Leopards picture, unique for all others."""
    name, _, file = path.partition("/")
    number = "".join(filter(str.isdigit, file))
    return f"{name}/{(int(number) - 1) % 100}" if name == "Leopards" and number else path


def _check_classes(classes: Sequence[str] | None, known: Sequence[str]) -> None:
    for name in classes or ():
        if name not in known:
            raise ValueError(f"classes names {name!r}, which is none of the {len(known)} class folders")
    if classes is not None and len(set(classes)) < 2:
        raise ValueError(f"classes must name at least two class folders, got {list(classes)!r}")


def _split_file(given: str | Path | None, folder: Path, base: Path) -> Path | None:
    """CoOp's split: the file that was given, else the one beside the pictures, else None."""
    if given is None:
        return first_existing(near / _SPLIT for near in (folder, folder.parent, base))
    path = Path(given).expanduser()
    if not path.is_file():
        source = "the CoOp project (https://github.com/KaiyangZhou/CoOp, DATASETS.md)"
        raise missing(_NAME, f"split file {str(given)!r} is not there", source, keyword="split")
    return path
