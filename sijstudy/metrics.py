"""Six metrics, ROC, mean and SD over folds, and confidence intervals over subjects [2.4].

The paper's sentence for the negative predictive value repeats the one for specificity ("with respect to the
number of samples that the classifier determines as negative" for both) and is wrong for one of them. Here
specificity is TN / (TN + FP), as the paper's formula says, and NPV is TN / (TN + FN).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import auc as area_under
from sklearn.metrics import confusion_matrix, roc_curve

Array = np.ndarray[Any, Any]
METRICS = ("accuracy", "recall", "precision", "specificity", "npv", "f1")
METRIC_NAMES = {
    "accuracy": "Accuracy",
    "recall": "Recall",
    "precision": "Precision",
    "specificity": "Specificity",
    "npv": "NPV",
    "f1": "F1-score",
    "auc": "AUC",
}


@dataclass(frozen=True)
class Confusion:
    """Counts of a binary classification; arrays of counts work too, element by element."""

    tp: Any
    fp: Any
    tn: Any
    fn: Any


@dataclass(frozen=True)
class Roc:
    """An ROC curve: fpr and tpr ``(k,)`` in [0, 1], thresholds ``(k,)``, and the area; NaN with one class only."""

    fpr: Array
    tpr: Array
    thresholds: Array
    auc: float


def confusion(labels: Array, decisions: Array) -> Confusion:
    """Counts of labels ``(n,)`` against decisions ``(n,)``, both 0/1, positive is 1."""
    tn, fp, fn, tp = confusion_matrix(labels, decisions, labels=[0, 1]).ravel().tolist()
    return Confusion(tp, fp, tn, fn)


def six_metrics(counts: Confusion) -> dict[str, Any]:
    """The paper's six metrics as fractions in [0, 1]; NaN where the denominator is 0."""
    tp, fp, tn, fn = (np.asarray(count, dtype=np.float64) for count in (counts.tp, counts.fp, counts.tn, counts.fn))
    values = {
        "accuracy": _ratio(tp + tn, tp + tn + fp + fn),
        "recall": _ratio(tp, tp + fn),
        "precision": _ratio(tp, tp + fp),
        "specificity": _ratio(tn, tn + fp),
        "npv": _ratio(tn, tn + fn),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
    }
    return {name: value[()] for name, value in values.items()}


def roc(labels: Array, scores: Array) -> Roc:
    """ROC curve of labels ``(n,)`` 0/1 against scores ``(n,)``."""
    labels = np.asarray(labels)
    if len(np.unique(labels)) < 2:
        return Roc(np.array([]), np.array([]), np.array([]), float("nan"))
    fpr, tpr, thresholds = roc_curve(labels, scores)
    return Roc(fpr, tpr, thresholds, float(area_under(fpr, tpr)))


def mean_sd(values: Array | Sequence[float], ddof: int = 1) -> tuple[float, float]:
    """Mean and SD over folds, NaN left out. ASSUMED: ddof = 1; the paper does not say."""
    kept = np.asarray(values, dtype=np.float64)
    kept = kept[~np.isnan(kept)]
    if len(kept) == 0:
        return float("nan"), float("nan")
    return float(kept.mean()), float(kept.std(ddof=ddof)) if len(kept) > ddof else float("nan")


@dataclass(frozen=True)
class Bootstrap:
    """The mean over folds of the six metrics and AUC, fractions, NaN where no fold defines it.

    observed: name -> value of the data as they are. samples: name -> ``(samples,)``, one for each resample of
    subjects. source: what fixes the resamples; two with the same source drew the same subjects.
    """

    observed: Mapping[str, float]
    samples: Mapping[str, Array]
    source: tuple[tuple[str, ...], int, int]


