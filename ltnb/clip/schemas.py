"""Models that bring their own configuration: ``hf-hub:org/model`` on Hugging Face's hub, ``local-dir:/path``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from ltnb._optional import require
from ltnb.clip.checkpoints import load_file
from ltnb.clip.requirements import needed

SCHEMAS = ("hf-hub:", "local-dir:")
_WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pth", ".pt")
_WEIGHT_FILES = (  # in open_clip's order
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.pth",
    "model.pth",
)


def load(name: str, pretrained: Any, quick_gelu: bool | None) -> tuple[nn.Module, bool, str]:
    """Opens a model under one of `SCHEMAS`: weights, whether it uses QuickGELU, and a label for records.

    Raises:
        ValueError: `pretrained` or `quick_gelu` given, or a file that does not fit.
        FileNotFoundError: its configuration or its weights are not here.
        ModuleNotFoundError: a package that it needs is missing.
    """
    import open_clip

    if pretrained is not None or quick_gelu is not None:
        raise ValueError(
            f"pretrained and quick_gelu must be None for {name!r}: its own configuration file decides both"
        )
    try:
        config = open_clip.get_model_config(name)
        require(needed("", config), name)
        path = _weights(name)
        model = open_clip.create_model(name, load_weights=False, pretrained_hf=False)
    except ImportError:
        raise
    except Exception as error:  # network, hub and disk errors of several libraries
        raise FileNotFoundError(f"{name!r} could not be opened (configuration and weights): {error}") from error
    load_file(model, path, known=None)
    return model, bool(config.get("quick_gelu", False)), "schema"


def _weights(name: str) -> Path:
    """The weights of a model under one of open_clip's schemas; of several files in a folder the one it would take."""
    schema, _, place = name.partition(":")
    if schema == "hf-hub":
        from open_clip.pretrained import download_pretrained_from_hf

        return Path(download_pretrained_from_hf(place))
    files = sorted(path for path in Path(place).iterdir() if path.suffix in _WEIGHT_SUFFIXES)
    if not files:
        raise FileNotFoundError(f"no weights ({', '.join(_WEIGHT_SUFFIXES)}) in {place!r}")
    order = {file: rank for rank, file in enumerate(_WEIGHT_FILES)}
    return min(files, key=lambda path: (order.get(path.name, len(order)), _WEIGHT_SUFFIXES.index(path.suffix)))
