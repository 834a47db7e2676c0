"""Vessels: bright tubes that wind through the slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from sijstudy.phantom import difficulty
from sijstudy.phantom.contours import spline
from sijstudy.phantom.fields import Array, cover
from sijstudy.phantom.plane import Plane

_NEAR = 0.6  # mm beyond its radius from which a tube is drawn


@dataclass(frozen=True)
class Vessel:
    """A tube: ``path`` (m, 4) float32, body mm (u, v, w) and local radius; ``radius`` the largest.

    ``signal``: relative to the contrast's vessels.
    """

    path: Array
    radius: float
    signal: float


def draw_vessels(
    rng: np.random.Generator, paraspinal: int = 0, plexus: tuple[float, float] = (0.0, 0.0)
) -> tuple[Vessel, ...]:
    """All vessels outside the bones: iliac, gluteal, presacral, and the small veins of muscle and ligament."""
    vessels: list[Vessel] = []
    for sign in (1, -1):
        vessels += _iliac(rng, sign) + _gluteal(rng, sign) + _presacral(rng, sign) + _ligament(rng, sign)
    vessels += [_muscle_vein(rng) for _ in range(int(rng.poisson(difficulty.MUSCLE_VEINS)))]
    if paraspinal:
        vessels += [_paraspinal(rng) for _ in range(int(rng.poisson(paraspinal)))]
    if plexus[1] > 0:
        vessels += _plexus(rng, float(rng.uniform(*plexus)))
    return tuple(vessels)


def _tube(
    rng: np.random.Generator, points: Sequence[Sequence[float]], sign: int, radius: float, wander: float
) -> Vessel:
    """A smooth tube through jittered control points (x, v, w) of one side."""
    path = np.array(points, float) + rng.normal(0, wander, (len(points), 3))
    path[:, 0] *= sign
    signal = float(rng.uniform(*difficulty.VESSEL_SPREAD))
    line = spline(path.astype(np.float32), closed=False)
    taper = np.sin(np.linspace(0.15, np.pi - 0.15, len(line))) ** 0.6 * (1 + 0.12 * rng.normal(0, 1, len(line)))
    local = np.clip(radius * taper, 0.2, 1.2 * radius)[:, None]
    return Vessel(np.concatenate([line, local], axis=1).astype(np.float32), radius, signal)


def _iliac(rng: np.random.Generator, sign: int) -> list[Vessel]:
    """Common, external and internal iliac vessels in front of the sacral ala."""
    main = [(14, -120, 6), (18, -95, -6), (27, -70, -16), (36, -46, -25), (50, -26, -33), (68, -12, -46)]
    inner = [(33, -52, -22), (38, -28, -25), (42, -8, -24), (38, 14, -25), (32, 34, -28)]
    lumbar = [(36, -78, 2), (33, -58, -5), (35, -44, -13), (38, -30, -23)]
    trunk = _tube(rng, main, sign, float(rng.uniform(3.5, 6.0)), 4.0)
    if rng.random() < difficulty.FLOW_VOID_RATE:
        trunk = replace(trunk, signal=difficulty.FLOW_VOID)
    tubes = [trunk]
    tubes += [_tube(rng, inner, sign, float(rng.uniform(2.0, 3.8)), 3.5) for _ in range(2)]
    return [*tubes, _tube(rng, lumbar, sign, float(rng.uniform(1.2, 2.4)), 3.0)]


def _gluteal(rng: np.random.Generator, sign: int) -> list[Vessel]:
    """Superior gluteal vessels that leave the pelvis below the joint, with a branch along the ilium."""
    trunk = [(40, 4, -26), (48, 26, -26), (58, 36, -24), (74, 32, -20), (92, 20, -16), (112, 4, -10)]
    branch = [(52, 44, -16), (62, 46, -6), (76, 36, 4), (92, 18, 10), (104, -2, 14)]
    return [
        _tube(rng, trunk, sign, float(rng.uniform(1.5, 3.2)), 3.0),
        _tube(rng, branch, sign, float(rng.uniform(0.8, 1.8)), 3.0),
    ]


def _presacral(rng: np.random.Generator, sign: int) -> list[Vessel]:
    """Lateral sacral veins and their feeders into the front of the foramina."""
    long = [(36, -26, -27), (32, -8, -21), (28, 12, -16), (24, 30, -13), (18, 50, -9)]
    vessels = [_tube(rng, long, sign, float(rng.uniform(0.9, 2.0)), 2.5)]
    for v in (-6.0, 18.0, 38.0):
        feeder = [(34 - v / 4, v, -22), (27 - v / 5, v + 2, -12), (24 - v / 5, v, -4), (20 - v / 6, v - 3, 6)]
        vessels.append(_tube(rng, feeder, sign, float(rng.uniform(0.8, 1.8)), 2.0))
    return vessels


def _ligament(rng: np.random.Generator, sign: int) -> list[Vessel]:
    """Veins between ilium and sacrum behind the joint."""
    vessels = []
    for _ in range(int(rng.integers(3, 7))):
        w = rng.uniform(10, 34)
        start = np.array([rng.uniform(36, 52), rng.uniform(-20, 34), w])
        heading = np.array([rng.normal(0.3, 0.5), rng.choice([-1.0, 1.0]), rng.normal(0, 0.5)])
        points = [tuple(start + t * heading) for t in (0, 8, 16, 24)]
        vessels.append(_tube(rng, points, sign, float(rng.uniform(0.6, 1.4)), 2.5))
    return vessels


def _muscle_vein(rng: np.random.Generator) -> Vessel:
    """A short vein somewhere in the muscles round the pelvis."""
    start = np.array([rng.uniform(0, 120), rng.uniform(-80, 85), rng.uniform(-42, 42)])
    heading = np.array([rng.normal(0, 1), rng.normal(0, 1), rng.normal(0, 0.6)])
    heading /= np.linalg.norm(heading) + 1e-6
    length = rng.uniform(4, 11)
    points = [tuple(start + t * length * heading) for t in range(4)]
    return _tube(rng, points, int(rng.choice([-1, 1])), float(rng.uniform(0.5, 1.6)), 2.0)


def _paraspinal(rng: np.random.Generator) -> Vessel:
    """A vein along the bundles of the muscles behind sacrum and spine, bright where the flow is slow."""
    x, v, w = rng.uniform(3, 40), rng.uniform(-40, 45), rng.uniform(10, 46)
    length = rng.uniform(4, 12)
    points = [(x + t * rng.normal(0.1, 0.15) * length, v + t * length, w + t * rng.normal(0, 1)) for t in range(4)]
    return _tube(rng, points, int(rng.choice([-1, 1])), float(rng.uniform(0.5, 1.4)), 1.5)


def _plexus(rng: np.random.Generator, signal: float) -> list[Vessel]:
    """The sacral nerves of both sides, from the front of the foramina and the spine to the greater sciatic notch."""
    roots = [
        [(36, -60, -8), (40, -34, -24), (46, -4, -32), (56, 30, -38)],
        [(28, -9, -15), (36, 6, -26), (46, 24, -33), (58, 36, -38)],
        [(24, 19, -15), (34, 26, -25), (46, 34, -33), (58, 42, -38)],
        [(19, 40, -14), (30, 42, -24), (44, 42, -33), (57, 46, -38)],
    ]
    tubes = [_tube(rng, points, sign, float(rng.uniform(1.4, 2.8)), 2.0) for sign in (1, -1) for points in roots]
    return [replace(tube, signal=signal * float(rng.uniform(0.7, 1.3))) for tube in tubes]


def paint_vessels(plane: Plane, vessels: tuple[Vessel, ...], signal: Array, allowed: Array) -> None:
    """Blend the tubes that cross the slice into ``signal`` (n, n), in place, where ``allowed`` (n, n) is 1."""
    u, v = plane.fine
    for vessel in _crossing(plane, vessels):
        for piece in pieces(plane, vessel.path, vessel.radius):
            low, high = piece.min(axis=0) - vessel.radius - 1, piece.max(axis=0) + vessel.radius + 1
            window = plane.tight_window(low[0], high[0], low[1], high[1])
            if not allowed[window].any():
                continue
            alpha = cover(tube_distance(u[window], v[window], piece), 0.9) * allowed[window]
            target = signal[window]
            target += alpha * (np.float32(plane.body.contrast.vessel * vessel.signal) - target)


def _crossing(plane: Plane, vessels: tuple[Vessel, ...]) -> list[Vessel]:
    """Those of the tubes that come near the slice, in their order."""
    height = _height(plane, np.concatenate([vessel.path for vessel in vessels]))
    starts = np.cumsum([0, *(len(vessel.path) for vessel in vessels[:-1])])
    lows, highs = np.minimum.reduceat(height, starts), np.maximum.reduceat(height, starts)
    reaches = [vessel.radius + _NEAR for vessel in vessels]
    return [each for each, low, high, r in zip(vessels, lows, highs, reaches, strict=True) if low < r and high > -r]


def _height(plane: Plane, path: Array) -> Array:
    """How far the points of a path (m, 4) lie above the slice, (m,) float32, mm."""
    height: Array = path[:, 2] - (plane.w + plane.body.pose.yaw * path[:, 0] + plane.body.pose.pitch * path[:, 1])
    return height


def pieces(plane: Plane, path: Array, radius: float) -> list[Array]:
    """Runs of the path near the slice, each (m, 4) float32 with the third column relative to the slice."""
    path = path.copy()
    path[:, 2] = _height(plane, path)
    reach = radius + _NEAR
    low = np.minimum(path[:-1, 2], path[1:, 2])
    high = np.maximum(path[:-1, 2], path[1:, 2])
    near = np.flatnonzero((low < reach) & (high > -reach))
    runs = np.split(near, np.flatnonzero(np.diff(near) > 1) + 1)
    return [path[run[0] : run[-1] + 2] for run in runs if len(run)]


def tube_distance(u: Array, v: Array, path: Array) -> Array:
    """Distance in mm from pixels of the slice to a tube: ``path`` (m, 4) as from ``pieces``; radius 0 is its axis."""
    best = np.full(u.shape, np.inf, np.float32)
    for start, stop in pairwise(path):
        step = stop - start
        du, dv, dw = u - start[0], v - start[1], -start[2]
        length2 = step[:3] @ step[:3] + np.float32(1e-6)
        share = np.clip((du * step[0] + dv * step[1] + dw * step[2]) / length2, 0, 1)
        squares = (du - share * step[0]) ** 2 + (dv - share * step[1]) ** 2 + (dw - share * step[2]) ** 2
        np.minimum(best, np.sqrt(squares) - start[3] - share * step[3], out=best)
    return best
