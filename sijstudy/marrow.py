"""How bright a subject's own normal marrow is: the unit of grey values under ``intensity: marrow`` [2.2].

Coils, sequence and receiver scale a whole examination; edema is what is brighter than the marrow beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from sijstudy.intensity import tissue_of
from sijstudy.windows import around

Array = np.ndarray[Any, Any]
ERODED_MM = 1.5  # ASSUMED: cortex, and what is half beside the bone, reach no further in from the outline
LEAST_MM2 = 100.0  # ASSUMED: marrow of less than a square centimetre says nothing of a slice


@dataclass(frozen=True)
class MarrowLevels:
    """Grey values of normal marrow, as the image stores them after rescale, above 0.

    stack: of all slices together, None where bone is outlined nowhere. slices: of each slice, the stack's where the
    slice shows too little marrow.
    """

    stack: float | None
    slices: tuple[float | None, ...]


def marrow_levels(images: Sequence[Array], bones: Sequence[Array], pixel_mm: tuple[float, float]) -> MarrowLevels:
    """The levels of a subject's N slices ``(H, W)``, NaN where padded, from masks of their bone ``(H, W)`` bool.

    bones: ilia and sacrum, or all bone, from whatever source; empty where nothing is outlined. pixel_mm: between rows,
    between columns. ASSUMED: the median of the eroded bone (``marrow_pixels``), edema in it, which truth alone could
    leave out, and which covers less than half of it.
    """
    marrow = [marrow_pixels(image, bone, pixel_mm) for image, bone in zip(images, bones, strict=True)]
    area = pixel_mm[0] * pixel_mm[1]
    stack = _level(np.concatenate([*marrow, np.zeros(0)]), area)
    return MarrowLevels(stack, tuple(_level(pixels, area) or stack for pixels in marrow))


def marrow_pixels(image: Array, bone: Array, pixel_mm: tuple[float, float]) -> Array:
    """The pixels ``(n,)`` of bone that lie more than ERODED_MM from all that is no bone; padding left out."""
    if not bone.any():
        return np.zeros(0, image.dtype)
    window = around(bone, (1, 1))
    return tissue_of(image[window], ndimage.distance_transform_edt(bone[window], pixel_mm) > ERODED_MM)


def _level(pixels: Array, area: float) -> float | None:
    """Their median; None where they cover less than LEAST_MM2 (area: mm2 of one), or it is not above 0."""
    if pixels.size * area < LEAST_MM2 or np.median(pixels) <= 0:
        return None
    return float(np.median(pixels))
