"""Signed distance maps of bodies, limbs and faces: drawn once, then only looked up by the renderer.

Coordinates: x to the right, y DOWN, a body fills about the unit disc and limbs reach to about 1.7. A distance is
negative inside.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ltnb.critters.attributes import LIMB_LENGTHS, LIMBS, SHAPES

ATLAS_SIZE = 80
ATLAS_EXTENT = 2.0
"""The atlas covers [-2, 2] squared; beyond it the border repeats, so nothing may reach there."""

Field = np.ndarray
_axis = (np.arange(ATLAS_SIZE, dtype=np.float64) + 0.5) / ATLAS_SIZE * 2 * ATLAS_EXTENT - ATLAS_EXTENT
X, Y = np.meshgrid(_axis, _axis)


def circle(cx: float, cy: float, r: float) -> Field:
    """Distance to a disc."""
    return np.hypot(X - cx, Y - cy) - r


def ellipse(cx: float, cy: float, rx: float, ry: float, turn: float = 0.0) -> Field:
    """First-order distance to an ellipse turned by `turn` radians."""
    c, s = np.cos(turn), np.sin(turn)
    x, y = c * (X - cx) + s * (Y - cy), -s * (X - cx) + c * (Y - cy)
    near = np.hypot(x / rx, y / ry)
    return near * (near - 1.0) / (np.hypot(x / rx**2, y / ry**2) + 1e-9)


def capsule(ax: float, ay: float, bx: float, by: float, r: float, r_end: float | None = None) -> Field:
    """Distance to a thick segment whose radius goes linearly from `r` to `r_end`."""
    dx, dy = bx - ax, by - ay
    t = np.clip(((X - ax) * dx + (Y - ay) * dy) / (dx * dx + dy * dy + 1e-12), 0, 1)
    return np.hypot(X - ax - t * dx, Y - ay - t * dy) - (r + t * ((r if r_end is None else r_end) - r))


def polygon(*points: tuple[float, float]) -> Field:
    """Exact distance to a simple polygon."""
    distance = np.full_like(X, np.inf)
    inside = np.zeros(X.shape, dtype=bool)
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
        dx, dy = bx - ax, by - ay
        t = np.clip(((X - ax) * dx + (Y - ay) * dy) / (dx * dx + dy * dy + 1e-12), 0, 1)
        distance = np.minimum(distance, np.hypot(X - ax - t * dx, Y - ay - t * dy))
        crosses = (ay > Y) != (by > Y)
        inside ^= crosses & (X < dx * (Y - ay) / (dy if abs(dy) > 1e-12 else 1e-12) + ax)
    return np.where(inside, -distance, distance)


def union(*fields: Field, smooth: float = 0.0) -> Field:
    """Union; `smooth` rounds the seams."""
    result = fields[0]
    for field in fields[1:]:
        if smooth:
            h = np.clip(0.5 + 0.5 * (field - result) / smooth, 0, 1)
            result = field * (1 - h) + result * h - smooth * h * (1 - h)
        else:
            result = np.minimum(result, field)
    return result


def _path(points: list[tuple[float, float]], r: float, r_end: float) -> Field:
    """A tapering thick line through points."""
    radii = np.linspace(r, r_end, len(points))
    parts = [capsule(*points[i], *points[i + 1], radii[i], radii[i + 1]) for i in range(len(points) - 1)]
    return union(*parts)


def _fish() -> Field:
    return union(
        ellipse(0.18, 0, 0.82, 0.56), polygon((-0.45, 0), (-1.08, -0.55), (-0.92, 0), (-1.08, 0.55)), smooth=0.08
    )


def _bird() -> Field:
    body = union(ellipse(-0.12, 0.18, 0.7, 0.56, 0.25), circle(0.5, -0.5, 0.38), smooth=0.15)
    return union(
        body, polygon((0.78, -0.64), (1.2, -0.44), (0.78, -0.36)), polygon((-0.6, 0.1), (-1.2, -0.22), (-1.1, 0.3))
    )


def _snail() -> Field:
    foot = union(ellipse(0.0, 0.68, 1.02, 0.24), capsule(0.78, 0.62, 0.95, 0.08, 0.2), smooth=0.15)
    return union(
        foot, circle(-0.18, -0.02, 0.72), capsule(0.93, 0.1, 0.8, -0.38, 0.05), capsule(0.98, 0.1, 1.12, -0.36, 0.05)
    )


def _cat() -> Field:
    head = union(
        circle(0.42, -0.42, 0.47),
        polygon((0.0, -0.52), (0.02, -1.1), (0.4, -0.82)),
        polygon((0.46, -0.82), (0.84, -1.1), (0.86, -0.5)),
    )
    tail = _path([(-0.55, 0.6), (-1.0, 0.5), (-1.16, 0.1), (-0.98, -0.3)], 0.13, 0.11)
    return union(union(head, ellipse(-0.08, 0.42, 0.68, 0.52), smooth=0.12), tail)


def _snake() -> Field:
    xs = np.linspace(-1.1, 0.8, 14)
    body = _path([(x, 0.42 * np.sin(3.6 * x + 0.3) + 0.1) for x in xs], 0.1, 0.24)
    return union(body, ellipse(0.92, -0.02, 0.34, 0.27), smooth=0.1)


def _beetle() -> Field:
    return union(ellipse(-0.1, 0, 0.78, 0.72), ellipse(0.74, 0, 0.32, 0.42))


def _starfish() -> Field:
    angles = np.arange(10) * np.pi / 5 - np.pi / 2
    radii = np.where(np.arange(10) % 2 == 0, 1.02, 0.46)
    return polygon(*[(r * np.cos(a), r * np.sin(a)) for a, r in zip(angles, radii, strict=True)]) - 0.08


def _jellyfish() -> Field:
    dome = np.maximum(ellipse(0, 0.2, 0.9, 0.98), Y - 0.3)
    frill = union(*[circle(x, 0.3, 0.2) for x in (-0.7, -0.35, 0.0, 0.35, 0.7)])
    return union(dome, frill)


def _bear() -> Field:
    head = union(circle(0.0, -0.46, 0.48), circle(-0.42, -0.84, 0.22), circle(0.42, -0.84, 0.22))
    return union(head, ellipse(0, 0.4, 0.66, 0.6), smooth=0.08)


def _rabbit() -> Field:
    ears = union(capsule(-0.18, -0.5, -0.34, -1.16, 0.14), capsule(0.2, -0.5, 0.34, -1.16, 0.14))
    return union(union(circle(0, -0.22, 0.46), ellipse(0, 0.5, 0.6, 0.48), smooth=0.1), ears, circle(-0.66, 0.62, 0.2))


def _turtle() -> Field:
    shell = np.maximum(ellipse(-0.14, 0.3, 0.88, 0.9), Y - 0.42)
    neck = union(capsule(0.6, 0.32, 0.92, 0.02, 0.17), circle(0.98, -0.06, 0.27), smooth=0.08)
    feet = union(
        ellipse(-0.58, 0.5, 0.22, 0.18),
        ellipse(0.3, 0.5, 0.22, 0.18),
        polygon((-0.9, 0.25), (-1.25, 0.45), (-0.85, 0.42)),
    )
    return union(shell, neck, feet)


def _frog() -> Field:
    return union(
        ellipse(0, 0.22, 0.92, 0.56),
        circle(-0.46, -0.36, 0.28),
        circle(0.46, -0.36, 0.28),
        ellipse(-0.78, 0.62, 0.3, 0.2),
        ellipse(0.78, 0.62, 0.3, 0.2),
        smooth=0.1,
    )


_BODIES: dict[str, Callable[[], Field]] = {
    "fish": _fish, "bird": _bird, "snail": _snail, "cat": _cat, "snake": _snake, "beetle": _beetle,
    "starfish": _starfish, "jellyfish": _jellyfish, "bear": _bear, "rabbit": _rabbit, "turtle": _turtle, "frog": _frog,
}  # fmt: skip

_EYES = {
    "fish": [(0.62, -0.14)], "bird": [(0.58, -0.56)], "snail": [(0.8, -0.42), (1.12, -0.4)],
    "cat": [(0.26, -0.46), (0.62, -0.46)],
    "snake": [(1.0, -0.1)], "beetle": [(0.84, -0.2), (0.84, 0.2)], "starfish": [(-0.18, -0.08), (0.18, -0.08)],
    "jellyfish": [(-0.26, -0.12), (0.26, -0.12)], "bear": [(-0.19, -0.5), (0.19, -0.5)],
    "rabbit": [(-0.18, -0.28), (0.18, -0.28)],
    "turtle": [(1.04, -0.12)], "frog": [(-0.46, -0.4), (0.46, -0.4)],
}  # fmt: skip

_CROWNS = {"rabbit": -0.5}
"""Where a head ends above the eyes, for bodies whose ears are in the way."""

MARKING_SPOTS = {
    "fish": [(0.4, 0.25), (0.0, 0.0), (-0.35, 0.0)], "bird": [(0.4, -0.2), (0.0, 0.15), (-0.5, 0.3)],
    "snail": [(0.15, 0.2), (-0.18, -0.05), (-0.5, -0.2)], "cat": [(0.42, -0.16), (0.0, 0.35), (-0.45, 0.55)],
    "snake": [(0.78, 0.12), (0.0, 0.22), (-0.7, -0.2)], "beetle": [(0.45, 0.0), (0.0, 0.0), (-0.55, 0.0)],
    "starfish": [(0.0, -0.6), (0.0, 0.25), (0.45, 0.45)], "jellyfish": [(0.0, -0.5), (0.0, 0.12), (-0.55, -0.1)],
    "bear": [(0.0, -0.15), (0.0, 0.3), (0.0, 0.7)], "rabbit": [(0.0, 0.05), (0.0, 0.4), (0.0, 0.75)],
    "turtle": [(0.4, 0.1), (-0.1, -0.1), (-0.6, 0.1)], "frog": [(0.0, -0.08), (0.0, 0.26), (0.0, 0.58)],
}  # fmt: skip
"""Where a marking sits on each body: front, middle, rear."""


def _limb(kind: str, shape: str, reach: float) -> Field:
    """Limbs of one kind around one body; `reach` scales how far they stick out."""
    body = _BODIES[shape]()
    low = float(Y[body < 0].max())
    left, right = float(X[body < 0].min()), float(X[body < 0].max())
    mid = (left + right) / 2

    def span_at(x: float) -> tuple[float, float]:
        column = (body < 0) & (np.abs(X - x) < 0.12)
        return float(Y[column].min()), float(Y[column].max())

    if kind == "wings":
        size = 0.5 + 0.45 * reach
        pair = [(side, mid + side * (0.3 + 0.42 * size), -0.36 * size - 0.25) for side in (-1, 1)]
        return union(*[ellipse(x, y, 0.34 * size, 0.78 * size, side * 0.75) for side, x, y in pair])
    if kind == "fins":
        top, bottom = span_at(mid)
        tall = 0.22 + 0.36 * reach
        upper = polygon((mid - 0.55, top + 0.35), (mid - 0.2, max(top - tall, -1.7)), (mid + 0.45, top + 0.35))
        return union(
            upper, polygon((mid - 0.4, bottom - 0.3), (mid - 0.15, min(bottom + tall, 1.7)), (mid + 0.4, bottom - 0.3))
        )
    if kind == "legs":
        spread, drop = 0.62 * (right - left) / 2, 0.12 + 0.26 * reach
        feet = []
        for x in (mid - spread, mid + spread):
            feet += [capsule(x, low - 0.35, x, low + drop, 0.16), ellipse(x + 0.1, low + drop + 0.05, 0.27, 0.15)]
        return union(*feet)
    if kind == "stilts":
        drop = min(0.42 + 0.42 * reach, 1.66 - low)
        legs = []
        for x in (mid - 0.24, mid + 0.24):
            legs += [capsule(x, low - 0.4, x, low + drop, 0.055), capsule(x, low + drop, x + 0.24, low + drop, 0.05)]
        return union(*legs)
    if kind == "tentacles":
        drop = min(0.3 + 0.5 * reach, 1.75 - low)
        steps = np.linspace(0, 1, 7)
        roots = (-0.72, -0.36, 0.0, 0.36, 0.72)
        arms = [[(mid + x * 0.9 + 0.12 * np.sin(8 * t), low - 0.4 + t * (drop + 0.4)) for t in steps] for x in roots]
        return union(*[_path(arm, 0.12, 0.05) for arm in arms])
    if kind == "quills":
        angle = np.arctan2(Y - 0.05, X - mid)
        return body - (0.16 + 0.28 * reach) * np.abs(np.cos(9 * angle)) ** 1.5
    if kind == "horns":
        hx = float(np.mean([x for x, _ in _EYES[shape]]))
        top = _CROWNS.get(shape, span_at(hx)[0])
        up = min(0.3 + 0.42 * reach, top + 1.75)
        sides = [
            [(hx + s * 0.2, top + 0.25), (hx + s * 0.5, top - up * 0.5), (hx + s * 0.4, top - up)] for s in (-1, 1)
        ]
        return union(*[_path(side, 0.15, 0.05) for side in sides])
    raise ValueError(f"kind must be one of {LIMBS}, got {kind!r}")


def head_of(shape: str) -> tuple[tuple[float, float], float]:
    """The middle of the eyes of a body, and where its head ends above them."""
    x, y = (float(value) for value in np.mean(_EYES[shape], axis=0))
    column = (_BODIES[shape]() < 0) & (np.abs(X - x) < 0.12) & (Y < y + 0.1)
    return (x, y), _CROWNS.get(shape, float(Y[column].min(initial=y)))


REACH = (0.4, 1.0, 1.7)
"""How far limbs stick out for each of :data:`~ltnb.critters.attributes.LIMB_LENGTHS`."""


def atlas_row(shape: np.ndarray, limbs: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Row of :func:`atlas` for integer attribute arrays."""
    return (shape * len(LIMBS) + limbs) * len(LIMB_LENGTHS) + length


@lru_cache(maxsize=1)
def atlas() -> np.ndarray:
    """Distance maps of every (shape, limb kind, limb length).

    Returns:
        (12 * 7 * 3, 4, 80, 80) float32; channels body, limbs, eye white, pupil.
    """
    rows = []
    for shape in SHAPES:
        body = _BODIES[shape]()
        big = 0.17 if len(_EYES[shape]) == 2 else 0.19
        white = union(*[circle(x, y, big) for x, y in _EYES[shape]])
        pupil = union(*[circle(x + 0.03, y + 0.02, 0.52 * big) for x, y in _EYES[shape]])
        for kind in LIMBS:
            for reach in REACH:
                rows.append(np.stack([body, _limb(kind, shape, reach), white, pupil]))
    return np.stack(rows).astype(np.float32)
