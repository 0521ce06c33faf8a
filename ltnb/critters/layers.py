"""The layers of a picture, one function each, painted over one another from back to front."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from ltnb.critters import scenes, shapes, things
from ltnb.critters.attributes import SHAPES, STYLES, Traits
from ltnb.critters.individuals import NO, Difficulty
from ltnb.critters.raster import (
    INK,
    PX,
    PY,
    SIZE,
    WHITE,
    affine,
    banks,
    coordinates,
    each,
    grid,
    look_up,
    one_of,
    over,
    spread,
)

COMPANION_SCALE = (0.3, 0.4)
"""Half size of a companion as a fraction of half the picture."""
ASIDE = 0.24
"""How far the critter makes room for it."""

_TURN = 6.2832
_MARK = torch.tensor([0.99, 0.95, 0.8]).view(1, 3, 1)
_PAPER = torch.tensor([1.0, 0.98, 0.94]).view(1, 3, 1)


@dataclass(frozen=True)
class Batch:
    """N pictures to draw.

    Attributes:
        u: (N,) uniform numbers, by what they decide.
        it: what each picture shows, nothing free.
        difficulty: how much individuals vary.
    """

    u: dict[str, np.ndarray]
    it: Traits
    difficulty: Difficulty

    @property
    def n(self) -> int:
        """How many."""
        return len(self.it.style)

    @cached_property
    def side(self) -> np.ndarray:
        """On which side a companion stands: -1 or 1."""
        return np.where(self.u["side"] < 0.5, -1.0, 1.0)

    @cached_property
    def accompanied(self) -> np.ndarray:
        """Whether there is a companion."""
        return self.it.companion < NO["companion"]

    @cached_property
    def sketched(self) -> torch.Tensor:
        """Whether it is a pencil drawing."""
        return torch.from_numpy(self.it.style == STYLES.index("sketch"))

    @cached_property
    def outdoors(self) -> torch.Tensor:
        """(N, 1) 1.0 for photographs: sketches, cut-outs and mock-ups have no surroundings."""
        return each(self.it.style == 0)


@dataclass(frozen=True)
class Body:
    """The critter of each picture as distances in pixels, negative inside, and its pattern; all (N, 4096).

    Attributes:
        x: coordinate in the frame of the body.
        y: the other one.
        pixels: (N, 1) pixels a unit of that frame.
        body: distance to the body.
        limbs: to the limbs.
        white: to the whites of the eyes.
        pupil: to the pupils.
        pattern: how much of the second colour its coat shows.
    """

    x: torch.Tensor
    y: torch.Tensor
    pixels: torch.Tensor
    body: torch.Tensor
    limbs: torch.Tensor
    white: torch.Tensor
    pupil: torch.Tensor
    pattern: torch.Tensor

    @classmethod
    def of(cls, batch: Batch) -> Body:
        """Where each critter is, how it is turned, and its coat."""
        u, it, d = batch.u, batch.it, batch.difficulty
        scale = spread(u["scale"], *d.scale)
        place = affine(
            scale,
            d.turn * (2 * u["turn"] - 1),
            d.shift * (2 * u["x"] - 1) - batch.side * np.where(batch.accompanied, ASIDE, 0.0),
            d.shift * (2 * u["y"] - 1),
            np.where(u["flip"] < 0.5, -1.0, 1.0),
            d.shear * (2 * u["shear_x"] - 1),
        )
        x, y = coordinates(place)
        row = shapes.atlas_row(it.shape, it.limbs, it.limb_length)
        field = look_up("atlas", row, grid(place / shapes.ATLAS_EXTENT))
        pixels = each(scale * SIZE / 2)
        body, limbs, white, pupil = (field[:, i] * pixels for i in range(4))
        return cls(x, y, pixels, body, limbs, white, pupil, _pattern(batch, x, y))


def _pattern(batch: Batch, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    u, it = batch.u, batch.it
    turn = each(_TURN * u["pattern_turn"] * 0.12 - 0.35)
    frequency = each(np.where(it.pattern_scale == 1, 1.1, 0.66) * spread(u["pattern_scale"], 0.9, 1.15))
    tx = (torch.cos(turn) * x + torch.sin(turn) * y) * frequency + each(u["pattern_x"] + 9)
    ty = (torch.cos(turn) * y - torch.sin(turn) * x) * frequency + each(u["pattern_y"] + 9)
    inner = scenes.TILE_SIZE / (scenes.TILE_SIZE + 2)
    at = torch.stack([tx, ty], -1).frac_().mul_(2 * inner).sub_(inner).view(batch.n, SIZE, SIZE, 2)
    row = it.texture * scenes.TILES_PER_TEXTURE + one_of(u["pattern_tile"], scenes.TILES_PER_TEXTURE)
    return look_up("tiles", row, at)[:, 0]


def ground(batch: Batch) -> torch.Tensor:
    """A random crop of a random picture of the habitat; paper outside photographs, coloured under mock-ups."""
    u, n = batch.u, batch.n
    crop = SIZE / scenes.SCENE_SIZE
    room, zero = 1 - crop, np.zeros(n)
    flip = np.where(u["scene_flip"] < 0.5, -1.0, 1.0)
    window = np.stack(
        [
            np.stack([crop * flip, zero, spread(u["scene_x"], -room, room)], -1),
            np.stack([zero, zero + crop, spread(u["scene_y"], -room, room)], -1),
        ],
        1,
    )
    row = batch.it.habitat * scenes.SCENES_PER_HABITAT + one_of(u["scene"], scenes.SCENES_PER_HABITAT)
    paper, mockups = torch.ones(n, 3, 1), torch.from_numpy(batch.it.style == STYLES.index("mockup"))
    tint = np.stack([0.75 + 0.2 * u[channel] for channel in ("r2", "g2", "b2")], -1).astype(np.float32)
    paper[mockups] = torch.from_numpy(tint)[mockups][..., None]
    return over(look_up("scenes", row, grid(window)), (1 - batch.outdoors).expand(n, SIZE * SIZE), paper)


def companion(batch: Batch, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A smaller animal of one colour beside the critter; also the lines that a pencil would draw of it, (N, 4096)."""
    u, it, zero = batch.u, batch.it, np.zeros(batch.n)
    scale = spread(u["companion_scale"], *COMPANION_SCALE)
    place = affine(
        scale,
        zero,
        batch.side * spread(u["companion_x"], 0.56, 0.74),
        spread(u["companion_y"], -0.45, 0.6),
        np.where(u["companion_flip"] < 0.5, -1.0, 1.0),
        zero,
    )
    row = np.minimum(it.companion, len(SHAPES) - 1)
    field = look_up("bodies", row, grid(place / shapes.ATLAS_EXTENT)) * each(scale * SIZE / 2)[:, None]
    there = each(batch.accompanied)
    coat = banks()["rgb"][torch.from_numpy(it.companion_colour)] * each(spread(u["companion_shade"], 0.85, 1.1))
    outline = (1.6 - field[:, 0]).clamp(0, 1) * there
    image = over(image, outline, INK)
    image = over(image, (0.5 - field[:, 0]).clamp(0, 1) * there, coat[..., None])
    image = over(image, (0.7 - field[:, 1]).clamp(0, 1) * there, WHITE)
    image = over(image, (0.5 - field[:, 2]).clamp(0, 1) * there, INK)
    return image, outline * (1.2 - field[:, 0].abs()).clamp(0, 1)


