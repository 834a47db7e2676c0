"""A slice or a patch on an axis: its grey values, outlines, and a Grad-CAM map laid over it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from sijstudy.intensity import without_padding
from sijstudy.windows import around

Array = np.ndarray[Any, Any]
COLOURS = "turbo"  # of a map: red is highest, as in the paper [Fig. 8]


def grey_range(image: Array) -> tuple[float, float]:
    """What is drawn black and what white: the 0.5th and 99.5th percentile, as noise leaves the 8-bit scale.

    Padding, NaN, counts for none.
    """
    low, high = np.nanpercentile(image, [0.5, 99.5])
    return low, max(high, low + 1)


def opacity(cam: Array) -> Array:
    """How much a map in [0, 1] hides of the patch below it, pixel by pixel, in [0, 1]."""
    hidden: Array = 0.15 + 0.45 * cam
    return hidden


def draw_image(axis: Axes, image: Array) -> None:
    """The image ``(H, W)`` in grey, padding black."""
    low, high = grey_range(image)
    axis.imshow(without_padding(image), cmap="gray", vmin=low, vmax=high, interpolation="nearest")


def draw_map(axis: Axes, cam: Array) -> None:
    """A map ``(H, W)`` in [0, 1] over what is drawn."""
    axis.imshow(cam, cmap=COLOURS, alpha=opacity(cam), vmin=0, vmax=1)


def draw_outline(axis: Axes, mask: Array, colour: str, width: float = 1.1) -> None:
    """The border of a mask ``(H, W)`` bool, where there is one; width in points."""
    if mask.any() and not mask.all():
        window = around(mask, (1, 1))
        rows, columns = (np.arange(own.start, own.stop) for own in window)
        axis.contour(columns, rows, mask[window].astype(float), levels=[0.5], colors=[colour], linewidths=width)
