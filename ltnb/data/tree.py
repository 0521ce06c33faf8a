"""What lies in a folder of pictures: its class folders, its pictures, and what is left aside (which is said)."""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import NoReturn

from ltnb._pictures import is_picture, picture_suffixes, plugin_hint, suffix_of
from ltnb.data.locate import printable

_HIDDEN = re.compile(
    r"(?:^|/)(?:\.(?!\.?(?:/|$))[^/]*"  # a dot in front, but not "." and ".." themselves
    r"|~\$[^/]*|[^/]*~|[^/]*\.sw[nop]|\#[^/]*\#"  # what editors leave behind
    r"|thumbs\.db|ehthumbs\.db|desktop\.ini|icon\r|\$recycle\.bin|system volume information"
    r"|__macosx|@eadir|lost\+found|__pycache__"
    r"|[#@](?:recycle|snapshot|tmp|recently-snapshot)|network trash folder|temporary items)(?:/|$)",  # network drives
    re.IGNORECASE,
)


def is_hidden(path: str) -> bool:
    """Whether a name, or any part of a path with forward slashes, is one that systems and editors make for themselves.

    Names with a dot in front, ``Thumbs.db``, ``desktop.ini``, ``__MACOSX``, ``@eaDir``, and the leftovers of editors
    (``a.png~``, ``.a.swp``, ``#a#``) and of network drives (``#recycle``). Every loader skips them without a word.
    """
    return _HIDDEN.search(path) is not None


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted; links to folders count, hidden ones do not.

    Raises:
        ValueError: the folder cannot be read.
    """
    return sorted(entry.name for entry in _entries(folder) if os.path.isdir(entry))


def aside(folder: Path) -> Counter[str]:
    """What a folder holds where only class folders are expected, by kind; notes and lists beside them are fine."""
    suffixes = picture_suffixes()
    found: Counter[str] = Counter()
    for entry in _entries(folder):
        if not os.path.exists(entry):
            found["broken links"] += 1
        elif suffix_of(entry.name) in suffixes and not os.path.isdir(entry):
            found["pictures beside the class folders"] += 1
    return found


def walk(
    folder: Path, owned: Set[str] = frozenset(), ignored: Counter[str] | None = None
) -> Iterator[tuple[Path, list[str]]]:
    """The folders below a folder and the files in each, in a fixed order, hidden ones left out.

    Links are followed, each place once: a link to a folder above, to one of ``owned``, or to what was met already is
    left out and counted.

    Args:
        folder: where to begin.
        owned: real paths of folders that other walks cover.
        ignored: receives how many links were left out, and why.

    Yields:
        A folder (first the one to begin with) and the names of the files in it.

    Raises:
        ValueError: a folder cannot be read.
    """
    ignored = Counter() if ignored is None else ignored
    start = Path(os.path.realpath(folder))
    seen = {str(place) for place in (start, *start.parents)}
    for where, inner, files in os.walk(folder, followlinks=True, onerror=_unreadable):
        inner[:] = _new(where, inner, seen, owned, ignored)
        yield Path(where), _new(where, files, seen, owned, ignored)


def files_below(folder: Path) -> list[Path]:
    """Every file that `walk` finds."""
    return [where / name for where, names in walk(folder) for name in names]


def _new(where: str, names: list[str], seen: set[str], owned: Set[str], ignored: Counter[str]) -> list[str]:
    """The visible names whose place was not met before, sorted; of two names for one place, the one that is no link."""
    kept = []
    base = os.path.realpath(where)
    for link, name in sorted((os.path.islink(os.path.join(where, name)), name) for name in names):
        if is_hidden(name):
            continue
        real = os.path.realpath(os.path.join(where, name)) if link else os.path.join(base, name)
        if link and not os.path.exists(real):
            ignored["broken links"] += 1
        elif real in seen or real in owned:
            ignored["links to what is taken already"] += 1
        else:
            seen.add(real)
            kept.append(name)
    return sorted(kept)


def class_pictures(
    start: Path, folders: Sequence[str], taken: dict[str, Path] | None = None
) -> tuple[list[list[str]], Counter[str]]:
    """The pictures of class folders, in subfolders of them too, see `walk`.

    Args:
        start: what the folders lie in.
        folders: their names.
        taken: real path -> class folder of what other calls took (such as another split); receives these.

    Returns:
        Paths relative to ``start``, with forward slashes, a list for each folder; and what was ignored, by kind.

    Raises:
        ValueError: a folder without a picture, one that cannot be read, or two that are one place.
    """
    taken = {} if taken is None else taken
    suffixes = picture_suffixes()
    found: list[list[str]] = []
    ignored = aside(start)
    for folder in folders:
        here = start / folder
        other = taken.setdefault(os.path.realpath(here), here)
        if other != here:
            raise ValueError(f"class folders {str(other)!r} and {str(here)!r} are one place, by a link: remove one")
    owned = set(taken)
    for folder in folders:
        own: Counter[str] = Counter()
        paths = []
        for where, names in walk(start / folder, owned, own):
            prefix = where.relative_to(start).as_posix()
            for name in names:
                if is_picture(f"{where}/{name}", suffixes):
                    paths.append(f"{prefix}/{name}")
                else:
                    own[suffix_of(name) or "without suffix"] += 1
        if not paths:
            rest = f", only {listed(own)}{plugin_hint(own)}" if own else ""
            raise ValueError(f"class folder {str(start / folder)!r} holds no picture that Pillow can read{rest}")
        found.append(paths)
        ignored.update(own)
    return found, ignored


def listed(ignored: Counter[str]) -> str:
    """Kinds with their numbers, the most frequent first: ``.xyz 90, .txt 1``."""
    order = sorted(ignored.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{printable(kind)} {n}" for kind, n in order)


def say_ignored(where: str | Path, ignored: Counter[str]) -> None:
    """One warning for all that was left aside, by kind; none where nothing was."""
    total = ignored.total()
    if total:
        files = f"{total} file{'s' * (total > 1)} ignored"
        warnings.warn(f"{printable(where)}: {files}: {listed(ignored)}{plugin_hint(ignored)}", stacklevel=3)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not is_hidden(entry.name)]
    except OSError as error:
        _unreadable(error)


def _unreadable(error: OSError) -> NoReturn:
    raise ValueError(f"folder {str(error.filename)!r} cannot be read: {error.strerror}") from error
