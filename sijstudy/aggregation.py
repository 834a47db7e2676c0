"""Slice results -> the course along a subject's slices -> the subject's diagnosis [3.1, Fig. 6]."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

Array = np.ndarray[Any, Any]


def median_filter(values: Array, size: int) -> Array:
    """Median along the slice order ``(n,)`` -> ``(n,)``; size odd, >= 1, in slices [3.1].

    ASSUMED: beyond the first and last slice the end value is repeated, so that an end slice keeps its
    result when its one neighbour disagrees. Raises ValueError for an even size.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"median filter size {size} must be odd and at least 1")
    filtered: Array = ndimage.median_filter(np.asarray(values), size=size, mode="nearest")
    return filtered


def slice_decisions(scores: Array, threshold: float) -> Array:
    """1 where a slice's score ``(n,)`` reaches the threshold, else 0: ``(n,)`` int64."""
    decisions: Array = (np.asarray(scores) >= threshold).astype(np.int64)
    return decisions


def filtered_course(scores: Array, *, size: int, threshold: float, on: str = "decision") -> Array:
    """The filtered course of one subject, scores ``(n,)`` in slice order -> ``(n,)`` float64.

    on: ``decision`` filters the 0/1 results (Fig. 6 draws them), ``score`` the scores.
    """
    if on not in ("decision", "score"):
        raise ValueError(f"on={on!r} must be decision or score")
    course = slice_decisions(scores, threshold) if on == "decision" else np.asarray(scores)
    return median_filter(course.astype(np.float64), size)


def subject_score(course: Array) -> float:
    """The mean of a subject's (filtered) slice results, in [0, 1] [3.1]."""
    return float(np.mean(course))


def asas_positive(lesions: Array, slice_index: Array) -> bool:
    """Active sacroiliitis by the ASAS rule [2.1, reference 43].

    lesions ``(n,)``: number of edema lesions on each slice; slice_index ``(n,)``: its place in the series.
    True with two lesions on one slice, or a lesion on each of two slices whose places follow each other.
    """
    lesions, slice_index = np.asarray(lesions), np.asarray(slice_index)
    affected = np.sort(slice_index[lesions >= 1])
    return bool((lesions >= 2).any() or (np.diff(affected) == 1).any())
