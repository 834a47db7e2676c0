"""95% confidence intervals of what was measured on subjects, who are independent where their slices are not [2.4]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

Array = np.ndarray[Any, Any]
Z = 1.959964  # the normal quantile of 95% intervals


def subject_weights(subjects: int, samples: int, seed: int | Sequence[int]) -> Array:
    """How often each subject counts in each resample: ``(samples, subjects)`` float64.

    Each resample draws ``subjects`` of them with replacement, so that a row's sum is ``subjects``; 0 of 0.
    """
    if not subjects:
        return np.zeros((samples, 0))
    rng = np.random.default_rng(seed)
    return rng.multinomial(subjects, np.full(subjects, 1 / subjects), size=samples).astype(np.float64)


def row_weights(
    subject_ids: Array | Sequence[Any], samples: int, seed: int, within: Array | Sequence[Any] | None = None
) -> Array:
    """How often each row counts in each resample of subjects, who bring all their rows: ``(samples, n)`` float64.

    subject_ids: whose each row is, ``(n,)``. The subjects are drawn in the order of their names, so that the order of
    the rows does not matter. within: the group of each row's subject, ``(n,)``; each group is then resampled by itself,
    so that every resample has as many subjects of each as there are.
    """
    names, first, codes = np.unique(np.asarray(subject_ids, dtype=object), return_index=True, return_inverse=True)
    if within is None:
        return subject_weights(len(names), samples, seed)[:, codes]
    groups = np.asarray(within, dtype=object)[first]
    weights = np.zeros((samples, len(names)))
    for place, group in enumerate(np.unique(groups)):
        own = groups == group
        weights[:, own] = subject_weights(int(own.sum()), samples, [seed, place])
    return weights[:, codes]


def interval(values: Array, tail: float = 2.5, *, nearest: bool = False) -> tuple[float, float]:
    """Percentile interval of resampled values ``(samples,)``, NaN left out; NaN when nothing is left.

    tail: percent of the values beyond each end. An end that falls between two values is interpolated; with ``nearest``
    it is the nearer one, for values that may be infinite: there is no way to interpolate to infinity.
    """
    kept = values[~np.isnan(values)]
    if len(kept) == 0:
        return float("nan"), float("nan")
    if nearest:
        low, high = np.sort(kept)[np.percentile(np.arange(len(kept)), [tail, 100 - tail], method="nearest").astype(int)]
    else:
        low, high = np.percentile(kept, [tail, 100 - tail])
    return float(low), float(high)


def intervals(values: Array) -> tuple[Array, Array]:
    """The ``interval`` of each column of ``(samples, k)``: its lower and upper ends, ``(k,)`` each."""
    low, high = np.transpose([interval(column) for column in values.T])
    return low, high


def wilson(share: float, n: float, z: float = Z) -> tuple[float, float]:
    """Wilson's 95% interval of a share in [0, 1] among n > 0 independent people; n may be an effective number."""
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low, high = float(max(0.0, centre - half)), float(min(1.0, centre + half))
    return 0.0 if share == 0 else low, 1.0 if share == 1 else high


def kish(weights: Array | Sequence[float]) -> float:
    """Kish's effective number of people who count with ``weights``: as many of equal weight tell as much; 0 of none."""
    counted = np.asarray(weights, dtype=np.float64)
    return float(counted.sum() ** 2 / (counted**2).sum()) if counted.any() else 0.0


def corrected_t(values: Array | Sequence[float], ratio: float) -> tuple[float, float]:
    """Nadeau and Bengio's corrected resampled t: the 95% interval of a mean over repeated random splits.

    values: one per split, NaN left out. ratio: test subjects per training subject, which the usual variance of a mean
    lacks, as the splits share their subjects. NaN with fewer than two values.
    """
    kept = np.asarray(values, dtype=np.float64)
    kept = kept[~np.isnan(kept)]
    if len(kept) < 2:
        return float("nan"), float("nan")
    half = stats.t.ppf(0.975, len(kept) - 1) * np.sqrt((1 / len(kept) + ratio) * kept.var(ddof=1))
    return float(kept.mean() - half), float(kept.mean() + half)
