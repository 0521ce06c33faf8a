"""Render critters: (seed, index, traits) in, 64 x 64 RGB out, vectorised over the batch.

Every picture depends on its own row alone, so the result is the same in any batch, in any order. Layers from back to
front: habitat, a second small animal as distractor, shadow, limbs, body with its texture, marking, eyes, an occluder,
light and noise.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from ltnb.critters import scenes, shapes
from ltnb.critters.attributes import HABITATS, LIMBS, RGB, SHAPES, Traits, uniforms

SIZE = 64
CHUNK = 32
"""Pictures rendered at a time: small enough to stay in a core's cache."""


@dataclass(frozen=True)
class Difficulty:
    """How much individuals of one species vary."""

    turn: float
    """largest rotation, radians"""
    scale: tuple[float, float]
    """half body size as a fraction of half the picture"""
    shift: float
    """largest shift of the centre, fraction of half the picture"""
    shear: float
    shade: float
    """spread of each colour channel of an individual's coat"""
    light: tuple[float, float]
    cast: float
    """spread of the colour of the light"""
    occlusion: float
    """probability of an occluder"""
    distractor: float
    """probability of a second, smaller animal in the background"""
    noise: float
    home: float = 0.6
    """probability that an individual is seen in its species' habitat"""

    def towards(self, other: Difficulty, share: float) -> Difficulty:
        """A mixture: `share` = 0 is this one, 1 the other."""

        def between(a: float, b: float) -> float:
            return a + (b - a) * share

        values: dict[str, Any] = {}
        for name in (f.name for f in fields(self)):
            a, b = getattr(self, name), getattr(other, name)
            values[name] = tuple(map(between, a, b)) if isinstance(a, tuple) else between(a, b)
        return Difficulty(**values)


WORLD = Difficulty(
    turn=0.38,
    scale=(0.46, 0.7),
    shift=0.2,
    shear=0.14,
    shade=0.1,
    light=(0.68, 1.2),
    cast=0.1,
    occlusion=0.55,
    distractor=0.55,
    noise=0.025,
)
"""The difficulty of every data set; frozen with the world version (see the datasheet in `ltnb.critters.datasets`)."""

EASY = Difficulty(
    turn=0.15,
    scale=(0.6, 0.75),
    shift=0.1,
    shear=0.0,
    shade=0.05,
    light=(0.85, 1.1),
    cast=0.03,
    occlusion=0.0,
    distractor=0.0,
    noise=0.0,
)
"""Portraits: what the first pre-training pictures are like."""
_NAMES = """
turn scale x y shear_x shear_y flip squash r1 g1 b1 r2 g2 b2 light cast_r cast_g cast_b gradient_x gradient_y fine
pattern_scale pattern_turn pattern_x pattern_y pattern_tile marking limb_length away habitat scene scene_x scene_y
scene_flip occluder occluder_kind occluder_x occluder_y occluder_scale occluder_turn other other_x other_y other_scale
other_shape other_limbs other_colour noise_x noise_amount
""".split()


def _individuals(seed: int, indices: np.ndarray) -> dict[str, np.ndarray]:
    table = uniforms(seed, indices, len(_NAMES))
    return {name: table[:, i] for i, name in enumerate(_NAMES)}


def seen_habitat(seed: int, indices: np.ndarray, home: np.ndarray, difficulty: Difficulty = WORLD) -> np.ndarray:
    """The habitat that each picture really shows, given the species' own (N,) -> (N,)."""
    return _habitat(_individuals(seed, indices), home, difficulty)


def _habitat(u: dict[str, np.ndarray], home: np.ndarray, difficulty: Difficulty) -> np.ndarray:
    return np.where(u["away"] < difficulty.home, home, (u["habitat"] * len(HABITATS)).astype(np.int64))


