"""Banks the renderer looks up, drawn once from fixed seeds: habitats, textures to wear, weather."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ltnb.critters.attributes import HABITATS, TEXTURES, WEATHERS

SCENE_SIZE = 88
SCENES_PER_HABITAT = 16
TILE_SIZE = 64
TILES_PER_TEXTURE = 3
VEIL_SIZE = 64
VEILS_PER_WEATHER = 6


def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    axis = (np.arange(size) + 0.5) / size
    return np.meshgrid(axis, axis)


def _smooth_noise(rng: np.random.Generator, size: int, cells: int, wrap: bool = False) -> np.ndarray:
    """Value noise in 0..1, bilinear with a smooth step; periodic when `wrap`."""
    lattice = rng.random((cells + 1, cells + 1))
    if wrap:
        lattice[-1], lattice[:, -1] = lattice[0], lattice[:, 0]
    position = np.arange(size) / size * cells
    i = position.astype(int)
    f = position - i
    f = f * f * (3 - 2 * f)
    rows = lattice[i] * (1 - f)[:, None] + lattice[i + 1] * f[:, None]
    return rows[:, i] * (1 - f) + rows[:, i + 1] * f


def _blend(image: np.ndarray, mask: np.ndarray, colour: tuple[float, float, float]) -> None:
    image += np.clip(mask, 0, 1)[..., None] * (np.array(colour) - image)


def _fill(top: tuple[float, float, float], bottom: tuple[float, float, float], y: np.ndarray) -> np.ndarray:
    return np.array(top) * (1 - y[..., None]) + np.array(bottom) * y[..., None]


def _scene(kind: str, rng: np.random.Generator) -> np.ndarray:
    """One picture of a habitat, (88, 88, 3) in 0..1."""
    x, y = _grid(SCENE_SIZE)
    sharp = SCENE_SIZE * 1.0
    noise = _smooth_noise(rng, SCENE_SIZE, 9)[..., None]
    horizon = 0.42 + 0.16 * rng.random()
    ridge = (
        horizon
        + 0.05 * np.sin(x * (5 + 4 * rng.random()) + 6 * rng.random())
        + 0.03 * (_smooth_noise(rng, SCENE_SIZE, 6) - 0.5)
    )
    ground = (y - ridge) * sharp

    def dots(
        count: int, radius: float, colour: tuple[float, float, float], low: float = 0.0, high: float = 1.0
    ) -> None:
        for _ in range(count):
            cx, cy, r = rng.random(), low + (high - low) * rng.random(), radius * (0.6 + 0.8 * rng.random())
            _blend(image, (r - np.hypot(x - cx, y - cy)) * sharp, colour)

    if kind == "meadow":
        image = _fill((0.62, 0.83, 0.96), (0.85, 0.94, 0.98), y)
        _blend(image, ground, (0.5, 0.76, 0.36))
        image -= 0.1 * noise * np.clip(ground, 0, 1)[..., None]
        for _ in range(14):
            bx, by = rng.random(), horizon + 0.1 + 0.5 * rng.random()
            _blend(image, (0.012 - np.abs(x - bx - 0.2 * (by - y))) * sharp * (np.abs(y - by) < 0.06), (0.3, 0.6, 0.26))
        dots(7, 0.018, ((0.98, 0.95, 0.6), (0.95, 0.75, 0.85), (1, 1, 1))[rng.integers(3)], horizon + 0.1, 1.0)
    elif kind == "desert":
        image = _fill((0.98, 0.86, 0.62), (0.99, 0.93, 0.78), y)
        dots(1, 0.1, (1.0, 0.97, 0.82), 0.08, 0.25)
        _blend(image, ground, (0.91, 0.76, 0.48))
        _blend(image, (y - ridge - 0.22 + 0.08 * np.sin(4 * x + 5 * rng.random())) * sharp, (0.84, 0.67, 0.4))
        bx = rng.random()
        cactus = np.maximum(np.abs(x - bx) - 0.03, np.abs(y - horizon) - 0.16)
        arm = np.maximum(np.abs(x - bx - 0.05) - 0.06, np.abs(y - horizon + 0.02) - 0.018)
        _blend(image, -np.minimum(cactus, arm) * sharp, (0.36, 0.56, 0.32))
    elif kind == "sea":
        image = _fill((0.3, 0.66, 0.84), (0.08, 0.28, 0.52), y)
        for _ in range(4):
            bx = rng.random()
            _blend(
                image, 0.16 * np.clip((0.05 - np.abs(x - bx + 0.4 * (y - 0.5))) * 30, 0, 1) * (1 - y), (0.85, 0.96, 1.0)
            )
        dots(12, 0.022, (0.72, 0.88, 0.95))
        weed = _smooth_noise(rng, SCENE_SIZE, 12)[0] * 0.22
        _blend(image, (y - 0.98 + weed[None]) * sharp, (0.1, 0.4, 0.36))
    elif kind == "snow":
        image = _fill((0.7, 0.79, 0.9), (0.84, 0.89, 0.95), y)
        for _ in range(3):
            bx, h = rng.random(), 0.18 + 0.12 * rng.random()
            tree = np.maximum(np.abs(x - bx) * 2.4 - (y - horizon + h), y - horizon)
            _blend(image, -tree * sharp * 0.5, (0.4, 0.55, 0.55))
        _blend(image, ground, (0.93, 0.95, 0.99))
        dots(30, 0.011, (1, 1, 1))
    elif kind == "night":
        image = _fill((0.07, 0.07, 0.2), (0.18, 0.14, 0.36), y)
        dots(34, 0.007, (0.98, 0.97, 0.8), 0.0, horizon)
        mx, my = 0.15 + 0.7 * rng.random(), 0.1 + 0.15 * rng.random()
        _blend(
            image,
            np.minimum(
                (0.09 - np.hypot(x - mx, y - my)) * sharp, (np.hypot(x - mx - 0.045, y - my + 0.02) - 0.08) * sharp
            ),
            (0.98, 0.95, 0.76),
        )
        _blend(image, ground, (0.1, 0.11, 0.2))
    elif kind == "forest":
        image = _fill((0.5, 0.66, 0.42), (0.24, 0.38, 0.22), y)
        for _ in range(6):
            bx, w = rng.random(), 0.022 + 0.03 * rng.random()
            _blend(image, (w - np.abs(x - bx)) * sharp, (0.36 + 0.08 * rng.random(), 0.26, 0.17))
        leaves = _smooth_noise(rng, SCENE_SIZE, 11) * 0.24
        _blend(image, (leaves + 0.08 - y) * sharp, (0.16, 0.36, 0.18))
        _blend(image, (y - 0.86 + 0.5 * leaves) * sharp, (0.22, 0.3, 0.14))
    elif kind == "cave":
        image = _fill((0.32, 0.29, 0.31), (0.44, 0.4, 0.4), y) - 0.14 * noise
        for sign in (0, 1):
            for _ in range(6):
                bx, h = rng.random(), 0.12 + 0.22 * rng.random()
                edge = (1 - y if sign else y) - h * (1 - np.abs(x - bx) / 0.07)
                _blend(image, -edge * sharp * 0.6 * (np.abs(x - bx) < 0.07), (0.2, 0.18, 0.21))
    elif kind == "city":
        image = _fill((0.74, 0.78, 0.86), (0.92, 0.86, 0.82), y)
        left = 0.0
        while left < 1:
            w, top = 0.1 + 0.14 * rng.random(), 0.1 + 0.34 * rng.random()
            shade = 0.42 + 0.24 * rng.random()
            block = (x > left) & (x < left + w - 0.012) & (y > top)
            _blend(image, block, (shade, shade * 0.97, shade * 1.04))
            lit = (
                block
                & (np.mod((x - left) / 0.045, 1) > 0.5)
                & (np.mod(y / 0.06, 1) > 0.5)
                & (y > top + 0.03)
                & (y < 0.8)
            )
            _blend(image, lit * 0.9, (0.97, 0.9, 0.62))
            left += w
        _blend(image, (y - 0.82) * sharp, (0.46, 0.46, 0.5))
        _blend(image, ((np.abs(y - 0.92) < 0.012) & (np.mod(x * 5, 1) > 0.5)) * 1.0, (0.95, 0.95, 0.9))
    else:
        raise ValueError(f"kind must be one of {HABITATS}, got {kind!r}")
    image += 0.05 * (noise - 0.5)
    return np.clip(image, 0, 1)


def _tile(kind: str, rng: np.random.Generator) -> np.ndarray:
    """One period of a texture, (64, 64) in 0..1: how much of the second colour shows."""
    x, y = _grid(TILE_SIZE)
    soft = TILE_SIZE / 5

    def edge(distance: np.ndarray) -> np.ndarray:
        return np.clip(0.5 + distance * soft, 0, 1)

    if kind == "plain":
        return np.zeros((TILE_SIZE, TILE_SIZE))
    if kind == "striped":
        return edge(0.115 - np.abs(np.mod(x * 2, 1) - 0.5) / 2)
    if kind == "spotted":
        cover = np.zeros_like(x)
        for cx, cy in ((0.25, 0.25), (0.75, 0.75), (0.75, 0.25), (0.25, 0.75)):
            cx, cy = cx + 0.05 * (rng.random() - 0.5), cy + 0.05 * (rng.random() - 0.5)
            dx, dy = np.abs(x - cx), np.abs(y - cy)
            cover = np.maximum(cover, edge(0.135 - np.hypot(np.minimum(dx, 1 - dx), np.minimum(dy, 1 - dy))))
        return cover
    if kind == "checkered":
        return edge(np.sin(4 * np.pi * x) * np.sin(4 * np.pi * y) * 0.2)
    if kind == "ringed":
        r = np.hypot(np.mod(x, 0.5) - 0.25, np.mod(y, 0.5) - 0.25)
        return edge(0.045 - np.abs(r - 0.19)) + edge(0.075 - r)
    if kind == "patched":
        noise = _smooth_noise(rng, TILE_SIZE, 3, wrap=True)
        return edge((noise - np.quantile(noise, 0.64)) * 1.2)
    if kind == "zigzag":
        wave = np.abs(np.mod(x * 2, 1) - 0.5) * 0.5
        return edge(0.115 - np.abs(np.mod(y * 2 + wave * 2, 1) - 0.5) / 2)
    if kind == "netted":
        return np.maximum(
            edge(0.045 - np.abs(np.mod((x + y) * 2, 1) - 0.5) / 2.8),
            edge(0.045 - np.abs(np.mod((x - y) * 2, 1) - 0.5) / 2.8),
        )
    raise ValueError(f"kind must be one of {TEXTURES}, got {kind!r}")


def _veil(kind: str, rng: np.random.Generator) -> np.ndarray:
    """What weather lays over a picture, (64, 64, 4) RGB and cover in 0..1."""
    x, y = _grid(VEIL_SIZE)
    if kind == "clear":
        colour, cover = np.zeros((VEIL_SIZE, VEIL_SIZE, 3)), np.zeros_like(x)
    elif kind == "rain":
        cover = np.full_like(x, 0.12)
        for _ in range(46):
            cx, cy, length = rng.random(), rng.random() * 1.2 - 0.1, 0.1 + 0.1 * rng.random()
            along = (y - cy) / length
            streak = (np.abs(along) < 0.5) * np.clip(1.3 - np.abs(x - cx + 0.25 * (y - cy)) * VEIL_SIZE, 0, 1)
            cover = np.maximum(cover, 0.75 * streak)
        colour = np.where((cover > 0.2)[..., None], (0.8, 0.9, 1.0), (0.3, 0.36, 0.46))
    elif kind == "fog":
        cover = 0.28 + 0.3 * _smooth_noise(rng, VEIL_SIZE, 4)
        colour = np.broadcast_to((0.86, 0.88, 0.9), (VEIL_SIZE, VEIL_SIZE, 3))
    elif kind == "dusk":
        colour, cover = _fill((0.32, 0.1, 0.46), (1.0, 0.5, 0.1), y), 0.24 + 0.06 * rng.random() + 0 * x
    else:
        raise ValueError(f"kind must be one of {WEATHERS}, got {kind!r}")
    return np.dstack([colour, cover])


@lru_cache(maxsize=1)
def scenes() -> np.ndarray:
    """(8 * 16, 3, 88, 88) float32 in 0..1, sixteen pictures of each habitat in order."""
    rng = np.random.default_rng(20_261)
    bank = [_scene(kind, rng) for kind in HABITATS for _ in range(SCENES_PER_HABITAT)]
    return np.stack(bank).transpose(0, 3, 1, 2).astype(np.float32)


@lru_cache(maxsize=1)
def tiles() -> np.ndarray:
    """(8 * 3, 1, 66, 66) float32, periodic textures with one wrapped pixel all round."""
    rng = np.random.default_rng(20_262)
    bank = np.stack([np.clip(_tile(kind, rng), 0, 1) for kind in TEXTURES for _ in range(TILES_PER_TEXTURE)])
    return np.pad(bank, ((0, 0), (1, 1), (1, 1)), mode="wrap")[:, None].astype(np.float32)


@lru_cache(maxsize=1)
def veils() -> np.ndarray:
    """(4 * 6, 4, 64, 64) float32: RGB and cover, six of each weather in order; the first six are empty."""
    rng = np.random.default_rng(20_265)
    bank = [_veil(kind, rng) for kind in WEATHERS for _ in range(VEILS_PER_WEATHER)]
    return np.stack(bank).transpose(0, 3, 1, 2).astype(np.float32)
