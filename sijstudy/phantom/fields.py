"""Smooth random fields that cost two small matrix products per slice.

A field is white noise on a coarse lattice, smoothed by cubic B-splines along the three anatomical
axes; neighbouring slices therefore agree as slices of one body do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]  # float32 wherever it is as large as a slice
Window = tuple[slice, slice]  # rows and columns of a slice

EXTENT_MM = 140.0  # fields cover +-EXTENT_MM in plane
DEPTH_MM = 60.0  # and +-DEPTH_MM through the planes
_BAND = 64  # pixels of a slice that are interpolated at once
_AXIS_SD = (151.0 / 315.0) ** 0.5  # SD of unit white noise after one cubic B-spline axis, averaged over position


@dataclass(frozen=True)
class Field:
    """Lattice of coefficients, (planes, rows, columns) float32, ``step`` mm apart."""

    lattice: Array
    step: float

    @cached_property
    def most(self) -> float:
        """No value is farther from 0."""
        return float(np.abs(self.lattice).max())

    def plane(self, w: float, grid: Grid) -> Array:
        """Values on a whole slice, (n, n) float32, zero mean, unit SD, at through-plane position ``w`` mm."""
        return self.window(w, grid, slice(None), slice(None))

    def window(self, w: float, grid: Grid, rows: slice, columns: slice) -> Array:
        """Values in a window of the slice, (rows, columns) float32."""
        return self.spread(self.coarse(w), grid, rows, columns)

    def spread(self, coarse: Array, grid: Grid, rows: slice, columns: slice) -> Array:
        """Values in a window of the slice whose lattice plane is ``coarse``, (rows, columns) float32."""
        return interpolate(bspline_matrix(grid.size, grid.fov, self.step), coarse, rows, columns)

    def on_coarse(self, w: float) -> Array:
        """Values on the coarse nodes, (105, 105) float32."""
        basis = coarse_bspline_matrix(self.step)
        values: Array = (basis @ self.coarse(w)) @ basis.T
        return values

    def coarse(self, w: float) -> Array:
        """The lattice plane at ``w`` mm, before the in-plane smoothing, (rows, columns) float32."""
        weights = bspline_weights(np.array([w], np.float32), self.step, DEPTH_MM)[0]
        used = np.flatnonzero(weights)
        near = slice(int(used[0]), int(used[-1]) + 1)
        lattice = self.lattice[near]
        plane: Array = (weights[near] @ lattice.reshape(len(lattice), -1)).reshape(lattice.shape[1:])
        return plane


@dataclass(frozen=True)
class Grid:
    """The pixel grid of a slice: ``size`` x ``size`` pixels over ``fov`` mm, origin in its centre."""

    size: int
    fov: float = 250.0

    @property
    def pixel(self) -> float:
        """Pixel spacing in mm."""
        return self.fov / self.size

    @property
    def mm(self) -> Array:
        """Pixel centres along one axis in mm, (size,) float32."""
        return pixel_centres(self.size, self.fov)

    def upsample(self, coarse: Array, rows: slice = slice(None), columns: slice = slice(None)) -> Array:
        """Cubic interpolation of values on the coarse nodes to (a window of) the pixels, float32."""
        return interpolate(cubic_matrix(self.size, self.fov), coarse.astype(np.float32, copy=False), rows, columns)

    def around(self, nodes: NDArray[np.bool_]) -> Window:
        """The pixels on which the coarse ``nodes`` (105, 105) weigh that are true: elsewhere, where the others are 0,
        interpolation gives 0. Empty without any."""
        rows, columns = window_of(nodes)
        if rows.start == rows.stop:
            return rows, columns
        (u0, u1), (v0, v1) = (
            (COARSE_MM[s.start] - _REACH_MM, COARSE_MM[s.stop - 1] + _REACH_MM) for s in (columns, rows)
        )
        return self.window(float(u0), float(u1), float(v0), float(v1))

    def window(self, u0: float, u1: float, v0: float, v1: float) -> tuple[slice, slice]:
        """Rows and columns of the pixels in a rectangle of image mm, clipped to the image (may be empty)."""
        first = self.mm[0]

        def cut(low: float, high: float) -> slice:
            start = int(np.floor((low - first) / self.pixel))
            stop = int(np.ceil((high - first) / self.pixel)) + 1
            return slice(min(max(start, 0), self.size), min(max(stop, 0), self.size))

        return cut(v0, v1), cut(u0, u1)


@dataclass(frozen=True)
class Basis:
    """Weights (pixels, nodes) float32 of the nodes of one axis on its pixels. Those of a pixel are neighbours.

    ``first``, ``last``: (pixels,) int, nodes before and from which nothing weighs on the pixel; both grow.
    """

    weights: Array
    first: NDArray[np.intp]
    last: NDArray[np.intp]

    def bands(self, pixels: slice) -> Iterator[tuple[slice, slice, Array]]:
        """Runs of at most _BAND pixels, counted from the first: their pixels, their nodes, the weights between them."""
        start, stop, _ = pixels.indices(len(self.weights))
        for low in range(start, stop, _BAND):
            high = min(low + _BAND, stop)
            nodes = slice(int(self.first[low]), int(self.last[high - 1]))
            yield slice(low - start, high - start), nodes, self.weights[low:high, nodes]


def basis_of(weights: Array) -> Basis:
    """The basis of weights (pixels, nodes) float32 whose pixels and nodes lie in the same order."""
    used = weights != 0
    return Basis(weights, used.argmax(axis=1), used.shape[1] - used[:, ::-1].argmax(axis=1))


def interpolate(basis: Basis, values: Array, rows: slice, columns: slice) -> Array:
    """Values on the nodes of both axes, (nodes, nodes) float32, on a window of the pixels, (rows, columns) float32.

    Four nodes weigh on a pixel: multiplied band by band, most of the basis, which is 0, is left out.
    """
    height, width = (len(range(*pixels.indices(len(basis.weights)))) for pixels in (rows, columns))
    tall, result = np.empty((height, values.shape[1]), np.float32), np.empty((height, width), np.float32)
    for pixels, nodes, weights in basis.bands(rows):
        np.matmul(weights, values[nodes], out=tall[pixels])
    for pixels, nodes, weights in basis.bands(columns):
        np.matmul(tall[:, nodes], weights.T, out=result[:, pixels])
    return result


COARSE_STEP = 2.5
_REACH_MM = 2 * COARSE_STEP  # no pixel farther from a node feels it
COARSE_MM: Array = np.arange(-130.0, 130.0 + COARSE_STEP / 2, COARSE_STEP, dtype=np.float32)


@lru_cache(maxsize=8)
def pixel_centres(size: int, fov: float) -> Array:
    """Pixel centres in mm, (size,) float32."""
    return ((np.arange(size) - (size - 1) / 2) * (fov / size)).astype(np.float32)


def random_field(rng: np.random.Generator, wavelength: float) -> Field:
    """A field whose features are about ``wavelength`` mm wide."""
    step = wavelength / 2
    rows = _nodes(step, EXTENT_MM)
    planes = _nodes(step, DEPTH_MM)
    lattice = rng.standard_normal((planes, rows, rows), dtype=np.float32)
    lattice /= np.float32(_AXIS_SD**3)
    return Field(lattice, step)


def _nodes(step: float, extent: float) -> int:
    return int(np.ceil(2 * extent / step)) + 4


@lru_cache(maxsize=64)
def bspline_matrix(size: int, fov: float, step: float) -> Basis:
    """Cubic B-spline weights of every pixel row (= column), (size, nodes) float32."""
    return basis_of(bspline_weights(pixel_centres(size, fov), step, EXTENT_MM))


@lru_cache(maxsize=64)
def coarse_bspline_matrix(step: float) -> Array:
    """Cubic B-spline weights of every coarse node, (coarse nodes, nodes) float32."""
    return bspline_weights(COARSE_MM, step, EXTENT_MM)


def bspline_weights(points: Array, step: float, extent: float) -> Array:
    """Uniform cubic B-spline weights of ``points`` (n,) mm on the lattice over +-extent, (n, nodes) float32."""
    position = np.clip((points + extent) / step + 1, 1, _nodes(step, extent) - 3)
    distance = np.abs(position[:, None] - np.arange(_nodes(step, extent), dtype=np.float32))
    inner = 2 / 3 - distance**2 + distance**3 / 2
    outer = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, inner, outer).astype(np.float32)


@lru_cache(maxsize=8)
def cubic_matrix(size: int, fov: float) -> Basis:
    """Catmull-Rom weights from the coarse nodes to the pixels, (size, coarse nodes) float32."""
    position = (pixel_centres(size, fov) - COARSE_MM[0]) / COARSE_STEP
    x = np.abs(position[:, None] - np.arange(len(COARSE_MM), dtype=np.float32))
    near = 1 - 2.5 * x**2 + 1.5 * x**3
    far = 2 - 4 * x + 2.5 * x**2 - 0.5 * x**3
    return basis_of(np.where(x < 1, near, np.where(x < 2, far, 0)).astype(np.float32))


def smoothstep(x: Array | np.floating[Any]) -> Array:
    """0 below 0, 1 above 1, smooth between; float32 of any shape."""
    t: Array = np.clip(x, 0, 1)
    result: Array = -2 * t
    result += 3  # in place: a slice's worth of new memory costs as much as the arithmetic
    result *= t
    result *= t
    return result


def cover(distance: Array, width: float = 0.7) -> Array:
    """How much of a pixel a shape covers, [0, 1] float32, from its signed distance in mm (inside negative)."""
    part: Array = distance * np.float32(-1 / width)
    part += np.float32(0.5)
    result: Array = np.clip(part, 0, 1, out=part)
    return result


def window_of(mask: NDArray[np.bool_]) -> Window:
    """The smallest window that holds all true pixels of ``mask`` (n, n); an empty one when there is none."""
    return _span(mask.any(axis=1)), _span(mask.any(axis=0))


def strips(window: Window, rows: int = 56) -> Iterator[Window]:
    """Windows of at most ``rows`` rows that fill ``window``: what is computed in one stays in the processor's cache."""
    first, last = window[0].start, window[0].stop
    return ((slice(row, min(row + rows, last)), window[1]) for row in range(first, last, rows))


def _span(line: Any) -> slice:
    true = np.flatnonzero(line)
    return slice(int(true[0]), int(true[-1]) + 1) if true.size else slice(0, 0)