def bootstrap(frame: pd.DataFrame, *, samples: int, seed: int) -> Bootstrap:
    """Resample subjects: fold, subject_id, label (0/1), decision (0/1), score -> the metrics in each resample.

    Each resample draws as many subjects as the frame has, with replacement; a drawn subject brings its slices of
    all folds, as slices of one subject are not independent. The metric is computed in each fold and averaged over
    folds in which it is defined.
    """
    subjects = sorted(set(frame["subject_id"]))
    weights = np.vstack([np.ones(len(subjects)), subject_weights(len(subjects), samples, seed)])
    per_fold = [_fold_samples(part, weights) for part in _by_fold(frame)]
    means = {name: _mean_over_folds(np.stack([fold[name] for fold in per_fold])) for name in (*METRICS, "auc")}
    observed = {name: float(values[0]) for name, values in means.items()}
    return Bootstrap(observed, {name: values[1:] for name, values in means.items()}, (tuple(subjects), samples, seed))


def interval(values: Array, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of resampled values ``(samples,)``, NaN left out; NaN when nothing is left."""
    kept = values[~np.isnan(values)]
    if len(kept) == 0:
        return float("nan"), float("nan")
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(kept, [tail, 100 - tail])
    return float(low), float(high)


def wilson(share: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's 95% interval of a share in [0, 1] among n independent people; n > 0."""
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))


def bootstrap_ci(frame: pd.DataFrame, *, samples: int, seed: int, level: float = 0.95) -> pd.DataFrame:
    """Percentile confidence intervals of the mean over folds, by resampling subjects as ``bootstrap`` does.

    Returns fractions, index the six metrics and auc, columns low, high.
    """
    drawn = bootstrap(frame, samples=samples, seed=seed).samples
    rows = {name: interval(values, level) for name, values in drawn.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["low", "high"])


def difference(one: Bootstrap, other: Bootstrap, name: str) -> tuple[float, float, float]:
    """A metric of ``one`` minus that of ``other``: mean, and the 95% CI of this paired difference, fractions.

    Both were measured on the same subjects, and each resample drew the same of them in both, so what they share
    cancels. Raises ValueError when they were not.
    """
    if one.source != other.source:
        raise ValueError("a paired difference needs the same subjects, samples and seed on both sides")
    low, high = interval(one.samples[name] - other.samples[name])
    return one.observed[name] - other.observed[name], low, high


def subject_weights(subjects: int, samples: int, seed: int) -> Array:
    """How often each subject is drawn in each resample: ``(samples, subjects)`` float64, rows sum to subjects."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(subjects, np.full(subjects, 1 / subjects), size=samples).astype(np.float64)


def _ratio(numerator: Array, denominator: Array) -> Array:
    empty = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    return np.divide(numerator, denominator, out=empty, where=denominator > 0)


def _by_fold(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """The folds' rows, with the subject's number among all subjects as ``code``."""
    codes = pd.Categorical(frame["subject_id"]).codes
    return [part for _, part in frame.assign(code=codes).groupby("fold")]


def _fold_samples(part: pd.DataFrame, weights: Array) -> dict[str, Any]:
    """Every metric of one fold in every resample: name -> ``(samples,)``."""
    label, decision = part["label"].to_numpy(), part["decision"].to_numpy()
    drawn = weights[:, part["code"].to_numpy()]  # (samples, slices)
    kinds = {"tp": (1, 1), "fp": (0, 1), "tn": (0, 0), "fn": (1, 0)}
    counts = {kind: drawn @ ((label == truth) & (decision == said)) for kind, (truth, said) in kinds.items()}
    return {**six_metrics(Confusion(**counts)), "auc": _weighted_auc(label, part["score"].to_numpy(), drawn)}


def _weighted_auc(label: Array, score: Array, drawn: Array) -> Array:
    """AUC of each resample: the chance that a positive slice scores higher than a negative one, ties half."""
    values, rank = np.unique(score, return_inverse=True)
    positive, negative = (np.zeros((len(drawn), len(values))) for _ in range(2))
    for row, weight in enumerate(drawn.T):
        (positive if label[row] == 1 else negative)[:, rank[row]] += weight
    below = np.cumsum(negative, axis=1) - negative
    wins = (positive * (below + 0.5 * negative)).sum(axis=1)
    return _ratio(wins, positive.sum(axis=1) * negative.sum(axis=1))


def _mean_over_folds(values: Array) -> Array:
    """Mean over folds ``(folds, samples)`` of what is defined; NaN for a resample defined in no fold."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(axis=0), defined.sum(axis=0))
