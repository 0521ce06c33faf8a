"""`load`: any open_clip model, a checkpoint file or a shipped mini-CLIP, as one `Backbone`."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ltnb._checks import fail
from ltnb._optional import require
from ltnb.clip import archives, input_size, mini, schemas
from ltnb.clip.backbone import Backbone
from ltnb.clip.checkpoints import load_file
from ltnb.clip.precision import ComputeType, Precision, resolve_device, resolve_precision
from ltnb.clip.preprocess import Preprocess
from ltnb.clip.requirements import needed


def parse_backbone(text: str) -> tuple[str, str | None]:
    """Splits a lesson's ``backbone`` parameter.

    Args:
        text: ``"mini-vit"``, ``"ViT-B-16-quickgelu:openai"``, ``"ViT-B-16:/path/to/weights.pt"``,
            ``"mini-vit:90k"``, ``"mini-vit:random"``; names under open_clip's schemas (``hf-hub:org/model``,
            ``local-dir:/path``) stay whole.

    Returns:
        Architecture and tag or file (None when there is none), ready for `load`.
    """
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"backbone must be 'architecture' or 'architecture:tag', got {text!r}")
    text = text.strip()
    if text.startswith(schemas.SCHEMAS):
        return text, None
    name, separator, tag = text.partition(":")
    if not name or (separator and not tag):
        raise ValueError(f"backbone must be 'architecture' or 'architecture:tag', got {text!r}")
    return name, tag or None


def load(
    name: str,
    pretrained: str | os.PathLike[str] | None = None,
    *,
    quick_gelu: bool | None = None,
    device: str | torch.device | None = None,
    precision: Precision = "auto",
    image_size: int | None = None,
    seed: int = 0,
) -> Backbone:
    """Loads a CLIP, in evaluation mode.

    Args:
        name: an architecture that open_clip knows, ``hf-hub:org/model``, ``local-dir:/path``, ``mini-vit``,
            ``mini-vit-s`` or ``mini-rn``; without `pretrained` also ``architecture:tag``, see `parse_backbone`.
        pretrained: an open_clip tag (downloaded by open_clip), a checkpoint file in any usual layout (see
            `ltnb.clip.checkpoints`), or ``"random"`` for random initialisation. None means the shipped weights of a
            mini model, and ``"90k"`` those of mini-vit after a fifth of the pre-training data; other architectures need
            a value.
        quick_gelu: whether the weights were trained with QuickGELU. Tags and published archives know it; a local file
            of an architecture that exists in both forms needs it (or the ``-quickgelu`` name).
        device: None or ``"auto"``: CUDA where there is one, else the CPU.
        precision: ``fp32``, ``bf16``, ``fp16`` (CUDA) or ``auto``: bf16 where the device has units for it, else fp32.
            The weights stay float32; matrix products inside ``encode_*`` run in this type.
        image_size: side of the square that the image tower reads, in pixels; None means what the architecture says.
            Where the weights were saved for another side, their table of positions is interpolated (see
            `ltnb.clip.input_size`), and a warning names both.
        seed: of the random initialisation; used with ``pretrained="random"`` only.

    Returns:
        A `Backbone`.

    Raises:
        ValueError: unknown architecture or tag, unknown or contradictory `quick_gelu`, a file that does not fit or is
            damaged, a device that is not here.
        FileNotFoundError: weights that are not here: what is missing, where it is, what to run.
        ModuleNotFoundError: a package that this architecture needs is missing; said before anything is downloaded.
    """
    if not isinstance(name, str):
        fail("name", "a str, the name of an architecture", name)
    if pretrained is None and ":" in name:
        name, pretrained = parse_backbone(name)
    where = resolve_device(device)
    resolved = resolve_precision(precision, where)
    mini.register_mini_models()
    with quiet_logging():
        if name in mini.MINI_MODELS:
            backbone = _load_mini(name, pretrained, quick_gelu, resolved, seed)
        else:
            backbone = _load_open_clip(name, pretrained, quick_gelu, resolved, seed)
    _set_image_size(backbone, image_size)
    return backbone.to(where).eval()


def _set_image_size(backbone: Backbone, image_size: int | None) -> None:
    """Brings tower and preprocessing to one size: the caller's, or the architecture's."""
    saved = input_size.side(backbone.model.visual)
    wanted = backbone.image_size if image_size is None else image_size
    if wanted == backbone.image_size and saved in (None, wanted):
        return
    backbone.set_image_size(wanted)
    if saved is not None and saved != wanted and not backbone.pretrained.startswith("random:"):
        warnings.warn(
            f"{backbone.name}:{backbone.pretrained} was saved for pictures of {saved}x{saved} pixels: its table of "
            f"positions is interpolated to {wanted}x{wanted}; image_size={saved} takes it as it is",
            UserWarning,
            stacklevel=3,
        )


def _load_mini(name: str, pretrained: Any, quick_gelu: bool | None, precision: ComputeType, seed: int) -> Backbone:
    import open_clip

    if quick_gelu:
        raise ValueError(f"quick_gelu=True is wrong for {name!r}: the mini models use GELU")
    model = mini.build_mini(name, seed=seed)
    info = None
    if pretrained == "random":
        label = f"random:{seed}"
    else:
        tags = mini.TAGS.get(name, ())
        shipped = pretrained is None or pretrained in tags
        path = mini.weights_path(name, pretrained) if shipped else _existing_file(name, pretrained, list(tags))
        if not path.is_file():
            raise FileNotFoundError(
                f"the weights of {name!r} are missing: expected {path.name} in ltnb/clip/weights. Run `make weights` "
                'to train them, or pass pretrained="random" for an untrained model'
            )
        if mini.is_compact(path):
            info = mini.load_compact(model, path)
        else:
            load_file(model, path, known=None)
        label = (pretrained or "shipped") if shipped else path.name
    # A full table costs most of a training step, and rows never seen in pre-training have nothing to start from.
    model.token_embedding.weight.requires_grad_(False)  # type: ignore[union-attr]
    config = {"size": open_clip.get_model_config(name)["vision_cfg"]["image_size"]}
    config |= {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD}
    return Backbone(
        model,
        _tokenizer(name),
        Preprocess.from_config(config),
        name=name,
        pretrained=label,
        precision=precision,
        quick_gelu=False,
        vocabulary=None if info is None else info.token_ids,
        metadata={} if info is None else info.metadata,
        frozen_vocabulary=True,
    )


def _load_open_clip(name: str, pretrained: Any, quick_gelu: bool | None, precision: ComputeType, seed: int) -> Backbone:
    import open_clip

    if name.startswith(schemas.SCHEMAS):
        model, use_quick_gelu, label = schemas.load(name, pretrained, quick_gelu)
    else:
        if name not in open_clip.list_models():
            raise ValueError(
                f"name must be an open_clip architecture or {', '.join(mini.MINI_MODELS)}, got {name!r}{_alike(name)}"
            )
        require(needed(name, open_clip.get_model_config(name)), name)
        model, use_quick_gelu, label = _load_architecture(name, pretrained, quick_gelu, seed)
    return Backbone(
        model,
        _tokenizer(name),
        Preprocess.from_config(model.visual.preprocess_cfg),  # type: ignore[union-attr,arg-type]
        name=name,
        pretrained=label,
        precision=precision,
        quick_gelu=use_quick_gelu,
    )


def _load_architecture(name: str, pretrained: Any, quick_gelu: bool | None, seed: int) -> tuple[nn.Module, bool, str]:
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(name)
    by_default = bool(open_clip.get_model_config(name).get("quick_gelu", False))
    said = archives.declared_quick_gelu(name, quick_gelu)
    if pretrained is None:
        raise ValueError(
            f"pretrained must be a tag, a checkpoint file or 'random' for {name!r}; its tags: "
            f"{', '.join(tags) or 'none'}"
        )
    if pretrained == "random":
        use = by_default if said is None else said
        return _build(name, use, {}, seed), use, f"random:{seed}"
    if open_clip.is_pretrained_cfg(name, str(pretrained)):
        config = open_clip.get_pretrained_cfg(name, str(pretrained))
        use = bool(config.get("quick_gelu", False)) or by_default
        if said is not None and said != use:
            raise ValueError(
                f"quick_gelu={said} is wrong for {name}:{pretrained}: it was trained with quick_gelu={use}"
            )
        if use and not by_default:
            warnings.warn(
                f"{name}:{pretrained} was trained with QuickGELU, so QuickGELU is used; the exact name is "
                f"{name}-quickgelu",
                UserWarning,
                stacklevel=4,
            )
        path = Path(_download(name, str(pretrained), config))
        label, known = str(pretrained), archives.find_known(path) if archives.is_torchscript(path) else None
    else:
        path = _existing_file(name, pretrained, tags)
        known = archives.find_known(path) if archives.has_twin(name) or archives.is_torchscript(path) else None
        decided = archives.file_quick_gelu(name, path, quick_gelu, known)
        use = by_default if decided is None else decided
        config = {} if known is None else known.config
        label = path.name
    model = _build(name, use, config, seed)
    load_file(model, path, known)
    return model, use, label


def _tokenizer(name: str) -> Callable[..., Tensor]:
    import open_clip

    try:
        tokenizer: Callable[..., Tensor] = open_clip.get_tokenizer(name)
    except Exception as error:  # network, hub and disk errors of several libraries
        first = str(error).strip().partition("\n")[0]
        raise FileNotFoundError(
            f"the tokenizer of {name!r} is not here and could not be downloaded ({type(error).__name__}: {first})"
        ) from error
    return tokenizer


def _build(name: str, quick_gelu: bool, preprocess: dict[str, Any], seed: int) -> nn.Module:
    """The architecture with random weights and the activation asked for."""
    import open_clip

    keys = ("mean", "std", "interpolation", "resize_mode")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return open_clip.create_model(
            name,
            quick_gelu=quick_gelu,
            pretrained_hf=False,
            force_preprocess_cfg={key: preprocess[key] for key in keys if key in preprocess},
        )


def _download(name: str, tag: str, config: dict[str, Any]) -> str:
    import open_clip

    try:
        return str(open_clip.download_pretrained(config))
    except Exception as error:  # network, hub and disk errors of several libraries
        place = config.get("hf_hub") or config.get("url")
        raise FileNotFoundError(
            f"the weights {name}:{tag} are not here and could not be downloaded ({type(error).__name__}). They lie "
            f'at {place}. With a network connection run `python -c "import ltnb.clip; '
            f"ltnb.clip.load('{name}', '{tag}')\"` once, or pass pretrained=FILE for a copy that you have"
        ) from error


def _existing_file(name: str, pretrained: Any, tags: list[str]) -> Path:
    path = Path(pretrained).expanduser()
    if path.is_dir():
        raise ValueError(f"pretrained must be the checkpoint file, not its folder, got {str(pretrained)!r}")
    if path.is_file():
        return path
    if path.suffix or path.parent != Path():
        raise FileNotFoundError(
            f"pretrained file {str(pretrained)!r} does not exist: pass the path of a checkpoint file"
        )
    known = f"the tags of {name!r} are: {', '.join(tags)}" if tags else f"{name!r} has no tags"
    raise ValueError(f"pretrained must be a tag, a checkpoint file or 'random', got {str(pretrained)!r}; {known}")


def _alike(name: str) -> str:
    import difflib

    import open_clip

    close = difflib.get_close_matches(name, open_clip.list_models(), n=3)
    return f" (did you mean {', '.join(close)}?)" if close else ""


@contextmanager
def quiet_logging() -> Iterator[None]:
    """Keeps open_clip's log lines off stderr while the block runs.

    open_clip writes through the root logger, whose first use would also install a handler for every other library.
    """
    root, silent = logging.getLogger(), logging.NullHandler()
    before = logging.root.manager.disable
    root.addHandler(silent)
    logging.disable(max(before, logging.ERROR))
    try:
        yield
    finally:
        logging.disable(before)
        root.removeHandler(silent)