def fine_traits(seed: int, indices: np.ndarray, traits: Traits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Marking, limb length and pattern scale of each picture with the free ones (-1) drawn."""
    return _fine_traits(_individuals(seed, indices), traits)


def _fine_traits(u: dict[str, np.ndarray], traits: Traits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    marking = np.where(traits.marking < 0, (u["marking"] * 4).astype(np.int64), traits.marking)  # 3 = no marking
    length = np.where(traits.limb_length < 0, (u["limb_length"] * 3).astype(np.int64), traits.limb_length)
    fine = np.where(traits.pattern_scale < 0, (u["fine"] * 2).astype(np.int64), traits.pattern_scale)
    return marking, length, fine


def _affine(
    scale: np.ndarray, turn: np.ndarray, cx: np.ndarray, cy: np.ndarray, mirror: np.ndarray, shear: np.ndarray
) -> np.ndarray:
    """(N, 2, 3) maps from picture coordinates (-1..1) to object coordinates."""
    c, s = np.cos(turn), np.sin(turn)
    a, b = c / scale * mirror, s / scale * mirror
    d, e = -s / scale + shear * c / scale, c / scale + shear * s / scale
    return np.stack([np.stack([a, b, -(a * cx + b * cy)], -1), np.stack([d, e, -(d * cx + e * cy)], -1)], 1)


_axis = (torch.arange(SIZE, dtype=torch.float32) + 0.5) / SIZE * 2 - 1
_PX = _axis.repeat(SIZE)
_PY = _axis.repeat_interleave(SIZE)


def _coordinates(matrix: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    m = torch.from_numpy(matrix.astype(np.float32))[..., None]
    return m[:, 0, 0] * _PX + m[:, 0, 1] * _PY + m[:, 0, 2], m[:, 1, 0] * _PX + m[:, 1, 1] * _PY + m[:, 1, 2]


def _look_up(bank: torch.Tensor, rows: np.ndarray, grid: torch.Tensor, pad: str = "border") -> torch.Tensor:
    """Bilinear look-up of bank[rows] at a (N, 64, 64, 2) grid in -1..1: (N, channels, 4096)."""
    return F.grid_sample(
        bank.index_select(0, torch.from_numpy(rows)), grid, padding_mode=pad, align_corners=False
    ).flatten(2)


def _grid(matrix: np.ndarray) -> torch.Tensor:
    """(N, 2, 3) maps -> the (N, 64, 64, 2) grid that :func:`_look_up` wants, three times as fast as F.affine_grid."""
    m = torch.from_numpy(matrix.astype(np.float32))[..., None, None]
    rows = m[:, :, 1] * _axis[:, None] + m[:, :, 2]
    return torch.addcmul(rows, m[:, :, 0], _axis).permute(0, 2, 3, 1)


class _Banks:
    """The look-up tables as tensors, built at first use."""

    _built: dict[str, torch.Tensor] = {}

    @classmethod
    def get(cls) -> dict[str, torch.Tensor]:
        if not cls._built:
            atlas = shapes.atlas()
            noise = np.random.default_rng(20_264).standard_normal(3 * SIZE * SIZE).astype(np.float32)
            cls._built = {
                "atlas": torch.from_numpy(atlas),
                "silhouettes": torch.from_numpy(np.stack([np.minimum(atlas[:, 0], atlas[:, 1]), atlas[:, 3]], 1)),
                "scenes": torch.from_numpy(scenes.scenes()),
                "tiles": torch.from_numpy(scenes.tiles()),
                "occluders": torch.from_numpy(scenes.occluders()),
                "grain": torch.from_numpy(noise).unfold(0, SIZE * SIZE, 61),  # overlapping windows of one strip
                "rgb": torch.from_numpy(RGB),
                "spots": torch.tensor([shapes.MARKING_SPOTS[s] for s in SHAPES], dtype=torch.float32),
            }
        return cls._built


def render(seed: int, indices: np.ndarray, traits: Traits, difficulty: Difficulty = WORLD) -> torch.Tensor:
    """Draw pictures.

    Args:
        seed: the stream of individuals.
        indices: (N,) non-negative picture numbers; with the same seed, number and traits the picture is the same.
        traits: what is fixed for each picture.
        difficulty: how much individuals vary.

    Returns:
        uint8 tensor (N, 3, 64, 64), RGB.
    """
    indices = np.asarray(indices, dtype=np.int64)
    out = torch.empty((len(indices), 3, SIZE, SIZE), dtype=torch.uint8)
    for start in range(0, len(indices), CHUNK):
        rows = slice(start, start + CHUNK)
        out[rows] = _render_chunk(seed, indices[rows], traits.take(rows), difficulty)
    return out


def _spread(u: np.ndarray, low: float, high: float) -> np.ndarray:
    return low + (high - low) * u


def _t(array: np.ndarray) -> torch.Tensor:
    """A per-picture number as a (N, 1) float32 tensor."""
    return torch.from_numpy(np.asarray(array, dtype=np.float32))[:, None]


def _over(image: torch.Tensor, cover: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
    """Paint `colour` (N, 3, P or 1) where `cover` (N, P) is."""
    return torch.lerp(image, colour, cover[:, None])


def _render_chunk(seed: int, indices: np.ndarray, traits: Traits, d: Difficulty) -> torch.Tensor:
    banks, u, n = _Banks.get(), _individuals(seed, indices), len(indices)
    marking, length, fine = _fine_traits(u, traits)
    habitat = _habitat(u, traits.habitat, d)
    style = torch.from_numpy(np.array(traits.style))
    drawn, plain_ground = (style == 1), (style >= 2)

    # the habitat, a random crop of a random picture of it
    crop = SIZE / scenes.SCENE_SIZE
    room = 1 - crop
    flip = np.where(u["scene_flip"] < 0.5, -1.0, 1.0)
    zero = np.zeros(n)
    window = np.stack(
        [
            np.stack([crop * flip, zero, _spread(u["scene_x"], -room, room)], -1),
            np.stack([zero, zero + crop, _spread(u["scene_y"], -room, room)], -1),
        ],
        1,
    )
    scene_row = habitat * scenes.SCENES_PER_HABITAT + (u["scene"] * scenes.SCENES_PER_HABITAT).astype(np.int64)
    image = _look_up(banks["scenes"], scene_row, _grid(window))
    ground = torch.ones(n, 3, 1)
    ground[style == 3] = torch.from_numpy(
        np.stack([0.75 + 0.2 * u["r2"], 0.75 + 0.2 * u["g2"], 0.75 + 0.2 * u["b2"]], -1).astype(np.float32)
    )[style == 3][..., None]
    flat = (drawn | plain_ground).float()[:, None]
    image = _over(image, flat.expand(n, SIZE * SIZE), ground)
    busy = 1 - flat  # sketches, cut-outs and mock-ups have no surroundings

    # a distractor: a small animal of one colour somewhere behind
    side = np.where(u["other_x"] < 0.5, -1.0, 1.0)
    other = _affine(
        _spread(u["other_scale"], 0.14, 0.24),
        0.4 * (u["other_y"] - 0.5),
        side * _spread(u["other_x"] * 2 % 1, 0.45, 0.85),
        _spread(u["other_y"], -0.8, 0.8),
        side,
        np.zeros(n),
    )
    other_shape = (u["other_shape"] * len(SHAPES)).astype(np.int64)
    other_row = shapes.atlas_row(
        other_shape, (u["other_limbs"] * len(LIMBS)).astype(np.int64), np.ones(n, dtype=np.int64)
    )
    field = _look_up(banks["silhouettes"], other_row, _grid(other / shapes.ATLAS_EXTENT))
    present = _t(u["other"] < d.distractor) * busy
    soft = _t(_spread(u["other_scale"], 0.14, 0.24) * SIZE / 2)
    other_rgb = banks["rgb"][torch.from_numpy((u["other_colour"] * 11).astype(np.int64))][..., None]
    image = _over(image, (0.5 - field[:, 0] * soft).clamp_(0, 1) * present, other_rgb * 0.9)
    image = _over(image, (0.5 - field[:, 1] * soft).clamp_(0, 1) * present, torch.zeros(1, 3, 1))

    # the critter
    scale = _spread(u["scale"], *d.scale)
    mirror = np.where(u["flip"] < 0.5, -1.0, 1.0)
    place = _affine(
        scale,
        d.turn * (2 * u["turn"] - 1),
        d.shift * (2 * u["x"] - 1),
        d.shift * (2 * u["y"] - 1),
        mirror,
        d.shear * (2 * u["shear_x"] - 1),
    )
    bx, by = _coordinates(place)
    field = _look_up(
        banks["atlas"], shapes.atlas_row(traits.shape, traits.limbs, length), _grid(place / shapes.ATLAS_EXTENT)
    )
    pixels = _t(scale * SIZE / 2)
    body_px, limb_px = field[:, 0] * pixels, field[:, 1] * pixels
    shade = (
        torch.from_numpy(np.stack([u[c] for c in ("r1", "g1", "b1", "r2", "g2", "b2")], -1).astype(np.float32) * 2 - 1)
        * d.shade
    )
    first = (banks["rgb"][torch.from_numpy(traits.colour)] + shade[:, :3]).clamp(0.02, 0.98)[..., None]
    second = (banks["rgb"][torch.from_numpy(traits.second_colour)] + shade[:, 3:]).clamp(0.02, 0.98)[..., None]
    ink = torch.full((1, 3, 1), 0.08)

    turn = _t(6.2832 * u["pattern_turn"] * 0.12 - 0.35)
    frequency = _t(np.where(fine == 1, 1.15, 0.66) * _spread(u["pattern_scale"], 0.9, 1.15))
    tx = (torch.cos(turn) * bx + torch.sin(turn) * by) * frequency + _t(u["pattern_x"] + 9)
    ty = (torch.cos(turn) * by - torch.sin(turn) * bx) * frequency + _t(u["pattern_y"] + 9)
    inner = scenes.TILE_SIZE / (scenes.TILE_SIZE + 2)
    tile_row = traits.texture * scenes.TILES_PER_TEXTURE + (u["pattern_tile"] * scenes.TILES_PER_TEXTURE).astype(
        np.int64
    )
    pattern = _look_up(
        banks["tiles"], tile_row, torch.stack([tx, ty], -1).frac_().mul_(2 * inner).sub_(inner).view(n, SIZE, SIZE, 2)
    )[:, 0]

    shadow = ((0.5 - (torch.minimum(body_px, limb_px) - 2.0) * 0.25).clamp(0, 1) * 0.25) * (1 - drawn.float()[:, None])
    image = image * (1 - shadow[:, None])
    silhouette = (2.0 - torch.minimum(body_px, limb_px)).clamp(0, 1)
    image = _over(image, silhouette, ink)
    image = _over(image, (0.5 - limb_px).clamp(0, 1), second)
    image = _over(image, (1.5 - body_px).clamp(0, 1), ink)
    coat = torch.lerp(first.expand(n, 3, SIZE * SIZE), second, pattern[:, None])
    volume = (1.06 - 0.2 * by).clamp(0.75, 1.25)
    image = _over(image, (0.5 - body_px).clamp(0, 1), coat * volume[:, None])

    spot = banks["spots"][torch.from_numpy(traits.shape), torch.from_numpy(np.minimum(marking, 2))]
    around = ((bx - spot[:, :1]).abs() + (by - spot[:, 1:]).abs()) * pixels
    marked = (0.5 - body_px).clamp(0, 1) * _t(marking < 3)
    radius = 0.2 * pixels
    image = _over(image, (radius + 1.3 - around).clamp(0, 1) * marked, ink)
    image = _over(image, (radius + 0.3 - around).clamp(0, 1) * marked, torch.tensor([0.99, 0.95, 0.8]).view(1, 3, 1))

    eye = field[:, 2] * pixels
    image = _over(image, (1.2 - eye).clamp(0, 1), ink)
    image = _over(image, (0.5 - eye).clamp(0, 1), torch.ones(1, 3, 1))
    image = _over(image, (0.5 - field[:, 3] * pixels).clamp(0, 1), ink)

    # something in front of it
    angle = 6.2832 * u["occluder_x"]
    front = _affine(
        _spread(u["occluder_scale"], 0.22, 0.48),
        6.2832 * u["occluder_turn"],
        0.62 * np.cos(angle) * _spread(u["occluder_y"], 0.4, 1.0),
        0.62 * np.sin(angle) * _spread(u["occluder_y"], 0.4, 1.0),
        np.ones(n),
        np.zeros(n),
    )
    thing = _look_up(
        banks["occluders"], (u["occluder_kind"] * scenes.OCCLUDERS).astype(np.int64), _grid(front), pad="zeros"
    )
    image = _over(image, thing[:, 3] * _t(u["occluder"] < d.occlusion) * busy, thing[:, :3])

    # pencil drawings keep the lines and a hint of the coat
    if bool(drawn.any()):
        lines = torch.maximum((1.2 - (body_px.abs())).clamp(0, 1), (1.2 - limb_px.abs()).clamp(0, 1) * (body_px > 0))
        lines = torch.maximum(
            lines, torch.maximum((0.5 - field[:, 3] * pixels).clamp(0, 1), pattern * 0.45 * (body_px < 0))
        )
        tone = image.mean(1) * 0.25 + 0.72
        pencil = (tone * (1 - 0.85 * lines))[:, None] * torch.tensor([1.0, 0.98, 0.94]).view(1, 3, 1)
        image = torch.where(drawn[:, None, None], pencil, image)

    # light, and the noise of a camera
    cast = torch.from_numpy(np.stack([u["cast_r"], u["cast_g"], u["cast_b"]], -1).astype(np.float32) * 2 - 1) * d.cast
    cast = cast * (style == 0)[:, None]
    slope = 1 + 0.22 * (_t(2 * u["gradient_x"] - 1) * _PX + _t(2 * u["gradient_y"] - 1) * _PY)
    level = _t(_spread(u["light"], *d.light)) * slope
    level = torch.where((style > 0)[:, None], torch.ones_like(level), level)
    image = image.mul_(level[:, None]).mul_((255 * (1 + cast))[..., None])
    start = torch.from_numpy((u["noise_x"] * len(banks["grain"])).astype(np.int64))
    grain = banks["grain"].index_select(0, start).mul_(_t(255 * d.noise * u["noise_amount"] * 1.5)).add_(0.5)
    return image.add_(grain[:, None]).clamp_(0, 255).to(torch.uint8).view(n, 3, SIZE, SIZE)
