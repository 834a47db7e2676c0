"""One slice through a body: where each pixel lies in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sijstudy.phantom.anatomy import Anatomy
from sijstudy.phantom.fields import COARSE_MM, Array, Grid, smoothstep, window_of

WARP_MM = (2.2, 2.2, 0.7)  # SD of the slow bends along u and v, and of the fast bend along both
ROUGH_MM = 0.28  # SD of the finest unevenness of an outline
_MARGIN = 8.0  # mm by which the bends may move a structure out of its undisturbed window


@dataclass(frozen=True)
class Plane:
    """The slice at scanner position ``z`` mm through the body. Coarse arrays are on the nodes COARSE_MM."""

    body: Anatomy
    grid: Grid
    z: float

    @property
    def w(self) -> float:
        """Through-plane position in the body at the centre of the image, mm."""
        return (self.z - self.body.pose.shift[2]) / self.body.pose.size

    def w_at(self, u: float, v: float = 0.0) -> float:
        """Through-plane position in the body near the in-plane point (u, v), mm."""
        return self.w + self.body.pose.yaw * u + self.body.pose.pitch * v

    @cached_property
    def coarse(self) -> tuple[Array, Array, Array]:
        """Body coordinates u, v, w of the coarse nodes, each (105, 105) float32, mm."""
        pose = self.body.pose
        x = (COARSE_MM[None, :] - pose.shift[0]) / pose.size
        y = (COARSE_MM[:, None] - pose.shift[1]) / pose.size
        c, s = np.float32(np.cos(pose.roll)), np.float32(np.sin(pose.roll))
        u, v = c * x + s * y, -s * x + c * y
        w = self.w + pose.yaw * u + pose.pitch * v
        a, b, f = (field.on_coarse(self.w) for field in self.body.textures.warp)
        return u + WARP_MM[0] * a + WARP_MM[2] * f, v + WARP_MM[1] * b - WARP_MM[2] * f, w.astype(np.float32)

    @cached_property
    def fine(self) -> tuple[Array, Array]:
        """Body coordinates u, v of the pixels, each (n, n) float32, mm."""
        u, v, _ = self.coarse
        return self.grid.upsample(u), self.grid.upsample(v)

    @cached_property
    def depth(self) -> Array:
        """Depth of the pixels below the skin of the back, (n, n) float32, mm."""
        return self.grid.upsample(self.coarse_depth)

    @cached_property
    def coarse_depth(self) -> Array:
        """The same of the coarse nodes."""
        u, v, w = self.coarse
        height, slope, radius = self.body.skin
        cleft = 9 * np.exp(-((u / 4.5) ** 2)) * smoothstep((18 - w) / 20)
        return (0.92 * (height - slope * w - u**2 / radius - cleft - v)).astype(np.float32)

    @cached_property
    def behind_ilium(self) -> Array:
        """Depth of the coarse nodes behind the outer face of the ilium, mm: positive in the gluteal muscles."""
        u, v, _ = self.coarse
        depth = np.empty_like(u)
        for side in self.body.sides:
            half = side.sign * u >= 0
            points = side.ilium.at(self.w_at(side.sign * 70.0))[6:]
            x = np.concatenate([[0.0, 18.0], np.maximum.accumulate(points[:, 0])])
            y = np.concatenate([[84.0, 78.0], points[:, 1]])
            depth[half] = 0.75 * (v[half] - np.interp(side.sign * u[half], x, y))
        return depth

    def ragged(self, rows: slice, columns: slice) -> Array:
        """The field that frays the edges of bright things, in a window of the slice, (rows, columns) float32."""
        return self.body.textures.ragged.spread(self._ragged, self.grid, rows, columns)

    @cached_property
    def _ragged(self) -> Array:
        return self.body.textures.ragged.coarse(self.w)

    @cached_property
    def rough(self) -> Array:
        """Fine unevenness to add to a signed distance, (n, n) float32, mm."""
        return np.float32(ROUGH_MM) * self.body.textures.rough.plane(self.w, self.grid)

    def window(self, u0: float, u1: float, v0: float, v1: float) -> tuple[slice, slice]:
        """Pixel rows and columns that hold the body rectangle, with a margin for the bends."""
        pose = self.body.pose
        c, s = np.cos(pose.roll), np.sin(pose.roll)
        corners = [(u, v) for u in (u0, u1) for v in (v0, v1)]
        xs = [pose.size * (c * u - s * v) + pose.shift[0] for u, v in corners]
        ys = [pose.size * (s * u + c * v) + pose.shift[1] for u, v in corners]
        return self.grid.window(min(xs) - _MARGIN, max(xs) + _MARGIN, min(ys) - _MARGIN, max(ys) + _MARGIN)

    def tight_window(self, u0: float, u1: float, v0: float, v1: float) -> tuple[slice, slice]:
        """The smallest window of the pixels whose body coordinates lie in the rectangle; empty without any."""
        rows, columns = self.window(u0, u1, v0, v1)
        u, v = (values[rows, columns] for values in self.fine)
        found = window_of((u > u0) & (u < u1) & (v > v0) & (v < v1))
        first, second = (
            slice(a.start + b.start, a.start + b.stop) for a, b in zip((rows, columns), found, strict=True)
        )
        return first, second
