"""Loads checkpoint files as training scripts write them: wrapped, prefixed, compiled, averaged, beside other things.

Nothing in a file is run: pickles are read with ``weights_only``, TorchScript only where the SHA-256 is a published one.
Which tensors are the model's is decided by their names alone. Every dictionary in the file is looked at, at any depth
(``model``, ``state_dict``, ``net``, ...), and every prefix (``module.``, ``model.``, ``clip.``, ...); the one with most
of the model's names is taken, plain weights before averaged ones.
"""

from __future__ import annotations

import argparse
import pickle
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ltnb.clip import input_size
from ltnb.clip.archives import KnownArchive, is_torchscript

_NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size")  # constants inside OpenAI's archives
_WRAPPERS = re.compile(r"\b(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")  # anywhere in a name
_AVERAGED = re.compile(r"(?<![a-z])(ema|swa)|shadow|averag|teacher|momentum|target|exp_avg|optim", re.IGNORECASE)
_SCALAR, _ARRAY = np.float64(0).__reduce__()[0], np.zeros(0).__reduce__()[0]
_BESIDE: list[Any] = [
    argparse.Namespace,
    PosixPath,
    np.dtype,
    np.ndarray,
    _SCALAR,
    _ARRAY,
    *(type(np.dtype(t)) for t in ("f2", "f4", "f8", "i4", "i8", "u1", "u4", "u8", "?", "U")),
]
"""Harmless classes of which training scripts keep objects beside weights: settings, paths, what NumPy makes."""
if torch.__version__ >= "2.6":  # since then a class may be allowed under a name: NumPy 2 moved these two
    for _place in ("numpy.core.multiarray", "numpy._core.multiarray"):
        _BESIDE += [(_SCALAR, f"{_place}.scalar"), (_ARRAY, f"{_place}._reconstruct")]
_TEXT_TABLES = ("positional_embedding", "text.positional_embedding")
_SHOWN = 5


@dataclass
class _Found:
    """Tensors in a file that have names of the model.

    Attributes:
        place: keys of the dictionaries that hold them, joined by `` > ``; empty for the file itself.
        prefix: what stands before the model's names.
        state: tensors by the rest of their names.
        beside: names in the same dictionary without the prefix.
        fitting: how many have a name of the model.
    """

    place: str
    prefix: str
    state: dict[str, Tensor]
    beside: list[str]
    fitting: int

    def __str__(self) -> str:
        return " > ".join(filter(None, (self.place, f"{self.prefix}*")))

    @property
    def rank(self) -> tuple[int, bool]:
        """Lowest for the most names of the model, and for weights that are no average over training."""
        return -self.fitting, _AVERAGED.search(str(self)) is not None


def load_file(model: nn.Module, path: Path, known: KnownArchive | None) -> None:
    """Loads a checkpoint file into `model`, in place.

    The image tower takes over the input size of the file, so that a table of positions is loaded as it was saved.

    Args:
        model: an open_clip model.
        path: a pickle, safetensors or (of a published archive) TorchScript file.
        known: the published archive that the file is, None for any other file.

    Raises:
        ValueError: an unknown TorchScript archive, a file that holds more than weights, a damaged file, or weights of
            another architecture; the message lists the keys of the file.
    """
    if is_torchscript(path):
        if known is None or len(known.digits) < 64:
            raise ValueError(
                f"pretrained {path.name!r} is a TorchScript archive, which can run code, and its SHA-256 is not one "
                "that open_clip lists. Convert it where you trust it: "
                "torch.save(torch.jit.load(FILE).state_dict(), NEW_FILE)"
            )
        with warnings.catch_warnings(), _explained(path, None):
            warnings.simplefilter("ignore", DeprecationWarning)
            state = torch.jit.load(path, map_location="cpu").state_dict()
            model.load_state_dict({name: value for name, value in state.items() if name not in _NOT_WEIGHTS})
        return
    content: Any = None
    if path.suffix not in (".npz", ".npy"):  # big_vision's, which open_clip reads and translates
        with _explained(path, None):
            content = _read(path)
    names = model.state_dict().keys()
    with _explained(path, content):
        found = sorted(_candidates(content, names), key=lambda candidate: candidate.rank)
        if found and 10 * found[0].fitting >= len(names):
            _say_what_was_chosen(path, found)
            _load_state(model, found[0].state, path)
        else:  # names of another project, which open_clip may translate
            import open_clip

            with _harmless():
                open_clip.load_checkpoint(model, str(path), strict=True, weights_only=True)


def _read(path: Path) -> Any:
    """What a file holds, told by its first bytes and without running code of it."""
    with path.open("rb") as file:
        head = file.read(24)
    is_pickle = head.startswith((b"PK", b"\x80"))
    if head[8:9] == b"{" or (path.suffix == ".safetensors" and not is_pickle):
        from safetensors.torch import load_file

        return load_file(path)
    if not is_pickle:
        begins = f"it begins with {head!r}" if head else "it is empty"
        raise ValueError(f"pretrained {path.name!r} is no checkpoint: {begins}")
    with _harmless():
        return torch.load(path, map_location="cpu", weights_only=True)


