"""One call for every data set: :func:`load`."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltnb.data.locate import stamp
from ltnb.data.torchvision_sets import as_downloaded

if TYPE_CHECKING:
    from ltnb.data.containers import LongTailData

DATASETS = {
    "critters_lt": "ltnb.critters.datasets",
    "critters_latin_lt": "ltnb.critters.datasets",
    "calibration_lt": "ltnb.critters.datasets",
    "cifar100_lt": "ltnb.data.cifar",
    "caltech101_lt": "ltnb.data.caltech",
    "imagenet_lt": "ltnb.data.listfiles",
    "places_lt": "ltnb.data.listfiles",
    "inat2018": "ltnb.data.listfiles",
}
"""Name of each data set and the module that holds the function of that name."""

_FOLDER = "folder:"


def load(
    name: str, *, root: str | Path | None = None, imbalance: float = 100, seed: int = 0, **kw: Any
) -> LongTailData:
    """Load a long-tailed data set by name.

    Args:
        name: ``critters_lt`` or ``critters_latin_lt`` (rendered, nothing to download), ``calibration_lt`` (other
            species of that world, to choose hyper-parameters on; without texts and pool), ``cifar100_lt`` or
            ``caltech101_lt`` (downloaded by torchvision), ``imagenet_lt``, ``places_lt`` or ``inat2018`` (your copy of
            the pictures and the official list files), or ``folder:/path`` (your own pictures, one folder a class).
        root: folder with the data; None or empty for the variable ``LTNB_DATA``. Rendered worlds need none.
        imbalance: largest over smallest class count. Data sets that come with their own take no other than 100.
        seed: every choice that the data set makes at random.
        **kw: further arguments of the data set's function, see there.

    Returns:
        The data set; see :class:`ltnb.data.containers.LongTailData`.

    Raises:
        MissingDataError: the data are not there (a ``FileNotFoundError`` and a ``ValueError``).
        ValueError: unknown name or keyword, or a value out of range.
    """
    from ltnb._checks import check_integer, check_number  # brings torch, which the other functions here do not need

    check_integer(seed, "seed", 0)
    check_number(imbalance, "imbalance", 1.0)
    loader, arguments = _find(name)
    accepted = inspect.signature(loader).parameters
    common = {"root": root or None, "imbalance": imbalance, "seed": seed}
    if "imbalance" not in accepted and imbalance != 100:
        raise ValueError(f"imbalance={imbalance} is not for {name!r}, which comes with its own class counts")
    if not any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
        own = [key for key in accepted if key not in common and key not in arguments]
        for key, value in kw.items():
            if key not in own:
                raise ValueError(
                    f"{key}={value!r} is not an argument of data set {name!r}{_guess(key, own)}; "
                    f"it takes {', '.join(['root', 'imbalance', 'seed', *own])}"
                )
    return loader(**arguments, **{key: value for key, value in common.items() if key in accepted}, **kw)


def on_disk(name: str, root: str | Path | None = None) -> list[Path]:
    """What ``load(name, root=root)`` would read, without loading it.

    Args:
        name: as for `load`; any other text names nothing.
        root: as for `load`.

    Returns:
        The folder of the data set first, then files in it; empty where it is not there, and for rendered worlds. For
        list files the first picture of each list stands for all.
    """
    home = "ltnb.data.folder" if name.startswith(_FOLDER) else DATASETS.get(name, "")
    return list(import_module(home).on_disk(name, root)) if home.startswith("ltnb.data.") else []


def data_stamp(name: str, root: str | Path | None = None) -> str | None:
    """A hash of what `load` would read: where it lies, names, sizes and times, but no contents.

    Returns:
        None where nothing is on disk, and where it is what a download by this package left: the next run after a
        download is not another one.
    """
    paths = on_disk(name, root)
    if paths and as_downloaded(paths[0]):
        paths = [path for path in paths if not path.is_relative_to(paths[0])]
    return stamp(paths) if paths else None


def world_version(name: str) -> str | None:
    """Version of the world of a rendered data set, None for any other name.

    It is the ``world`` of what `load` gives, known before anything is loaded.
    """
    return getattr(import_module(DATASETS[name]), "WORLD_VERSION", None) if name in DATASETS else None


def _find(name: str) -> tuple[Callable[..., LongTailData], dict[str, str]]:
    """The function behind a name and what the name itself says."""
    if isinstance(name, str) and name.startswith(_FOLDER):
        return import_module("ltnb.data.folder").folder, {"path": name.removeprefix(_FOLDER)}
    if not isinstance(name, str) or name not in DATASETS:
        known = [*DATASETS, "folder:/path"]
        raise ValueError(f"name {name!r} is no data set{_guess(str(name), known)}; there are {', '.join(known)}")
    return getattr(import_module(DATASETS[name]), name), {}


def _guess(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word.lower(), known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
