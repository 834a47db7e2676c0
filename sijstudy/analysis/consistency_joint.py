"""Can all six printed metrics arise at once, from one confusion table per fold?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sijstudy.analysis.consistency_counts import Array, FoldSizes, MeanSd, Wrong, half_a_digit, metrics_of, moments
from sijstudy.analysis.consistency_search import EPSILON, MOST, pairs, search, widening
from sijstudy.metrics import METRICS

STARTS = 6  # tables from which the nearest one is looked for


@dataclass(frozen=True)
class Joint:
    """Whether one confusion table per fold gives the printed values of all six metrics at once.

    attainable: None when undecided. wrong: counts of the nearest table; values: its metrics, percent. distance: its
    largest difference from a printed mean or SD, percentage points. proven: no table is nearer; otherwise it is
    the nearest that was found.
    """

    attainable: bool | None
    wrong: Wrong
    values: dict[str, MeanSd]
    distance: float
    proven: bool


def check_jointly(sizes: FoldSizes, printed: Mapping[str, MeanSd], *, ddof: int, decimals: int = 2) -> Joint:
    """The verdict on all six metrics at once.

    Every table with the printed recall and specificity is held against the other metrics, so a "no" is exact. The
    nearest table is found by descent from the best of these, one or two counts at a time, and proven by
    looking at every table that could be nearer, where these are few.
    """
    half = half_a_digit(decimals)
    sides = [
        _side(sizes.positive, printed["recall"], ddof, half),
        _side(sizes.negative, printed["specificity"], ddof, half),
    ]
    decided = all(exhaustive for _, exhaustive in sides)
    starts = _nearest(sizes, printed, ddof, *(counts for counts, _ in sides), keep=STARTS)
    if starts and starts[0][0] <= half + EPSILON:
        return _joint(sizes, starts[0], ddof, attainable=True, proven=True)
    if not starts:
        wider = (
            _widened(sizes.positive, printed["recall"], ddof, half),
            _widened(sizes.negative, printed["specificity"], ddof, half),
        )
        starts = _nearest(sizes, printed, ddof, *wider, keep=STARTS)
    best = min((_descended(sizes, printed, ddof, start) for start in starts), key=lambda one: one[0])
    best, proven = _proven(sizes, printed, ddof, best)
    reached = best[0] <= half + EPSILON
    return _joint(sizes, best, ddof, attainable=True if reached else False if decided else None, proven=proven)


def _side(samples: Sequence[int], printed: MeanSd, ddof: int, within: float) -> tuple[Array, bool]:
    """Wrong samples of one class in every fold, ``(k, folds)``, for its recall (or specificity) as printed."""
    values = [100 * (n - np.arange(n, -1, -1)) / n for n in samples]  # ascending
    found, exhaustive = search(values, printed, ddof, within)
    return np.array(samples) - found, exhaustive


def _widened(samples: Sequence[int], printed: MeanSd, ddof: int, half: float) -> Array:
    """The wrong samples of one class for a recall that comes as near to the print as can be."""
    sides = (_side(samples, printed, ddof, within)[0] for within in (half, *widening(half)))
    return next((side for side in sides if len(side)), np.zeros((1, len(samples)), dtype=np.int64))


def _distances(sizes: FoldSizes, printed: Mapping[str, MeanSd], ddof: int, fn: Array, fp: Array) -> Array:
    """The largest difference ``(k,)`` of each table from a printed number, percentage points."""
    values = moments(sizes, fn, fp, ddof)
    gaps = [np.abs(values[name][part] - printed[name][part]) for name in METRICS for part in (0, 1)]
    worst: Array = np.nan_to_num(np.max(gaps, axis=0), nan=np.inf)
    return worst


def _nearest(
    sizes: FoldSizes, printed: Mapping[str, MeanSd], ddof: int, fn: Array, fp: Array, *, keep: int
) -> list[tuple[float, Array]]:
    """Of all tables with a row of fn and a row of fp, the ``keep`` nearest: distance, counts ``(folds, 2)``."""
    best: list[tuple[float, Array]] = []
    for one, other in pairs(np.zeros(len(fn), dtype=np.int64), np.full(len(fn), len(fp))):
        distances = _distances(sizes, printed, ddof, fn[one], fp[other])
        for place in np.argsort(distances, kind="stable")[:keep]:
            best.append((float(distances[place]), np.stack([fn[one[place]], fp[other[place]]], axis=1)))
    return sorted(best, key=lambda table: table[0])[:keep]


def _descended(
    sizes: FoldSizes, printed: Mapping[str, MeanSd], ddof: int, start: tuple[float, Array]
) -> tuple[float, Array]:
    """The table reached by always taking the best change of one or two counts by up to 3, until none helps."""
    most = np.array([sizes.positive, sizes.negative]).T
    steps = _steps(most.size).reshape(-1, *most.shape)
    distance, counts = start
    while True:
        tables = counts + steps
        tables = tables[((tables >= 0) & (tables <= most)).all(axis=(1, 2))]
        distances = _distances(sizes, printed, ddof, tables[..., 0], tables[..., 1])
        best = distances.argmin()
        if not distances[best] < distance - EPSILON:
            return distance, counts
        distance, counts = float(distances[best]), tables[best]


def _steps(size: int) -> Array:
    """All changes ``(k, size)`` of one or two of ``size`` counts by -3 to 3."""
    rows = {}
    for first, second in itertools.combinations(range(size), 2):
        for change in itertools.product(range(-3, 4), repeat=2):
            row = np.zeros(size, dtype=np.int64)
            row[[first, second]] = change
            rows[row.tobytes()] = row
    return np.stack(list(rows.values()))


def _proven(
    sizes: FoldSizes, printed: Mapping[str, MeanSd], ddof: int, best: tuple[float, Array]
) -> tuple[tuple[float, Array], bool]:
    """The nearest of all tables, and True; or ``best`` and False when too many could be nearer."""
    fn, fp = (
        _near(sizes.positive, printed["recall"], ddof, best[0]),
        _near(sizes.negative, printed["specificity"], ddof, best[0]),
    )
    if fn is None or fp is None or len(fn) * len(fp) > MOST:
        return best, False
    return min([best, *_nearest(sizes, printed, ddof, fn, fp, keep=1)], key=lambda table: table[0]), True


def _near(samples: Sequence[int], printed: MeanSd, ddof: int, within: float) -> Array | None:
    """The wrong samples of one class for a recall within ``within`` of the print; None when these are too many."""
    reach = (printed[1] + within) * math.sqrt((len(samples) - ddof) * (len(samples) - 1) / len(samples)) + within
    widths = [min(n, 2 * reach * n / 100) + 1 for n in samples]
    if math.prod(widths) > 10 * MOST:
        return None
    found, exhaustive = _side(samples, printed, ddof, within)
    return found if exhaustive else None


def _joint(sizes: FoldSizes, table: tuple[float, Array], ddof: int, attainable: bool | None, proven: bool) -> Joint:
    wrong = tuple((int(fn), int(fp)) for fn, fp in table[1])
    return Joint(attainable, wrong, metrics_of(sizes, wrong, ddof=ddof), table[0], proven)
