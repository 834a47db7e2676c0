"""Can one printed metric arise from the printed fold sizes, whatever the other metrics are?

Each fold's metric is a fraction of counts, and mean and SD over the folds are printed in percent with a few decimals.
A half may have been rounded either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from sijstudy.analysis.consistency_counts import Array, FoldSizes, MeanSd, Wrong, half_a_digit, metrics_of
from sijstudy.analysis.consistency_search import search, widening
from sijstudy.metrics import Confusion, six_metrics


@dataclass(frozen=True)
class Verdict:
    """Whether the printed mean and SD of one metric can arise, taken alone.

    attainable: None when the search was not exhaustive and found nothing. ways: number of different fold results
    that give the print; at least so many when not ``exhaustive``. wrong: counts of one of these ways, with as few
    false negatives as will do; empty without one. nearest: the attainable (mean, sd), percent, that differs least
    from the print in the larger of its two differences; None when unknown.
    """

    attainable: bool | None
    ways: int
    exhaustive: bool
    wrong: Wrong
    nearest: MeanSd | None


def check_metric(metric: str, sizes: FoldSizes, printed: MeanSd, *, ddof: int, decimals: int = 2) -> Verdict:
    """The verdict on one metric of METRICS; printed: mean and SD over folds, percent.

    Accuracy, recall and specificity have so few values per fold that all combinations are covered. The others
    may have thousands: then evenly spread ones are tried, which can say "yes" but not "no".
    """
    options = [_options(metric, *size) for size in zip(sizes.positive, sizes.negative, strict=True)]
    half = half_a_digit(decimals)
    found, exhaustive = search([values for values, _ in options], printed, ddof, half)
    for row in found:
        wrong = tuple(option[1][place] for option, place in zip(options, row, strict=True))
        if _is_exact(metric, sizes, wrong, printed, ddof, half):
            return Verdict(True, len(found), exhaustive, wrong, metrics_of(sizes, wrong, ddof=ddof)[metric])
    nearest = _nearest_alone([values for values, _ in options], printed, ddof, half) if exhaustive else None
    return Verdict(False if exhaustive else None, 0, exhaustive, (), nearest)


def _options(metric: str, positive: int, negative: int) -> tuple[Array, list[tuple[int, int]]]:
    """The values a metric can take in one fold, ascending, percent, each with an (fn, fp) that gives it."""
    fn, fp = (side.ravel() for side in np.mgrid[: positive + 1, : negative + 1])
    values = 100 * six_metrics(Confusion(positive - fn, fp, negative - fp, fn))[metric]
    defined = np.flatnonzero(~np.isnan(values))
    distinct, first = np.unique(values[defined], return_index=True)
    chosen = defined[first]
    return distinct, list(zip(fn[chosen].tolist(), fp[chosen].tolist(), strict=True))


def _is_exact(metric: str, sizes: FoldSizes, wrong: Wrong, printed: MeanSd, ddof: int, within: float) -> bool:
    """The same in whole-number arithmetic, so that no rounding of the computer's decides."""
    folds = zip(sizes.positive, sizes.negative, wrong, strict=True)
    values = [100 * _fraction(metric, p - fn, fp, n - fp, fn) for p, n, (fn, fp) in folds]
    mean = sum(values, Fraction(0)) / len(values)
    variance = sum(((value - mean) ** 2 for value in values), Fraction(0)) / (len(values) - ddof)
    centre, spread, half = (Fraction(str(round(number, 9))) for number in (*printed, within))
    return abs(mean - centre) <= half and max(spread - half, Fraction(0)) ** 2 <= variance <= (spread + half) ** 2


def _fraction(metric: str, tp: int, fp: int, tn: int, fn: int) -> Fraction:
    pair = {
        "accuracy": (tp + tn, tp + tn + fp + fn),
        "recall": (tp, tp + fn),
        "precision": (tp, tp + fp),
        "specificity": (tn, tn + fp),
        "npv": (tn, tn + fn),
        "f1": (2 * tp, 2 * tp + fp + fn),
    }[metric]
    return Fraction(*pair)


def _nearest_alone(values: Sequence[Array], printed: MeanSd, ddof: int, half: float) -> MeanSd | None:
    """The attainable mean and SD nearest to the print; None when there are too many combinations to tell."""
    for within in widening(half):
        found, exhaustive = search(values, printed, ddof, within)
        if not exhaustive:
            return None
        if len(found):
            chosen = np.stack([fold[found[:, number]] for number, fold in enumerate(values)], axis=1)
            mean, sd = chosen.mean(axis=1), chosen.std(axis=1, ddof=ddof)
            best = np.maximum(np.abs(mean - printed[0]), np.abs(sd - printed[1])).argmin()
            return float(mean[best]), float(sd[best])
    return None
