"""Render critters: (seed, index, traits) in, 64 x 64 RGB out, vectorised over the batch.

Every picture depends on its own row alone, so the result is the same in any batch, in any order. Layers from back to
front: habitat, companion, shadow, limbs, body with its texture, marking, eyes, what it wears or holds, something in
front of it, weather, light and noise.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from ltnb.critters import scenes, shapes, things
from ltnb.critters.attributes import LIMBS, RGB, SHAPES, STYLES, Traits
from ltnb.critters.individuals import NO, WORLD, Difficulty, drawn, luck

SIZE = 64
COMPANION_SCALE = (0.3, 0.4)
"""Half size of a companion as a fraction of half the picture."""
ASIDE = 0.24
"""How far the critter makes room for it."""
CHUNK = 32
"""Pictures rendered at a time: small enough to stay in a core's cache."""


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
                "bodies": torch.from_numpy(atlas[:: len(LIMBS) * len(shapes.REACH), [0, 2, 3]]),
                "scenes": torch.from_numpy(scenes.scenes()),
                "tiles": torch.from_numpy(scenes.tiles()),
                "veils": torch.from_numpy(scenes.veils()),
                "covers": torch.from_numpy(things.covers()),
                "accessories": torch.from_numpy(things.accessories()),
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
    banks, u, n = _Banks.get(), luck(seed, indices), len(indices)
    it = drawn(u, traits, d)
    style = torch.from_numpy(np.array(it.style))
    sketched, flat = (style == STYLES.index("sketch")), (style > 0)
    outdoors = 1 - flat.float()[:, None]  # sketches, cut-outs and mock-ups have no surroundings

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
    scene_row = it.habitat * scenes.SCENES_PER_HABITAT + (u["scene"] * scenes.SCENES_PER_HABITAT).astype(np.int64)
    image = _look_up(banks["scenes"], scene_row, _grid(window))
    ground = torch.ones(n, 3, 1)
    ground[style == 3] = torch.from_numpy(
        np.stack([0.75 + 0.2 * u["r2"], 0.75 + 0.2 * u["g2"], 0.75 + 0.2 * u["b2"]], -1).astype(np.float32)
    )[style == 3][..., None]
    image = _over(image, (1 - outdoors).expand(n, SIZE * SIZE), ground)

    # a companion: a smaller animal of one colour beside the critter
    accompanied = it.companion < NO["companion"]
    side = np.where(u["side"] < 0.5, -1.0, 1.0)
    small = _spread(u["companion_scale"], *COMPANION_SCALE)
    beside = _affine(
        small,
        zero,
        side * _spread(u["companion_x"], 0.56, 0.74),
        _spread(u["companion_y"], -0.45, 0.6),
        np.where(u["companion_flip"] < 0.5, -1.0, 1.0),
        zero,
    )
    kind = torch.from_numpy(np.minimum(it.companion, len(SHAPES) - 1))
    other = _look_up(banks["bodies"], kind.numpy(), _grid(beside / shapes.ATLAS_EXTENT)) * _t(small * SIZE / 2)[:, None]
    present = _t(accompanied)
    other_rgb = (banks["rgb"][torch.from_numpy(it.companion_colour)] * _t(_spread(u["companion_shade"], 0.85, 1.1)))[
        ..., None
    ]
    outline = (1.6 - other[:, 0]).clamp(0, 1) * present
    image = _over(image, outline, torch.full((1, 3, 1), 0.08))
    image = _over(image, (0.5 - other[:, 0]).clamp(0, 1) * present, other_rgb)
    image = _over(image, (0.7 - other[:, 1]).clamp(0, 1) * present, torch.ones(1, 3, 1))
    image = _over(image, (0.5 - other[:, 2]).clamp(0, 1) * present, torch.full((1, 3, 1), 0.08))

    # the critter
    scale = _spread(u["scale"], *d.scale)
    mirror = np.where(u["flip"] < 0.5, -1.0, 1.0)
    place = _affine(
        scale,
        d.turn * (2 * u["turn"] - 1),
        d.shift * (2 * u["x"] - 1) - side * np.where(accompanied, ASIDE, 0.0),
        d.shift * (2 * u["y"] - 1),
        mirror,
        d.shear * (2 * u["shear_x"] - 1),
    )
    bx, by = _coordinates(place)
    field = _look_up(
        banks["atlas"], shapes.atlas_row(it.shape, it.limbs, it.limb_length), _grid(place / shapes.ATLAS_EXTENT)
    )
    pixels = _t(scale * SIZE / 2)
    body_px, limb_px = field[:, 0] * pixels, field[:, 1] * pixels
    shade = (
        torch.from_numpy(np.stack([u[c] for c in ("r1", "g1", "b1", "r2", "g2", "b2")], -1).astype(np.float32) * 2 - 1)
        * d.shade
    )
    first = (banks["rgb"][torch.from_numpy(it.colour)] + shade[:, :3]).clamp(0.02, 0.98)[..., None]
    second = (banks["rgb"][torch.from_numpy(it.second_colour)] + shade[:, 3:]).clamp(0.02, 0.98)[..., None]
    ink = torch.full((1, 3, 1), 0.08)

    turn = _t(6.2832 * u["pattern_turn"] * 0.12 - 0.35)
    frequency = _t(np.where(it.pattern_scale == 1, 1.02, 0.58) * _spread(u["pattern_scale"], 0.9, 1.15))
    tx = (torch.cos(turn) * bx + torch.sin(turn) * by) * frequency + _t(u["pattern_x"] + 9)
    ty = (torch.cos(turn) * by - torch.sin(turn) * bx) * frequency + _t(u["pattern_y"] + 9)
    inner = scenes.TILE_SIZE / (scenes.TILE_SIZE + 2)
    tile_row = it.texture * scenes.TILES_PER_TEXTURE + (u["pattern_tile"] * scenes.TILES_PER_TEXTURE).astype(np.int64)
    pattern = _look_up(
        banks["tiles"], tile_row, torch.stack([tx, ty], -1).frac_().mul_(2 * inner).sub_(inner).view(n, SIZE, SIZE, 2)
    )[:, 0]

    shadow = ((0.5 - (torch.minimum(body_px, limb_px) - 2.0) * 0.25).clamp(0, 1) * 0.25) * (
        1 - sketched.float()[:, None]
    )
    image = image * (1 - shadow[:, None])
    silhouette = (2.0 - torch.minimum(body_px, limb_px)).clamp(0, 1)
    image = _over(image, silhouette, ink)
    image = _over(image, (0.5 - limb_px).clamp(0, 1), second)
    image = _over(image, (1.5 - body_px).clamp(0, 1), ink)
    coat = torch.lerp(first.expand(n, 3, SIZE * SIZE), second, pattern[:, None])
    volume = (1.06 - 0.2 * by).clamp(0.75, 1.25)
    image = _over(image, (0.5 - body_px).clamp(0, 1), coat * volume[:, None])

    spot = banks["spots"][torch.from_numpy(it.shape), torch.from_numpy(np.minimum(it.marking, 2))]
    around = ((bx - spot[:, :1]).abs() + (by - spot[:, 1:]).abs()) * pixels
    marked = (0.5 - body_px).clamp(0, 1) * _t(it.marking < 3)
    radius = 0.2 * pixels
    image = _over(image, (radius + 1.3 - around).clamp(0, 1) * marked, ink)
    image = _over(image, (radius + 0.3 - around).clamp(0, 1) * marked, torch.tensor([0.99, 0.95, 0.8]).view(1, 3, 1))

    eye = field[:, 2] * pixels
    image = _over(image, (1.2 - eye).clamp(0, 1), ink)
    image = _over(image, (0.5 - eye).clamp(0, 1), torch.ones(1, 3, 1))
    image = _over(image, (0.5 - field[:, 3] * pixels).clamp(0, 1), ink)

    # what it wears or holds, in the coordinates of its body
    rows = np.flatnonzero(it.accessory < NO["accessory"])
    if len(rows):
        places = things.accessory_places()[it.shape[rows], it.accessory[rows]]
        ax, ay, size = (_t(column) for column in places.T)
        spot = torch.stack([(bx[rows] - ax) / size, (by[rows] - ay) / size], -1).view(-1, SIZE, SIZE, 2)
        variant = (u["accessory_kind"][rows] * things.ACCESSORY_VARIANTS).astype(np.int64)
        worn = _look_up(
            banks["accessories"], it.accessory[rows] * things.ACCESSORY_VARIANTS + variant, spot, pad="zeros"
        )
        image[rows] = _over(image[rows], worn[:, 3], worn[:, :3])

    # something in front of it
    rows = np.flatnonzero((it.cover < NO["cover"]) & (it.style == 0))
    if len(rows):
        v = {name: value[rows] for name, value in u.items() if name.startswith("cover")}
        angle = 6.2832 * v["cover_x"]
        away = 0.55 * _spread(v["cover_y"], 0.4, 1.0)
        front = _affine(
            _spread(v["cover_scale"], 0.24, 0.44),
            6.2832 * v["cover_turn"],
            np.cos(angle) * away,
            np.sin(angle) * away,
            np.ones(len(rows)),
            np.zeros(len(rows)),
        )
        variant = (v["cover_kind"] * things.COVER_VARIANTS).astype(np.int64)
        thing = _look_up(banks["covers"], it.cover[rows] * things.COVER_VARIANTS + variant, _grid(front), pad="zeros")
        image[rows] = _over(image[rows], thing[:, 3], thing[:, :3])

    # pencil drawings keep the lines and a hint of the coat
    if bool(sketched.any()):
        lines = torch.maximum((1.2 - (body_px.abs())).clamp(0, 1), (1.2 - limb_px.abs()).clamp(0, 1) * (body_px > 0))
        lines = torch.maximum(
            lines, torch.maximum((0.5 - field[:, 3] * pixels).clamp(0, 1), pattern * 0.45 * (body_px < 0))
        )
        lines = torch.maximum(lines, outline * (1.2 - other[:, 0].abs()).clamp(0, 1) * (body_px > 0))
        tone = image.mean(1) * 0.25 + 0.72
        pencil = (tone * (1 - 0.85 * lines))[:, None] * torch.tensor([1.0, 0.98, 0.94]).view(1, 3, 1)
        image = torch.where(sketched[:, None, None], pencil, image)

    rows = np.flatnonzero((it.weather > 0) & (it.style == 0))
    if len(rows):
        variant = (u["weather_kind"][rows] * scenes.VEILS_PER_WEATHER).astype(np.int64)
        veil = banks["veils"][torch.from_numpy(it.weather[rows] * scenes.VEILS_PER_WEATHER + variant)].flatten(2)
        image[rows] = _over(image[rows], veil[:, 3], veil[:, :3])

    # light, and the noise of a camera
    cast = torch.from_numpy(np.stack([u["cast_r"], u["cast_g"], u["cast_b"]], -1).astype(np.float32) * 2 - 1) * d.cast
    cast = cast * outdoors
    slope = 1 + 0.22 * (_t(2 * u["gradient_x"] - 1) * _PX + _t(2 * u["gradient_y"] - 1) * _PY)
    level = _t(_spread(u["light"], *d.light)) * slope
    level = torch.where(flat[:, None], torch.ones_like(level), level)
    image = image.mul_(level[:, None]).mul_((255 * (1 + cast))[..., None])
    start = torch.from_numpy((u["noise_x"] * len(banks["grain"])).astype(np.int64))
    grain = banks["grain"].index_select(0, start).mul_(_t(255 * d.noise * u["noise_amount"] * 1.5)).add_(0.5)
    return image.add_(grain[:, None]).clamp_(0, 255).to(torch.uint8).view(n, 3, SIZE, SIZE)
