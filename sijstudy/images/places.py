"""Which of a series' slices lie in one place: planes that are one plane, or two images of it after a movement."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

SAME_PLACE = 0.1  # mm. ASSUMED: planes nearer to each other are one plane, whose position was rounded
CLOSE = 0.49  # of the thickness. ASSUMED: 3D reconstructions overlap by half (0.5, rounded), what lies closer moved
UNKNOWN = 0.4  # of the distance from every slice to the next but one, where no thickness is stated. ASSUMED
OVERLAP = 0.9  # of the thickness: slices that lie closer overlap
ALIKE = 0.02  # of a gap, beside the rounding of positions, by which it may differ from a multiple of the smallest one


def places_of(heights: Sequence[float], thickness: float | None) -> list[int]:
    """The number of the place of each slice, from 0 upwards; ``heights``: positions along the normal, mm.

    Slices nearer than SAME_PLACE lie in one place. So do slices that lie much closer than they are thick: two images
    of one part of the body, which moved in between, put together would be a stack in which every slice comes twice.
    A stack whose slices lie at equal distances is one, however close; gaps may be left in it.
    """
    order = sorted(range(len(heights)), key=heights.__getitem__)
    numbers, planes = [0] * len(heights), [heights[order[0]]] if order else []
    for below, above in pairwise(order):
        if heights[above] - heights[below] >= SAME_PLACE:
            planes.append(heights[above])
        numbers[above] = len(planes) - 1
    joined = _joined(planes, _reach(planes, thickness))
    return [joined[number] for number in numbers]


def _joined(planes: Sequence[float], reach: float) -> list[int]:
    """The place of each plane, when a place begins with a plane and takes in those less than ``reach`` above it."""
    places: list[int] = []
    start = float("-inf")
    for plane in planes:
        starts = plane - start >= reach
        start = plane if starts else start
        places.append((places[-1] if places else -1) + starts)
    return places


def _reach(planes: Sequence[float], thickness: float | None) -> float:
    """How far a place reaches: 0 where every plane is a place of its own."""
    gaps = np.diff(planes)
    if gaps.size == 0:
        return 0.0
    grid = _one_grid(gaps)
    if not thickness:  # twice the step of a stack, and once where images come twice: then planes alternate
        step = float(np.median(np.subtract(planes[2:], planes[:-2]))) if gaps.size > 1 else 0.0
        return 0.0 if grid or gaps.min() >= UNKNOWN * step else UNKNOWN * step
    if gaps.min() < CLOSE * thickness:
        steps = gaps[gaps < gaps.min() + SAME_PLACE]
        even = steps.size > 1 and steps.sum() >= gaps.sum() / 2 and grid
        return 0.0 if even else CLOSE * thickness
    overlaps = (gaps < OVERLAP * thickness).sum() > 1  # one may be where two blocks of slices meet
    return float(gaps.min()) + SAME_PLACE if overlaps and not grid else 0.0


def _one_grid(gaps: np.ndarray) -> bool:
    """True where all gaps are multiples of the smallest one, as they are in a stack with slices left out."""
    slack = min(SAME_PLACE, gaps.min() / 4)
    step = float(np.median(gaps[gaps < gaps.min() + slack]))
    off = np.abs(gaps - np.round(gaps / step) * step)
    return bool((off < slack + ALIKE * gaps).all())
