"""One value from each fold, so that their mean and SD come near printed ones: all such choices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sijstudy.analysis.consistency_counts import Array, MeanSd

EPSILON = 1e-9  # points; far above float64's error in a sum over folds, far below a printed digit
MOST = 2_000_000  # combinations of half the folds, or tables, that are looked at
BLOCK = 200_000  # of them at a time
THINNED = 70  # values left of each fold when all would be too many


def search(values: Sequence[Array], printed: MeanSd, ddof: int, within: float) -> tuple[Array, bool]:
    """Places ``(k, folds)`` in the folds' values that give mean and SD within ``within``; whether these are all.

    Meet in the middle: the sums of one half of the folds are sorted, those of the other half looked up in them.
    """
    kept = [_reachable(fold, len(values), printed, ddof, within) for fold in values]
    middle = len(kept) // 2
    exhaustive = math.prod(map(len, kept[middle:])) <= MOST
    if not exhaustive:
        kept = [_thinned(places) for places in kept]
    distances = [fold[places] - printed[0] for fold, places in zip(values, kept, strict=True)]
    left, right = _Half.of(distances[:middle]), _Half.of(distances[middle:])
    n, found = len(kept), []
    low = np.searchsorted(right.sums, -n * within - left.sums - EPSILON)
    high = np.searchsorted(right.sums, n * within - left.sums + EPSILON, side="right")
    for one, other in pairs(low, high):
        mean = (left.sums[one] + right.sums[other]) / n
        sd = np.sqrt(np.maximum(left.squares[one] + right.squares[other] - n * mean**2, 0) / (n - ddof))
        fits = np.abs(sd - printed[1]) <= within + EPSILON
        found.append(np.hstack([left.places[one[fits]], right.places[other[fits]]]))
        if fits.any() and not exhaustive:
            break  # one answer will do, as not all can be counted
    places = np.concatenate(found) if found else np.empty((0, n), dtype=np.int64)
    rows = np.stack([kept[fold][places[:, fold]] for fold in range(n)], axis=1)
    return rows[np.lexsort(-rows.T[::-1])], exhaustive


@dataclass(frozen=True)
class _Half:
    """All combinations of some folds, by ascending sum: places ``(k, folds)``, sums and sums of squares ``(k,)``."""

    places: Array
    sums: Array
    squares: Array

    @classmethod
    def of(cls, distances: Sequence[Array]) -> _Half:
        places = np.indices([len(fold) for fold in distances]).reshape(len(distances), -1).T
        chosen = np.stack([fold[places[:, number]] for number, fold in enumerate(distances)], axis=1)
        order = np.argsort(chosen.sum(axis=1), kind="stable")
        return cls(places[order], chosen.sum(axis=1)[order], (chosen**2).sum(axis=1)[order])


def pairs(low: Array, high: Array) -> Iterator[tuple[Array, Array]]:
    """Each row number of ``low`` with each number from low to high, in blocks of about BLOCK pairs."""
    counts = np.maximum(high - low, 0)
    ends = np.cumsum(counts)
    for block in np.split(np.arange(len(counts)), np.flatnonzero(np.diff(ends // BLOCK)) + 1):
        inside = counts[block]
        one = np.repeat(block, inside)
        yield one, np.arange(len(one)) - np.repeat(np.cumsum(inside) - inside, inside) + low[one]


def _reachable(values: Array, n: int, printed: MeanSd, ddof: int, within: float) -> Array:
    """Places of the values that such a sample of n can hold at all (Samuelson's inequality)."""
    reach = (printed[1] + within) * math.sqrt((n - ddof) * (n - 1) / n) + within
    return np.flatnonzero(np.abs(values - printed[0]) <= reach + EPSILON)


def _thinned(places: Array) -> Array:
    return places[np.linspace(0, len(places) - 1, THINNED).round().astype(int)] if len(places) > THINNED else places


def widening(half: float) -> Iterator[float]:
    """Ever larger distances from the print, up to all there is."""
    return itertools.takewhile(lambda within: within < 200, (half * 2.0**step for step in itertools.count(1)))
