"""What the painters of a slice share. Whatever covers a part of the slice is computed in a window round that part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sijstudy.phantom.fields import Array, Window
from sijstudy.phantom.plane import Plane

_OVERSHOOT_MM = 6.0  # cubic interpolation between nodes 2.5 mm apart may fall so far below them, and more is safe


@dataclass(frozen=True)
class Canvas:
    """The slice while it is painted, each (n, n) float32; painters change ``signal`` and ``fat`` in place.

    ``signal``: phantom units. ``fat``: how much unsuppressed fat would show, in [0, 1]. ``inside``: body, [0, 1].
    """

    signal: Array
    fat: Array
    inside: Array

    def part(self, window: Window) -> Canvas:
        """A window of it: painting there paints here."""
        return Canvas(self.signal[window], self.fat[window], self.inside[window])

    def paint(self, alpha: Array, signal: Array | float, fat: float) -> None:
        """Blend a tissue in where ``alpha`` (n, n) in [0, 1] is large."""
        self.signal[...] += alpha * (signal - self.signal)
        self.fat[...] += alpha * (np.float32(fat) - self.fat)


@dataclass(frozen=True)
class Texture:
    """Fields of the body on this slice, (n, n) float32, unit SD, from slow to fast."""

    coarse: Array
    medium: Array
    fine: Array
    grain: Array

    def part(self, window: Window) -> Texture:
        """A window of it."""
        return Texture(self.coarse[window], self.medium[window], self.fine[window], self.grain[window])


def texture_of(plane: Plane) -> Texture:
    """The fields of the slice."""
    fields = plane.body.textures
    return Texture(*(f.plane(plane.w, plane.grid) for f in (fields.coarse, fields.medium, fields.fine, fields.grain)))


def distance_near(plane: Plane, coarse: Array, reach: float) -> tuple[Window, Array]:
    """Where a structure comes within ``reach`` mm of a pixel, and its distance there, (rows, columns) float32.

    ``coarse``: its distance on the coarse nodes, which grows by less than 2 per mm. The window may be larger than it
    need be, and is empty when the structure does not come near.
    """
    window = plane.grid.around(coarse < reach + _OVERSHOOT_MM)
    return window, plane.grid.upsample(coarse, *window)
