"""From pictures to what an image tower reads: open_clip's validation transform, and the same for uint8 tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ltnb._checks import fail
from ltnb._pictures import to_rgb
from ltnb._torchvision import prepare_torchvision

if TYPE_CHECKING:
    from PIL.Image import Image


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


@dataclass(frozen=True)
class Preprocess:
    """Resizes, crops and normalises pictures for one model; holds no weights, so that worker processes can have a copy.

    Pictures from PIL go through the transform that open_clip builds. Tensors take the same steps (shorter side to
    `size` with antialiasing, centre crop, mean and standard deviation) for the whole batch at once, at ten times the
    speed. The two differ by rounding: at most about two grey levels in a pixel, 0.006 on average.

    Attributes:
        size: (height, width) of the result in pixels.
        mean: of each channel, for values in [0, 1].
        std: of each channel.
        interpolation: ``bicubic`` or ``bilinear``.
        resize_mode: ``shortest`` (then a centre crop), ``squash`` or ``longest`` (padded).
        fill_color: of the padding.
    """

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    fill_color: int = 0

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Preprocess:
        """Reads the dictionary that open_clip keeps in ``model.visual.preprocess_cfg``."""
        return cls(
            size=_pair(config["size"]),
            mean=tuple(config["mean"]),
            std=tuple(config["std"]),
            interpolation=config.get("interpolation") or "bicubic",
            resize_mode=config.get("resize_mode") or "shortest",
            fill_color=config.get("fill_color") or 0,
        )

    @property
    def key(self) -> str:
        """All settings as one string, for a cache key."""
        return json.dumps({**asdict(self), "to_rgb": 2}, sort_keys=True)  # counted up when pixels come out otherwise

    @cached_property
    def _from_pil(self) -> Any:
        prepare_torchvision()
        from open_clip.transform import image_transform

        return image_transform(
            self.size,
            is_train=False,
            mean=self.mean,
            std=self.std,
            interpolation=self.interpolation,
            resize_mode=self.resize_mode,
            fill_color=self.fill_color,
        )

    def __call__(self, image: Image | Tensor) -> Tensor:
        """Prepares one picture or a batch.

        Args:
            image: a PIL picture, see `ltnb._pictures.to_rgb` for its modes, or a uint8 tensor (3, H, W) or (B, 3, H, W)
                on any device.

        Returns:
            float32 (3, h, w) or (B, 3, h, w), on the device of the input.

        Raises:
            ValueError: no picture, one whose range of values is unknown, or a tensor of another type or shape.
        """
        if not isinstance(image, Tensor):
            from PIL.Image import Image

            if not isinstance(image, Image):
                fail("image", "a PIL picture or a uint8 tensor", image)
            plain = image.mode in ("RGB", "L") and "transparency" not in image.info
            picture = image if plain else to_rgb(image)
            prepared: Tensor = self._from_pil(picture)
            return prepared
        if image.dtype != torch.uint8 or image.ndim not in (3, 4) or image.shape[-3] != 3:
            raise ValueError(f"image must be uint8 (3, H, W) or (B, 3, H, W), got {image.dtype} {tuple(image.shape)}")
        pixels = self._resized(image)
        mean = torch.tensor(self.mean, device=image.device).view(3, 1, 1)
        std = torch.tensor(self.std, device=image.device).view(3, 1, 1)
        return pixels.float().div_(255).sub_(mean).div_(std)

    def _resized(self, image: Tensor) -> Tensor:
        """uint8 (..., 3, H, W) → uint8 (..., 3, h, w)."""
        if image.shape[-2:] == self.size:
            return image
        prepare_torchvision()
        from torchvision.transforms import InterpolationMode
        from torchvision.transforms.v2 import functional

        mode = InterpolationMode(self.interpolation)
        if self.resize_mode == "squash":
            return functional.resize(image, list(self.size), mode, antialias=True)
        if self.resize_mode == "shortest" and self.size[0] == self.size[1]:
            resized = functional.resize(image, [self.size[0]], mode, antialias=True)
            return functional.center_crop(resized, list(self.size))
        raise ValueError(
            f"image is a tensor, but this model resizes by {self.resize_mode!r} to {self.size}: pass PIL pictures"
        )
