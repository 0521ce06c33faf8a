"""Things in pictures, drawn once from fixed seeds: what critters wear or hold, and what stands in front of them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ltnb.critters.attributes import ACCESSORIES, COVERS, SHAPES
from ltnb.critters.shapes import head_of

THING_SIZE = 64
ACCESSORY_VARIANTS = 3
COVER_VARIANTS = 4

_axis = (np.arange(THING_SIZE) + 0.5) / THING_SIZE * 2 - 1
_X, _Y = np.meshgrid(_axis, _axis)
_SHARP = THING_SIZE / 5
_CLOTH = ((0.82, 0.16, 0.2), (0.16, 0.32, 0.72), (0.2, 0.56, 0.32))  # of hats, balloons, umbrellas, flags

_HELD = {"balloon": (0.82, -1.0, 0.72), "umbrella": (0.8, -0.78, 0.74), "flag": (0.95, -0.6, 0.62)}
"""Where what is held sits beside a body, and its half size; what is worn sits on the head."""
_WORN = {"hat": (0.0, -0.34, 0.56), "crown": (0.0, -0.26, 0.46), "glasses": (0.0, 0.0, 0.5)}
"""The same relative to the top of the head, of glasses relative to the eyes."""


def _blank() -> np.ndarray:
    return np.zeros((THING_SIZE, THING_SIZE, 4))


def _paint(picture: np.ndarray, distance: np.ndarray, colour: tuple[float, ...], ink: float = 0.09) -> None:
    """Paint where `distance` is negative, with a dark outline of width `ink`."""
    for edge, tone in ((ink, (0.1, 0.09, 0.11)), (0.0, colour)):
        cover = np.clip((edge - distance) * _SHARP + 0.5, 0, 1)
        picture[..., :3] += cover[..., None] * (np.array(tone) - picture[..., :3])
        picture[..., 3] = np.maximum(picture[..., 3], cover)


def _box(cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
    return np.maximum(np.abs(_X - cx) - rx, np.abs(_Y - cy) - ry)


def _disc(cx: float, cy: float, r: float, squash: float = 1.0) -> np.ndarray:
    return np.hypot(_X - cx, (_Y - cy) * squash) - r


def _accessory(kind: str, variant: int) -> np.ndarray:
    """One accessory, (64, 64, 4) RGB and cover in 0..1."""
    picture, cloth = _blank(), _CLOTH[variant]
    dark = tuple(0.55 * c for c in cloth)
    if kind == "hat":
        _paint(picture, _box(0, -0.1, 0.46, 0.5), dark)
        _paint(picture, _box(0, 0.18, 0.46, 0.1), cloth, 0.0)
        _paint(picture, _disc(0, 0.44, 0.84, 4.5), dark)
    elif kind == "crown":
        saw = 0.5 * np.abs(np.mod(_X / 0.42 + 0.5, 1) - 0.5) * 2
        _paint(picture, np.maximum(np.abs(_X) - 0.84, np.maximum(_Y - 0.62, -0.5 - _Y + saw)), (0.98, 0.8, 0.2))
        for x in (-0.5, 0.0, 0.5):
            _paint(picture, _disc(x, 0.36, 0.12), cloth, 0.0)
    elif kind == "glasses":
        _paint(picture, _box(0, -0.05, 0.2, 0.05), (0.1, 0.09, 0.11), 0.0)
        for x in (-0.48, 0.48):
            ring = np.abs(_disc(x, 0, 0.38)) - 0.1
            _paint(picture, ring, dark, 0.05)
            lens = np.clip(-_disc(x, 0, 0.34) * _SHARP, 0, 1) * 0.45
            empty = picture[..., 3] < lens
            picture[empty, :3], picture[empty, 3] = (0.75, 0.9, 1.0), lens[empty]
    elif kind == "balloon":
        _paint(picture, np.maximum(np.abs(_X - 0.06 * np.sin(5 * _Y)) - 0.03, 0.1 - _Y), (0.25, 0.22, 0.22), 0.02)
        _paint(picture, _disc(0, -0.36, 0.52, 0.92), cloth)
        _paint(picture, _disc(-0.18, -0.58, 0.1), (1.0, 0.95, 0.95), 0.0)
    elif kind == "umbrella":
        _paint(picture, np.maximum(np.abs(_X) - 0.04, np.maximum(-0.2 - _Y, _Y - 0.9)), (0.3, 0.2, 0.12), 0.04)
        dome = np.maximum(_disc(0, 0.02, 0.86), _Y - 0.02 - 0.1 * np.cos(_X * 7.5))
        _paint(picture, dome, cloth)
        inside = (np.mod(_X / 0.57 + 0.5, 1) < 0.5) & (dome < 0)
        picture[inside, :3] = (0.97, 0.95, 0.9)
    elif kind == "flag":
        _paint(picture, _box(-0.62, 0, 0.05, 0.92), (0.4, 0.28, 0.16), 0.05)
        _paint(picture, _box(0.1, -0.45 + 0.0, 0.66, 0.4), (0.97, 0.95, 0.9))
        _paint(picture, _box(0.1, -0.45, 0.66, 0.14), cloth, 0.0)
    else:
        raise ValueError(f"kind must be one of {ACCESSORIES}, got {kind!r}")
    return picture


def _cover(kind: str, rng: np.random.Generator) -> np.ndarray:
    """A leaf, rock, branch or grass tuft, (64, 64, 4) RGB and cover in 0..1."""
    x, y, sharp = _X, _Y, THING_SIZE / 4
    if kind == "leaf":
        shape = 0.55 - np.maximum(np.hypot(x - 0.35, y), np.hypot(x + 0.35, y)) + 0.35
        colour = np.where(np.abs(y)[..., None] < 0.05, (0.55, 0.7, 0.35), (0.3 + 0.2 * rng.random(), 0.52, 0.22))
    elif kind == "rock":
        bump = 0.1 * np.sin(5 * np.arctan2(y, x) + 6 * rng.random())
        shape = 0.72 + bump - np.hypot(x, y * 1.2)
        tone = 0.45 + 0.2 * rng.random()
        colour = np.stack([tone - 0.12 * y, tone - 0.12 * y, tone + 0.02 - 0.12 * y], -1)
    elif kind == "branch":
        shape = 0.12 - np.abs(y - 0.12 * np.sin(4 * x)) - 0.03 * x
        colour = np.broadcast_to((0.4, 0.29, 0.18), (*x.shape, 3))
    elif kind == "grass":
        blades = [
            0.09 * (1 - (1 - y) / 2) - np.abs(x - bx - lean * (1 - y) ** 2)
            for bx, lean in zip(rng.uniform(-0.7, 0.7, 7), rng.uniform(-0.2, 0.2, 7), strict=True)
        ]
        shape = np.max(blades, axis=0)
        colour = np.broadcast_to((0.3, 0.56, 0.24), (*x.shape, 3))
    else:
        raise ValueError(f"kind must be one of {COVERS}, got {kind!r}")
    return np.dstack([colour, np.clip(shape * sharp, 0, 1)])


def _bank(pictures: list[np.ndarray]) -> np.ndarray:
    bank = np.stack(pictures).transpose(0, 3, 1, 2).astype(np.float32)
    bank[:, 3, 0], bank[:, 3, -1], bank[:, 3, :, 0], bank[:, 3, :, -1] = 0, 0, 0, 0
    return bank


@lru_cache(maxsize=1)
def accessories() -> np.ndarray:
    """(6 * 3, 4, 64, 64) float32: RGB and cover, three colours of each accessory in order."""
    return _bank([_accessory(kind, i) for kind in ACCESSORIES for i in range(ACCESSORY_VARIANTS)])


@lru_cache(maxsize=1)
def accessory_places() -> np.ndarray:
    """(12, 6, 3) float32: x, y and half size of each accessory on each body, in body coordinates."""
    table = np.zeros((len(SHAPES), len(ACCESSORIES), 3), dtype=np.float32)
    for i, shape in enumerate(SHAPES):
        (x, eyes), top = head_of(shape)
        for j, kind in enumerate(ACCESSORIES):
            if kind in _HELD:
                table[i, j] = _HELD[kind]
            else:
                dx, dy, size = _WORN[kind]
                table[i, j] = x + dx, (eyes if kind == "glasses" else top) + dy, size
    return table


@lru_cache(maxsize=1)
def covers() -> np.ndarray:
    """(4 * 4, 4, 64, 64) float32: RGB and cover, four of each kind in order."""
    rng = np.random.default_rng(20_263)
    return _bank([_cover(kind, rng) for kind in COVERS for _ in range(COVER_VARIANTS)])
