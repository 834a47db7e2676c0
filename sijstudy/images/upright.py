"""How a slice lies in its array, and the one rule by which every slice is turned upright, whatever file it is from.

Upright is what the radiological convention shows: columns run to the subject's left, so that the right side is on the
left of the image, and rows run downwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sijstudy.records import Box, IliumBoxes

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Plane:
    """Where an image lies in the body.

    shape: (rows, columns). position ``(3,)`` mm: centre of the first pixel, patient coordinates (LPS). orientation
    ``(6,)``: unit vectors along a row and along a column. spacing: (between rows, between columns), mm.
    """

    shape: tuple[int, int]
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]


@dataclass(frozen=True)
class Turn:
    """An image as stored -> upright: rows and columns are exchanged, then the order of either is reversed."""

    exchange: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    def pixels(self, stored: Array) -> Array:
        """The array ``(..., H, W)`` turned, a view."""
        image = stored.swapaxes(-1, -2) if self.exchange else stored
        return image[..., :: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]

    def plane(self, stored: Plane) -> Plane:
        """Where the turned image lies: each pixel stays where it is in the body."""
        if self == Turn():
            return stored
        shape, spacing, position = stored.shape, stored.spacing, np.array(stored.position)
        across, down = np.reshape(stored.orientation, (2, 3))
        if self.exchange:
            shape, spacing, across, down = shape[::-1], spacing[::-1], down, across
        if self.flip_rows:
            position, down = position + down * spacing[0] * (shape[0] - 1), -down
        if self.flip_columns:
            position, across = position + across * spacing[1] * (shape[1] - 1), -across
        return Plane(shape, tuple(position.tolist()), (*across.tolist(), *down.tolist()), spacing)

    def box(self, stored: Box, shape: tuple[int, int]) -> Box:
        """A box in pixels of the stored image of ``shape`` (rows, columns), in those of the turned one."""
        rows, columns = shape[::-1] if self.exchange else shape
        x0, y0, x1, y1 = stored.x0, stored.y0, stored.x1, stored.y1
        if self.exchange:
            x0, y0, x1, y1 = y0, x0, y1, x1
        if self.flip_rows:
            y0, y1 = rows - y1, rows - y0
        if self.flip_columns:
            x0, x1 = columns - x1, columns - x0
        return Box(x0, y0, x1, y1)

    def boxes(self, stored: IliumBoxes | None, shape: tuple[int, int]) -> IliumBoxes | None:
        """``box`` of both sides; a side keeps its name, which is the subject's own."""
        if stored is None:
            return None
        return IliumBoxes(*(side and self.box(side, shape) for side in (stored.left, stored.right)))

    @property
    def back(self) -> Turn:
        """The turn that undoes this one."""
        if self.exchange:
            return Turn(exchange=True, flip_rows=self.flip_columns, flip_columns=self.flip_rows)
        return self


def turn_of(orientation: tuple[float, ...]) -> Turn:
    """The turn that sets an image with this ``orientation`` upright.

    Columns are the direction that runs most from side to side. ASSUMED: rows run downwards, which is to the feet or,
    where the plane is nearer to axial, to the back. ValueError for a sagittal plane, which shows no two sides.
    """
    across, down = np.reshape(orientation, (2, 3))
    exchange = bool(abs(down[0]) > abs(across[0]))
    if exchange:
        across, down = down, across
    if abs(across[0]) < np.sqrt(0.5):
        raise ValueError("sagittal")
    downward = -down[2] if abs(down[2]) >= abs(down[1]) else down[1]
    return Turn(exchange, bool(downward < 0), bool(across[0] < 0))
