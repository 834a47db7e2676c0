"""Whether images still have the grey values of a scanner, which begin at 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sijstudy.images.dicom import DicomSlice

RINGING = 0.01  # of the brightest pixel. ASSUMED: what resampling leaves below 0 reaches no further
FEW = 0.05  # ASSUMED: share of pixels below that; of z-scores it is a third and more


def below_zero(planes: Sequence[DicomSlice]) -> float:
    """The share of the slices' pixels, in [0, 1], that lie below 0 by more than RINGING; padding does not count."""
    pixels = np.concatenate([plane.pixels.ravel() for plane in planes])
    tissue = pixels[~np.isnan(pixels)]
    return float(np.mean(tissue < -RINGING * np.abs(tissue).max()))


def is_normalised(planes: Sequence[DicomSlice]) -> bool:
    """Whether grey values do not begin at 0, as z-scores do not: none is then a multiple of another."""
    return below_zero(planes) > FEW
