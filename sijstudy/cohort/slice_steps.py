"""Where a subject's slices lie in their stack, counted in steps of the slice distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sijstudy.images.dicom import DicomHeader
from sijstudy.images.slice_order import normal_of

Array = np.ndarray[Any, Any]
FAR = 1.5  # ASSUMED: steps from which on a slice is no neighbour, as one lies between; below, positions were rounded


@dataclass(frozen=True)
class StackSteps:
    """N slices in their order in the body.

    places: steps of each beyond the first slice, growing; neighbours are one apart. mm: of a step, NaN where a single
    slice's header tells nothing.
    """

    places: tuple[int, ...]
    mm: float


def slice_indices(ordered: Sequence[DicomHeader]) -> list[int]:
    """Slice indices in steps of the slice distance, so that a left-out slice leaves a gap.

    "Two consecutive slices" [2.1] then means neighbours in the body, even where a cohort keeps only some slices.
    """
    gaps = _gaps(ordered)
    if not len(gaps):
        return [0]
    steps = np.maximum(1, np.round(gaps / _slice_distance(ordered[0], float(gaps.min()))))
    return [0, *np.cumsum(steps).astype(int).tolist()]


def stack_steps(ordered: Sequence[DicomHeader], indices: Sequence[int] | None = None) -> StackSteps:
    """How some slices of a series lie, by their positions along the normal.

    indices: the slices' places in their whole series, which tell how many steps even the smallest gap is; without
    them ``slice_indices``. The step is the median of all gaps but those that are longer than their share of the
    indices: FAR times the shortest step and more.
    """
    gaps = np.abs(_gaps(ordered))
    if not gaps.size:
        return StackSteps((0,), _stated_distance(ordered[0]))
    steps = gaps / np.maximum(1, np.abs(np.diff(slice_indices(ordered) if indices is None else indices)))
    step = float(np.median(steps[steps < FAR * steps.min()]))
    apart = np.maximum(1, np.round(gaps / step)).astype(int)  # 1.5 becomes 2: FAR
    return StackSteps((0, *np.cumsum(apart).tolist()), step)


def _gaps(ordered: Sequence[DicomHeader]) -> Array:
    normal = normal_of(ordered[0].orientation)
    gaps: Array = np.diff([float(np.dot(header.position, normal)) for header in ordered])
    return gaps


def _slice_distance(header: DicomHeader, smallest_gap: float) -> float:
    """Distance between neighbouring slices, mm.

    ASSUMED: SpacingBetweenSlices, unless it is below the slice thickness (some scanners store the gap between
    slices there) or above the smallest distance found; then that distance.
    """
    declared, thickness = (header.acquisition[name] for name in ("spacing_between_slices_mm", "slice_thickness_mm"))
    if not isinstance(declared, (int, float)) or not isinstance(thickness, (int, float, type(None))):
        return smallest_gap
    return min(float(declared), smallest_gap) if declared >= 0.9 * (thickness or 0) > 0 else smallest_gap


def _stated_distance(header: DicomHeader) -> float:
    """What a single slice's header tells of the slice distance, mm; NaN where it tells nothing.

    ASSUMED: SpacingBetweenSlices, unless it is below the slice thickness, or below a pixel's width where none is
    stated (volumes); then the thickness.
    """
    stated = (header.acquisition[name] for name in ("spacing_between_slices_mm", "slice_thickness_mm"))
    declared, thickness = (float(one) if isinstance(one, (int, float)) else 0.0 for one in stated)
    known = declared if declared >= 0.9 * (thickness if thickness > 0 else min(header.spacing)) else thickness
    return known if known > 0 else float("nan")