def critter(batch: Batch, image: torch.Tensor, at: Body) -> torch.Tensor:
    """Shadow, limbs, body with its texture, marking, eyes."""
    u, it = batch.u, batch.it
    names = ("r1", "g1", "b1", "r2", "g2", "b2")
    shade = torch.from_numpy(np.stack([u[c] for c in names], -1).astype(np.float32) * 2 - 1) * batch.difficulty.shade
    rgb = banks()["rgb"]
    first = (rgb[torch.from_numpy(it.colour)] + shade[:, :3]).clamp(0.02, 0.98)[..., None]
    second = (rgb[torch.from_numpy(it.second_colour)] + shade[:, 3:]).clamp(0.02, 0.98)[..., None]

    nearest = torch.minimum(at.body, at.limbs)
    shadow = (0.5 - (nearest - 2.0) * 0.25).clamp(0, 1) * 0.25 * (1 - batch.sketched.float()[:, None])
    image = image * (1 - shadow[:, None])
    image = over(image, (2.0 - nearest).clamp(0, 1), INK)
    image = over(image, (0.5 - at.limbs).clamp(0, 1), second)
    image = over(image, (1.5 - at.body).clamp(0, 1), INK)
    coat = torch.lerp(first.expand(batch.n, 3, SIZE * SIZE), second, at.pattern[:, None])
    volume = (1.06 - 0.2 * at.y).clamp(0.75, 1.25)
    image = over(image, (0.5 - at.body).clamp(0, 1), coat * volume[:, None])

    spot = banks()["spots"][torch.from_numpy(it.shape), torch.from_numpy(np.minimum(it.marking, 2))]
    around = ((at.x - spot[:, :1]).abs() + (at.y - spot[:, 1:]).abs()) * at.pixels
    marked = (0.5 - at.body).clamp(0, 1) * each(it.marking < 3)
    radius = 0.2 * at.pixels
    image = over(image, (radius + 1.3 - around).clamp(0, 1) * marked, INK)
    image = over(image, (radius + 0.3 - around).clamp(0, 1) * marked, _MARK)

    image = over(image, (1.2 - at.white).clamp(0, 1), INK)
    image = over(image, (0.5 - at.white).clamp(0, 1), WHITE)
    return over(image, (0.5 - at.pupil).clamp(0, 1), INK)


