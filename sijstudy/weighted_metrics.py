"""The six metrics and AUC where rows count differently: several times, as in a resample of subjects, or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sijstudy.metrics import METRICS, Confusion, ratio, six_metrics

Array = np.ndarray[Any, Any]


def weighted_means(frame: pd.DataFrame, weights: Array) -> dict[str, Array]:
    """The mean over folds of the six metrics and AUC with rows that count ``weights``, ``(k, n)``: name -> ``(k,)``."""
    fold = frame["fold"].to_numpy()
    per_fold = [_fold_samples(frame[fold == one], weights[:, fold == one]) for one in np.unique(fold)]
    return {name: _mean_over_folds(np.stack([fold[name] for fold in per_fold])) for name in (*METRICS, "auc")}


def groups(frame: pd.DataFrame) -> Array:
    """The group of each row's subject, ``(n,)``: its column ``group``, or without one whether any label is positive."""
    if "group" in frame:
        return frame["group"].to_numpy()
    return frame.groupby("subject_id")["label"].transform("max").to_numpy()


def _fold_samples(part: pd.DataFrame, drawn: Array) -> dict[str, Any]:
    """Every metric of one fold's n rows in every resample: name -> ``(samples,)``; drawn: ``(samples, n)``."""
    label, decision = part["label"].to_numpy(), part["decision"].to_numpy()
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
    return ratio(wins, positive.sum(axis=1) * negative.sum(axis=1))


def _mean_over_folds(values: Array) -> Array:
    """Mean over folds ``(folds, samples)`` of what is defined; NaN for a resample defined in no fold."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=0), defined.sum(axis=0))
