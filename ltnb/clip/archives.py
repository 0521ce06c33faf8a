"""Which published archive a file is, and which activation its weights need.

OpenAI's CLIP was trained with QuickGELU, x·sigmoid(1.702 x), an approximation of GELU. Loaded into the ordinary
architecture the weights fit and the numbers are wrong, silently. A file does not tell which of the two it needs; only
its SHA-256 does, when it is one that open_clip publishes.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ltnb._files import sha256_of

_TWIN = "-quickgelu"


@dataclass
class KnownArchive:
    """A file that open_clip publishes with its SHA-256.

    Attributes:
        digits: what is published of the SHA-256: all 64 hexadecimal digits, or the first 8.
        tag: open_clip's name of the weights.
        config: open_clip's settings for it: ``mean``, ``std``, ``interpolation``, ``resize_mode``, ``quick_gelu``.
        models: architectures that it fits.
    """

    digits: str
    tag: str
    config: dict[str, Any]
    models: list[str] = field(default_factory=list)

    @property
    def quick_gelu(self) -> bool:
        """Whether the weights were trained with QuickGELU."""
        return bool(self.config.get("quick_gelu", False))


def known_archives() -> dict[str, KnownArchive]:
    """The archives whose SHA-256 stands in open_clip's download addresses, by its published digits.

    OpenAI's addresses hold the whole hash, open_clip's own releases the first 8 digits at the end of the file name.
    """
    import open_clip

    archives: dict[str, KnownArchive] = {}
    for model, tag in open_clip.list_pretrained():
        address = open_clip.get_pretrained_url(model, tag)
        match = re.search(r"/([0-9a-f]{64})/", address) or re.search(r"open_clip/.*-([0-9a-f]{8})\.pt$", address)
        if match:
            digits, config = match.group(1), dict(open_clip.get_pretrained_cfg(model, tag))
            archives.setdefault(digits, KnownArchive(digits, tag, config)).models.append(model)
    return archives


def find_known(path: Path) -> KnownArchive | None:
    """The published archive that the file is, by its SHA-256; None for any other file."""
    digest = sha256_of(path)
    known = known_archives()
    return known.get(digest) or known.get(digest[:8])


def has_twin(name: str) -> bool:
    """Whether open_clip has the architecture `name` with GELU and with QuickGELU."""
    import open_clip

    return name.removesuffix(_TWIN) + _TWIN in open_clip.list_models()


def declared_quick_gelu(name: str, quick_gelu: bool | None) -> bool | None:
    """What the caller said about the activation, by the argument or by a name ending in ``-quickgelu``.

    Raises:
        ValueError: the two contradict each other.
    """
    if not name.endswith(_TWIN):
        return quick_gelu
    if quick_gelu is False:
        raise ValueError(f"quick_gelu=False contradicts the architecture {name!r}: use {name.removesuffix(_TWIN)!r}")
    return True


def file_quick_gelu(name: str, path: Path, quick_gelu: bool | None, known: KnownArchive | None) -> bool | None:
    """Decides the activation for the weights in a local file.

    Args:
        name: architecture.
        path: the file, for messages.
        quick_gelu: what the caller said; None for nothing.
        known: the published archive that the file is, None for any other file.

    Returns:
        True or False; None where the architecture comes in one form only and its configuration decides.

    Raises:
        ValueError: nothing says which form the weights need, or the caller contradicts what is known.
    """
    said = declared_quick_gelu(name, quick_gelu)
    if known is not None:
        if name.removesuffix(_TWIN) not in {model.removesuffix(_TWIN) for model in known.models}:
            raise ValueError(
                f"pretrained {path.name!r} holds the weights of {known.models[0]} ({known.tag}), not of {name!r}"
            )
        if said is not None and said != known.quick_gelu:
            raise ValueError(
                f"quick_gelu={said} is wrong for {path.name!r}: by its SHA-256 it is {known.models[0]}:{known.tag}, "
                f"trained with quick_gelu={known.quick_gelu}"
            )
        return known.quick_gelu
    if said is None and has_twin(name):
        raise ValueError(
            f"quick_gelu must be given for the file {path.name!r}: {name!r} exists with GELU and with QuickGELU, the "
            "wrong one loads without an error and gives wrong features. Pass quick_gelu=True for weights (or what was "
            "fine-tuned from weights) of OpenAI, MetaCLIP, DFN or the LAION-400M ViT-B-32, quick_gelu=False for most "
            "others; open_clip.get_pretrained_cfg(NAME, TAG) tells for every published tag"
        )
    return said


def is_torchscript(path: Path) -> bool:
    """Whether the file is a TorchScript archive: code and weights in one."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("constants.pkl") for name in archive.namelist())
