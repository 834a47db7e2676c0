"""Closed outlines that change shape through the slices, as signed distances.

An outline is a table of control points at a few through-plane positions (keyframes); between keyframes
the points move on straight lines, within a slice a Catmull-Rom spline joins them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sijstudy.phantom.fields import Array, window_of

SUBDIVISION = 4
REACH = 20.0  # mm from an outline within which its distance is computed


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
    length = np.sqrt(_length2(line))
    before = np.cumsum(length) - length
    nearest, along = np.full(x.shape, np.inf, np.float32), np.empty(x.shape, np.float32)
    for k, (squares, share) in enumerate(_to_segments(x, v, line)):
        nearer = squares < nearest
        np.copyto(nearest, squares, where=nearer)
        np.copyto(along, before[k] + share * length[k], where=nearer)
    distance: Array = np.sqrt(nearest)
    return distance, (along / length.sum()).astype(np.float32)


def signed_distance(x: Array, v: Array, ring: Array) -> Array:
    """Signed distance in mm to a closed polygon (m, 2), inside negative, shaped as ``x`` (rows, columns).

    Where the polygon is more than REACH mm away it is REACH, or more: nothing is drawn so far from an outline.
    """
    (left, top), (right, bottom) = ring.min(axis=0) - REACH, ring.max(axis=0) + REACH
    window = window_of((x > left) & (x < right) & (v > top) & (v < bottom))
    x_near, v_near = np.ascontiguousarray(x[window]), np.ascontiguousarray(v[window])
    nearest = np.full(x_near.shape, np.inf, np.float32)
    for squares, _ in _to_segments(x_near, v_near, np.concatenate([ring, ring[:1]])):
        np.minimum(nearest, squares, out=nearest)
    distance = np.sqrt(nearest)
    result: Array = np.full(x.shape, REACH, np.float32)
    result[window] = np.where(_inside(x_near, v_near, ring), -distance, distance)
    return result


def _length2(line: Array) -> Array:
    """Squared length of each segment of a polyline, mm2, never 0."""
    length2: Array = (np.diff(line, axis=0) ** 2).sum(axis=1) + np.float32(1e-9)
    return length2


def _to_segments(x: Array, v: Array, line: Array) -> Iterator[tuple[Array, Array]]:
    """For each segment: squared distance in mm2, and where on it the nearest point lies, in [0, 1]; shaped as ``x``.

    One segment at a time, in memory that the next one uses again: all points fit into the processor's cache.
    """
    x, v = np.ascontiguousarray(x), np.ascontiguousarray(v)
    px, pv, share, squares, other = (np.empty(x.shape, np.float32) for _ in range(5))
    for start, step, length2 in zip(line[:-1], np.diff(line, axis=0), _length2(line), strict=True):
        np.subtract(x, start[0], out=px)
        np.subtract(v, start[1], out=pv)
        np.multiply(px, step[0], out=share)
        share += np.multiply(pv, step[1], out=other)
        share /= length2
        np.minimum(np.maximum(share, 0, out=share), 1, out=share)
        px -= np.multiply(share, step[0], out=other)
        pv -= np.multiply(share, step[1], out=other)
        np.square(px, out=squares)
        squares += np.square(pv, out=other)
        yield squares, share


def _inside(x: Array, v: Array, ring: Array) -> NDArray[np.bool_]:
    """Even-odd rule, bool shaped as ``x``. A side is looked at only where it crosses a point's height."""
    px, pv = x.ravel(), v.ravel()
    above = ring[:, 1, None] > pv
    side, point = np.nonzero(above != np.roll(above, -1, axis=0))
    start, step = ring[side], (np.roll(ring, -1, axis=0) - ring)[side]
    left = px[point] < step[:, 0] * (pv[point] - start[:, 1]) / step[:, 1] + start[:, 0]
    crossed = np.bincount(point[left], minlength=px.size)
    return (crossed % 2 == 1).reshape(x.shape)
