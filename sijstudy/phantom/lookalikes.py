"""Bright things that are no edema; drawn alike for ill and healthy subjects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sijstudy.phantom import difficulty
from sijstudy.phantom.bones import Bones
from sijstudy.phantom.fields import Array, cover, smoothstep
from sijstudy.phantom.plane import Plane
from sijstudy.phantom.protocol import PAPER, Protocol
from sijstudy.phantom.vessels import Vessel, draw_vessels, pieces, tube_distance


@dataclass(frozen=True)
class Patch:
    """An ill-defined bright patch: centre and radii in body mm along (u, v, w), gain in phantom units."""

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    gain: float


@dataclass(frozen=True)
class Foramen:
    """A sacral foramen: path of the nerve root through the bone, radius in mm, signal of its veins."""

    path: Array
    radius: float
    vein: float


@dataclass(frozen=True)
class LookAlikes:
    """Everything bright and harmless in one body."""

    vessels: tuple[Vessel, ...]
    foramina: tuple[Foramen, ...]
    patches: tuple[Patch, ...]
    islands: tuple[Patch, ...]
    spots: tuple[Patch, ...]
    hemangiomas: tuple[Patch, ...]


def draw_lookalikes(rng: np.random.Generator, protocol: Protocol = PAPER) -> LookAlikes:
    """Look-alikes of one body at random. Nothing here knows whether the subject is ill."""
    contrast, build = protocol.contrast, protocol.build
    return LookAlikes(
        vessels=draw_vessels(rng, build.paraspinal_veins, contrast.plexus),
        foramina=tuple(_foramen(rng, sign, level, contrast.foramen_vein) for sign in (1, -1) for level in range(4)),
        patches=tuple(_patch(rng, build.near_patches) for _ in range(int(rng.poisson(difficulty.PATCH_RATE)))),
        islands=tuple(_island(rng, contrast.island) for _ in range(int(rng.poisson(4)))),
        spots=tuple(_spot(rng, contrast.spot) for _ in range(int(rng.poisson(difficulty.SPOT_RATE)))),
        hemangiomas=tuple(_hemangioma(rng) for _ in range(int(rng.poisson(build.hemangiomas)))),
    )


def _foramen(rng: np.random.Generator, sign: int, level: int, vein: tuple[float, float]) -> Foramen:
    x, v, radius = ((28.0, -9.0, 6.0), (24.0, 19.0, 5.0), (19.0, 40.0, 4.0), (15.0, 56.0, 3.0))[level]
    front = np.array([x + 3, v + 6, -15.0]) + rng.normal(0, 1.5, 3)
    back = np.array([0.45 * x, v - 8, 15.0]) + rng.normal(0, 1.5, 3)
    path = np.linspace(front, back, 6) + rng.normal(0, 0.6, (6, 3))
    path[:, 0] *= sign
    path = np.concatenate([path, np.zeros((6, 1))], axis=1)
    return Foramen(path.astype(np.float32), radius * float(rng.uniform(0.75, 1.25)), float(rng.uniform(*vein)))


def _patch(rng: np.random.Generator, near: float) -> Patch:
    """A patch of muscle, ligament, fat or gut; ``near``: how often it lies beside a joint. Bone is painted over it."""
    beside = near > 0 and rng.random() < near
    while True:
        u, v, w = rng.uniform(-120, 120), rng.uniform(-115, 85), rng.uniform(-40, 40)
        if beside == (10 < abs(u) < 84 and -58 < v < 66) and (not beside or _off_bone(abs(u), v, w)):
            break
    radii = (float(rng.uniform(5, 13)), float(rng.uniform(5, 16)), float(rng.uniform(5, 14)))
    return Patch((float(u), float(v), float(w)), radii, float(rng.uniform(*difficulty.PATCH_GAIN)))


def _off_bone(x: float, v: float, w: float) -> bool:
    """Whether most pelves have soft tissue there: in the buttock, above the sacrum, before and behind its middle."""
    return v > 1.4 * (90 - x) or v < -42 or (x < 32 and abs(w) > 20)


def _island(rng: np.random.Generator, gain: tuple[float, float]) -> Patch:
    centre = (
        float(rng.uniform(20, 80) * rng.choice([-1, 1])),
        float(rng.uniform(-35, 45)),
        float(rng.uniform(-30, 30)),
    )
    radii = (float(rng.uniform(5, 12)), float(rng.uniform(5, 12)), float(rng.uniform(5, 12)))
    return Patch(centre, radii, float(rng.uniform(*gain)))


def _spot(rng: np.random.Generator, gain: tuple[float, float]) -> Patch:
    centre = (
        float(rng.uniform(30, 78) * rng.choice([-1, 1])),
        float(rng.uniform(-34, 45)),
        float(rng.uniform(-30, 30)),
    )
    radius = float(rng.uniform(*difficulty.SPOT_RADIUS_MM))
    return Patch(centre, (radius, radius * float(rng.uniform(1, 1.6)), 2.0), float(rng.uniform(*gain)))


def _hemangioma(rng: np.random.Generator) -> Patch:
    centre = (float(rng.uniform(-100, 100)), float(rng.uniform(-50, 55)), float(rng.uniform(-30, 30)))
    radii = rng.uniform(0.85, 1.15, 3) * rng.uniform(*difficulty.HEMANGIOMA_RADIUS_MM)
    return Patch(
        centre, (float(radii[0]), float(radii[1]), float(radii[2])), float(rng.uniform(*difficulty.PATCH_GAIN))
    )


def paint_patches(plane: Plane, looks: LookAlikes, signal: Array, inside: Array) -> None:
    """Add the patches of soft tissue to ``signal`` (n, n), in place."""
    for patch in looks.patches:
        _add_ragged(plane, patch, signal, inside, difficulty.EDEMA_RAGGEDNESS)


def paint_spots(plane: Plane, bones: Bones, looks: LookAlikes, signal: Array, outside_bone: Array) -> None:
    """Add islands of red marrow, vessel spots and hemangiomas in the bones, in place."""
    bone = 1 - outside_bone
    for hemangioma in looks.hemangiomas:
        _add_round(plane, bones, hemangioma, signal, bone)
    for island in looks.islands:
        _add_ragged(plane, island, signal, bone, difficulty.EDEMA_RAGGEDNESS)
    for spot in looks.spots:
        _add_ragged(plane, spot, signal, bone, 0.1)


def _add_ragged(plane: Plane, patch: Patch, signal: Array, where: Array, raggedness: float) -> None:
    reach = (plane.w_at(patch.centre[0], patch.centre[1]) - patch.centre[2]) / patch.radii[2]
    if abs(reach) > 1.5:
        return
    (u0, v0, _), (ru, rv, _) = patch.centre, patch.radii
    rows, columns = plane.window(u0 - 1.6 * ru, u0 + 1.6 * ru, v0 - 1.6 * rv, v0 + 1.6 * rv)
    if rows.start == rows.stop or columns.start == columns.stop:
        return
    u, v = (values[rows, columns] for values in plane.fine)
    bell = np.exp(-0.9 * (((u - u0) / ru) ** 2 + ((v - v0) / rv) ** 2 + reach**2))
    ragged = plane.ragged(rows, columns)
    shape = smoothstep((bell + raggedness * ragged * np.sqrt(bell) - 0.30) / difficulty.EDEMA_SOFTNESS)
    signal[rows, columns] += np.float32(patch.gain) * shape * where[rows, columns]


def _add_round(plane: Plane, bones: Bones, ball: Patch, signal: Array, where: Array) -> None:
    """A ball with a sharp border, fainter where a joint is near: edema lies there, this does not."""
    (u0, v0, w0), (ru, rv, rw) = ball.centre, ball.radii
    left = 1 - ((plane.w_at(u0, v0) - w0) / rw) ** 2
    rows, columns = plane.window(u0 - ru, u0 + ru, v0 - rv, v0 + rv)
    if left <= 0 or rows.start == rows.stop or columns.start == columns.stop:
        return
    u, v = (values[rows, columns] for values in plane.fine)
    radius = np.sqrt(((u - u0) / ru) ** 2 + ((v - v0) / rv) ** 2)
    joint = np.minimum(*(plane.grid.upsample(joint.distance, rows, columns) for joint in bones.joints))
    apart = smoothstep(joint - np.float32(difficulty.HEMANGIOMA_FROM_JOINT_MM))
    disc = cover(min(ru, rv) * (radius - np.sqrt(left)), 1.5)
    signal[rows, columns] += np.float32(ball.gain) * disc * apart * where[rows, columns]


def paint_foramina(plane: Plane, looks: LookAlikes, signal: Array, texture: Array) -> None:
    """Sacral foramina: fat round a nerve root, enhancing veins in a broken ring (paper Fig. 8b), in place."""
    tissue = plane.body.contrast
    u, v = plane.fine
    for foramen in looks.foramina:
        for piece in pieces(plane, foramen.path, foramen.radius):
            low, high = piece.min(axis=0) - foramen.radius - 2, piece.max(axis=0) + foramen.radius + 2
            rows, columns = plane.window(low[0], high[0], low[1], high[1])
            if rows.start == rows.stop or columns.start == columns.stop:
                continue
            distance = tube_distance(u[rows, columns], v[rows, columns], piece) + 0.4 * texture[rows, columns]
            target = signal[rows, columns]
            target += 0.7 * cover(distance - foramen.radius) * (tissue.cortex + 0.03 - target)
            target += cover(distance - foramen.radius + 1.2) * (tissue.fat - target)
            ring = cover(np.abs(distance - 0.6 * foramen.radius) - 0.9, 1.0) * smoothstep(texture[rows, columns] + 0.7)
            target += ring * np.float32(foramen.vein)
            target += cover(distance - 0.38 * foramen.radius) * (tissue.nerve - target)
