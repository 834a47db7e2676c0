"""Signed distances to the bones of one slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sijstudy.phantom.anatomy import Side
from sijstudy.phantom.contours import distance_to_line, signed_distance, spline
from sijstudy.phantom.fields import COARSE_MM, Array, cover, smoothstep
from sijstudy.phantom.plane import Plane

_FAR = 60.0  # distance written where an outline was not evaluated, mm
_JOINT_POINTS = slice(8, 21)  # part of the ilium's dense outline that faces the sacrum
_LIGAMENT_FROM = 12.0  # mm: above this plane the joint is held by ligament and its space is wide
# sacral bodies: half width, v range, w range, mm
_SACRAL_BODIES = (
    (27.0, -35.0, -1.0, -22.0, 13.0),
    (22.0, -9.0, 20.0, -16.0, 12.0),
    (19.0, 11.0, 41.0, -12.0, 10.0),
    (15.0, 32.0, 58.0, -7.0, 9.0),
)
_FORAMINA = (-12.0, 12.0, 33.0, 53.0), (27.0, 23.0, 20.0, 15.0)  # heights and distances from the midline, mm
_FIRST_BODY_MM = -6.0  # height at which the first sacral body ends


@dataclass(frozen=True)
class Joint:
    """Where things lie relative to one sacroiliac joint; arrays on the coarse nodes.

    ``distance``: mm to the iliac joint surface, unsigned. ``along``: 0 at the upper, 1 at the lower end.
    """

    distance: Array
    along: Array
    space: float
    line: Array  # (m, 2) iliac joint surface as (x, v) in mm, from its upper end down


@dataclass(frozen=True)
class Bones:
    """Signed distances in mm, (n, n) float32, inside negative. Sides in the order of ``Anatomy.sides``."""

    ilium: tuple[Array, Array]
    sacrum: Array
    lumbar: Array
    joints: tuple[Joint, Joint]

    @property
    def any_ilium(self) -> Array:
        """Distance to the nearer ilium."""
        return np.minimum(*self.ilium)


def bones_of(plane: Plane) -> Bones:
    """All bones of the slice."""
    first, second = (_ilium(plane, side) for side in plane.body.sides)
    ilia = (first[0], second[0])
    joints = (first[1], second[1])
    sacrum = _sacrum(plane, ilia, joints)
    rough = plane.rough * np.float32(1 + plane.body.ruggedness * float(smoothstep(np.float32((plane.w - 4) / 16))))
    up = plane.grid.upsample
    return Bones(
        ilium=(up(ilia[0]) + rough, up(ilia[1]) - rough),
        sacrum=up(sacrum) + rough,
        lumbar=up(lumbar_distance(plane)) + rough,
        joints=joints,
    )


def _near_side(plane: Plane, side: Side) -> slice:
    """Columns of the coarse nodes that can hold this side of the pelvis."""
    used = np.flatnonzero(side.sign * (COARSE_MM - plane.body.pose.shift[0]) > -20)
    return slice(int(used[0]), int(used[-1]) + 1)


def _ilium(plane: Plane, side: Side) -> tuple[Array, Joint]:
    columns = _near_side(plane, side)
    u, v, _ = plane.coarse
    x, v = side.sign * u[:, columns], v[:, columns]
    w = plane.w_at(side.sign * 58.0)
    ring = spline(side.ilium.at(w))
    distance, along = distance_to_line(x, v, ring[_JOINT_POINTS])
    space = side.joint_space + 4.0 * float(smoothstep(np.float32((w - _LIGAMENT_FROM) / 14)))
    joint = Joint(_spread(u, columns, distance), _spread(u, columns, along), space, ring[_JOINT_POINTS])
    return _spread(u, columns, signed_distance(x, v, ring)), joint


def _spread(like: Array, columns: slice, values: Array) -> Array:
    full = np.full(like.shape, _FAR, np.float32)
    full[:, columns] = values
    return full


def _sacrum(plane: Plane, ilia: tuple[Array, Array], joints: tuple[Joint, Joint]) -> Array:
    u, v, w = plane.coarse
    sacrum = np.full(u.shape, _FAR, np.float32)
    for side, joint in zip(plane.body.sides, joints, strict=True):
        columns = _near_side(plane, side)
        x, height = side.sign * u[:, columns], v[:, columns]
        ala = signed_distance(x, height, spline(side.ala.at(plane.w_at(side.sign * 45.0))))
        surface = np.interp(height, np.maximum.accumulate(joint.line[:, 1]), joint.line[:, 0])
        ala = np.maximum(ala, 0.8 * (x - surface - 3.0)).astype(np.float32)  # none of it beyond a thin ilium
        ala = np.maximum(ala, 0.7 * (plane.body.ala_start - w[:, columns] + 0.25 * (x - 60))).astype(np.float32)
        sacrum[:, columns] = np.minimum(sacrum[:, columns], ala)
    for half, v0, v1, w0, w1 in _SACRAL_BODIES:
        sacrum = np.minimum(sacrum, box_distance(u, v, w, (half, v0, v1, w0, w1), 4.0))
    for ilium, joint in zip(ilia, joints, strict=True):
        sacrum = np.maximum(sacrum, joint.space - ilium)
    return sacrum


def box_distance(u: Array, v: Array, w: Array, box: tuple[float, float, float, float, float], rounding: float) -> Array:
    """Signed distance in mm to a rounded box, symmetric in u: (half width, v0, v1, w0, w1)."""
    half, v0, v1, w0, w1 = box
    qu = np.abs(u) - (half - rounding)
    qv = np.abs(v - (v0 + v1) / 2) - ((v1 - v0) / 2 - rounding)
    qw = np.abs(w - (w0 + w1) / 2) - ((w1 - w0) / 2 - rounding)
    outside = np.sqrt(np.clip(qu, 0, None) ** 2 + np.clip(qv, 0, None) ** 2 + np.clip(qw, 0, None) ** 2)
    distance: Array = (outside + np.minimum(np.maximum(np.maximum(qu, qv), qw), 0) - rounding).astype(np.float32)
    return distance


def ellipse_distance(x: Array, y: Array, a: float, b: float) -> Array:
    """Distance in mm to an ellipse with half axes ``a`` and ``b``, inside negative, nearly; float32."""
    distance: Array = ((np.sqrt((x / a) ** 2 + (y / b) ** 2) - 1) * min(a, b)).astype(np.float32)
    return distance


def spine_frame(plane: Plane) -> tuple[Array, Array]:
    """Distance up the lumbar spine and behind its axis for the coarse nodes, mm; origin at the lumbosacral disc."""
    u, v, w = plane.coarse
    tilt = plane.body.spine_tilt
    up, back = -(v + 36), w + 2
    along = np.cos(tilt) * up + np.sin(tilt) * back + plane.body.spine_bend * u
    behind = -np.sin(tilt) * up + np.cos(tilt) * back
    return along.astype(np.float32), behind.astype(np.float32)


def lumbar_distance(plane: Plane) -> Array:
    """To bodies of L5, L4 and L3 with a slight waist, and transverse processes of L5: mm on the coarse nodes."""
    u = plane.coarse[0]
    along, behind = spine_frame(plane)
    bodies = np.full(u.shape, _FAR, np.float32)
    for low in (3.0, 39.0, 75.0):
        waist = 1.5 * np.cos((along - low - 14) / 28 * np.pi * 2).astype(np.float32)
        bodies = np.minimum(bodies, box_distance(u, along, behind, (25.0, low, low + 28, -17.0, 17.0), 6.0) + waist + 1)
    process = box_distance(u, along, behind, (46.0, 12.0, 22.0, 13.0, 21.0), 4.0)
    return np.minimum(bodies, np.maximum(process, 14 - np.abs(u)))


def facets_distance(plane: Plane) -> tuple[Array, Array]:
    """To the small bones of the lowest lumbar facet joints behind the spine, and to their clefts: mm, coarse nodes."""
    u, v, w = plane.coarse
    dx, dv = np.abs(u) - 18, v + 32 + 0.85 * (w - 24)
    near = np.clip(np.abs(w - 28) - 9, 0, None)
    clefts = np.maximum(np.abs(dx + 0.45 * dv), np.abs(dv) - 7.5) + near
    return ellipse_distance(dx, dv, 8, 10) + near, clefts


def canal_distance(plane: Plane) -> Array:
    """To the thecal sac, lumbar and sacral: mm on the coarse nodes."""
    u, v, w = plane.coarse
    along, behind = spine_frame(plane)
    size = plane.body.canal_radius
    centre = np.interp(v, (-36, -10, 15, 40, 60), (22, 19, 15, 11, 9))
    radius = np.interp(v, (-36, -10, 15, 40, 60), (12, 9.5, 6.5, 4, 2)) * size
    sacral = (np.hypot(u / radius, (w - centre) / (0.62 * radius)) - 1) * 0.62 * radius
    sacral = np.maximum(sacral, np.maximum(-38 - v, v - 58))
    lumbar = np.maximum((np.hypot(u / 12, (behind - 25) / 7.5) - 1) * 7.5 * size, -(along + 6))
    distance: Array = np.minimum(sacral, lumbar).astype(np.float32)
    return distance


def middle_distance(plane: Plane) -> Array:
    """To the middle of the sacrum: between its foramina and below its first body, mm on the coarse nodes."""
    u, v, _ = plane.coarse
    half = np.interp(v, _FORAMINA[0], _FORAMINA[1])
    distance: Array = np.maximum(np.abs(u) - half, _FIRST_BODY_MM - v).astype(np.float32)
    return distance


def cortex(distance: Array, thickness: Array | np.floating[Any]) -> Array:
    """How much of a pixel is the dark rim just inside a bone, [0, 1] float32."""
    inner = cover(-(distance + thickness))
    return inner * cover(distance - np.float32(0.25))
