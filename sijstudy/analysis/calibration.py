"""Calibration: do scores mean what they say? Reliability, Brier score, calibration error, recalibration.

The paper reports none of it; a reader who wants to use a score as a probability needs all of it (TRIPOD+AI 12e).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sijstudy.intervals import interval, row_weights, wilson
from sijstudy.metrics import mean_sd
from sijstudy.weighted_metrics import groups

Array = np.ndarray[Any, Any]

# ASSUMED: the logit of a score of 0 or 1 is infinite, so that scores are kept this far from both.
SCORE_MARGIN = 0.001
NEWTON_STEPS, CONVERGED = 40, 1e-9
STEEPEST = 1e3  # a slope beyond it has no maximum: the scores separate the classes

MEASURES = {
    "brier": "Brier score (0 is best)",
    "reference": "Brier score of the prevalence",
    "skill": "Brier skill (1 is best, 0 is the prevalence)",
    "ece": "expected calibration error (0 is best)",
    "intercept": "calibration intercept, slope held at 1 (0 is best)",
    "slope": "calibration slope (1 is best)",
}


@dataclass(frozen=True)
class Bins:
    """How scores are grouped: edges ``(k + 1,)`` ascending; a score on an inner edge belongs to the bin below it."""

    edges: Array

    def of(self, scores: Array) -> Array:
        """Bin number of each score ``(n,)``, from 0 to k - 1."""
        numbers: Array = np.searchsorted(self.edges[1:-1], scores)
        return numbers

    def __len__(self) -> int:
        return len(self.edges) - 1


def equal_width(count: int) -> Bins:
    """``count`` bins of equal width over [0, 1]."""
    return Bins(np.linspace(0, 1, count + 1))


def equal_count(scores: Array, count: int) -> Bins:
    """``count`` bins with the same number of scores each; tied scores share a bin, so there may be fewer."""
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, count + 1)))
    return Bins(edges if len(edges) > 1 else np.array([0.0, 1.0]))


def reliability(frame: pd.DataFrame, bins: Bins, *, samples: int, seed: int) -> pd.DataFrame:
    """The reliability curve: how often each bin's scores came true, with 95% CI given these networks.

    The CI resamples the subjects of each group by themselves.
    frame: subject_id, label (0/1), score in [0, 1]; a subject brings all its rows, of all folds.
    In a bin of one label alone the CI is Wilson's for its different people.
    A row per bin that holds a score: count, predicted (mean score), observed (share positive), low, high.
    """
    label, score, drawn = _arrays(frame, samples, seed)
    number = bins.of(score)
    rows = []
    for k in np.unique(number):
        inside = number == k
        weight = drawn[:, inside]
        total = weight.sum(axis=1)
        share = (weight @ label[inside])[total > 0] / total[total > 0]
        low, high = interval(share)
        if len(set(label[inside])) == 1:  # no resample can hold another label
            low, high = wilson(float(label[inside][0]), frame.loc[inside, "subject_id"].nunique())
        rows.append(
            {
                "count": int(inside.sum()),
                "predicted": score[inside].mean(),
                "observed": label[inside].mean(),
                "low": low,
                "high": high,
            }
        )
    return pd.DataFrame(rows)


def calibration_table(frame: pd.DataFrame, bins: Bins, *, samples: int, seed: int) -> pd.DataFrame:
    """All measures: pooled over the folds with 95% CI given these networks, and mean and SD over folds.

    The CI resamples the subjects of each group by themselves.
    frame: fold, subject_id, label (0/1), score in [0, 1]. Index the names of MEASURES, columns pooled, low,
    high, mean, sd. A slope is infinite where scores separate the classes; NaN where one class is missing.

    The interval of the calibration error is the basic bootstrap's, 2 x estimate - percentile (Davison & Hinkley 1997,
    5.2): absolute gaps grow with the noise that resampling adds, so that nearly all resamples lie above the estimate.
    The estimate is above the truth for the same reason, which this makes good in part only.
    """
    label, score, drawn = _arrays(frame, samples, seed)
    once = np.ones((1, len(frame)))
    pooled = {name: float(value[0]) for name, value in measures(label, score, once, bins).items()}
    resampled = measures(label, score, drawn, bins)
    folds = [
        measures(part["label"].to_numpy(float), part["score"].to_numpy(float), np.ones((1, len(part))), bins)
        for _, part in frame.groupby("fold")
    ]
    rows = {}
    for name in MEASURES:
        low, high = interval(resampled[name], nearest=True)
        if name == "ece":
            low, high = max(0.0, 2 * pooled[name] - high), max(0.0, 2 * pooled[name] - low)
        mean, sd = mean_sd([value if np.isfinite(value := fold[name][0]) else np.nan for fold in folds])
        rows[name] = {"pooled": pooled[name], "low": low, "high": high, "mean": mean, "sd": sd}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("measure")


def format_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Readable cells of one or more ``calibration_table``: a row for each table and measure."""
    rows = {}
    for name, table in tables.items():
        for measure, label in MEASURES.items():
            row = table.loc[measure]
            rows[(name, label)] = {
                "all folds": _cell(row["pooled"]),
                "95% CI": "–" if np.isinf(row["pooled"]) else f"{_cell(row['low'])} to {_cell(row['high'])}",
                "mean ± SD of folds": f"{_cell(row['mean'])} ± {_cell(row['sd'])}",
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def in_words(table: pd.DataFrame) -> str:
    """What a ``calibration_table`` says of its scores, as the end of a sentence that begins with them."""
    slope, low, high = table.loc["slope", ["pooled", "low", "high"]]
    if np.isnan(slope):
        return "cannot be judged, as only one class was tested"
    if np.isposinf(slope):
        return "separate the classes without an error, so that no finite calibration slope fits them"
    numbers = f"(slope {_cell(slope)}, 95% CI given these networks {_cell(low)} to {_cell(high)})"
    if low > 1:
        return f"are too timid: nearer to the middle than what they stand for {numbers}"
    if high < 1:
        return f"are too bold: nearer to 0 and 1 than what they stand for {numbers}"
    return f"are neither clearly too bold nor clearly too timid {numbers}"


def _cell(value: float) -> str:
    if np.isnan(value):
        return "–"
    return "∞" if np.isposinf(value) else f"{value:.3f}".replace("-", "−")


def measures(label: Array, score: Array, weights: Array, bins: Bins) -> dict[str, Array]:
    """Every measure under each row of weights: name -> ``(samples,)``.

    label, score: ``(n,)``, 0/1 and [0, 1]; weights ``(samples, n)``: how often each row counts.
    """
    total = weights.sum(axis=1)
    brier = weights @ (score - label) ** 2 / total
    prevalence = weights @ label / total
    reference = prevalence * (1 - prevalence)
    intercept, slope = recalibration(label, score, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        skill = np.where(reference > 0, 1 - brier / reference, np.nan)
    error = calibration_error(label, score, weights, bins)
    return {"brier": brier, "reference": reference, "skill": skill, "ece": error,
            "intercept": intercept, "slope": slope}  # fmt: skip


def calibration_error(label: Array, score: Array, weights: Array, bins: Bins) -> Array:
    """Expected calibration error ``(samples,)``: |observed - predicted| of the bins, weighed by their counts."""
    member = bins.of(score)[:, None] == np.arange(len(bins))  # (n, k)
    gaps = np.abs(weights @ (member * (label - score)[:, None]))  # a bin's count times its gap
    error: Array = gaps.sum(axis=1) / weights.sum(axis=1)
    return error


def recalibration(label: Array, score: Array, weights: Array) -> tuple[Array, Array]:
    """Intercept and slope of logit P(positive) = a + b logit(score), each ``(samples,)`` (Cox 1958).

    The intercept is that of the model with the slope held at 1 (calibration in the large): above 0 the scores
    are too low. The slope is that of the model with both: above 1 the scores are too timid, below 1 too bold.
    """
    x = _logit(score)
    both = (weights @ label > 0) & (weights @ (1 - label) > 0)
    intercept, slope = np.full(len(weights), np.nan), np.full(len(weights), np.nan)
    if both.any():
        intercept[both] = _intercept(label, x, weights[both])
        slope[both] = _slope(label, x, weights[both])
    return intercept, slope


def _logit(score: Array) -> Array:
    kept = np.clip(score, SCORE_MARGIN, 1 - SCORE_MARGIN)
    logit: Array = np.log(kept / (1 - kept))
    return logit


def _intercept(label: Array, x: Array, weights: Array) -> Array:
    """Newton's method on a alone; the log likelihood is concave, and damped steps cannot run away."""
    a = np.zeros(len(weights))
    for _ in range(NEWTON_STEPS):
        p = _sigmoid(a[:, None] + x)
        step = (weights * (label - p)).sum(axis=1) / (weights * p * (1 - p)).sum(axis=1).clip(1e-12)
        a += np.clip(step, -2, 2)
        if np.abs(step).max() < CONVERGED:
            break
    return a


def _slope(label: Array, x: Array, weights: Array) -> Array:
    """Newton's method on a and b from 0, where no probability is saturated; infinite for separated classes."""
    a, b = np.zeros(len(weights)), np.zeros(len(weights))
    separated = _separated(label, x, weights)
    for _ in range(NEWTON_STEPS):
        p = _sigmoid(a[:, None] + b[:, None] * x)
        residual, spread = weights * (label - p), weights * p * (1 - p)
        g0, g1 = residual.sum(axis=1), residual @ x
        h00, h01, h11 = spread.sum(axis=1), spread @ x, spread @ x**2
        determinant = (h00 * h11 - h01**2).clip(1e-12)
        steps = np.stack([h11 * g0 - h01 * g1, h00 * g1 - h01 * g0]) / determinant
        a += np.clip(steps[0], -5, 5)
        b += np.clip(steps[1], -2, 2)
        if np.abs(steps[:, ~separated]).max(initial=0) < CONVERGED:
            break
    return np.where(separated | (np.abs(b) > STEEPEST), np.inf, b)


def _separated(label: Array, x: Array, weights: Array) -> Array:
    """Whether every positive row that counts lies above every negative one (no finite slope fits)."""
    counted = weights > 0
    lowest = np.where(counted & (label == 1), x, np.inf).min(axis=1)
    highest = np.where(counted & (label == 0), x, -np.inf).max(axis=1)
    return np.asarray(lowest >= highest)


def _sigmoid(value: Array) -> Array:
    result: Array = 1 / (1 + np.exp(-np.clip(value, -500, 500)))
    return result


def _arrays(frame: pd.DataFrame, samples: int, seed: int) -> tuple[Array, Array, Array]:
    """Labels and scores ``(n,)``, and how often each row counts in each resample of subjects ``(samples, n)``."""
    drawn = row_weights(frame["subject_id"].to_numpy(), samples, seed, groups(frame))
    return frame["label"].to_numpy(float), frame["score"].to_numpy(float), drawn
