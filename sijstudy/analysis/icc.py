"""Intraclass correlation: how far several measurements of the same subjects agree in absolute terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

Array = np.ndarray[Any, Any]
LEAST = 3  # subjects; with fewer nothing is said


@dataclass(frozen=True)
class Icc:
    """ICC(2,1) and its 95% interval; NaN with fewer than LEAST subjects, or where all values are the same."""

    value: float
    low: float
    high: float


def icc(values: Array) -> Icc:
    """ICC(2,1) of ``(subjects, measurements)`` without gaps, at least two measurements.

    Two-way random effects, absolute agreement, single measurement (Shrout & Fleiss 1979; ICC(A,1) of McGraw & Wong
    1996, whose interval this is: exact for neither, good for both, and wide with few subjects).
    """
    n, k = values.shape
    if n < LEAST or np.ptp(values) == 0:
        return Icc(*[float("nan")] * 3)
    total = values.mean()
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    between = k * ((rows - total) ** 2).sum() / (n - 1)
    raters = n * ((columns - total) ** 2).sum() / (k - 1)
    error = ((values - rows[:, None] - columns + total) ** 2).sum() / ((n - 1) * (k - 1))
    value = (between - error) / (between + (k - 1) * error + k / n * (raters - error))
    return Icc(float(value), *_interval(value, (between, raters, error), n, k))


def _interval(value: float, squares: tuple[float, float, float], n: int, k: int) -> tuple[float, float]:
    """McGraw & Wong's; squares: mean squares between subjects, between measurements, of the error."""
    between, raters, error = squares
    if error <= 1e-12 * between:
        return (float(value), float(value)) if raters <= 1e-12 * between else (float("nan"), float("nan"))
    a = k * value / (n * (1 - value))
    b = 1 + k * value * (n - 1) / (n * (1 - value))
    freedom = (a * raters + b * error) ** 2 / ((a * raters) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1)))
    lower, upper = stats.f.ppf(0.975, n - 1, freedom), stats.f.ppf(0.975, freedom, n - 1)
    rest = k * raters + (k * n - k - n) * error
    low = n * (between - lower * error) / (lower * rest + n * between)
    high = n * (upper * between - error) / (rest + n * upper * between)
    return float(low), float(high)
