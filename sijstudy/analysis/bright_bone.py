"""What a threshold on bright bone tells of a slice, without any network: the baselines of another cohort."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

from sijstudy.intensity import without_padding

Array = np.ndarray[Any, Any]

INTENSITY = {
    "p99_over_median": "99th percentile of bone over its median",
    "bright_share": "share of bone above twice its median",
}
PATCHES = {
    "patch_volume": "largest patch above twice the series' marrow",
    "patch_local": "largest patch above 1.5 times the marrow around it",
}
BASELINES = {**INTENSITY, **PATCHES}
# ASSUMED, as the two patches that follow: chosen on real STIR of 0.6 mm pixels by those who proposed them, not here.
ERODED_MM = 1.2  # bone no further from its edge shows no patch: two pixels of cortex, and what is half beside the bone
SMOOTHED_MM = 0.6  # SD of the Gaussian that takes noise out of the grey values
AROUND_MM = 9.6  # SD of the Gaussian, inside bone, that gives the marrow around a pixel
TIMES_VOLUME, TIMES_LOCAL = 2.0, 1.5


def intensity_baselines(values: Array) -> dict[str, float]:
    """The numbers of INTENSITY of the pixels ``(n,)`` of bone; NaN when their median is not above 0."""
    median = float(np.median(values)) if len(values) else 0.0
    if median <= 0:
        return dict.fromkeys(INTENSITY, float("nan"))
    return {
        "p99_over_median": float(np.percentile(values, 99)) / median,
        "bright_share": float(np.mean(values > 2 * median)),
    }


def patch_baselines(
    image: Array, bone: Array, inside: Array, marrow: float | None, spacing: tuple[float, float]
) -> dict[str, float]:
    """The numbers of PATCHES of a slice ``(H, W)``, NaN where padded: mm2 of the largest patch; 0 without one.

    bone: all of it on the slice, ``(H, W)`` bool, whose marrow is measured. inside: where edema counts, bool; a
    patch is sought there alone. marrow: grey value of normal marrow of the whole series; without it nothing is above.
    spacing: mm between rows, between columns. ASSUMED: pixels touching at a corner belong to one patch, as lesions do.
    """
    smooth = ndimage.gaussian_filter(without_padding(image).astype(np.float64), _sigmas(SMOOTHED_MM, spacing))
    kept = inside & ~np.isnan(image) & (ndimage.distance_transform_edt(bone, spacing) > ERODED_MM)
    around = _inside_mean(smooth, bone & ~np.isnan(image), _sigmas(AROUND_MM, spacing))
    limits = {
        "patch_volume": np.inf if marrow is None else TIMES_VOLUME * marrow,
        "patch_local": TIMES_LOCAL * np.where(around > 0, around, np.inf),
    }
    area = spacing[0] * spacing[1]
    return {name: area * _largest(kept & (smooth > limit)) for name, limit in limits.items()}


def _sigmas(width_mm: float, spacing: tuple[float, float]) -> list[float]:
    return [width_mm / mm for mm in spacing]


def _inside_mean(image: Array, mask: Array, sigmas: list[float]) -> Array:
    """The Gaussian mean of the pixels in the mask around each pixel; 0 far from all of them."""
    weight = ndimage.gaussian_filter(mask.astype(np.float64), sigmas)
    total = ndimage.gaussian_filter(np.where(mask, image, 0.0), sigmas)
    mean: Array = np.divide(total, weight, out=np.zeros_like(total), where=weight > 1e-6)
    return mean


def _largest(mask: Array) -> int:
    """Pixels of the largest part that hangs together, corners included."""
    parts, count = ndimage.label(mask, np.ones((3, 3)))
    return int(np.bincount(parts.ravel())[1:].max()) if count else 0
