"""Errors of every fold -> mean and SD over folds of the six metrics, as a paper prints them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sijstudy.metrics import Confusion, six_metrics

Array = np.ndarray[Any, Any]
MeanSd = tuple[float, float]  # percent
Wrong = tuple[tuple[int, int], ...]  # (false negatives, false positives) of every fold


@dataclass(frozen=True)
class FoldSizes:
    """Positive and negative test samples of every fold (Table 1), two folds or more."""

    positive: tuple[int, ...]
    negative: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.positive) != len(self.negative) or len(self.positive) < 2:
            raise ValueError(f"{len(self.positive)} and {len(self.negative)} fold sizes: give two or more of each")


def metrics_of(sizes: FoldSizes, wrong: Sequence[tuple[int, int]], *, ddof: int) -> dict[str, MeanSd]:
    """Mean and SD over folds, percent, of the six metrics for the (fn, fp) of every fold."""
    counts = np.array(wrong)
    values = moments(sizes, counts[None, :, 0], counts[None, :, 1], ddof)
    return {name: (float(mean[0]), float(sd[0])) for name, (mean, sd) in values.items()}


def moments(sizes: FoldSizes, fn: Array, fp: Array, ddof: int) -> dict[str, tuple[Array, Array]]:
    """Mean and SD ``(k,)`` of the six metrics, percent, of k tables: fn and fp ``(k, folds)``.

    NaN where a fold leaves a metric undefined: such a table gives no printed mean over all folds.
    """
    positive, negative = np.array(sizes.positive), np.array(sizes.negative)
    values = six_metrics(Confusion(positive - fn, fp, negative - fp, fn))
    return {name: (100 * value.mean(axis=1), 100 * value.std(axis=1, ddof=ddof)) for name, value in values.items()}


def half_a_digit(decimals: int) -> float:
    """How far a number may lie from its print."""
    return 0.5 * 10.0**-decimals
