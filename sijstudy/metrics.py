"""The measures of a classifier: six metrics, the ROC curve, mean and SD over folds [2.4].

The paper's sentence for the negative predictive value repeats the one for specificity ("with respect to the
number of samples that the classifier determines as negative" for both) and is wrong for one of them. Here
specificity is TN / (TN + FP), as the paper's formula says, and NPV is TN / (TN + FN).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
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
        "accuracy": ratio(tp + tn, tp + tn + fp + fn),
        "recall": ratio(tp, tp + fn),
        "precision": ratio(tp, tp + fp),
        "specificity": ratio(tn, tn + fp),
        "npv": ratio(tn, tn + fn),
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
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


def ratio(numerator: Array, denominator: Array) -> Array:
    """Their quotient, element by element; NaN where the denominator is 0."""
    empty = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    return np.divide(numerator, denominator, out=empty, where=denominator > 0)
