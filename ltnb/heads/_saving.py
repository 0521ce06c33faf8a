"""What every head can do: carry its settings in its state, and be kept in a folder and found there again."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import nn

from ltnb._checks import describe, fail
from ltnb._files import replacing

CONFIG, WEIGHTS = "config.json", "model.safetensors"
_SETTINGS = "_extra_state"  # torch's name for what `get_extra_state` gives


class Head(nn.Module):
    """A head whose state says everything that changes its outputs.

    A subclass names those of its arguments that no tensor of the state holds; each is an attribute too. ``_settings``
    follow a state that is loaded (a temperature); ``_sizes`` have to agree with it (the number of attention heads).
    """

    _sizes: ClassVar[tuple[str, ...]] = ()
    _settings: ClassVar[tuple[str, ...]] = ()

    def _config(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in (*self._sizes, *self._settings)}

    def get_extra_state(self) -> torch.Tensor:
        """Sizes and settings as JSON in a tensor of bytes, so that a state holds nothing but tensors."""
        return torch.frombuffer(bytearray(json.dumps(self._config(), default=float).encode()), dtype=torch.uint8)

    def set_extra_state(self, state: torch.Tensor) -> None:
        """Take over the settings of a state; ``load_state_dict`` calls this.

        Raises:
            ValueError: The state belongs to another kind of head, or to one of other sizes.
        """
        try:
            # rounded: states are averaged (EMA, weight-space ensembles) or halved, settings and all
            found = json.loads(bytes(state.round().to("cpu", torch.uint8).tolist()))
        except (AttributeError, TypeError, ValueError):
            fail("state", "of a head, with its settings as bytes", describe(state))
        own = self._config()
        if not isinstance(found, dict) or not found.keys() <= own.keys():
            fail("state", f"that of a {type(self).__name__}, with {', '.join(own) or 'no settings'}", repr(found))
        for name in self._sizes:
            if found.get(name, own[name]) != own[name]:
                fail("state", f"of a head with {name}={own[name]!r}", repr(found[name]))
        for name in self._settings:
            setattr(self, name, found.get(name, own[name]))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # a state from before the settings were part of it leaves them as they are
        state_dict = {prefix + _SETTINGS: self.get_extra_state(), **state_dict}
        super()._load_from_state_dict(state_dict, prefix, *args)

    @classmethod
    def _rebuilt(cls, state: dict[str, torch.Tensor], config: dict[str, Any]) -> Self:
        """A head of the right sizes, into which ``state`` will be loaded."""
        return cls(**config)

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write the head into a folder: ``model.safetensors`` and ``config.json``, each whole or not at all.

        Args:
            folder: Where to; made if it is missing, and an older head in it is replaced.

        Raises:
            ImportError: safetensors is not installed.

        Example:
            >>> import tempfile
            >>> from ltnb.heads import CosineClassifier
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     CosineClassifier(8, 3, scale=30.0).save_pretrained(folder)
            ...     CosineClassifier.from_pretrained(folder)
            CosineClassifier(dim=8, num_classes=3, scale=30)
        """
        safetensors = _safetensors()
        tensors = {k: v.detach().cpu().contiguous() for k, v in self.state_dict().items() if k != _SETTINGS}
        content = safetensors.save(tensors)
        config = {"head": type(self).__name__, "settings": self._config()}
        config |= {"sha256": hashlib.sha256(content).hexdigest()}
        with replacing(Path(folder) / WEIGHTS) as temporary:
            temporary.write_bytes(content)
        with replacing(Path(folder) / CONFIG) as temporary:
            temporary.write_text(json.dumps(config, indent=2, default=float) + "\n")

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> Self:
        """Read a head that `save_pretrained` wrote, on the CPU, in the precision it had.

        Args:
            folder: Where it was written to.

        Returns:
            A head with the same outputs, bit for bit. What was frozen when it was built is frozen.

        Raises:
            ValueError: The folder holds no head, one of another class, or a damaged one.
            ImportError: safetensors is not installed.
        """
        safetensors = _safetensors()
        try:
            config = json.loads((Path(folder) / CONFIG).read_bytes())
            content = (Path(folder) / WEIGHTS).read_bytes()
            name, settings, digest = config["head"], config["settings"], config["sha256"]
        except OSError as error:
            fail("folder", f"one that {cls.__name__}.save_pretrained wrote", f"{folder} ({error.strerror})")
        except (ValueError, TypeError, KeyError):
            fail("folder", "a saved head", f"{folder} with a damaged {CONFIG}")
        if name != cls.__name__:
            fail("folder", f"that of a {cls.__name__}", f"{folder} of a {name}")
        if hashlib.sha256(content).hexdigest() != digest:
            fail("folder", "a saved head", f"{folder}, where {WEIGHTS} is damaged or does not belong to {CONFIG}")
        try:
            # cloned, because products may differ in the last digit with where in memory a tensor begins
            state = {key: value.clone() for key, value in safetensors.load(content).items()}
            head = cls._rebuilt(state, settings)
            head.load_state_dict(state, assign=True)
        except (KeyError, TypeError, RuntimeError, ValueError) as error:
            fail("folder", f"a saved {cls.__name__} of this version", f"{folder} ({error})")
        return head


def _safetensors() -> Any:
    try:
        import safetensors.torch
    except ImportError as error:
        raise ImportError("saving and loading a head needs safetensors: pip install safetensors") from error
    return safetensors.torch
