"""Slice results -> the course along a subject's slices -> the subject's diagnosis [3.1, Fig. 6].

The one place of these rules: tables, sensitivity, the diagnosis of one subject, live panels and the sliders of a report
all come from here. What turns a course into a diagnosis is an entry of RULES.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Course:
    """The slices of one subject in their order, at one slice threshold, or with an axis in front at several.

    slice_index ``(n,)`` int, the place in the series. score, filtered_score ``(n,)`` float64 in [0, 1]. decision,
    filtered_decision ``(..., n)`` int64, 0 or 1. result ``(..., n)`` float64 in [0, 1]: the filtered decisions or the
    filtered scores, whichever the subject's score is made of.
    """

    slice_index: Array
    score: Array
    filtered_score: Array
    decision: Array
    filtered_decision: Array
    result: Array


@dataclass(frozen=True)
class Rule:
    """How a course becomes a diagnosis. title: what tables call it. score: course -> ``(...,)`` float64 in [0, 1].

    threshold: where the score turns positive; None for a graded score, on which the study's threshold decides.
    """

    title: str
    score: Callable[[Course], Array]
    threshold: float | None = None

    def limit(self, subject_threshold: float) -> float:
        """The score from which on a subject is positive, where the study's threshold is ``subject_threshold``."""
        return subject_threshold if self.threshold is None else self.threshold

    def positive(self, score: Array | float, subject_threshold: float) -> Array:
        """Whether subjects of these scores ``(...,)`` are positive: ``(...,)`` bool."""
        called: Array = np.asarray(score) >= self.limit(subject_threshold)
        return called


def runs_of_slices(slice_index: Array) -> Array:
    """The run of neighbouring slices that each slice is in, counted from 0: ``(n,)`` int64.

    slice_index ``(n,)`` int, ascending: places in the series. A place left out ends a run.
    """
    runs: Array = np.cumsum(np.diff(slice_index, prepend=slice_index[:1]) > 1)
    return runs


def neighbours(slice_index: Array, size: int) -> Array:
    """Which slices stand round each slice in its run, itself in the middle: ``(n, size)`` places in ``slice_index``.

    slice_index ``(n,)`` int, ascending; size odd. Beyond an end of the run its last slice is repeated.
    """
    half, runs = size // 2, runs_of_slices(slice_index)
    first, last = np.searchsorted(runs, runs, "left"), np.searchsorted(runs, runs, "right") - 1
    near = np.arange(len(runs))[:, None] + np.arange(-half, half + 1)
    return np.clip(near, first[:, None], last[:, None])


def median_filter(values: Array, slice_index: Array, size: int) -> Array:
    """Median along the slice order ``(n,)`` -> ``(n,)``; size odd, >= 1, in slices [3.1].

    ASSUMED: only slices that are neighbours in the body (``slice_index`` one apart) are filtered together, as the ASAS
    rule asks for "at least two consecutive image slices" [2.1, reference 43]: each run of them is filtered by itself.
    ASSUMED: beyond the first and last slice of a run the end value is repeated, so that an end slice keeps its
    result when its one neighbour disagrees. Raises ValueError for an even size.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"median filter size {size} must be odd and at least 1")
    near = neighbours(np.asarray(slice_index), size)
    filtered: Array = np.sort(np.asarray(values)[near], axis=1)[:, size // 2]
    return filtered


def slice_decisions(scores: Array | float, threshold: Array | float) -> Array:
    """1 where a slice's score reaches the threshold, else 0: int64, broadcast over both arguments."""
    decisions: Array = (np.asarray(scores) >= threshold).astype(np.int64)
    return decisions


def follow(scores: Array, slice_index: Array, *, size: int, threshold: Array | float, on: str = "decision") -> Course:
    """The course of one subject: scores ``(n,)`` in slice order, a threshold or several ``(k,)`` [3.1].

    slice_index ``(n,)``, ascending: the slices' places in the series. The filter joins no slices across a gap in them.
    on: ``decision`` filters the 0/1 results (Fig. 6 draws them), ``score`` the scores. The median of an odd number of
    values reaches a threshold exactly when most of the values do, so the filtered decisions are the same for both.
    """
    if on not in ("decision", "score"):
        raise ValueError(f"on={on!r} must be decision or score")
    scores = np.asarray(scores, dtype=np.float64)
    limits = np.asarray(threshold, dtype=np.float64)[..., None]
    filtered = median_filter(scores, slice_index, size)
    decisions = slice_decisions(filtered, limits)
    result = decisions.astype(np.float64) if on == "decision" else np.broadcast_to(filtered, decisions.shape)
    return Course(np.asarray(slice_index), scores, filtered, slice_decisions(scores, limits), decisions, result)


def subject_score(course: Course) -> Array:
    """The mean of a subject's filtered slice results, in [0, 1] [3.1]."""
    score: Array = course.result.mean(axis=-1)
    return score


def asas_positive(lesions: Array, slice_index: Array) -> Array:
    """Active sacroiliitis by the ASAS rule [2.1, reference 43]: ``(...,)`` bool.

    lesions ``(..., n)``: number of edema lesions on each slice; slice_index ``(n,)``: its place in the series.
    True with two lesions on one slice, or a lesion on each of two slices whose places follow each other.
    """
    order = np.argsort(slice_index)
    lesions, places = np.asarray(lesions)[..., order], np.asarray(slice_index)[order]
    neighbours = (lesions[..., 1:] >= 1) & (lesions[..., :-1] >= 1) & (np.diff(places) == 1)
    positive: Array = (lesions >= 2).any(axis=-1) | neighbours.any(axis=-1)
    return positive


def _asas_score(course: Course) -> Array:
    """1 or 0. ASSUMED: a network counts no lesions, so one is taken to be on each positive slice."""
    return asas_positive(course.filtered_decision, course.slice_index).astype(np.float64)


def longest_run(positive: Array, slice_index: Array) -> Array:
    """The most neighbouring slices that are all positive: ``(...,)`` int64, of ``(..., n)`` 0/1 in slice order.

    slice_index ``(n,)``, ascending: a run ends at a gap.
    """
    positive, runs = np.asarray(positive), runs_of_slices(np.asarray(slice_index))
    longest, length = np.zeros(positive.shape[:-1], np.int64), np.zeros(positive.shape[:-1], np.int64)
    for place in range(positive.shape[-1]):
        joined = place > 0 and runs[place] == runs[place - 1]
        length = np.where(positive[..., place] == 1, length * joined + 1, 0)
        longest = np.maximum(longest, length)
    return longest


def _run_score(course: Course) -> Array:
    """The longest run as a share of the slices."""
    score: Array = longest_run(course.filtered_decision, course.slice_index) / len(course.slice_index)
    return score


def _highest_score(course: Course) -> Array:
    """The highest filtered score, which no slice threshold moves."""
    return np.broadcast_to(course.filtered_score.max(), course.decision.shape[:-1])


# The paper's rule first. A name is a value of the parameter ``subject_rule`` and a column of the subjects' table.
RULES: Mapping[str, Rule] = {
    "mean": Rule("mean of the filtered slices", subject_score),
    "asas": Rule("ASAS two-slice rule", _asas_score, threshold=0.5),
    "run": Rule("longest run of positive slices", _run_score),
    "highest": Rule("highest filtered score", _highest_score),
}
