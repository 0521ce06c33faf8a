"""CIFAR-100-LT: the field's small benchmark, cut from CIFAR-100 by one formula."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ltnb._checks import check_integer
from ltnb.data.classnames import say_equal_names
from ltnb.data.containers import LongTailData
from ltnb.data.images import ImageArrays, readable
from ltnb.data.locate import missing
from ltnb.data.longtail import exponential_counts
from ltnb.data.splitting import shuffled_by_class
from ltnb.data.torchvision_sets import find, find_or_download

_NAME = "cifar100_lt"
_PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html (cifar-100-python.tar.gz, unpacked)"
_PLACES = ("cifar-100-python", "cifar100/cifar-100-python")
_GROUP_IMBALANCE = 100


def cifar100_lt(
    root: str | Path | None = None,
    imbalance: float = 100,
    seed: int = 0,
    *,
    n_max: int = 500,
    val_per_class: int = 20,
    permute: bool = False,
    download: bool = True,
) -> LongTailData:
    """CIFAR-100 with exponentially falling class counts, 32 x 32 pictures held in memory.

    Class 0 is the head and class 99 the tail, as in the field's fixed recipe. The groups many, medium and few come
    from the counts at imbalance 100 whatever the imbalance, so that they name the same classes throughout. Validation
    comes from the training pictures left over, the same ones at every imbalance where enough are left: a head class
    that uses nearly all of its pictures has fewer than the others, or none. The test set is the official one.

    Args:
        root: folder that holds ``cifar-100-python`` or receives it; None for ``$LTNB_DATA`` or ``~/.cache/ltnb/data``.
        imbalance: largest over smallest class count.
        seed: which pictures are drawn (and the order of classes, with ``permute``).
        n_max: pictures of the largest class.
        val_per_class: validation pictures of a class, where as many are left over.
        permute: draw by the seed which class is head and which is tail.
        download: fetch the data (169 MB) when they are not there.

    Raises:
        MissingDataError: not there and not to be downloaded, or the download failed.
        ValueError: the files do not hold CIFAR-100, or hold fewer pictures of a class than asked for.
    """
    check_integer(seed, "seed", 0)
    check_integer(val_per_class, "val_per_class", 1)
    folder = find_or_download(_NAME, "CIFAR100", root, _PLACES, _PAGE, download)
    train_pixels, train_labels = _read_cifar(folder / "train")
    test_pixels, test_labels = _read_cifar(folder / "test")
    names = _read_names(folder / "meta")
    c = len(names)
    place = np.random.default_rng(seed).permutation(c) if permute else np.arange(c)
    counts = exponential_counts(n_max, c, imbalance)[place]
    train: list[np.ndarray] = []
    val: list[np.ndarray] = []
    for k, indices in enumerate(shuffled_by_class(train_labels, c, seed)):
        if len(indices) < counts[k]:
            raise ValueError(
                f"n_max={n_max} asks for {counts[k]} images of class {k} ({names[k]!r}), {folder} holds {len(indices)}"
            )
        n_val = min(val_per_class, len(indices) - int(counts[k]))
        train.append(indices[: counts[k]])
        val.append(indices[len(indices) - n_val :])
    if not sum(map(len, val)):
        raise ValueError(f"imbalance={imbalance} with n_max={n_max} leaves no image for validation; lower n_max")

    def part(name: str, chosen: Sequence[np.ndarray]) -> ImageArrays:
        indices = np.sort(np.concatenate(chosen))
        return ImageArrays(train_pixels[indices], train_labels[indices], f"cifar100 {name}")

    return LongTailData(
        name=_NAME,
        train=part("train", train),
        val=part("val", val),
        test=ImageArrays(test_pixels, test_labels, "cifar100 test"),
        class_names=names,
        class_counts=counts,
        group_counts=exponential_counts(n_max, c, min(_GROUP_IMBALANCE, n_max))[place],
    )


def on_disk(name: str, root: str | Path | None = None) -> list[Path]:
    """What loading this data set would read: its folder and the files in it; nothing where it is not."""
    folder = find(root, _PLACES)
    if folder is None:
        return []
    return [folder, *(path for path in (folder / file for file in ("train", "test", "meta")) if path.is_file())]


class _ArraysOnly(pickle.Unpickler):
    """Reads pickles of plain containers and NumPy arrays and refuses anything that could run code."""

    _allowed = ("_reconstruct", "ndarray", "dtype", "_frombuffer", "encode")

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] in ("numpy", "_codecs") and name in self._allowed:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which CIFAR-100 does not")


def _load_pickle(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise missing(_NAME, f"file {path.name!r} is not there", _PAGE, [path.parent])
    try:
        with path.open("rb") as file:
            return dict(_ArraysOnly(file, encoding="latin1").load())
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError) as error:
        raise ValueError(f"{str(path)!r} is not a file of CIFAR-100 (python version): {error}") from error


def _read_names(path: Path) -> list[str]:
    names = _load_pickle(path).get("fine_label_names")
    if not isinstance(names, list) or len(names) != 100:
        found = f"{len(names)} names" if isinstance(names, list) else "no list of names"
        raise ValueError(f"{str(path)!r} is not a file of CIFAR-100 (python version): it holds {found} for 100 classes")
    readable_names = [readable(str(name)) for name in names]
    say_equal_names(readable_names, range(len(names)), path)
    return readable_names


def _read_cifar(path: Path) -> tuple[np.ndarray, np.ndarray]:
    table = _load_pickle(path)
    try:
        return np.asarray(table["data"], np.uint8).reshape(-1, 3, 32, 32), np.asarray(table["fine_labels"], np.int64)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{str(path)!r} is not a file of CIFAR-100 (python version): {error}") from error
