"""Tiny open_clip architectures and datasets for the tests of `ltnb.clip`."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

TINY, TINY_RESNET, TINY_CUSTOM, TINY_TIMM = "ltnb-tiny", "ltnb-tiny-rn", "ltnb-tiny-custom", "ltnb-tiny-timm"
_TEXT = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
_VISION = {"image_size": 32, "layers": 3, "width": 32, "head_width": 16, "patch_size": 16}
_CONFIGS = {
    TINY: {"embed_dim": 24, "vision_cfg": _VISION, "text_cfg": _TEXT},
    f"{TINY}-quickgelu": {"embed_dim": 24, "quick_gelu": True, "vision_cfg": _VISION, "text_cfg": _TEXT},
    TINY_RESNET: {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "head_width": 32},
        "text_cfg": _TEXT,
    },
    TINY_CUSTOM: {"embed_dim": 24, "custom_text": True, "vision_cfg": _VISION, "text_cfg": _TEXT},
    TINY_TIMM: {
        "embed_dim": 24,
        "vision_cfg": {
            "timm_model_name": "vit_tiny_patch16_224",
            "timm_pool": "token",
            "timm_proj": "linear",
            "image_size": 224,
        },
        "text_cfg": _TEXT,
    },
}


@contextmanager
def architectures(folder: Path) -> Iterator[None]:
    """Makes the tiny architectures known to open_clip, and builds each tokenizer only once."""
    from ltnb._torchvision import prepare_torchvision

    prepare_torchvision()
    import open_clip

    for name, config in _CONFIGS.items():
        (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    built = open_clip.get_tokenizer
    open_clip.get_tokenizer = functools.cache(built)
    try:
        yield
    finally:
        open_clip.get_tokenizer = built


class Pictures:
    """Twelve labelled uint8 pictures; remembers how often they were read."""

    name = "pictures"

    def __init__(
        self, count: int = 12, size: int = 40, *, fingerprint: str | None = "pictures 1", seed: int = 0
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.pixels = torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)
        self.labels = np.arange(count, dtype=np.int64) % 3
        self.fingerprint = fingerprint
        self.reads = 0

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        self.reads += 1
        return self.pixels[index], int(self.labels[index])


class BulkPictures(Pictures):
    """The same, read in bulk."""

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        raise AssertionError("a dataset with images() must be read in bulk")

    def images(self, indices: np.ndarray) -> torch.Tensor:
        self.reads += 1
        return self.pixels[torch.as_tensor(indices)]
