"""Outlined edema -> how much of it there is: area of each slice, volume of an examination, a score of each slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from sijstudy.windows import around

if TYPE_CHECKING:  # for their types alone
    from sijstudy.segmentation.outline import Outlined, Spacing

Array = np.ndarray[Any, Any]
EDEMA_FROM = 0.25  # ASSUMED: from this probability on a pixel is drawn as edema; on new drawings 3% too many are
SMOOTHED_MM = 0.6  # ASSUMED: SD of the Gaussian that takes noise out of the grey values
TRUNCATED = 4.0  # SDs at which that Gaussian ends
PLAIN, GROSS = 1.3, 3.3  # ASSUMED: in units of normal marrow, where brightness begins and where it ends to tell more
HALF_MM2 = 10.0  # ASSUMED: the bright area at which a slice's score is 0.5, on new drawings 10.7 and 13.4 are best


@dataclass(frozen=True)
class EdemaAmount:
    """areas: ``(N,)`` float64, mm2 that are drawn as edema on each slice.

    volume: ml of all slices, each as thick as slices lie apart; NaN where that is not known. bright: ``(N,)`` float64,
    mm2: every pixel by its probability of being edema, and by how much brighter than normal marrow it is.
    """

    areas: Array
    volume: float
    bright: Array

    @property
    def scores(self) -> Array:
        """``(N,)`` in [0, 1): bright / (bright + HALF_MM2), so that it grows with the bright area."""
        scores: Array = self.bright / (self.bright + HALF_MM2)
        return scores


@dataclass(frozen=True)
class Stack:
    """The slices that were outlined.

    images: ``(N, H, W)`` float32 without padding. spacing: mm from row to row and from column to column. step_mm: from
    slice to slice, NaN where it is not known. marrow: grey value of normal marrow, None where it is not known.
    """

    images: Array
    spacing: Spacing
    step_mm: float
    marrow: float | None


def edema_mask(outlined: Outlined, region: Array | None = None) -> Array:
    """Pixels drawn as edema ``(N, H, W)`` bool, in ilia and sacrum. region: where it counts, bool; None: all there."""
    mask: Array = outlined.edema >= EDEMA_FROM
    return mask if region is None else mask & region


def edema_amount(outlined: Outlined, stack: Stack, region: Array | None = None) -> EdemaAmount:
    """How much edema the network outlines. region: as in ``edema_mask``."""
    likely = outlined.edema if region is None else outlined.edema * region
    area = stack.spacing[0] * stack.spacing[1]
    areas = edema_mask(outlined, region).sum(axis=(1, 2)) * area
    bright = (likely * _brightness(stack, likely > 0)).sum(axis=(1, 2), dtype=np.float64) * area
    return EdemaAmount(areas, float(areas.sum()) * stack.step_mm / 1000, bright)


def _brightness(stack: Stack, asked: Array) -> Array:
    """From 0 at PLAIN times normal marrow to ``GROSS - PLAIN`` at GROSS times it, ``(N, H, W)``; 0 without a level.

    Only round the pixels ``asked`` for, ``(N, H, W)`` bool; 0 further off.
    """
    bright: Array = np.zeros(stack.images.shape, np.float32)
    if stack.marrow is None or not asked.any():
        return bright
    widths = [SMOOTHED_MM / mm for mm in stack.spacing]
    window = around(np.any(asked, axis=0), [int(TRUNCATED * width + 0.5) for width in widths])
    for image, target in zip(stack.images, bright, strict=True):
        smooth = ndimage.gaussian_filter(image[window], widths, truncate=TRUNCATED)
        target[window] = np.clip(smooth / np.float32(stack.marrow) - np.float32(PLAIN), 0, np.float32(GROSS - PLAIN))
    return bright
