"""Outlined edema -> how much of it there is: area of each slice, volume of an examination, a score of each slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # for their types alone
    from sijstudy.segmentation.outline import Outlined, Spacing

Array = np.ndarray[Any, Any]
EDEMA_FROM = 0.5  # ASSUMED: from this probability on a pixel counts as edema
HALF_MM2 = 30.0  # ASSUMED: the area at which a slice's score is 0.5, as in whole synthetic examinations edema counts


@dataclass(frozen=True)
class EdemaAmount:
    """areas: ``(N,)`` float64, mm2 on each slice. volume: ml of all slices, each as thick as slices lie apart."""

    areas: Array
    volume: float

    @property
    def scores(self) -> Array:
        """``(N,)`` in [0, 1): area / (area + HALF_MM2), so that it grows with the area and is 0.5 at HALF_MM2."""
        scores: Array = self.areas / (self.areas + HALF_MM2)
        return scores


def edema_mask(outlined: Outlined, region: Array | None = None) -> Array:
    """Pixels called edema ``(N, H, W)`` bool, in ilia and sacrum. region: where it counts, bool; None: all there."""
    mask: Array = outlined.edema >= EDEMA_FROM
    return mask if region is None else mask & region


def edema_amount(outlined: Outlined, spacing: Spacing, step_mm: float, region: Array | None = None) -> EdemaAmount:
    """How much edema the network outlines on N slices.

    spacing: mm from row to row and from column to column. step_mm: from slice to slice. region: as in ``edema_mask``.
    """
    areas = edema_mask(outlined, region).sum(axis=(1, 2)) * (spacing[0] * spacing[1])
    return EdemaAmount(areas.astype(np.float64), float(areas.sum()) * step_mm / 1000)