def accessory(batch: Batch, image: torch.Tensor, at: Body) -> torch.Tensor:
    """What a critter wears or holds, in the coordinates of its body."""
    it, rows = batch.it, np.flatnonzero(batch.it.accessory < NO["accessory"])
    if not len(rows):
        return image
    kind, variants = it.accessory[rows], things.ACCESSORY_VARIANTS
    x, y, size = (each(column) for column in things.accessory_places()[it.shape[rows], kind].T)
    spot = torch.stack([(at.x[rows] - x) / size, (at.y[rows] - y) / size], -1).view(-1, SIZE, SIZE, 2)
    thing = look_up(
        "accessories", kind * variants + one_of(batch.u["accessory_kind"][rows], variants), spot, pad="zeros"
    )
    image[rows] = over(image[rows], thing[:, 3], thing[:, :3])
    return image


def cover(batch: Batch, image: torch.Tensor) -> torch.Tensor:
    """Something in front of it, in photographs."""
    rows = np.flatnonzero((batch.it.cover < NO["cover"]) & (batch.it.style == 0))
    if not len(rows):
        return image
    u = {name: value[rows] for name, value in batch.u.items() if name.startswith("cover")}
    angle, away = _TURN * u["cover_x"], 0.55 * spread(u["cover_y"], 0.4, 1.0)
    place = affine(
        spread(u["cover_scale"], 0.24, 0.44),
        _TURN * u["cover_turn"],
        np.cos(angle) * away,
        np.sin(angle) * away,
        np.ones(len(rows)),
        np.zeros(len(rows)),
    )
    row = batch.it.cover[rows] * things.COVER_VARIANTS + one_of(u["cover_kind"], things.COVER_VARIANTS)
    thing = look_up("covers", row, grid(place), pad="zeros")
    image[rows] = over(image[rows], thing[:, 3], thing[:, :3])
    return image


def pencil(batch: Batch, image: torch.Tensor, at: Body, beside: torch.Tensor) -> torch.Tensor:
    """Of drawings only the lines, those of the companion (`beside`) too, and a hint of the coat."""
    if not bool(batch.sketched.any()):
        return image
    lines = torch.maximum((1.2 - at.body.abs()).clamp(0, 1), (1.2 - at.limbs.abs()).clamp(0, 1) * (at.body > 0))
    coat = torch.maximum((0.5 - at.pupil).clamp(0, 1), at.pattern * 0.45 * (at.body < 0))
    lines = torch.maximum(torch.maximum(lines, coat), beside * (at.body > 0))
    tone = image.mean(1) * 0.25 + 0.72
    return torch.where(batch.sketched[:, None, None], (tone * (1 - 0.85 * lines))[:, None] * _PAPER, image)


def weather(batch: Batch, image: torch.Tensor) -> torch.Tensor:
    """Rain, fog or dusk over a photograph."""
    rows = np.flatnonzero((batch.it.weather > 0) & (batch.it.style == 0))
    if not len(rows):
        return image
    variant = one_of(batch.u["weather_kind"][rows], scenes.VEILS_PER_WEATHER)
    row = torch.from_numpy(batch.it.weather[rows] * scenes.VEILS_PER_WEATHER + variant)
    veil = banks()["veils"][row].flatten(2)
    image[rows] = over(image[rows], veil[:, 3], veil[:, :3])
    return image


def camera(batch: Batch, image: torch.Tensor) -> torch.Tensor:
    """Light and its colour, and noise: (N, 3, 64, 64) uint8."""
    u, d = batch.u, batch.difficulty
    cast = np.stack([u["cast_r"], u["cast_g"], u["cast_b"]], -1).astype(np.float32) * 2 - 1
    colour = torch.from_numpy(cast) * d.cast * batch.outdoors
    slope = 1 + 0.22 * (each(2 * u["gradient_x"] - 1) * PX + each(2 * u["gradient_y"] - 1) * PY)
    level = each(spread(u["light"], *d.light)) * slope
    level = torch.where(batch.outdoors == 0, torch.ones_like(level), level)
    image = image.mul_(level[:, None]).mul_((255 * (1 + colour))[..., None])
    grain = banks()["grain"]
    start = torch.from_numpy(one_of(u["noise_x"], len(grain)))
    noise = grain.index_select(0, start).mul_(each(255 * d.noise * u["noise_amount"] * 1.5)).add_(0.5)
    return image.add_(noise[:, None]).clamp_(0, 255).to(torch.uint8).view(batch.n, 3, SIZE, SIZE)
