"""Class names from the files that go with list files and folders, in words that fit into a prompt."""

from __future__ import annotations

import gzip
import json
import re
import warnings
from collections.abc import Iterable, Sequence, Set
from pathlib import Path

from ltnb.data.images import readable
from ltnb.data.locate import printable, same_name

_LEADING = frozenset(
    {"indoor", "outdoor", "interior", "exterior", "public", "urban", "natural", "wild", "cultivated"}
)  # Places' suffixes that are adjectives


def read_lines(path: str | Path) -> list[str]:
    """Non-empty lines of a UTF-8 text file, plain or gzipped (by its ending), stripped.

    Raises:
        ValueError: the file cannot be read as such.
    """
    path = Path(path)
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ValueError(f"{str(path)!r} cannot be read as text: {error}") from error
    return [line.strip() for line in re.split(r"\r\n|\r|\n", text) if line.strip()]


def read_names(path: str | Path, keys: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Keys and names in label order.

    Args:
        path: lines ``key name`` (``n01440764 tench``), or iNaturalist's ``categories.json`` (entries with ``id`` and
            ``name``); either may be gzipped. The name may hold spaces. A key that holds spaces is told by a tab behind
            it (``sea horse<tab>hippocampus fish``), or by being one of ``keys``: the longest that the line begins with.
        keys: keys that are expected, such as the names of folders.

    Returns:
        One (key, name) a class; keys are in composed Unicode (NFC).

    Raises:
        ValueError: the file has another form, or gives two names for one key.
    """
    if ".json" in Path(path).suffixes:
        try:
            entries = sorted(json.loads("\n".join(read_lines(path))), key=lambda entry: entry["id"])
            pairs = [(str(entry["id"]), str(entry["name"])) for entry in entries]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{str(path)!r} is not a list of categories with id and name: {error}") from error
    else:
        lines = read_lines(path)
        expected = {same_name(key) for key in keys}
        pairs = [_key_and_name(same_name(line), expected) for line in lines]
        bare = next((i for i, (_, name) in enumerate(pairs) if not name), None)
        if bare is not None:
            raise ValueError(
                f"{str(path)!r}, entry {bare + 1}: expected 'key name', got {lines[bare]!r:.120}; "
                "a tab separates a key that holds spaces from its name"
            )
    given: dict[str, str] = {}
    for key, name in pairs:
        if given.setdefault(key, name) != name:
            raise ValueError(f"{str(path)!r} gives two names for {key!r}: {given[key]!r} and {name!r}")
    return pairs


def _key_and_name(line: str, expected: Set[str]) -> tuple[str, str]:
    key, tab, name = line.partition("\t")
    if tab and (key.strip() in expected or not expected):
        return key.strip(), name.strip()
    cuts = [i for i, letter in enumerate(line) if letter in " \t"]
    known = next((i for i in reversed(cuts) if line[:i] in expected and line[i:].strip()), None)
    if known is None:
        known = line.index("\t") if tab else min(cuts, default=len(line))
    return line[:known].strip(), line[known:].strip()


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
    names = {same_name(key): name for key, name in keyed}
    found = [next((part for part in folders_of(example) if part in names), None) for example in examples]
    if not any(found):
        return [name for _, name in keyed]
    if None in found:
        c = found.index(None)
        raise ValueError(f"{path!r} has no name for class {c}, whose pictures lie in {str(Path(examples[c]).parent)!r}")
    if len(set(found)) < len(found):
        c = next(c for c, key in enumerate(found) if key in found[:c])
        raise ValueError(f"{path!r}: classes {found.index(found[c])} and {c} both lie in folder {found[c]!r}")
    return [names[str(key)] for key in found]


def folders_of(path: str) -> list[str]:
    """Names of the folders that a picture lies in, from the outermost, in composed Unicode (NFC)."""
    return [same_name(part) for part in Path(path).parent.parts]


def legible(name: str, where: str | Path) -> str:
    """A folder name as text; bytes in it that are no UTF-8 become ``?`` signs, with a warning that names the folder."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if text != name:
        warnings.warn(
            f"{printable(where)}: the name of folder {printable(name)!r} is no UTF-8, so that its class is called "
            f"{readable(text)!r}; rename the folder",
            stacklevel=2,
        )
    return text


def say_equal_names(names: Sequence[str], keys: Sequence[object], where: str | Path) -> None:
    """Warn where two classes have one name: they share a prompt, and zero-shot can never tell them apart.

    Args:
        names: C names. Capital letters, spaces and the two Unicode forms of an accent make no difference, as in CLIP's
            tokenizer.
        keys: what tells the classes apart: folders, codes or numbers.
        where: the file or folder that the names come from.
    """
    owners: dict[str, int] = {}
    pairs = []
    for c, name in enumerate(names):
        first = owners.setdefault(same_name(" ".join(name.split()).casefold()), c)
        if first != c:
            pairs.append(f"{keys[first]!r} and {keys[c]!r} are both called {name!r}")
    if pairs:
        more = f" (and {len(pairs) - 3} more)" if len(pairs) > 3 else ""
        warnings.warn(
            f"{printable(where)}: classes {'; '.join(pairs[:3])}{more}. One prompt stands for both, so that zero-shot "
            "never predicts the second; give each a name of its own",
            stacklevel=3,
        )


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
