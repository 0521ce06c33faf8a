"""State of a training run on disk: what is learned, the optimiser, the history, and the settings it belongs to."""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ltnb._files import replacing

MAGIC = b"ltnb-checkpoint-1 "  # what a file begins with, before the CRC-32 of all that follows the first line


def fingerprint(tensors: Iterable[Tensor]) -> str:
    """Compute the CRC-32 over the bytes, shapes and dtypes of some tensors, as 8 hexadecimal digits.

    Args:
        tensors: Any tensors, on any device.

    Returns:
        The same text for the same values, whatever the device.
    """
    value = 0
    for tensor in tensors:
        value = zlib.crc32(f"{tuple(tensor.shape)} {tensor.dtype}".encode(), value)
        plain = tensor.detach().cpu().contiguous().reshape(-1)
        if plain.numel():
            value = zlib.crc32(plain.view(torch.uint8).numpy().data, value)
    return f"{value:08x}"


def learned_state(model: nn.Module) -> dict[str, Tensor]:
    """Copy the entries of ``model.state_dict()`` that training can change: all but the frozen parameters.

    Args:
        model: The model being trained.

    Returns:
        Name to tensor, copied, on the tensor's own device: parameters with ``requires_grad``, and persistent buffers.
    """
    frozen = {name for name, p in model.named_parameters(remove_duplicate=False) if not p.requires_grad}
    return {name: value.detach().clone() for name, value in model.state_dict().items() if name not in frozen}


def load_learned_state(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Put what `learned_state` copied back into ``model``; frozen parameters stay as they are."""
    model.load_state_dict(state, strict=False)


def save_checkpoint(path: str | Path, settings: dict[str, Any], content: dict[str, Any]) -> None:
    """Write a checkpoint atomically.

    Args:
        path: Where to.
        settings: Plain values that a resumed run must agree with.
        content: Plain values, lists, dicts and tensors.
    """
    stream = io.BytesIO()
    torch.save({"settings": settings, "content": content}, stream)
    payload = stream.getbuffer()
    with replacing(path) as temporary, open(temporary, "wb") as handle:
        handle.write(MAGIC + f"{zlib.crc32(payload):08x}\n".encode())
        handle.write(payload)


def load_checkpoint(path: str | Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """Read a checkpoint back, if there is one that is whole and belongs to these settings.

    Args:
        path: The file that `save_checkpoint` wrote, or would write.
        settings: The settings of the run that wants to resume.

    Returns:
        The content, its tensors on the CPU; None when there is no file, or when the file cannot be read (truncated, or
        not a checkpoint), after a `RuntimeWarning` that says so.

    Raises:
        ValueError: If the checkpoint was written with other settings; the message names each that differs.
    """
    path = Path(path)
    if not path.exists():
        return None
    header, _, payload = path.read_bytes().partition(b"\n")
    if header != MAGIC + f"{zlib.crc32(payload):08x}".encode():
        warnings.warn(
            f"checkpoint {path} is damaged or not a checkpoint; "
            "training starts again from the first epoch and replaces it",
            RuntimeWarning,
            stacklevel=3,
        )
        return None
    stored = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    found, content = stored["settings"], stored["content"]
    names = sorted(set(found) | set(settings))
    differing = [
        _difference(name, found.get(name), settings.get(name))
        for name in names
        if found.get(name) != settings.get(name)
    ]
    if differing:
        raise ValueError(
            f"checkpoint {path} was written with other settings: {', '.join(differing)}; "
            "delete the file to start again, or give another path"
        )
    return content


def _difference(name: str, stored: Any, now: Any) -> str:
    """What differs in one setting; of texts of many lines (a model's ``repr``) the first line that does."""
    if isinstance(stored, str) and isinstance(now, str):
        lines = zip_longest(stored.splitlines(), now.splitlines(), fillvalue="")
        stored, now = next(((a.strip(), b.strip()) for a, b in lines if a != b), (stored, now))
    return f"{name} {stored!r} (now {now!r})"
