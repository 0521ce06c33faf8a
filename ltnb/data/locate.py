"""Where data sets lie on disk, and the one message a user gets when one is not there."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

VARIABLE = "LTNB_DATA"


class MissingDataError(FileNotFoundError, ValueError):
    """A data set, or a part of it, is not on disk; the message says what, where to get it and what to run again."""


def data_root(root: str | Path | None) -> Path | None:
    """Folder in which data sets are looked for.

    Args:
        root: a folder, or None (or an empty string) for the folder named by the variable ``LTNB_DATA``.

    Returns:
        The folder with ``~`` expanded, or None when neither is given. It need not exist.
    """
    chosen = str(root) if root else os.environ.get(VARIABLE, "")
    return Path(chosen).expanduser() if chosen else None


def download_root(root: str | Path | None) -> Path:
    """As :func:`data_root`, falling back to ``~/.cache/ltnb/data`` for the data sets that download themselves."""
    return data_root(root) or Path.home() / ".cache" / "ltnb" / "data"


def first_existing(candidates: Iterable[Path]) -> Path | None:
    """First of the paths that exists, or None."""
    return next((path for path in candidates if path.exists()), None)


def find_folder(path: str, root: str | Path | None = None) -> Path:
    """The folder that ``folder:path`` means, absolute; see :func:`ltnb.data.folder.folder` for where it is looked for.

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
            f"folder:{printable(path)}: there is no such folder. Looked for {places}. Put your pictures there, one "
            "subfolder a class, and run again: ltnb.data.load('folder:/path/to/pictures')"
        )
    return found.resolve()


def same_name(name: str) -> str:
    """A name in composed form (NFC): macOS writes an accent apart (NFD), so that equal names differ in their bytes."""
    return unicodedata.normalize("NFC", name)


def find_file(root: Path, path: str) -> Path:
    """``root / path``, under the Unicode form in which it is on disk; as given where it is under none."""
    if not path.isascii() and not (root / path).exists():
        forms = (root / unicodedata.normalize(form, path) for form in ("NFC", "NFD"))
        return next((place for place in forms if place.exists()), root / path)
    return root / path


def stamp(paths: Iterable[Path]) -> str:
    """SHA-256 over where files are, their sizes and their times, in order; of folders over where they are."""
    total = hashlib.sha256()
    for path in paths:
        found = path.stat()
        facts = f"\0{found.st_size} {found.st_mtime_ns}\0" if path.is_file() else "\0"
        total.update(os.fsencode(path.absolute()) + facts.encode())
    return total.hexdigest()


def printable(text: str | Path) -> str:
    """``text`` with escapes for the bytes of a file name that are no UTF-8, so that it can be printed and stored."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


def missing(name: str, what: str, source: str, looked: Iterable[Path] = (), keyword: str = "root") -> MissingDataError:
    """The error for a missing data set.

    Args:
        name: registered name of the data set.
        what: what is missing, as a sentence without full stop.
        source: where to get it.
        looked: the places where it was looked for.
        keyword: the argument of the call that names where it lies.

    Returns:
        The error to raise.
    """
    places = ", ".join(printable(path) for path in looked)
    where = f" Looked for {places}." if places else ""
    variable = f" (or set {VARIABLE} to that place)" if keyword == "root" else ""
    return MissingDataError(
        f"{name}: {what}.{where} Get it from {source}. "
        f"Then run again: ltnb.data.load({name!r}, {keyword}='/path/to/it'){variable}"
    )
