"""Class names from the files that go with list files and folders, in words that fit into a prompt."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

from ltnb.data.images import readable

_LEADING = frozenset(
    {"indoor", "outdoor", "interior", "exterior", "public", "urban", "natural", "wild", "cultivated"}
)  # Places' suffixes that are adjectives


def read_lines(path: str | Path) -> list[str]:
    """Non-empty lines of a UTF-8 text file, plain or gzipped (by its ending), stripped, tabs made spaces.

    Raises:
        ValueError: the file cannot be read as such.
    """
    path = Path(path)
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ValueError(f"{str(path)!r} cannot be read as text: {error}") from error
    return [line.strip().replace("\t", " ") for line in text.splitlines() if line.strip()]


def read_names(path: str | Path) -> list[tuple[str, str]]:
    """Keys and names in label order.

    Args:
        path: lines ``key name`` (``n01440764 tench``; the name may hold spaces), or iNaturalist's ``categories.json``
            (entries with ``id`` and ``name``); either may be gzipped.

    Returns:
        One (key, name) a class.

    Raises:
        ValueError: the file has another form.
    """
    lines = read_lines(path)
    if ".json" in Path(path).suffixes:
        try:
            entries = sorted(json.loads("\n".join(lines)), key=lambda entry: entry["id"])
            return [(str(entry["id"]), str(entry["name"])) for entry in entries]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{str(path)!r} is not a list of categories with id and name: {error}") from error
    pairs = [line.partition(" ") for line in lines]
    bare = next((i for i, (_, _, name) in enumerate(pairs) if not name.strip()), None)
    if bare is not None:
        raise ValueError(f"{str(path)!r}, entry {bare + 1}: expected 'key name', got {lines[bare]!r:.120}")
    return [(key, name.strip()) for key, _, name in pairs]


def match_names(path: str, keyed: Sequence[tuple[str, str]], examples: Sequence[str]) -> list[str]:
    """Give each class the name whose key is the folder that its pictures lie in.

    The order of the lines does not decide: the ``classnames.txt`` of Places-LT in circulation sorts five classes
    (116-118, 141, 142: the deserts and the fields) otherwise than the labels of the official lists. Only where no
    folder is a key at all do names go by line.

    Args:
        path: the names' file, for the messages.
        keyed: (key, name) of each class.
        examples: one picture path of each class, in label order.

    Returns:
        C names in label order.

    Raises:
        ValueError: another number of classes, some folders without a key, or two classes in one folder.
    """
    if len(keyed) != len(examples):
        raise ValueError(f"{path!r} names {len(keyed)} classes, the training list has {len(examples)}")
    names = dict(keyed)
    found = [next((part for part in Path(example).parent.parts if part in names), None) for example in examples]
    if not any(found):
        return [name for _, name in keyed]
    if None in found:
        c = found.index(None)
        raise ValueError(f"{path!r} has no name for class {c}, whose pictures lie in {str(Path(examples[c]).parent)!r}")
    if len(set(found)) < len(found):
        c = next(c for c, key in enumerate(found) if key in found[:c])
        raise ValueError(f"{path!r}: classes {found.index(found[c])} and {c} both lie in folder {found[c]!r}")
    return [names[str(key)] for key in found]


def builtin_imagenet_names() -> list[str]:
    """The 1,000 curated ImageNet names that open_clip ships, in the order of sorted wnids."""
    from ltnb._torchvision import prepare_torchvision

    prepare_torchvision()
    import open_clip

    return list(open_clip.IMAGENET_CLASSNAMES)


def readable_place(name: str) -> str:
    """As :func:`ltnb.data.images.readable`; adjectives that Places puts last go first: ``indoor church``."""
    stem, _, suffix = name.rpartition("-")
    return readable(f"{suffix} {stem}" if stem and suffix in _LEADING else name.replace("-", " "))
