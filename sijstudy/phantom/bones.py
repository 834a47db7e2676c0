"""Signed distances to the bones of one slice."""

from __future__ import annotations

from collections.abc import Sequence
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
_FORAMINA = (-9.0, 19.0, 40.0, 56.0), (34.0, 29.0, 23.0, 18.0)  # heights; where they end beside the midline, mm
_FIRST_BODY_MM, _FIRST_FORAMEN_MM = -6.0, -15.0  # heights at which the first sacral body ends, its foramina begin
# of a vertebral arch, in the frame of the spine, mm: (distance from the midline, along, behind), half axes of each
_ARCH = (
    ((15.0, 4.0, 35.0), (7.0, 17.0, 9.0)),  # lamina and inferior articular process
    ((24.0, -4.0, 30.0), (8.0, 15.0, 9.0)),  # superior articular process of the next vertebra
    ((19.0, 20.0, 22.0), (6.5, 8.0, 11.0)),  # pedicle
    ((0.0, 8.0, 50.0), (4.0, 10.0, 14.0)),  # spinous process
)
_LEVELS = (0.0, 36.0, 72.0)  # of the arches of L5, L4 and L3, mm up the spine


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
    behind = plane.coarse[2][:, columns] - plane.body.spine.ilium + 0.35 * (x - 60)
    return _spread(u, columns, np.maximum(signed_distance(x, v, ring), behind)), joint


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
    return sacrum if plane.body.spine.arch is None else _ended(plane, sacrum)


def _ended(plane: Plane, sacrum: Array) -> Array:
    """The sacrum with its first body under the spine, to the surface where it ends; two crests go on behind."""
    u, v, w = plane.coarse
    spine = plane.body.spine
    first = box_distance(u, *spine_frame(plane), (25.0, -30.0, -4.0, -17.0, 15.0), 5.0)
    crests = 6 * np.exp(-(((np.abs(u) - 24) / 7) ** 2)) - 0.004 * u**2
    end = spine.sacrum + spine.lean * v - spine.bulge * v**2 + crests
    ended: Array = np.maximum(np.minimum(sacrum, first), w - end).astype(np.float32)
    return ended


def box_distance(u: Array, v: Array, w: Array, box: tuple[float, float, float, float, float], rounding: float) -> Array:
    """Signed distance in mm to a rounded box, symmetric in u: (half width, v0, v1, w0, w1)."""
    half, v0, v1, w0, w1 = box
    qu = np.abs(u) - (half - rounding)
    qv = np.abs(v - (v0 + v1) / 2) - ((v1 - v0) / 2 - rounding)
    qw = np.abs(w - (w0 + w1) / 2) - ((w1 - w0) / 2 - rounding)
    outside = np.sqrt(np.clip(qu, 0, None) ** 2 + np.clip(qv, 0, None) ** 2 + np.clip(qw, 0, None) ** 2)
    distance: Array = (outside + np.minimum(np.maximum(np.maximum(qu, qv), qw), 0) - rounding).astype(np.float32)
    return distance


def ellipse_distance(offsets: Sequence[Array], half_axes: Sequence[float]) -> Array:
    """Distance in mm to an ellipse, or in three dimensions an ellipsoid, inside negative, nearly; float32."""
    squares = sum((offset / half) ** 2 for offset, half in zip(offsets, half_axes, strict=True))
    distance: Array = ((np.sqrt(squares) - 1) * min(half_axes)).astype(np.float32)
    return distance


def spine_frame(plane: Plane) -> tuple[Array, Array]:
    """Distance up the lumbar spine and behind its axis for the coarse nodes, mm; origin at the lumbosacral disc."""
    u, v, w = plane.coarse
    tilt, start = plane.body.spine_tilt, plane.body.spine.start
    up, back = start[0] - v, w - start[1]
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
    if plane.body.spine.arch is not None:
        return _arches(plane, plane.body.spine.arch)
    u, v, w = plane.coarse
    dx, dv = np.abs(u) - 18, v + 32 + 0.85 * (w - 24)
    near = np.clip(np.abs(w - 28) - 9, 0, None)
    clefts = np.maximum(np.abs(dx + 0.45 * dv), np.abs(dv) - 7.5) + near
    return ellipse_distance((dx, dv), (8, 10)) + near, clefts


def _arches(plane: Plane, size: float) -> tuple[Array, Array]:
    """To the arches of the vertebrae, and to the clefts between their articular processes: mm on the coarse nodes."""
    along, behind = spine_frame(plane)
    x = np.abs(plane.coarse[0])
    bones, clefts = np.full(x.shape, _FAR, np.float32), np.full(x.shape, _FAR, np.float32)
    for level in _LEVELS:
        parts = []
        for (beside, up, back), half in _ARCH:
            offsets = (x - beside, along - up - level, behind - back)
            parts.append(ellipse_distance(offsets, [size * axis for axis in half]))
        bones = np.minimum(bones, np.minimum.reduce(parts))
        clefts = np.minimum(clefts, np.maximum(np.abs(parts[0] - parts[1]), np.maximum(parts[0], parts[1])))
    return bones, clefts


def canal_distance(plane: Plane) -> Array:
    """To the thecal sac, lumbar and sacral: mm on the coarse nodes."""
    u, v, w = plane.coarse
    along, behind = spine_frame(plane)
    size = plane.body.canal_radius
    top = plane.body.spine.start[1] + 24
    centre = np.interp(v, (-36, -10, 15, 40, 60), (top, 0.5 * top + 8, 15, 11, 9))
    radius = np.interp(v, (-36, -10, 15, 40, 60), (12, 9.5, 6.5, 4, 2)) * size
    sacral = (np.hypot(u / radius, (w - centre) / (0.62 * radius)) - 1) * 0.62 * radius
    sacral = np.maximum(sacral, np.maximum(-38 - v, v - 58))
    lumbar = np.maximum((np.hypot(u / 12, (behind - 25) / 7.5) - 1) * 7.5 * size, -(along + 6))
    distance: Array = np.minimum(sacral, lumbar).astype(np.float32)
    return distance


def middle_distance(plane: Plane) -> Array:
    """To the middle of the sacrum: its foramina and what lies between, below its first body; mm on the coarse nodes."""
    u, v, _ = plane.coarse
    half = np.interp(v, _FORAMINA[0], _FORAMINA[1])
    top = _FIRST_BODY_MM + (_FIRST_FORAMEN_MM - _FIRST_BODY_MM) * smoothstep((np.abs(u) - 18) / 4)
    distance: Array = np.maximum(np.abs(u) - half, top - v).astype(np.float32)
    return distance


def cortex(distance: Array, thickness: Array | np.floating[Any]) -> Array:
    """How much of a pixel is the dark rim just inside a bone, [0, 1] float32."""
    inner = cover(-(distance + thickness))
    return inner * cover(distance - np.float32(0.25))