def _harmless() -> AbstractContextManager[None]:
    allow: Any = getattr(torch.serialization, "safe_globals", nullcontext)  # since torch 2.5
    allowed: AbstractContextManager[None] = allow(_BESIDE)
    return allowed


def _candidates(content: Any, names: Any, place: str = "") -> Iterator[_Found]:
    """Every set of tensors in nested dictionaries with at least one name of the model, under each of its prefixes."""
    if not isinstance(content, Mapping):
        return
    tensors = {
        _WRAPPERS.sub("", key): value
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, Tensor)
    }
    fitting = Counter(key.removesuffix(name) for key in tensors for name in _endings(key) if name in names)
    for prefix, count in fitting.items():
        state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        beside = [key for key in tensors if not key.startswith(prefix)]
        yield _Found(place, prefix, state, beside, count)
    for key, value in content.items():
        yield from _candidates(value, names, f"{place} > {key}" if place else str(key))


def _endings(key: str) -> Iterator[str]:
    """``a.b.c``, ``b.c`` and ``c`` for ``a.b.c``."""
    parts = key.split(".")
    return (".".join(parts[i:]) for i in range(len(parts)))


def _say_what_was_chosen(path: Path, found: list[_Found]) -> None:
    """Warns about whole models and about tensors in the file that are not loaded."""
    chosen = found[0]
    others = [other for other in found[1:] if other.fitting == chosen.fitting]
    if others:
        warnings.warn(
            f"{path.name} holds {len(others) + 1} sets of weights that fit: {chosen} is loaded, not "
            f"{', '.join(map(str, others))} (to load another one, save it in a file of its own)",
            UserWarning,
            stacklevel=2,
        )
    elsewhere = tuple(other.prefix for other in others if other.place == chosen.place)
    left = [key for key in chosen.beside if not key.startswith(elsewhere)] if chosen.prefix else []
    if left:
        warnings.warn(f"{path.name}: {chosen} is loaded, not {_listed(left)}", UserWarning, stacklevel=2)


def _load_state(model: Any, state: dict[str, Tensor], path: Path) -> None:
    """``load_state_dict`` after what open_clip does for older files, except that no table is resized."""
    from open_clip.model import convert_to_custom_text_state_dict

    if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
        state = convert_to_custom_text_state_dict(state)
    for name in ("logit_scale", "logit_bias"):  # a scalar or a vector of one
        if name in state and getattr(model, name, None) is not None:
            state[name] = state[name].reshape(getattr(model, name).shape)
    if getattr(model, "logit_bias", None) is not None and "logit_scale" in state:
        state.setdefault("logit_bias", torch.zeros_like(state["logit_scale"]))
    own = model.state_dict()
    if "text.transformer.embeddings.position_ids" not in own:  # no longer kept since transformers 4.31
        state.pop("text.transformer.embeddings.position_ids", None)
    for name in _TEXT_TABLES:
        if name in own and own.keys() <= state.keys() and len(state[name]) != len(own[name]):
            saved, read = len(state[name]), len(own[name])
            raise ValueError(
                f"pretrained {path.name!r} reads texts of {saved} tokens, the architecture {read}: a resized table of "
                "text positions would mean other places. Use a configuration with the file's context_length (a "
                "local-dir: folder holds one)"
            )
    input_size.adopt_size(model.visual, state)
    model.load_state_dict(state)


def _listed(keys: Any) -> str:
    """The first few of some keys, and how many there are."""
    keys = [str(key) for key in keys]
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return f"{', '.join(keys[:_SHOWN])}{more}"


def _contents(content: Any) -> str:
    if not isinstance(content, Mapping):
        return f"it holds an object of class {type(content).__name__}, no dictionary of weights"
    if not content:
        return "it holds an empty dictionary"
    return f"it holds {len(content)} keys: {_listed(content)}"


@contextmanager
def _explained(path: Path, content: Any) -> Iterator[None]:
    """Turns the many errors of readers into one message that names the file and lists its keys."""
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        raise ValueError(f"pretrained {path.name!r} is damaged or no safetensors file: {error}") from error
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        objects = f" ({named[1]})" if named else ""
        raise ValueError(
            f"pretrained {path.name!r} is no file of plain weights, or holds objects{objects} beside them: save a "
            "state dict"
        ) from error
    except (RuntimeError, KeyError, AttributeError, TypeError, EOFError, OSError, StopIteration) as error:
        first = " ".join(str(error).strip().splitlines()[:3])[:400] or type(error).__name__
        holds = f"; {_contents(content)}" if content is not None else ""
        raise ValueError(f"pretrained {path.name!r} does not fit the architecture: {first}{holds}") from error
