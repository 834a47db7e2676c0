"""Closed outlines that change shape through the slices, as signed distances.

An outline is a table of control points at a few through-plane positions (keyframes); between keyframes
the points move on straight lines, within a slice a Catmull-Rom spline joins them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sijstudy.phantom.fields import Array

SUBDIVISION = 4


@dataclass(frozen=True)
class Outline:
    """Keyframed control points of one side: ``points`` (keyframes, n, 2) float32, mm, (lateral x, downward v).

    ``planes`` (keyframes,) float32 are the through-plane positions in mm, growing.
    """

    planes: Array
    points: Array

    def at(self, w: float) -> Array:
        """Control points at ``w`` mm, (n, 2) float32; constant beyond the first and last keyframe."""
        position = float(np.interp(w, self.planes, np.arange(len(self.planes))))
        low = min(int(position), len(self.planes) - 2)
        share = np.float32(position - low)
        points: Array = (1 - share) * self.points[low] + share * self.points[low + 1]
        return points


def spline(points: Array, closed: bool = True) -> Array:
    """Catmull-Rom polyline through ``points`` (n, 2 or 3), SUBDIVISION pieces per segment, float32."""
    if closed:
        ring = np.concatenate([points[-1:], points, points[:2]])
    else:
        ring = np.concatenate([points[:1], points, points[-1:]])
    t = (np.arange(SUBDIVISION, dtype=np.float32) / SUBDIVISION)[None, :, None]
    p0, p1, p2, p3 = (ring[k : len(ring) - 3 + k, None, :] for k in range(4))
    dense = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - 3 * p2 + p3 - p0) * t**3)
    line: Array = dense.reshape(-1, points.shape[1]).astype(np.float32)
    return line if closed else np.concatenate([line, points[-1:]])


def distance_to_line(x: Array, v: Array, line: Array) -> tuple[Array, Array]:
    """Distance in mm to an open polyline (m, 2) and the relative arc length of the nearest point, both shaped as x."""
    start, step = line[:-1], np.diff(line, axis=0)
    px, pv = x.reshape(-1, 1) - start[:, 0], v.reshape(-1, 1) - start[:, 1]
    length2 = (step**2).sum(axis=1) + np.float32(1e-9)
    share = np.clip((px * step[:, 0] + pv * step[:, 1]) / length2, 0, 1)
    distance2 = (px - share * step[:, 0]) ** 2 + (pv - share * step[:, 1]) ** 2
    nearest = distance2.argmin(axis=1)
    here = np.arange(len(nearest))
    length = np.sqrt(length2)
    along = (np.cumsum(length) - length)[nearest] + share[here, nearest] * length[nearest]
    distance: Array = np.sqrt(distance2[here, nearest])
    return distance.reshape(x.shape), (along / length.sum()).reshape(x.shape).astype(np.float32)


def signed_distance(x: Array, v: Array, ring: Array) -> Array:
    """Signed distance in mm to a closed polygon (m, 2), inside negative, shaped as ``x``."""
    distance, _ = distance_to_line(x, v, np.concatenate([ring, ring[:1]]))
    inside = _inside(x, v, ring)
    result: Array = np.where(inside, -distance, distance)
    return result


def _inside(x: Array, v: Array, ring: Array) -> NDArray[np.bool_]:
    """Even-odd rule, bool shaped as ``x``."""
    x0, v0 = ring[:, 0], ring[:, 1]
    x1, v1 = np.roll(x0, -1), np.roll(v0, -1)
    px, pv = x.reshape(-1, 1), v.reshape(-1, 1)
    spans = (v0 > pv) != (v1 > pv)
    rise = np.where(v1 == v0, np.float32(1e-9), v1 - v0)
    left = px < (x1 - x0) * (pv - v0) / rise + x0
    return ((spans & left).sum(axis=1) % 2 == 1).reshape(x.shape)
